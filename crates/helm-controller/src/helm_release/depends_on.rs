//! Whether all that a HelmRelease depends on is ready (spec/flux/helm.md §4).

use std::sync::Arc;

use kube::Api;
use sluice_api::helm::HelmRelease;
use sluice_api::meta::{DependencyReference, is_true};
use sluice_health::ReadyCheck;
use sluice_runtime::Key;

use super::failure::Failure;
use crate::context::Context;

/// Fails with the first dependency that is not ready.
pub async fn all_ready(object: &HelmRelease, ctx: &Context) -> Result<(), Failure> {
    for dependency in &object.spec.depends_on {
        ready(object, dependency, ctx).await?;
    }
    Ok(())
}

async fn ready(object: &HelmRelease, dependency: &DependencyReference, ctx: &Context) -> Result<(), Failure> {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let key = Key::new(if dependency.namespace.is_empty() { own } else { &dependency.namespace }, &dependency.name);
    let Some(found) = find(&key, ctx).await? else {
        return Err(Failure::Dependency(format!("unable to get '{key}' dependency: not found")));
    };
    if dependency.ready_expr.is_empty() {
        return built_in(&found, &key);
    }
    expression(object, &found, &key, &dependency.ready_expr)?;
    if ctx.gate("AdditiveCELDependencyCheck") { built_in(&found, &key) } else { Ok(()) }
}

async fn find(key: &Key, ctx: &Context) -> Result<Option<Arc<HelmRelease>>, Failure> {
    if let Some(found) = ctx.releases.get(key) {
        return Ok(Some(found));
    }
    // It may be of another shard, or of a namespace that is not watched.
    let api: Api<HelmRelease> = Api::namespaced(ctx.runtime.client(), &key.namespace);
    let found = api.get_opt(&key.name).await;
    found
        .map(|it| it.map(Arc::new))
        .map_err(|error| Failure::Dependency(format!("unable to get '{key}' dependency: {error}")))
}

fn built_in(found: &HelmRelease, key: &Key) -> Result<(), Failure> {
    let observed = found.metadata.generation == Some(found.status.observed_generation);
    if observed && is_true(&found.status.conditions, "Ready") {
        return Ok(());
    }
    Err(Failure::Dependency(format!("dependency '{key}' is not ready")))
}

fn expression(object: &HelmRelease, found: &HelmRelease, key: &Key, text: &str) -> Result<(), Failure> {
    let value = |it: &HelmRelease| serde_json::to_value(it).map_err(|error| Failure::Dependency(error.to_string()));
    let check = ReadyCheck::compile(text)
        .map_err(|error| Failure::Expression(format!("spec.dependsOn: readyExpr of '{key}': {error}")))?;
    match check.is_ready(&value(object)?, &value(found)?) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Dependency(format!("dependency '{key}' is not ready according to readyExpr eval"))),
        Err(error) => Err(Failure::Dependency(format!("dependency '{key}': readyExpr: {error}"))),
    }
}
