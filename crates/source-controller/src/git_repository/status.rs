//! What the user reads after a pass (spec/flux/source.md §0 "Condition machinery"). Pure.

use sluice_api::meta::{Artifact, Condition, find, is_true, remove, set};
use sluice_api::source::{GitRepository, GitRepositoryStatus};

use super::failure::{Aspect, Failure, Remedy};

const FETCH_FAILED: &str = "FetchFailed";
const STORAGE_FAILED: &str = "StorageOperationFailed";
const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
const OUTDATED: &str = "ArtifactOutdated";
const IN_STORAGE: &str = "ArtifactInStorage";
const VERIFIED: &str = "SourceVerified";

/// What a pass found.
pub enum Outcome<'a> {
    /// A new artifact is advertised, made from these included ones.
    Stored(Artifact, Vec<Artifact>),
    /// Nothing is new.
    Unchanged,
    /// It failed; the new revision, if it got as far as to know it.
    Failed(&'a Failure, Option<String>),
}

/// The status after a pass.
pub fn after(object: &GitRepository, outcome: Outcome<'_>) -> GitRepositoryStatus {
    let mut status = object.status.clone();
    let generation = object.metadata.generation.unwrap_or_default();
    let say = |status: &mut GitRepositoryStatus, type_: &str, holds: bool, reason: &str, message: String| {
        set(&mut status.conditions, Condition::new(type_, holds, reason, message).observed(generation));
    };
    let clear = |status: &mut GitRepositoryStatus, types: &[&str]| {
        types.iter().for_each(|type_| remove(&mut status.conditions, type_));
    };
    if object.spec.verify.is_none() {
        clear(&mut status, &[VERIFIED]);
    }
    match outcome {
        Outcome::Stored(artifact, included) => {
            clear(&mut status, &[FETCH_FAILED, STORAGE_FAILED, INCLUDE_UNAVAILABLE, OUTDATED, VERIFIED]);
            clear(&mut status, &[Condition::STALLED, Condition::RECONCILING]);
            observe(&mut status, object);
            let message = format!("stored artifact for revision '{}'", artifact.revision);
            say(&mut status, IN_STORAGE, true, "Succeeded", message);
            status.artifact = Some(artifact);
            status.included_artifacts = included;
            status.observed_generation = generation;
        }
        Outcome::Unchanged => {
            clear(&mut status, &[FETCH_FAILED, STORAGE_FAILED, INCLUDE_UNAVAILABLE, OUTDATED]);
            clear(&mut status, &[Condition::STALLED, Condition::RECONCILING]);
            if let Some(artifact) = &status.artifact {
                let message = format!("stored artifact for revision '{}'", artifact.revision);
                say(&mut status, IN_STORAGE, true, "Succeeded", message);
            }
            status.observed_generation = generation;
        }
        Outcome::Failed(failure, new_revision) => {
            clear(&mut status, &[FETCH_FAILED, STORAGE_FAILED, INCLUDE_UNAVAILABLE]);
            let (type_, holds) = match failure.aspect {
                Aspect::Fetch => (FETCH_FAILED, true),
                Aspect::Storage => (STORAGE_FAILED, true),
                Aspect::Include => (INCLUDE_UNAVAILABLE, true),
                Aspect::Verification => (VERIFIED, false),
            };
            say(&mut status, type_, holds, failure.reason, failure.message.clone());
            if let (Some(revision), Some(_)) = (new_revision, &status.artifact) {
                let message = format!("new upstream revision '{revision}'");
                say(&mut status, OUTDATED, true, "NewRevision", message);
            }
            if status.artifact.is_none() {
                clear(&mut status, &[IN_STORAGE]);
            }
            if failure.remedy == Remedy::Change {
                clear(&mut status, &[Condition::RECONCILING]);
                say(&mut status, Condition::STALLED, true, failure.reason, failure.message.clone());
                status.observed_generation = generation;
            } else {
                clear(&mut status, &[Condition::STALLED]);
                let message = failure.message.clone();
                say(&mut status, Condition::RECONCILING, true, "ProgressingWithRetry", message);
            }
        }
    }
    let ready = summary(&status.conditions);
    set(&mut status.conditions, ready.observed(generation));
    status
}

