//! Artifacts in the storage folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;
use sluice_api::meta::{Artifact, Time};
use sluice_artifact::{Location, Retention, Storage, StorageError, Stored};
use tracing::{debug, warn};

use super::failure::{Aspect, Failure};
use super::{Source, namespace};
use crate::context::Context;

/// Stores a file of an object with what `make` makes, on a thread that may block, in turn with others that work.
pub async fn publish<K: Source>(
    object: &K,
    file: &str,
    revision: String,
    ctx: &Context,
    make: impl FnOnce(&Storage, &Location) -> Result<Stored, Failure> + Send + 'static,
) -> Result<Artifact, Failure> {
    let location = Location::new(K::KIND, &namespace(object), &object.name_any(), file)
        .map_err(|error| Failure::retry(Aspect::Storage, "InvalidPath", error.to_string()))?;
    let storage = ctx.storage.clone();
    let stored = working(ctx, move || make(&storage, &location)).await?;
    Ok(Artifact {
        path: stored.location.to_string(),
        url: stored.url,
        revision,
        digest: stored.digest.to_string(),
        last_update_time: Time::now(),
        size: i64::try_from(stored.size).ok(),
        metadata: BTreeMap::new(),
    })
}

/// Runs what blocks, when a permit is free.
pub async fn working<T: Send + 'static>(
    ctx: &Context,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let ended = || Failure::retry(Aspect::Storage, "ArchiveOperationFailed", "the work was aborted; it is tried again");
    let _permit = Arc::clone(&ctx.working).acquire_owned().await.map_err(|_| ended())?;
    tokio::task::spawn_blocking(work).await.map_err(|_| ended())?
}

/// Points the fixed name of a kind's latest artifact to it.
pub async fn link<K: Source>(artifact: &Artifact, ctx: &Context) -> Option<String> {
    let link = K::LINK?;
    let location = Location::parse(&artifact.path).ok()?;
    let name = location.sibling(link).ok()?;
    let storage = ctx.storage.clone();
    let linked = tokio::task::spawn_blocking(move || storage.link(&location, &name)).await;
    match linked {
        Ok(Ok(url)) => Some(url),
        Ok(Err(error)) => {
            warn!(%error, "the latest artifact is not linked");
            None
        }
        Err(_) => None,
    }
}

/// Where [`link`] is served.
pub fn link_url<K: Source>(artifact: &Artifact, ctx: &Context) -> Option<String> {
    let location = Location::parse(&artifact.path).ok()?;
    Some(ctx.storage.url(&location.sibling(K::LINK?).ok()?))
}

/// Removes old artifacts of an object; the advertised one stays.
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

/// Removes all artifacts of an object.
pub async fn remove_all<K: Source>(object: &K, ctx: &Context) -> Result<(), StorageError> {
    let Ok(any) = Location::new(K::KIND, &namespace(object), &object.name_any(), "any") else { return Ok(()) };
    let storage = ctx.storage.clone();
    tokio::task::spawn_blocking(move || storage.remove_all(&any)).await.unwrap_or(Ok(()))
}
