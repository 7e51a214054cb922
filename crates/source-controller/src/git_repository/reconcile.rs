//! One pass over a GitRepository (spec/flux/source.md §2): is there something new, and if so, what is in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use sluice_api::meta::{Artifact, find};
use sluice_api::source::{GitRepository, GitRepositoryStatus};
use sluice_artifact::{Digest, Location};
use sluice_git::{FetchOptions, Freshness, Reference, Remote, Resolved};
use sluice_runtime::{Key, REQUESTED_AT, Requeue, Severity, shortened, status as status_patch};
use tracing::{debug, error, info};

use super::failure::{Aspect, Failure, Remedy};
use super::status::{self, Outcome};
use super::{GROUP, access, include, publish};
use crate::context::Context;

/// Flux's finalizer; a takeover in either direction keeps it.
const FINALIZER: &str = "finalizers.fluxcd.io";
/// The branch of a repository that names none (spec/flux/source.md §2).
const DEFAULT_BRANCH: &str = "master";

/// One pass, from the object as it is in the cache to when it is to be looked at again.
pub async fn run(object: Arc<GitRepository>, ctx: &Context) -> Requeue {
    if object.metadata.deletion_timestamp.is_some() {
        return finalize(&object, ctx).await;
    }
    let object = match finalized(object, ctx).await {
        Ok(object) => object,
        Err(error) => {
            debug!(%error, "the finalizer could not be added; trying again");
            return Requeue::Backoff;
        }
    };
    if object.spec.suspend {
        let mut status = object.status.clone();
        handled(&object, &mut status);
        status.observed_generation = object.metadata.generation.unwrap_or_default();
        return if write(&object, &status, ctx).await { Requeue::Never } else { Requeue::Backoff };
    }
    let mut current = GitRepository::clone(&object);
    current.status.artifact = in_storage(&object, ctx).await;
    let mut new_revision = None;
    let outcome = story(&current, ctx, &mut new_revision).await;
    conclude(&object, current, outcome, new_revision, ctx).await
}

/// What a pass made: a new artifact with the subject of its commit, or nothing.
type Made = Option<(Artifact, Vec<Artifact>, String)>;

async fn story(object: &GitRepository, ctx: &Context, new_revision: &mut Option<String>) -> Result<Made, Failure> {
    if object.spec.verify.is_some() {
        let message = "spec.verify: signature verification is not supported yet, so nothing that asks for it is served";
        return Err(Failure::retry(Aspect::Verification, "VerificationError", message));
    }
    let access = access::of(object, ctx).await?;
    let timeout = object.spec.timeout.as_ref().and_then(|it| it.to_std().ok()).unwrap_or(Duration::from_secs(60));
    let remote = ctx.git.remote(&object.spec.url, access, timeout)?;
    let reference = reference(object);
    let included = include::artifacts(object, ctx);
    let resolved = resolve(object, &remote, &reference).await?;
    let included = included?;
    let revision = resolved.revision();
    let advertised = object.status.artifact.as_ref().map(|it| it.revision.as_str());
    if advertised == Some(revision.as_str()) && !status::content_changed(object, &included) {
        debug!(%revision, "nothing new");
        return Ok(None);
    }
    if advertised != Some(revision.as_str()) {
        *new_revision = Some(revision);
    }
    let options = FetchOptions { sparse: sparse(object), submodules: object.spec.recurse_submodules };
    let fetched = remote.checkout(&reference, &resolved, &options).await?;
    let subject = shortened_subject(fetched.commit.subject());
    let artifact = publish::artifact(object, fetched, &included, ctx).await?;
    Ok(Some((artifact, included, subject)))
}

/// One round trip, or none when somebody just asked the same. A user who asks for a pass, resumes or edits the object
/// wants to know about now.
async fn resolve(object: &GitRepository, remote: &Remote, reference: &Reference) -> Result<Resolved, Failure> {
    let observed = object.status.observed_generation;
    // A new object has observed nothing: those that are made together share a round trip.
    let edited = observed > 0 && object.metadata.generation != Some(observed);
    let asked = edited || requested(object) != object.status.last_handled_reconcile_at;
    let freshness = if asked { Freshness::Since(std::time::Instant::now()) } else { Freshness::Recent };
    Ok(remote.resolve(reference, freshness).await?)
}

