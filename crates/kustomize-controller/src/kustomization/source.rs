//! From the source's name to a tree of files.

use sluice_api::kustomize::{Kustomization, SourceKind};
use sluice_api::meta::Artifact;
use sluice_artifact::Digest;
use sluice_runtime::{Key, duration_text};
use sluice_tree::Tree;

use super::failure::Failure;
use crate::context::Context;
use crate::sources::Source;

/// Which source a Kustomization names.
pub fn key(object: &Kustomization) -> Key {
    let reference = &object.spec.source_ref;
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    Key::new(if reference.namespace.is_empty() { own } else { &reference.namespace }, &reference.name)
}

/// The artifact of the source.
pub async fn artifact(object: &Kustomization, ctx: &Context) -> Result<Artifact, Failure> {
    let reference = &object.spec.source_ref;
    let (own, key) = (object.metadata.namespace.as_deref().unwrap_or_default(), key(object));
    if ctx.options.no_cross_namespace_refs && *key.namespace != *own {
        return Err(Failure::AccessDenied(format!(
            "can't access '{}/{key}', cross-namespace references have been blocked",
            reference.kind
        )));
    }
    if reference.kind == SourceKind::ExternalArtifact && !ctx.gate("ExternalArtifact") {
        return Err(Failure::AccessDenied(format!(
            "can't access '{}/{key}': the feature gate ExternalArtifact is off; start the controller with \
             --feature-gates=ExternalArtifact=true",
            reference.kind
        )));
    }
    match ctx.sources.get(&reference.kind, &key).await {
        Source::Missing => Err(Failure::Artifact(format!(
            "{} '{key}' not found: spec.sourceRef names a source that is not there",
            reference.kind
        ))),
        Source::WithoutArtifact => Err(Failure::NoArtifact { retry: retry(ctx) }),
        Source::Ready(artifact) => Ok(artifact),
    }
}

/// The files of an artifact, read once for all who use it.
pub async fn tree(artifact: &Artifact, ctx: &Context) -> Result<Tree, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Artifact(format!("artifact of the source: {error}"));
    let digest: Digest = artifact.digest.parse().map_err(|error| failed(&error))?;
    match ctx.artifacts.open(&artifact.url, &digest).await {
        Ok(tree) => Ok(tree),
        Err(error) if error.is_not_found() => Err(Failure::NoArtifact { retry: retry(ctx) }),
        Err(error) => Err(failed(&error)),
    }
}

/// The folder that the Kustomization builds, as a path in the tree.
pub fn path(object: &Kustomization, tree: &Tree) -> Result<String, Failure> {
    let path = sluice_tree::path::join("", &object.spec.path)
        .map_err(|error| Failure::Artifact(format!("spec.path: `{}`: {error}", object.spec.path)))?;
    if !path.is_empty() && !tree.is_dir(&path) {
        return Err(Failure::Artifact(format!(
            "kustomization path not found: spec.path `{}` is no folder of the artifact; check it, and `spec.ignore` \
             of the source",
            object.spec.path
        )));
    }
    Ok(path)
}

fn retry(ctx: &Context) -> String {
    duration_text(ctx.options.requeue_dependency.0)
}
