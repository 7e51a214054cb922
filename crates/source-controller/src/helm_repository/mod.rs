//! One kind, one story: [`reconcile`].

mod access;
mod download;
mod index;
mod indexes;
mod reconcile;

use std::sync::Arc;

use sluice_api::meta::Status as _;
use sluice_api::source::{HelmRepository, HelmRepositoryStatus, HelmRepositoryType};
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;
use crate::source::lifecycle;

pub use access::{HttpAccess, base_url, http, registry};
pub use download::{fetch, fetch_index};
pub use index::{Entry, convert};
pub use indexes::{Indexes, pick};

/// Reconciles HelmRepositories.
pub struct HelmRepositoryReconciler(pub Context);

impl Reconciler for HelmRepositoryReconciler {
    type Kind = HelmRepository;

    async fn reconcile(&self, object: Arc<HelmRepository>, _interrupt: Interrupt) -> Requeue {
        if object.spec.type_ == HelmRepositoryType::Oci {
            return at_rest(&object, &self.0).await;
        }
        lifecycle::run(object, &self.0).await
    }

    fn seen(&self, object: &HelmRepository) {
        self.0.helm_charts.wake_for_changed(object);
    }

    fn gone(&self, key: &Key) {
        self.0.helm_repositories.forget(key);
        self.0.runtime.metrics().forget("HelmRepository", key);
    }
}

/// A repository in a registry is never reconciled; what an older version left of it is removed (spec/flux/source.md §4).
async fn at_rest(object: &HelmRepository, ctx: &Context) -> Requeue {
    let untouched = HelmRepositoryStatus { observed_generation: -1, ..HelmRepositoryStatus::default() };
    let has_status = !object.status.conditions().is_empty() || object.status.artifact.is_some();
    if object.metadata.deletion_timestamp.is_none() && has_status && !lifecycle::write(object, &untouched, ctx).await {
        return Requeue::Backoff;
    }
    lifecycle::finalize(object, ctx).await
}
