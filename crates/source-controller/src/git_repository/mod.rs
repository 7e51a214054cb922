//! One kind, one story: [`reconcile`].

mod access;
mod include;
mod publish;
mod reconcile;

use std::collections::HashSet;
use std::sync::Arc;

use sluice_api::source::GitRepository;
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;
use crate::source::{Source, lifecycle, namespace};

/// Reconciles GitRepositories.
pub struct GitRepositoryReconciler(pub Context);

impl Reconciler for GitRepositoryReconciler {
    type Kind = GitRepository;

    async fn reconcile(&self, object: Arc<GitRepository>, _interrupt: Interrupt) -> Requeue {
        lifecycle::run(object, &self.0).await
    }

    fn seen(&self, object: &GitRepository) {
        let key = Key::of(object);
        let namespace = namespace(object);
        let known = &self.0.git_repositories;
        let included = object.spec.include.iter();
        let included: HashSet<_> =
            included.map(|it| (GitRepository::KIND, Key::new(&namespace, &it.repository.name))).collect();
        known.memo(&key, |memo| memo.sources = included);
        // Who includes this one looks again when its artifact is another.
        let ours = object.status.artifact.as_ref();
        for includer in known.those(|memo| memo.sources.contains(&(GitRepository::KIND, key.clone()))) {
            let position = |it: &GitRepository| it.spec.include.iter().position(|it| *it.repository.name == *key.name);
            let outdated = known.cache.get(&includer).is_some_and(|it| {
                let theirs = position(&it).and_then(|at| it.status.included_artifacts.get(at));
                match (ours, theirs) {
                    (Some(ours), Some(theirs)) => !ours.same_content(theirs),
                    (Some(_), None) => true,
                    (None, _) => false,
                }
            });
            if outdated {
                known.queue.add(includer);
            }
        }
        self.0.helm_charts.wake_for_changed(object);
    }

    fn gone(&self, key: &Key) {
        self.0.git_repositories.forget(key);
        self.0.runtime.metrics().forget("GitRepository", key);
    }
}
