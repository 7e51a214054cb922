//! From the source's name to a tree of files.

use std::time::Duration;

use sluice_api::kustomize::{Kustomization, SourceKind};
use sluice_api::meta::Artifact;
use sluice_artifact::Digest;
use sluice_runtime::Key;
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
    text(ctx.options.requeue_dependency.0)
}

/// A duration as Go prints it, in whole milliseconds: `1m30s`, `1.5s`, `250ms`.
pub fn text(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let fraction = format!("{:03}", rest % 1000);
    let fraction = fraction.trim_end_matches('0');
    let seconds = match fraction {
        "" => format!("{}s", rest / 1000),
        fraction => format!("{}.{fraction}s", rest / 1000),
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        let check = |millis: u64, want: &str| assert_eq!(text(Duration::from_millis(millis)), want);
        check(0, "0ms");
        check(250, "250ms");
        check(1500, "1.5s");
        check(30_000, "30s");
        check(90_000, "1m30s");
        check(3_600_000, "1h0m0s");
    }
}
