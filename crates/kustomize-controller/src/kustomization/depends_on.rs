//! Whether all that a Kustomization depends on is ready (spec/flux/kustomize.md §8).

use std::sync::Arc;

use kube::Api;
use sluice_api::kustomize::Kustomization;
use sluice_api::meta::{Artifact, DependencyReference, is_true};
use sluice_health::ReadyCheck;
use sluice_runtime::Key;

use super::failure::Failure;
use super::source;
use crate::context::Context;

/// Fails with the first dependency that is not ready.
pub async fn all_ready(object: &Kustomization, artifact: &Artifact, ctx: &Context) -> Result<(), Failure> {
    for dependency in &object.spec.depends_on {
        ready(object, dependency, artifact, ctx).await?;
    }
    Ok(())
}

async fn ready(
    object: &Kustomization,
    dependency: &DependencyReference,
    artifact: &Artifact,
    ctx: &Context,
) -> Result<(), Failure> {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let key = Key::new(if dependency.namespace.is_empty() { own } else { &dependency.namespace }, &dependency.name);
    let Some(found) = find(&key, ctx).await? else {
        return Err(Failure::Dependency(format!("dependency '{key}' not found")));
    };
    if !dependency.ready_expr.is_empty() {
        return expression(object, &found, &key, &dependency.ready_expr).and_then(|()| {
            if ctx.gate("AdditiveCELDependencyCheck") { built_in(object, &found, &key, artifact) } else { Ok(()) }
        });
    }
    built_in(object, &found, &key, artifact)
}

async fn find(key: &Key, ctx: &Context) -> Result<Option<Arc<Kustomization>>, Failure> {
    if let Some(found) = ctx.kustomizations.get(key) {
        return Ok(Some(found));
    }
    // It may be of another shard, or of a namespace that is not watched.
    let api: Api<Kustomization> = Api::namespaced(ctx.runtime.client(), &key.namespace);
    let found = api.get_opt(&key.name).await;
    found.map(|it| it.map(Arc::new)).map_err(|error| Failure::Dependency(format!("dependency '{key}': {error}")))
}

fn built_in(object: &Kustomization, found: &Kustomization, key: &Key, artifact: &Artifact) -> Result<(), Failure> {
    let status = &found.status;
    let observed = found.metadata.generation == Some(status.observed_generation);
    if status.conditions.is_empty() || !observed || !is_true(&status.conditions, "Ready") {
        return Err(Failure::Dependency(format!("dependency '{key}' is not ready")));
    }
    let (ours, theirs) = (&object.spec.source_ref, &found.spec.source_ref);
    let same_source = ours.name == theirs.name && ours.kind == theirs.kind && source::key(object) == source::key(found);
    if same_source && status.last_applied_revision != artifact.revision {
        return Err(Failure::Dependency(format!("dependency '{key}' revision is not up to date")));
    }
    Ok(())
}

fn expression(object: &Kustomization, found: &Kustomization, key: &Key, text: &str) -> Result<(), Failure> {
    let value = |it: &Kustomization| serde_json::to_value(it).map_err(|error| Failure::Dependency(error.to_string()));
    let check = ReadyCheck::compile(text)
        .map_err(|error| Failure::Expression(format!("spec.dependsOn: readyExpr of '{key}': {error}")))?;
    match check.is_ready(&value(object)?, &value(found)?) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Dependency(format!("dependency '{key}' is not ready according to readyExpr"))),
        Err(error) => Err(Failure::Dependency(format!("dependency '{key}': readyExpr: {error}"))),
    }
}
