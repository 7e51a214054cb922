//! One kind, one story: which tags there are (spec/flux/image.md §1).

mod access;
mod patience;
mod reconcile;
mod scan;
mod tags;

use std::sync::Arc;
use std::time::Duration;

use sluice_api::image::ImageRepository;
use sluice_runtime::{Interrupt, Key, Reconciler, Requeue};
use tracing::{info, warn};

use crate::context::Context;
pub use access::{access, name};
pub use patience::{Listings, Patience};
pub use reconcile::{load, oci_failure};
pub use tags::Tags;

/// Reconciles ImageRepositories.
pub struct RepositoryReconciler(pub Context);

impl Reconciler for RepositoryReconciler {
    type Kind = ImageRepository;

    async fn reconcile(&self, object: Arc<ImageRepository>, _interrupt: Interrupt) -> Requeue {
        reconcile::run(object, &self.0).await
    }

    fn seen(&self, object: &ImageRepository) {
        let revision = object.status.last_scan_result.as_ref().map_or("", |it| it.revision.as_str());
        let news = format!("{}/{revision}", object.metadata.generation.unwrap_or_default());
        let key = Key::of(object);
        if self.0.repositories.is_news(key.clone(), "tags", news) {
            crate::policy::wake(&key, &self.0);
        }
    }

    fn gone(&self, key: &Key) {
        self.0.repositories.forget(key);
        self.0.listings.forget(key);
        self.0.runtime.metrics().forget("ImageRepository", key);
    }
}

/// Removes kept tags that no ImageRepository needs any more, now and then. Runs until the controller ends.
pub async fn collect(ctx: Context) {
    let minutes = u64::from(ctx.options.gc_interval);
    if minutes == 0 {
        return;
    }
    ctx.repositories.cache.synced().await;
    loop {
        tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
        let collecting = ctx.clone();
        let collected = tokio::task::spawn_blocking(move || {
            let kept = collecting.tags.keys();
            let unneeded = kept.into_iter().filter(|key| collecting.repositories.cache.get(key).is_none());
            for key in unneeded {
                match collecting.tags.remove(&key) {
                    Ok(()) => info!(repository = %key, "tags that nobody needs are removed"),
                    Err(error) => warn!(repository = %key, %error, "tags that nobody needs could not be removed"),
                }
            }
        });
        if collected.await.is_err() {
            warn!("looking for tags that nobody needs was aborted");
        }
    }
}
