//! One kind, one story: [`reconcile`].

mod build;
mod dependencies;
mod failure;
mod local;
mod package;
mod reconcile;
mod registry;
mod remote;

use std::collections::HashSet;
use std::sync::Arc;

use sluice_api::source::{GitRepository, HelmChart, HelmChartSourceKind, HelmRepository};
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;
use crate::source::{Known, Source, lifecycle, namespace, status};

/// Reconciles HelmCharts.
pub struct HelmChartReconciler(pub Context);

impl Reconciler for HelmChartReconciler {
    type Kind = HelmChart;

    async fn reconcile(&self, object: Arc<HelmChart>, _interrupt: Interrupt) -> Requeue {
        lifecycle::run(object, &self.0).await
    }

    fn seen(&self, object: &HelmChart) {
        let key = Key::new(&namespace(object), &object.spec.source_ref.name);
        let source = kind_of(&object.spec.source_ref.kind).map(|kind| (kind, key));
        let sources: HashSet<_> = source.into_iter().collect();
        self.0.helm_charts.memo(&Key::of(object), |memo| memo.sources = sources);
    }

    fn gone(&self, key: &Key) {
        self.0.helm_charts.forget(key);
        self.0.runtime.metrics().forget("HelmChart", key);
    }
}

fn kind_of(kind: &HelmChartSourceKind) -> Option<&'static str> {
    match kind {
        HelmChartSourceKind::HelmRepository => Some(HelmRepository::KIND),
        HelmChartSourceKind::GitRepository => Some(GitRepository::KIND),
        HelmChartSourceKind::Bucket | HelmChartSourceKind::Other(_) => None,
    }
}

impl Known<HelmChart> {
    /// Queues the charts that are made from a source, if they have not seen its artifact.
    pub fn wake_for_changed<K: Source>(&self, source: &K) {
        let key = Key::of(source);
        let revision = K::artifact(source.state()).map(|it| it.revision.as_str());
        for chart in self.those(|memo| memo.sources.contains(&(K::KIND, key.clone()))) {
            let waits = self.cache.get(&chart).is_some_and(|it| match revision {
                Some(revision) => it.status.observed_source_artifact_revision != revision,
                // A registry has no artifact; who failed for want of it tries again.
                None => it.status.artifact.is_none() || status::had_failed(&it.status),
            });
            if waits {
                self.queue.add(chart);
            }
        }
    }
}
