//! One kind, one story: [`reconcile`].

mod access;
mod apply;
pub mod build;
mod depends_on;
mod events;
mod failure;
mod finalize;
mod health;
mod prune;
mod reconcile;
mod source;
mod status;
mod variables;

use std::sync::Arc;

use sluice_api::kustomize::Kustomization;
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;
use crate::references::{self, Reference};

/// The API group, which begins labels, annotations and event metadata.
pub const GROUP: &str = "kustomize.toolkit.fluxcd.io";

/// Reconciles Kustomizations.
pub struct KustomizationReconciler(pub Context);

impl Reconciler for KustomizationReconciler {
    type Kind = Kustomization;

    async fn reconcile(&self, object: Arc<Kustomization>, interrupt: Interrupt) -> Requeue {
        reconcile::run(object, &self.0, interrupt).await
    }

    fn seen(&self, object: &Kustomization) {
        let key = Key::of(object);
        self.0.references.set(key.clone(), references::of(object));
        // Whoever waits for this one looks again as soon as it may be ready, not at the next poll.
        if sluice_api::meta::is_true(&object.status.conditions, "Ready") {
            for dependent in self.0.references.to(&Reference::Dependency(key)) {
                if self.0.waiting().contains(&dependent) {
                    self.0.queue.add(dependent);
                }
            }
        }
    }

    fn gone(&self, key: &Key) {
        self.0.references.remove(key);
        self.0.waiting().remove(key);
        self.0.memo.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(key);
        self.0.runtime.metrics().forget("Kustomization", key);
    }
}
