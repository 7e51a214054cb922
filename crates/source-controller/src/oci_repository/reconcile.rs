//! One pass over an OCIRepository (spec/flux/source.md §3): what does the reference point to, and what is in its layer.

use std::time::Duration;

use sluice_api::meta::Artifact;
use sluice_api::source::{OciRepository, OciRepositoryStatus};
use sluice_oci::{Digest, Platform, Repository, RepositoryName, Target};
use tracing::debug;

use super::{choose, layer};
use crate::context::{Context, Shared};
use crate::source::failure::{Aspect, Failure};
use crate::source::registry::{self, Named};
use crate::source::{Known, Made, Outcome, Source, unchanged};

/// Annotations of a manifest that tell where it comes from.
const ORIGIN: [(&str, &str); 2] =
    [("origin source", "org.opencontainers.image.source"), ("origin revision", "org.opencontainers.image.revision")];
/// Bytes of annotations that go into the status.
const ANNOTATIONS: usize = 256 << 10;

impl Source for OciRepository {
    type State = OciRepositoryStatus;
    type Observed = ();
    const KIND: &'static str = "OCIRepository";
    const LINK: Option<&'static str> = Some("latest.tar.gz");

    fn known(ctx: &Shared) -> &Known<Self> {
        &ctx.oci_repositories
    }

    fn state(&self) -> &OciRepositoryStatus {
        &self.status
    }

    fn state_mut(&mut self) -> &mut OciRepositoryStatus {
        &mut self.status
    }

    fn artifact(state: &OciRepositoryStatus) -> Option<&Artifact> {
        state.artifact.as_ref()
    }

    fn set_artifact(state: &mut OciRepositoryStatus, artifact: Option<Artifact>, link: Option<String>) {
        state.artifact = artifact;
        state.url = link.unwrap_or_default();
    }

