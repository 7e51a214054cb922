//! From a tree of files to an artifact that is advertised.

use std::sync::Arc;

use sluice_api::meta::{Artifact, Time};
use sluice_api::source::GitRepository;
use sluice_artifact::{Location, Retention, Stored};
use sluice_git::Fetched;
use sluice_tree::ignore::{IgnoreLimits, filter};
use tracing::{debug, warn};

use super::failure::{Aspect, Failure};
use super::include;
use crate::context::Context;

/// Makes the artifact of what was fetched, with the included artifacts in it.
pub async fn artifact(
    object: &GitRepository,
    fetched: Fetched,
    included: &[Artifact],
    ctx: &Context,
) -> Result<Artifact, Failure> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let revision = fetched.resolved.revision();
    let location = Location::new("gitrepository", namespace, name, &format!("{}.tar.gz", fetched.resolved.commit))
        .map_err(|error| Failure::retry(Aspect::Storage, "InvalidPath", error.to_string()))?;
    let _permit = Arc::clone(&ctx.working).acquire_owned().await.map_err(|_| ended())?;
    let (storage, spec, included) = (ctx.storage.clone(), object.spec.clone(), included.to_vec());
    let made = tokio::task::spawn_blocking(move || -> Result<Stored, Failure> {
        let kept = filter(&fetched.tree, spec.ignore.as_deref(), &IgnoreLimits::default());
        let kept = kept.map_err(|error| Failure::retry(Aspect::Storage, "SourceIgnoreError", error.to_string()))?;
        drop(fetched);
        let merged = include::merge(kept, &spec.include, &included, &storage)?;
        Ok(storage.publish_tree(&location, &merged)?)
    });
    let stored = made.await.map_err(|_| ended())??;
    Ok(Artifact {
        path: stored.location.to_string(),
        url: stored.url,
        revision,
        digest: stored.digest.to_string(),
        last_update_time: Time::now(),
        size: i64::try_from(stored.size).ok(),
        metadata: Default::default(),
    })
}

fn ended() -> Failure {
    Failure::retry(Aspect::Storage, "ArchiveOperationFailed", "making the artifact was aborted; it is tried again")
}

/// Removes old artifacts of a repository; the advertised one stays.
pub async fn collect(advertised: &Artifact, ctx: &Context) {
    let Ok(location) = Location::parse(&advertised.path) else { return };
    let retention =
        Retention { ttl: ctx.options.artifact_retention_ttl.0, records: ctx.options.artifact_retention_records };
    let storage = ctx.storage.clone();
    match tokio::task::spawn_blocking(move || storage.collect(&location, &retention)).await {
        Ok(Ok(collected)) => {
            if !collected.removed.is_empty() {
                debug!(removed = ?collected.removed, "old artifacts collected");
            }
            for error in collected.failed {
                warn!(%error, "an old artifact could not be removed");
            }
        }
        Ok(Err(error)) => warn!(%error, "old artifacts could not be collected"),
        Err(_) => warn!("collecting old artifacts was aborted"),
    }
}
