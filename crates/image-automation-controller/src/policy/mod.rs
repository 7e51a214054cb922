//! One kind, one story: which tag is wanted (spec/flux/image.md §2).

mod age;
mod dependency;
mod reconcile;

use std::sync::Arc;

use kube::ResourceExt as _;
use sluice_api::image::ImagePolicy;
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};

use crate::context::{Context, Shared};
pub use age::Ages;

/// Reconciles ImagePolicies.
pub struct PolicyReconciler(pub Context);

impl Reconciler for PolicyReconciler {
    type Kind = ImagePolicy;

    async fn reconcile(&self, object: Arc<ImagePolicy>, _interrupt: Interrupt) -> Requeue {
        reconcile::run(object, &self.0).await
    }

    fn seen(&self, object: &ImagePolicy) {
        self.0.chooses_from.set(Key::of(object), vec![dependency::repository(object)]);
        let chosen = object.status.latest_ref.as_ref();
        let news = chosen.map_or_else(String::new, |it| format!("{}:{}@{}", it.name, it.tag, it.digest));
        if self.0.policies.is_news(Key::of(object), "image", news) {
            crate::automation::chosen(object, &self.0);
        }
        // Annotations change no generation.
        let annotation = |name: &str| object.annotations().get(name).cloned().unwrap_or_default();
        let ours = format!("{} {}", annotation(age::MINIMUM_AGE), annotation(reconcile::DRY_RUN));
        if self.0.policies.is_news(Key::of(object), "annotations", ours) {
            self.0.policies.queue.add(Key::of(object));
        }
    }

    fn gone(&self, key: &Key) {
        self.0.policies.forget(key);
        self.0.chooses_from.remove(key);
        self.0.runtime.metrics().forget("ImagePolicy", key);
    }
}

/// Wakes the policies of a repository.
pub fn wake(repository: &Key, ctx: &Shared) {
    ctx.chooses_from.to(repository).into_iter().for_each(|key| ctx.policies.queue.add(key));
}
