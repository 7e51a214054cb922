//! The life of an object with an artifact, from its finalizer to its end (spec/flux/source.md §0).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use sluice_api::meta::{Artifact, Status, find};
use sluice_artifact::{Digest, Location};
use sluice_runtime::{Key, Requeue, Severity, shortened, status as status_patch};
use tracing::{debug, error, info};

use super::failure::{Failure, Remedy};
use super::{GROUP, Outcome, Source, namespace, requested, status, store};
use crate::context::Context;

/// Flux's finalizer; a takeover in either direction keeps it.
const FINALIZER: &str = "finalizers.fluxcd.io";

/// One pass, from the object as it is in the cache to when it is to be looked at again.
pub async fn run<K: Source>(object: Arc<K>, ctx: &Context) -> Requeue {
    if object.meta().deletion_timestamp.is_some() {
        return finalize(object.as_ref(), ctx).await;
    }
    let object = match finalized(object, ctx).await {
        Ok(object) => object,
        Err(error) => {
            debug!(%error, "the finalizer could not be added; trying again");
            return Requeue::Backoff;
        }
    };
    if object.is_suspended() {
        let mut state = object.state().clone();
        handled(object.as_ref(), &mut state);
        state.set_observed_generation(object.meta().generation.unwrap_or_default());
        return if write(object.as_ref(), &state, ctx).await { Requeue::Never } else { Requeue::Backoff };
    }
    let mut current = K::clone(&object);
    let stored = in_storage(object.as_ref(), ctx).await;
    let link = stored.as_ref().and_then(|artifact| store::link_url::<K>(artifact, ctx));
    K::set_artifact(current.state_mut(), stored, link);
    K::known(ctx).memo(&Key::of(object.as_ref()), |memo| memo.secrets.clear());
    let mut new = None;
    let outcome = current.pass(ctx, &mut new).await;
    conclude(object.as_ref(), &current, outcome, new, ctx).await
}

/// The advertised artifact, if its file is there, whole, and reached under the address that we advertise now.
async fn in_storage<K: Source>(object: &K, ctx: &Context) -> Option<Artifact> {
    let mut artifact = K::artifact(object.state()).cloned()?;
    let location = Location::parse(&artifact.path).ok()?;
    let digest: Digest = artifact.digest.parse().ok()?;
    let key = Key::of(object);
    let verified = K::known(ctx).memo(&key, |memo| memo.verified.as_deref() == Some(artifact.digest.as_str()));
    let sound = if verified {
        ctx.storage.exists(&location)
    } else {
        let (storage, location) = (ctx.storage.clone(), location.clone());
        let checked = tokio::task::spawn_blocking(move || storage.verify(&location, &digest)).await;
        match checked {
            Ok(Ok(())) => true,
            Ok(Err(problem)) => {
                info!(%problem, "the advertised artifact is made again");
                false
            }
            Err(_) => false,
        }
    };
    K::known(ctx).memo(&key, |memo| memo.verified = sound.then(|| artifact.digest.clone()));
    artifact.url = ctx.storage.url(&location);
    sound.then_some(artifact)
}

async fn conclude<K: Source>(
    before: &K,
    current: &K,
    outcome: Result<Outcome<K::Observed>, Failure>,
    new: Option<String>,
    ctx: &Context,
) -> Requeue {
    let mut told = None;
    let (mut state, failure) = match outcome {
        Ok(Outcome::Made(made)) => {
            let link = store::link::<K>(&made.artifact, ctx).await;
            told = Some((made.artifact.clone(), made.told.clone()));
            (status::after_made(current, *made, link), None)
        }
        Ok(Outcome::Unchanged(observed)) => (status::after_unchanged(current, observed), None),
        Err(failure) => (status::after_failed(current, &failure, new), Some(failure)),
    };
    handled(before, &mut state);
    if !write(before, &state, ctx).await {
        return Requeue::Backoff;
    }
    let artifact = K::artifact(&state);
    if let Some(failure) = failure {
        return failed(before, artifact, &failure, ctx);
    }
    if let Some((artifact, (reason, message))) = &told {
        K::known(ctx).memo(&Key::of(before), |memo| memo.verified = Some(artifact.digest.clone()));
        announce(before, artifact, reason, message, ctx);
    } else if status::had_failed(before.state()) {
        let message = find(state.conditions(), "Ready").map_or("", |it| it.message.as_str());
        event(before, artifact, Severity::Info, "Succeeded", message, ctx);
    }
    if let Some(artifact) = artifact {
        store::collect(artifact, ctx).await;
    }
    let interval = before.interval().unwrap_or(Duration::from_secs(60)).max(Duration::from_secs(1));
    Requeue::After(ctx.jittered(interval))
}

