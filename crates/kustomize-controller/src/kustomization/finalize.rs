//! The end of a Kustomization: what becomes of its objects (spec/flux/kustomize.md §6).

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use sluice_api::kustomize::{DeletionPolicy, Kustomization};
use sluice_apply::inventory;
use sluice_runtime::{Requeue, Severity, finalizer};
use tokio::time::Instant;
use tracing::{error, info};

use super::{access, apply, events, health, prune};
use crate::context::Context;

/// Deletes what is to be deleted, then lets the Kustomization go.
pub async fn run(object: &Kustomization, ctx: &Context) -> Requeue {
    if !finalizer::is_set(object) {
        return Requeue::Never;
    }
    let objects = inventory::objects(object.status.inventory.as_ref());
    let wanted = match object.spec.deletion_policy {
        DeletionPolicy::Orphan => false,
        DeletionPolicy::Delete | DeletionPolicy::WaitForTermination => true,
        DeletionPolicy::MirrorPrune | DeletionPolicy::Other(_) => object.spec.prune,
    };
    if wanted
        && !object.spec.suspend
        && !objects.is_empty()
        && let Some(requeue) = delete(object, objects, ctx).await
    {
        return requeue;
    }
    match finalizer::remove(object, &ctx.runtime).await {
        Ok(()) => Requeue::Never,
        Err(error) => {
            info!(%error, "the finalizer could not be removed; trying again");
            Requeue::Backoff
        }
    }
}

/// `Some` when the deletion is to be tried again.
async fn delete(object: &Kustomization, objects: Vec<sluice_object::ObjectRef>, ctx: &Context) -> Option<Requeue> {
    let revision = &object.status.last_applied_revision;
    if account_is_gone(object, ctx).await {
        let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let account = &object.spec.service_account_name;
        let message = format!(
            "unable to prune objects: \nserviceaccounts \"{account}\" not found; left behind: {}",
            names.join(", ")
        );
        events::send(object, ctx, Severity::Error, "PruneFailed", &message, revision);
        return None;
    }
    let applier = match access::applier(object, ctx).await {
        Ok(applier) => applier,
        // The cluster, or the way to it, is gone for good as far as anybody can tell: its objects are orphans.
        Err(failure) if object.spec.kube_config.is_some() => {
            let message = format!("unable to prune objects: {failure}");
            events::send(object, ctx, Severity::Error, "PruneFailed", &message, revision);
            return None;
        }
        Err(failure) => {
            error!(error = %failure, "objects cannot be deleted");
            return Some(Requeue::Backoff);
        }
    };
    let owner = apply::owner(object);
    let stop = ctx.runtime.stopping();
    let outcome = prune::run(&applier, &owner, objects.clone(), &stop).await;
    if !outcome.errors.is_empty() {
        let message = prune::failure(&outcome.errors).to_string();
        events::send(object, ctx, Severity::Error, "PruneFailed", &message, revision);
        return Some(Requeue::Backoff);
    }
    if let Some(listing) = events::listing(&outcome.deleted) {
        events::send(object, ctx, Severity::Info, "ReconciliationSucceeded", &listing, revision);
    }
    if object.spec.deletion_policy == DeletionPolicy::WaitForTermination {
        let deadline = Instant::now() + health::timeout(object);
        while !applier.remaining(&objects).await.is_ok_and(|left| left.is_empty()) {
            if Instant::now() >= deadline {
                let message = "timed out waiting for the deleted objects to be gone";
                events::send(object, ctx, Severity::Error, "PruneFailed", message, revision);
                break;
            }
            tokio::select! {
                () = stop.cancelled() => return Some(Requeue::Backoff),
                // Flux's period; the wait is bounded and nothing else depends on it.
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
        }
    }
    None
}

async fn account_is_gone(object: &Kustomization, ctx: &Context) -> bool {
    let account = &object.spec.service_account_name;
    if account.is_empty() {
        return false;
    }
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<ServiceAccount> = Api::namespaced(ctx.runtime.client(), namespace);
    matches!(api.get_opt(account).await, Ok(None))
}
