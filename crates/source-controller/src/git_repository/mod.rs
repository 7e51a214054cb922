//! One kind, one story: [`reconcile`].

mod access;
mod failure;
mod include;
mod publish;
mod reconcile;
mod status;

use std::sync::{Arc, PoisonError};

use sluice_api::source::GitRepository;
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::Context;

/// The API group, which begins event metadata.
const GROUP: &str = "source.toolkit.fluxcd.io";

/// Reconciles GitRepositories.
pub struct GitRepositoryReconciler(pub Context);

impl Reconciler for GitRepositoryReconciler {
    type Kind = GitRepository;

    async fn reconcile(&self, object: Arc<GitRepository>, _interrupt: Interrupt) -> Requeue {
        reconcile::run(object, &self.0).await
    }

    fn seen(&self, object: &GitRepository) {
        let key = Key::of(object);
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let includes = object.spec.include.iter().map(|it| Key::new(namespace, &it.repository.name)).collect();
        self.0.memo(&key, |memo| memo.includes = includes);
        // Who includes this one looks again when its artifact is another.
        let ours = object.status.artifact.as_ref();
        for includer in self.0.those(|memo| memo.includes.contains(&key)) {
            let position = |it: &GitRepository| it.spec.include.iter().position(|it| *it.repository.name == *key.name);
            let outdated = self.0.repositories.get(&includer).is_some_and(|it| {
                let theirs = position(&it).and_then(|at| it.status.included_artifacts.get(at));
                match (ours, theirs) {
                    (Some(ours), Some(theirs)) => !ours.same_content(theirs),
                    (Some(_), None) => true,
                    (None, _) => false,
                }
            });
            if outdated {
                self.0.queue.add(includer);
            }
        }
    }

    fn gone(&self, key: &Key) {
        self.0.memo.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.0.runtime.metrics().forget("GitRepository", key);
    }
}

/// Wakes whoever names a Secret that changed. Runs until the controller ends.
pub async fn wake_on_secrets(ctx: Context) {
    let mut changes = ctx.secrets.subscribe();
    while let Some(changed) = changes.recv().await {
        let names = |memo: &crate::context::Memo| {
            memo.access.iter().flat_map(|(secrets, _)| secrets).any(|(key, _)| *key == changed.key)
        };
        if changed.before.is_some() {
            ctx.those(names).into_iter().for_each(|key| ctx.queue.add(key));
        }
    }
}