fn failed<K: Source>(object: &K, artifact: Option<&Artifact>, failure: &Failure, ctx: &Context) -> Requeue {
    match failure.remedy {
        Remedy::Wait => {
            info!(reason = failure.reason, "{failure}");
            Requeue::RetryAfter(ctx.options.requeue_dependency.0)
        }
        Remedy::Retry | Remedy::Change => {
            error!(reason = failure.reason, error = %failure, "the pass failed");
            event(object, artifact, Severity::Error, failure.reason, &failure.message, ctx);
            if failure.remedy == Remedy::Retry { Requeue::Backoff } else { Requeue::Never }
        }
    }
}

fn announce<K: Source>(before: &K, artifact: &Artifact, reason: &str, message: &str, ctx: &Context) {
    info!(revision = %artifact.revision, digest = %artifact.digest, "{message}");
    let old = K::artifact(before.state());
    if old.is_none_or(|old| old.digest != artifact.digest) {
        event(before, Some(artifact), Severity::Info, reason, message, ctx);
    } else if status::had_failed(before.state()) {
        event(before, Some(artifact), Severity::Info, "Succeeded", message, ctx);
    }
}

fn event<K: Source>(
    object: &K,
    artifact: Option<&Artifact>,
    severity: Severity,
    reason: &str,
    message: &str,
    ctx: &Context,
) {
    let mut metadata = BTreeMap::new();
    if let Some(artifact) = artifact {
        metadata.insert(format!("{GROUP}/revision"), artifact.revision.clone());
        metadata.insert(format!("{GROUP}/digest"), artifact.digest.clone());
    }
    ctx.runtime.recorder().event(object, severity, reason, &shortened(message, 30_000), metadata);
}

fn handled<K: Source>(object: &K, state: &mut K::State) {
    let requested = requested(object);
    if !requested.is_empty() {
        state.set_last_handled_reconcile_at(requested);
    }
}

/// Writes the status if it is another; `false` when it could not be written.
pub async fn write<K: Source>(object: &K, state: &K::State, ctx: &Context) -> bool {
    let api: Api<K> = Api::namespaced(ctx.runtime.client(), &namespace(object));
    let manager = ctx.runtime.status_manager();
    match status_patch::patch(&api, object, object.state(), state, &manager).await {
        Ok(None) => true,
        Ok(Some(object)) => {
            K::known(ctx).cache.learn(object);
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

async fn finalized<K: Source>(object: Arc<K>, ctx: &Context) -> Result<Arc<K>, kube::Error> {
    let mut finalizers = object.finalizers().to_vec();
    if finalizers.iter().any(|it| it == FINALIZER) {
        return Ok(object);
    }
    finalizers.push(FINALIZER.to_owned());
    let object = set_finalizers(object.as_ref(), &finalizers, ctx).await?;
    Ok(K::known(ctx).cache.learn(object))
}

async fn set_finalizers<K: Source>(object: &K, finalizers: &[String], ctx: &Context) -> Result<K, kube::Error> {
    let api: Api<K> = Api::namespaced(ctx.runtime.client(), &namespace(object));
    // The list is replaced whole, so it must be the one that was seen; and the object the same.
    let body = json!({"metadata": {
        "finalizers": finalizers,
        "uid": object.meta().uid,
        "resourceVersion": object.meta().resource_version,
    }});
    let params = PatchParams { field_manager: Some(ctx.runtime.status_manager()), ..PatchParams::default() };
    api.patch(&object.name_any(), &params, &Patch::Merge(body)).await
}

/// Removes the artifacts, then lets the object go.
pub async fn finalize<K: Source>(object: &K, ctx: &Context) -> Requeue {
    if !object.finalizers().iter().any(|it| it == FINALIZER) {
        return Requeue::Never;
    }
    if let Err(error) = store::remove_all(object, ctx).await {
        error!(%error, "the artifacts could not be removed");
        return Requeue::Backoff;
    }
    let rest: Vec<String> = object.finalizers().iter().filter(|it| *it != FINALIZER).cloned().collect();
    match set_finalizers(object, &rest, ctx).await {
        Ok(_) => Requeue::Never,
        Err(kube::Error::Api(status)) if status.code == 404 => Requeue::Never,
        Err(error) => {
            debug!(%error, "the finalizer could not be removed; trying again");
            Requeue::Backoff
        }
    }
}
