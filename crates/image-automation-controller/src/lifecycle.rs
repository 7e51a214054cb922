//! What the passes of all kinds have in common: the finalizer, the status.

use std::sync::Arc;

use kube::{Api, ResourceExt as _};
use serde::Serialize;
use sluice_api::meta::{Status, annotation::REQUESTED_AT};
use sluice_runtime::{Cached, Requeue, finalizer, status as status_patch};
use tracing::{debug, error};

use crate::context::{Known, Shared};

/// The object with its finalizer.
///
/// # Errors
/// When to try again.
pub async fn finalized<K: Cached>(object: Arc<K>, known: &Known<K>, ctx: &Shared) -> Result<Arc<K>, Requeue> {
    if finalizer::is_set(object.as_ref()) {
        return Ok(object);
    }
    match finalizer::add(object.as_ref(), &ctx.runtime).await {
        Ok(object) => Ok(known.cache.learn(object)),
        Err(error) => {
            debug!(%error, "the finalizer could not be added; trying again");
            Err(Requeue::Backoff)
        }
    }
}

/// Lets an object go.
pub async fn release<K: Cached>(object: &K, ctx: &Shared) -> Requeue {
    if !finalizer::is_set(object) {
        return Requeue::Never;
    }
    match finalizer::remove(object, &ctx.runtime).await {
        Ok(()) => Requeue::Never,
        Err(error) => {
            debug!(%error, "the finalizer could not be removed; trying again");
            Requeue::Backoff
        }
    }
}

/// The reconcile that was last asked for by annotation.
pub fn requested<K: Cached>(object: &K) -> &str {
    object.annotations().get(REQUESTED_AT).map_or("", String::as_str)
}

/// Notes the request that this pass answers.
pub fn handled<K: Cached>(object: &K, status: &mut impl Status) {
    let requested = requested(object);
    if !requested.is_empty() {
        status.set_last_handled_reconcile_at(requested);
    }
}

/// Writes the status if it is another; `false` when it could not be written.
pub async fn write<K: Cached, S: Serialize>(object: &K, before: &S, after: &S, known: &Known<K>, ctx: &Shared) -> bool {
    let api: Api<K> = Api::namespaced(ctx.runtime.client(), &object.namespace().unwrap_or_default());
    match status_patch::patch(&api, object, before, after, &ctx.runtime.status_manager()).await {
        Ok(None) => true,
        Ok(Some(object)) => {
            known.cache.learn(object);
            true
        }
        // It is gone, or another one by now: there is nobody to tell.
        Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => true,
        Err(error) => {
            error!(%error, "the status could not be written");
            false
        }
    }
}