    /// The fields that a later pass compares the specification with.
    fn observe(&self, state: &mut OciRepositoryStatus, (): ()) {
        state.observed_ignore.clone_from(&self.spec.ignore);
        state.observed_layer_selector.clone_from(&self.spec.layer_selector);
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn interval(&self) -> Option<Duration> {
        self.spec.interval.to_std().ok()
    }

    fn asks_for_verification(&self) -> bool {
        self.spec.verify.is_some()
    }

    fn stored(artifact: &Artifact) -> String {
        format!("stored artifact for digest '{}'", artifact.revision)
    }

    async fn pass(&self, ctx: &Context, new: &mut Option<String>) -> Result<Outcome<()>, Failure> {
        story(self, ctx, new).await
    }
}

async fn story(object: &OciRepository, ctx: &Context, new: &mut Option<String>) -> Result<Outcome<()>, Failure> {
    if object.spec.verify.is_some() {
        let message = "spec.verify: signature verification is not supported yet, so nothing that asks for it is served";
        return Err(Failure::retry(Aspect::Verification, "VerificationError", message));
    }
    registry::check_provider(&object.spec.provider)?;
    let name = name(object)?;
    let repository = connect(object, &name, ctx).await?;
    let target = choose::target(object, &repository).await?;
    let digest = resolve(&repository, &target).await?;
    let revision = match &target {
        Target::Tag(tag) => format!("{tag}@{digest}"),
        Target::Digest(_) => digest.to_string(),
    };
    let advertised = object.status.artifact.as_ref().map(|it| it.revision.as_str());
    if advertised == Some(revision.as_str()) && !content_changed(object) {
        debug!(%revision, "nothing new");
        return Ok(unchanged());
    }
    if advertised != Some(revision.as_str()) {
        *new = Some(revision.clone());
    }
    // Everything from here on is asked for by digest: the tag may move meanwhile.
    let image = repository.image(&Target::Digest(digest.clone()), &Platform::linux_amd64()).await;
    let (_, manifest) = image.map_err(|error| pull_failed(object, &error))?;
    let size: usize = manifest.annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS {
        let message = format!("{name}: the manifest has {size} bytes of annotations, more than {ANNOTATIONS}");
        return Err(Failure::retry(Aspect::Fetch, "OCIArtifactPullFailed", message));
    }
    let layer = layer::select(object, &manifest.layers)?;
    let data = layer::fetch(object, &repository, layer).await?;
    let mut artifact = layer::publish(object, data, &digest, revision, ctx).await?;
    artifact.metadata = manifest.annotations;
    let told = told(object, &artifact);
    let stored = ("Succeeded", OciRepository::stored(&artifact));
    Ok(Outcome::Made(Box::new(Made { artifact, observed: (), stored, told: ("NewArtifact", told) })))
}

/// The repository that `spec.url` names.
fn name(object: &OciRepository) -> Result<RepositoryName, Failure> {
    let refuse = |why: String| Failure::stalled(Aspect::Fetch, "URLInvalid", format!("spec.url: {why}"));
    let url = object.spec.url.as_str();
    let rest = url.strip_prefix("oci://").ok_or_else(|| refuse("it must begin with `oci://`".into()))?;
    rest.parse().map_err(|error: sluice_oci::ReferenceError| refuse(format!("{error}; spec.ref is for tag and digest")))
}

async fn connect(object: &OciRepository, name: &RepositoryName, ctx: &Context) -> Result<Repository, Failure> {
    let spec = &object.spec;
    let named = Named {
        secret: spec.secret_ref.as_ref(),
        certificates: spec.cert_secret_ref.as_ref(),
        proxy: spec.proxy_secret_ref.as_ref(),
        service_account: &spec.service_account_name,
        insecure: spec.insecure,
    };
    let access = registry::access(object, name, named, ctx).await?;
    let timeout = spec.timeout.as_ref().and_then(|it| it.to_std().ok()).unwrap_or(Duration::from_secs(60));
    Ok(ctx.oci.repository(name, &access, timeout))
}

async fn resolve(repository: &Repository, target: &Target) -> Result<Digest, Failure> {
    if let Target::Digest(digest) = target {
        return Ok(digest.clone());
    }
    let resolved = repository.resolve(target).await;
    resolved.map(|it| it.digest).map_err(|error| named("failed to determine artifact digest", error))
}

fn pull_failed(object: &OciRepository, error: &sluice_oci::Error) -> Failure {
    named(&format!("failed to pull artifact from '{}'", object.spec.url), error.clone())
}

/// The failure that an error is, with what was being done in front.
pub(super) fn named(doing: &str, error: sluice_oci::Error) -> Failure {
    let failure = Failure::from(error);
    Failure { message: format!("{doing}: {}", failure.message), ..failure }
}

/// Whether the artifact would have other content although the revision is the same.
fn content_changed(object: &OciRepository) -> bool {
    let (spec, status) = (&object.spec, &object.status);
    spec.ignore != status.observed_ignore || spec.layer_selector != status.observed_layer_selector
}

fn told(object: &OciRepository, artifact: &Artifact) -> String {
    let mut told = format!("stored artifact with revision '{}' from '{}'", artifact.revision, object.spec.url);
    for (what, annotation) in ORIGIN {
        if let Some(value) = artifact.metadata.get(annotation) {
            told.push_str(&format!(", {what} '{value}'"));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: serde_json::Value) -> OciRepository {
        serde_json::from_value(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository",
            "metadata": {"name": "x"}, "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn a_url_names_a_repository_and_nothing_else() {
        let check = |url: &str, want: bool| {
            let found = name(&object(json!({ "url": url })));
            assert_eq!(found.is_ok(), want, "{url}");
            if let Err(failure) = found {
                assert_eq!((failure.reason, failure.aspect), ("URLInvalid", Aspect::Fetch));
            }
        };
        check("oci://ghcr.io/org/app", true);
        check("oci://ghcr.io/org/app:v1", false);
        check("oci://ghcr.io/org/App", false);
        check("https://ghcr.io/org/app", false);
    }

    #[test]
    fn another_selector_is_another_content() {
        let mut it = object(json!({"url": "oci://h.io/x", "layerSelector": {"mediaType": "a/b"}}));
        let mut status = it.status.clone();
        it.observe(&mut status, ());
        it.status = status;
        assert!(!content_changed(&it));
        it.spec.layer_selector = None;
        assert!(content_changed(&it));
    }

    #[test]
    fn the_event_tells_the_origin() {
        let mut artifact = Artifact { revision: "v1@sha256:a".into(), ..Artifact::default() };
        artifact.metadata.insert("org.opencontainers.image.source".into(), "https://git.invalid/x".into());
        artifact.metadata.insert("org.opencontainers.image.revision".into(), "main@sha1:b".into());
        assert_eq!(
            told(&object(json!({"url": "oci://h.io/x"})), &artifact),
            "stored artifact with revision 'v1@sha256:a' from 'oci://h.io/x', origin source 'https://git.invalid/x', \
             origin revision 'main@sha1:b'"
        );
    }
}