/// The fields that a later pass compares the specification with.
fn observe(status: &mut GitRepositoryStatus, object: &GitRepository) {
    status.observed_ignore.clone_from(&object.spec.ignore);
    status.observed_recurse_submodules = object.spec.recurse_submodules;
    status.observed_include.clone_from(&object.spec.include);
    status.observed_sparse_checkout.clone_from(&object.spec.sparse_checkout);
}

/// Whether the artifact would have other content although the commit is the same.
pub fn content_changed(object: &GitRepository, included: &[Artifact]) -> bool {
    let (spec, status) = (&object.spec, &object.status);
    let same = |(a, b): (&Artifact, &Artifact)| a.same_content(b);
    spec.ignore != status.observed_ignore
        || spec.recurse_submodules != status.observed_recurse_submodules
        || spec.include != status.observed_include
        || spec.sparse_checkout != status.observed_sparse_checkout
        || included.len() != status.included_artifacts.len()
        || !included.iter().zip(&status.included_artifacts).all(same)
}

/// Ready as a summary of the others: the first that is bad, in this order, else the first that is good.
fn summary(conditions: &[Condition]) -> Condition {
    let bad = [STORAGE_FAILED, FETCH_FAILED, INCLUDE_UNAVAILABLE, OUTDATED, Condition::STALLED, Condition::RECONCILING];
    if let Some(unverified) = find(conditions, VERIFIED).filter(|it| !it.is_true()) {
        return Condition::not_ready(&unverified.reason, &unverified.message);
    }
    if let Some(bad) = bad.iter().filter_map(|type_| find(conditions, type_)).find(|it| it.is_true()) {
        return Condition::not_ready(&bad.reason, &bad.message);
    }
    match find(conditions, IN_STORAGE).filter(|it| it.is_true()) {
        Some(good) => Condition::ready(&good.reason, &good.message),
        None => Condition::not_ready("Failed", "no artifact in storage"),
    }
}

/// Whether something had failed before.
pub fn had_failed(status: &GitRepositoryStatus) -> bool {
    [FETCH_FAILED, STORAGE_FAILED, INCLUDE_UNAVAILABLE].iter().any(|type_| is_true(&status.conditions, type_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(revision: &str) -> Artifact {
        Artifact { revision: revision.into(), digest: "sha256:aa".into(), ..Artifact::default() }
    }

    #[test]
    fn a_new_artifact_is_ready() {
        let mut object = GitRepository::default();
        object.metadata.generation = Some(2);
        object.spec.ignore = Some("/docs".into());
        let status = after(&object, Outcome::Stored(artifact("main@sha1:a"), vec![]));
        let ready = find(&status.conditions, "Ready").unwrap();
        assert_eq!((ready.reason.as_str(), ready.is_true()), ("Succeeded", true));
        assert_eq!(ready.message, "stored artifact for revision 'main@sha1:a'");
        assert_eq!(status.observed_generation, 2);
        object.status = status;
        assert!(!content_changed(&object, &[]));
        object.spec.ignore = None;
        assert!(content_changed(&object, &[]));
    }

    #[test]
    fn a_failure_keeps_the_artifact_and_says_what_is_new() {
        let mut object = GitRepository::default();
        object.status = after(&object, Outcome::Stored(artifact("main@sha1:a"), vec![]));
        let failure = Failure::retry(Aspect::Fetch, "GitOperationFailed", "gone");
        let status = after(&object, Outcome::Failed(&failure, Some("main@sha1:b".into())));
        let ready = find(&status.conditions, "Ready").unwrap();
        assert_eq!((ready.reason.as_str(), ready.message.as_str()), ("GitOperationFailed", "gone"));
        assert_eq!(status.artifact.as_ref().unwrap().revision, "main@sha1:a");
        assert!(is_true(&status.conditions, OUTDATED) && is_true(&status.conditions, IN_STORAGE));
        assert_eq!(find(&status.conditions, "Reconciling").unwrap().reason, "ProgressingWithRetry");
        object.status = status;
        assert!(had_failed(&object.status));
        let status = after(&object, Outcome::Unchanged);
        assert!(is_true(&status.conditions, "Ready") && !had_failed(&status));
    }

    #[test]
    fn what_only_a_change_can_end_is_stalled() {
        let object = GitRepository::default();
        let failure = Failure::stalled(Aspect::Fetch, "URLInvalid", "bad");
        let status = after(&object, Outcome::Failed(&failure, None));
        assert!(is_true(&status.conditions, "Stalled") && find(&status.conditions, "Reconciling").is_none());
    }
}