/// What `spec.ref` names; commit before name before semver before tag before branch.
fn reference(object: &GitRepository) -> Reference {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let Some(it) = &object.spec.reference else { return Reference::Branch(DEFAULT_BRANCH.to_owned()) };
    if let Some(id) = given(&it.commit) {
        return Reference::Commit { id, branch: given(&it.branch) };
    }
    let names = [
        given(&it.name).map(Reference::Name),
        given(&it.semver).map(Reference::Semver),
        given(&it.tag).map(Reference::Tag),
        given(&it.branch).map(Reference::Branch),
    ];
    names.into_iter().flatten().next().unwrap_or_else(|| Reference::Branch(DEFAULT_BRANCH.to_owned()))
}

fn sparse(object: &GitRepository) -> Vec<String> {
    object.spec.sparse_checkout.iter().map(|it| it.strip_prefix("./").unwrap_or(it).to_owned()).collect()
}

/// The first fifty characters, as Flux's message has them.
fn shortened_subject(subject: &str) -> String {
    let clean: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(50) {
        Some((at, _)) => format!("{}...", &clean[..at]),
        None => clean,
    }
}

/// The advertised artifact, if its file is there, whole, and reached under the address that we advertise now.
async fn in_storage(object: &GitRepository, ctx: &Context) -> Option<Artifact> {
    let mut artifact = object.status.artifact.clone()?;
    let location = Location::parse(&artifact.path).ok()?;
    let digest: Digest = artifact.digest.parse().ok()?;
    let key = Key::of(object);
    let verified = ctx.memo(&key, |memo| memo.verified.as_deref() == Some(artifact.digest.as_str()));
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
    ctx.memo(&key, |memo| memo.verified = sound.then(|| artifact.digest.clone()));
    artifact.url = ctx.storage.url(&location);
    sound.then_some(artifact)
}

async fn conclude(
    before: &GitRepository,
    current: GitRepository,
    outcome: Result<Made, Failure>,
    new_revision: Option<String>,
    ctx: &Context,
) -> Requeue {
    let mut status = match &outcome {
        Ok(Some((artifact, included, _))) => {
            status::after(&current, Outcome::Stored(artifact.clone(), included.clone()))
        }
        Ok(None) => status::after(&current, Outcome::Unchanged),
        Err(failure) => status::after(&current, Outcome::Failed(failure, new_revision)),
    };
    handled(before, &mut status);
    if !write(before, &status, ctx).await {
        return Requeue::Backoff;
    }
    match outcome {
        Ok(made) => {
            if let Some((artifact, _, subject)) = &made {
                ctx.memo(&Key::of(before), |memo| memo.verified = Some(artifact.digest.clone()));
                announce(before, artifact, subject, ctx);
            } else if status::had_failed(&before.status) {
                let message = find(&status.conditions, "Ready").map_or("", |it| it.message.as_str());
                event(before, status.artifact.as_ref(), Severity::Info, "Succeeded", message, ctx);
            }
            if let Some(artifact) = &status.artifact {
                publish::collect(artifact, ctx).await;
            }
            let interval = before.spec.interval.to_std().unwrap_or(Duration::from_secs(60));
            Requeue::After(ctx.jittered(interval.max(Duration::from_secs(1))))
        }
        Err(failure) => {
            match failure.remedy {
                Remedy::Wait => info!(reason = failure.reason, "{failure}"),
                Remedy::Retry | Remedy::Change => {
                    error!(reason = failure.reason, error = %failure, "the pass failed");
                    let message = failure.message.as_str();
                    event(before, status.artifact.as_ref(), Severity::Error, failure.reason, message, ctx);
                }
            }
            match failure.remedy {
                Remedy::Retry => Requeue::Backoff,
                Remedy::Wait => Requeue::RetryAfter(ctx.options.requeue_dependency.0),
                Remedy::Change => Requeue::Never,
            }
        }
    }
}

fn announce(before: &GitRepository, artifact: &Artifact, subject: &str, ctx: &Context) {
    let message = format!("stored artifact for commit '{subject}'");
    info!(revision = %artifact.revision, digest = %artifact.digest, "{message}");
    let old = before.status.artifact.as_ref();
    if old.is_none_or(|old| old.digest != artifact.digest) {
        event(before, Some(artifact), Severity::Info, "NewArtifact", &message, ctx);
    } else if status::had_failed(&before.status) {
        event(before, Some(artifact), Severity::Info, "Succeeded", &message, ctx);
    }
}

