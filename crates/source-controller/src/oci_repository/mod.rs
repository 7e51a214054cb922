//! One kind, one story: [`reconcile`].

mod choose;
mod layer;
mod reconcile;

use std::sync::Arc;

use sluice_api::source::OciRepository;
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;
use crate::source::lifecycle;

/// Reconciles OCIRepositories.
pub struct OciRepositoryReconciler(pub Context);

impl Reconciler for OciRepositoryReconciler {
    type Kind = OciRepository;

    async fn reconcile(&self, object: Arc<OciRepository>, _interrupt: Interrupt) -> Requeue {
        lifecycle::run(object, &self.0).await
    }

    fn gone(&self, key: &Key) {
        self.0.oci_repositories.forget(key);
        self.0.runtime.metrics().forget("OCIRepository", key);
    }
}
