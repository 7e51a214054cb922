//! One kind, one story: [`reconcile`].

mod action;
mod chart;
mod depends_on;
mod drift;
mod events;
mod failure;
mod finalize;
mod history;
mod names;
mod policy;
mod post_render;
mod reconcile;
mod recover;
mod release;
mod settled;
mod state;
mod status;
mod unfinished;
mod values;

use std::sync::Arc;

use sluice_api::helm::HelmRelease;
use sluice_api::meta::is_true;
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;
use crate::references::{self, Reference};

pub use settled::Settled;

/// The values of a HelmRelease: those of the objects it names, read as whoever the client is, and its own.
///
/// # Errors
/// What cannot be read, or is no values. The text never quotes a value.
pub async fn final_values(
    object: &HelmRelease,
    client: &kube::Client,
) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    values::collect(object, client).await.map_err(|failure| failure.to_string())
}

/// The API group, which begins labels, annotations and event metadata.
const GROUP: &str = "helm.toolkit.fluxcd.io";

/// Reconciles HelmReleases.
pub struct HelmReleaseReconciler(pub Context);

impl Reconciler for HelmReleaseReconciler {
    type Kind = HelmRelease;

    async fn reconcile(&self, object: Arc<HelmRelease>, interrupt: Interrupt) -> Requeue {
        reconcile::run(object, &self.0, interrupt).await
    }

    fn seen(&self, object: &HelmRelease) {
        let key = Key::of(object);
        self.0.references.set(key.clone(), references::of(object));
        // Whoever waits for this one looks again as soon as it may be ready, not at the next poll.
        if is_true(&object.status.conditions, "Ready") {
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
        self.0.settled().remove(key);
        self.0.runtime.metrics().forget("HelmRelease", key);
    }
}