fn event(
    object: &GitRepository,
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

fn requested(object: &GitRepository) -> &str {
    let annotations = object.metadata.annotations.as_ref();
    annotations.and_then(|it| it.get(REQUESTED_AT)).map_or("", String::as_str)
}

fn handled(object: &GitRepository, status: &mut GitRepositoryStatus) {
    let requested = requested(object);
    if !requested.is_empty() {
        requested.clone_into(&mut status.last_handled_reconcile_at);
    }
}

/// Writes the status if it is another; `false` when it could not be written.
async fn write(object: &GitRepository, status: &GitRepositoryStatus, ctx: &Context) -> bool {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<GitRepository> = Api::namespaced(ctx.runtime.client(), namespace);
    let manager = ctx.runtime.status_manager();
    match status_patch::patch(&api, object, &object.status, status, &manager).await {
        Ok(None) => true,
        Ok(Some(object)) => {
            ctx.repositories.learn(object);
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

async fn finalized(object: Arc<GitRepository>, ctx: &Context) -> Result<Arc<GitRepository>, kube::Error> {
    let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    if finalizers.iter().any(|it| it == FINALIZER) {
        return Ok(object);
    }
    finalizers.push(FINALIZER.to_owned());
    let object = set_finalizers(&object, &finalizers, ctx).await?;
    Ok(ctx.repositories.learn(object))
}

async fn set_finalizers(
    object: &GitRepository,
    finalizers: &[String],
    ctx: &Context,
) -> Result<GitRepository, kube::Error> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<GitRepository> = Api::namespaced(ctx.runtime.client(), namespace);
    // The list is replaced whole, so it must be the one that was seen; and the object the same.
    let body = json!({"metadata": {
        "finalizers": finalizers,
        "uid": object.metadata.uid,
        "resourceVersion": object.metadata.resource_version,
    }});
    let params = PatchParams { field_manager: Some(ctx.runtime.status_manager()), ..PatchParams::default() };
    api.patch(object.metadata.name.as_deref().unwrap_or_default(), &params, &Patch::Merge(body)).await
}

/// Removes the artifacts, then lets the repository go.
async fn finalize(object: &GitRepository, ctx: &Context) -> Requeue {
    let finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    if !finalizers.iter().any(|it| it == FINALIZER) {
        return Requeue::Never;
    }
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    if let Ok(any) = Location::new("gitrepository", namespace, name, "any") {
        let storage = ctx.storage.clone();
        let removed = tokio::task::spawn_blocking(move || storage.remove_all(&any)).await;
        if let Ok(Err(error)) = removed {
            error!(%error, "the artifacts could not be removed");
            return Requeue::Backoff;
        }
    }
    let rest: Vec<String> = finalizers.into_iter().filter(|it| it != FINALIZER).collect();
    match set_finalizers(object, &rest, ctx).await {
        Ok(_) => Requeue::Never,
        Err(kube::Error::Api(status)) if status.code == 404 => Requeue::Never,
        Err(error) => {
            debug!(%error, "the finalizer could not be removed; trying again");
            Requeue::Backoff
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_reference_wins() {
        let check = |reference_: serde_json::Value, want: Reference| {
            let object: GitRepository = serde_json::from_value(json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
                "metadata": {"name": "x"}, "spec": {"ref": reference_},
            }))
            .unwrap();
            assert_eq!(reference(&object), want);
        };
        check(json!({}), Reference::Branch("master".into()));
        check(json!({"branch": "main"}), Reference::Branch("main".into()));
        check(json!({"branch": "main", "tag": "v1"}), Reference::Tag("v1".into()));
        check(json!({"semver": ">1", "tag": "v1"}), Reference::Semver(">1".into()));
        check(json!({"semver": ">1", "name": "refs/pull/1/head"}), Reference::Name("refs/pull/1/head".into()));
        let id = "a".repeat(40);
        let want = Reference::Commit { id: id.clone(), branch: Some("main".into()) };
        check(json!({"commit": id, "branch": "main", "name": "refs/heads/x"}), want);
    }

    #[test]
    fn a_long_subject_is_shortened() {
        assert_eq!(shortened_subject("fix"), "fix");
        assert_eq!(shortened_subject(&"ä".repeat(51)), format!("{}...", "ä".repeat(50)));
    }
}
