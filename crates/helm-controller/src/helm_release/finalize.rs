//! The end of a HelmRelease: what becomes of its release (spec/flux/helm.md §8).

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use sluice_api::helm::HelmRelease;
use sluice_apply::{AccessError, Checks};
use sluice_release::Release;
use sluice_runtime::{Key, Requeue, Severity, finalizer};
use tracing::{error, info};

use super::{chart, events, policy};
use crate::context::Context;

/// Uninstalls what is to be uninstalled, then lets the HelmRelease go.
pub async fn run(object: &HelmRelease, ctx: &Context) -> Requeue {
    if !finalizer::is_set(object) {
        return Requeue::Never;
    }
    if !object.spec.suspend {
        if let Err(message) = uninstall(object, ctx).await {
            error!(error = %message, "the release could not be uninstalled");
            events::send(object, ctx, Severity::Error, "UninstallFailed", &message, object.status.history.first());
            return Requeue::Backoff;
        }
        if let Err(why) = chart::delete(&object.status.helm_chart, object, ctx).await {
            events::send(object, ctx, Severity::Error, "HelmChartSyncErr", &why, None);
            return Requeue::Backoff;
        }
    }
    match finalizer::remove(object, &ctx.runtime).await {
        Ok(()) => Requeue::Never,
        Err(error) => {
            info!(%error, "the finalizer could not be removed; trying again");
            Requeue::Backoff
        }
    }
}

async fn uninstall(object: &HelmRelease, ctx: &Context) -> Result<(), String> {
    let status = &object.status;
    let Some(last) = status.history.first() else { return nothing_known(object, ctx).await };
    if status.storage_namespace.is_empty() {
        return Ok(());
    }
    release(object, (&last.name, &last.namespace, &status.storage_namespace), ctx).await
}

/// Without a history there may still be a release: the pass that made it was killed before it could say so.
async fn nothing_known(object: &HelmRelease, ctx: &Context) -> Result<(), String> {
    if object.status.storage_namespace.is_empty() {
        return Ok(());
    }
    let name = super::names::release_name(object);
    let namespace = super::names::release_namespace(object);
    release(object, (&name, namespace, &object.status.storage_namespace), ctx).await
}

/// Uninstalls the release of a name, in a namespace, with its records in another one.
pub async fn release(object: &HelmRelease, at: (&str, &str, &str), ctx: &Context) -> Result<(), String> {
    let (name, namespace, storage_namespace) = at;
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let account = [&object.spec.service_account_name, &ctx.options.default_service_account];
    let account = account.into_iter().find(|it| !it.is_empty()).map_or("", String::as_str);
    if object.spec.kube_config.is_none() && is_gone(account, own, ctx).await {
        let message = format!("service account '{account}' not found; the release is left behind");
        events::send(object, ctx, Severity::Error, "UninstallFailed", &message, object.status.history.first());
        return Ok(());
    }
    let applier = match ctx.clusters.applier(own, account, object.spec.kube_config.as_ref()).await {
        Ok(applier) => applier,
        // The way to the cluster is gone for good as far as anybody can tell.
        Err(AccessError::Missing(why)) => {
            let message = format!("{why}; the release is left behind");
            events::send(object, ctx, Severity::Error, "UninstallFailed", &message, object.status.history.first());
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    let (owner, checks, stop) = (Key::of(object), Checks::default(), ctx.runtime.stopping());
    let capabilities = ctx.capabilities("");
    let release = Release {
        name,
        namespace,
        storage_namespace,
        max_history: 0,
        owner: &owner,
        applier: &applier,
        capabilities: &capabilities,
        checks: &checks,
        stop: &stop,
    };
    let history = release.storage().history().await?;
    let what = format!("{namespace}/{name}");
    let message = match history.last() {
        None => format!("Release {what} was not found, assuming it is uninstalled"),
        Some(_) => {
            release
                .uninstall(&policy::uninstall(object), &history)
                .await
                .map_err(|error| format!("Helm uninstall failed for release {what}: {error}"))?;
            format!("Helm uninstall succeeded for release {what}")
        }
    };
    events::send(object, ctx, Severity::Info, "UninstallSucceeded", &message, object.status.history.first());
    Ok(())
}

async fn is_gone(account: &str, namespace: &str, ctx: &Context) -> bool {
    if account.is_empty() {
        return false;
    }
    let api: Api<ServiceAccount> = Api::namespaced(ctx.runtime.client(), namespace);
    matches!(api.get_opt(account).await, Ok(None))
}
