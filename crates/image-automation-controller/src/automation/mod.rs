//! One kind, one story: chosen images are written to Git (spec/flux/image.md §3).

use std::sync::Arc;

use sluice_api::image::{ImagePolicy, ImageUpdateAutomation};
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;

/// Reconciles ImageUpdateAutomations.
pub struct AutomationReconciler(pub Context);

impl Reconciler for AutomationReconciler {
    type Kind = ImageUpdateAutomation;

    async fn reconcile(&self, _object: Arc<ImageUpdateAutomation>, _interrupt: Interrupt) -> Requeue {
        Requeue::Never
    }

    fn gone(&self, key: &Key) {
        self.0.automations.secrets.remove(key);
        self.0.runtime.metrics().forget("ImageUpdateAutomation", key);
    }
}

/// Wakes the automations of the namespace of a policy that chose another image.
pub fn chosen(policy: &ImagePolicy, ctx: &Context) {
    let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
    for automation in ctx.automations.cache.all() {
        let key = Key::of(automation.as_ref());
        if *key.namespace == *namespace {
            ctx.automations.queue.add(key);
        }
    }
}
