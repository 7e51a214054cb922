//! What the user reads after a pass (spec/flux/source.md §0 "Condition machinery"). Pure.

use sluice_api::meta::{Condition, Status, find, is_true, remove, set};

use super::failure::{Aspect, Failure, Remedy};
use super::{Made, Source};

const FETCH_FAILED: &str = "FetchFailed";
const STORAGE_FAILED: &str = "StorageOperationFailed";
const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
const BUILD_FAILED: &str = "BuildFailed";
const OUTDATED: &str = "ArtifactOutdated";
const IN_STORAGE: &str = "ArtifactInStorage";
const VERIFIED: &str = "SourceVerified";

/// The status after a pass that made a new artifact, served under `link` too.
pub fn after_made<K: Source>(object: &K, made: Made<K::Observed>, link: Option<String>) -> K::State {
    let mut state = begun(object);
    clear(&mut state, &[FETCH_FAILED, STORAGE_FAILED, BUILD_FAILED, INCLUDE_UNAVAILABLE, OUTDATED, VERIFIED]);
    clear(&mut state, &[Condition::STALLED, Condition::RECONCILING]);
    let (reason, message) = made.stored;
    say(object, &mut state, IN_STORAGE, true, reason, message);
    K::set_artifact(&mut state, Some(made.artifact), link);
    object.observe(&mut state, made.observed);
    concluded(object, state)
}

/// The status after a pass that found nothing new.
pub fn after_unchanged<K: Source>(object: &K, observed: Option<K::Observed>) -> K::State {
    let mut state = begun(object);
    clear(&mut state, &[FETCH_FAILED, STORAGE_FAILED, BUILD_FAILED, INCLUDE_UNAVAILABLE, OUTDATED]);
    clear(&mut state, &[Condition::STALLED, Condition::RECONCILING]);
    if let Some(artifact) = K::artifact(&state) {
        let (reason, message) = match find(state.conditions(), IN_STORAGE).filter(|it| it.is_true()) {
            Some(known) => (known.reason.clone(), known.message.clone()),
            None => ("Succeeded".to_owned(), K::stored(artifact)),
        };
        say(object, &mut state, IN_STORAGE, true, &reason, message);
    }
    if let Some(observed) = observed {
        object.observe(&mut state, observed);
    }
    concluded(object, state)
}

/// The status after a pass that failed, and the new revision if it got as far as to know it.
pub fn after_failed<K: Source>(object: &K, failure: &Failure, new: Option<String>) -> K::State {
    let mut state = begun(object);
    clear(&mut state, &[FETCH_FAILED, STORAGE_FAILED, BUILD_FAILED, INCLUDE_UNAVAILABLE]);
    let (type_, holds) = match failure.aspect {
        Aspect::Fetch => (FETCH_FAILED, true),
        Aspect::Storage => (STORAGE_FAILED, true),
        Aspect::Include => (INCLUDE_UNAVAILABLE, true),
        Aspect::Build => (BUILD_FAILED, true),
        Aspect::Verification => (VERIFIED, false),
    };
    let message = || failure.message.clone();
    say(object, &mut state, type_, holds, failure.reason, message());
    match (new, K::artifact(&state).is_some()) {
        (Some(revision), true) => {
            say(object, &mut state, OUTDATED, true, "NewRevision", format!("new upstream revision '{revision}'"));
        }
        (_, true) => {}
        (_, false) => clear(&mut state, &[IN_STORAGE]),
    }
    if failure.remedy == Remedy::Change {
        clear(&mut state, &[Condition::RECONCILING]);
        say(object, &mut state, Condition::STALLED, true, failure.reason, message());
        return concluded(object, state);
    }
    clear(&mut state, &[Condition::STALLED]);
    say(object, &mut state, Condition::RECONCILING, true, "ProgressingWithRetry", message());
    summarize(object, &mut state);
    state
}

fn begun<K: Source>(object: &K) -> K::State {
    let mut state = object.state().clone();
    if !object.asks_for_verification() {
        clear(&mut state, &[VERIFIED]);
    }
    state
}

/// The pass is over for this generation.
fn concluded<K: Source>(object: &K, mut state: K::State) -> K::State {
    state.set_observed_generation(object.meta().generation.unwrap_or_default());
    summarize(object, &mut state);
    state
}

fn summarize<K: Source>(object: &K, state: &mut K::State) {
    let ready = summary(state.conditions());
    set(state.conditions_mut(), ready.observed(object.meta().generation.unwrap_or_default()));
}

fn say<K: Source>(object: &K, state: &mut K::State, type_: &str, holds: bool, reason: &str, message: String) {
    let generation = object.meta().generation.unwrap_or_default();
    set(state.conditions_mut(), Condition::new(type_, holds, reason, message).observed(generation));
}

fn clear(state: &mut impl Status, types: &[&str]) {
    types.iter().for_each(|type_| remove(state.conditions_mut(), type_));
}

/// Ready as a summary of the others: the first that is bad, in this order, else the first that is good.
fn summary(conditions: &[Condition]) -> Condition {
    let bad = [
        STORAGE_FAILED,
        FETCH_FAILED,
        BUILD_FAILED,
        INCLUDE_UNAVAILABLE,
        OUTDATED,
        Condition::STALLED,
        Condition::RECONCILING,
    ];
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
pub fn had_failed(state: &impl Status) -> bool {
    let failures = [FETCH_FAILED, STORAGE_FAILED, BUILD_FAILED, INCLUDE_UNAVAILABLE];
    failures.iter().any(|type_| is_true(state.conditions(), type_))
}

#[cfg(test)]
mod tests {
    use sluice_api::meta::Artifact;
    use sluice_api::source::GitRepository;

    use super::*;

    fn made(revision: &str) -> Made<Vec<Artifact>> {
        let artifact = Artifact { revision: revision.into(), digest: "sha256:aa".into(), ..Artifact::default() };
        let stored = GitRepository::stored(&artifact);
        Made { artifact, observed: vec![], stored: ("Succeeded", stored), told: ("NewArtifact", String::new()) }
    }

    #[test]
    fn a_new_artifact_is_ready() {
        let mut object = GitRepository::default();
        object.metadata.generation = Some(2);
        object.spec.ignore = Some("/docs".into());
        let status = after_made(&object, made("main@sha1:a"), None);
        let ready = find(&status.conditions, "Ready").unwrap();
        assert_eq!((ready.reason.as_str(), ready.is_true()), ("Succeeded", true));
        assert_eq!(ready.message, "stored artifact for revision 'main@sha1:a'");
        assert_eq!((status.observed_generation, status.observed_ignore.as_deref()), (2, Some("/docs")));
    }

    #[test]
    fn a_failure_keeps_the_artifact_and_says_what_is_new() {
        let mut object = GitRepository::default();
        object.status = after_made(&object, made("main@sha1:a"), None);
        let failure = Failure::retry(Aspect::Fetch, "GitOperationFailed", "gone");
        let status = after_failed(&object, &failure, Some("main@sha1:b".into()));
        let ready = find(&status.conditions, "Ready").unwrap();
        assert_eq!((ready.reason.as_str(), ready.message.as_str()), ("GitOperationFailed", "gone"));
        assert_eq!(status.artifact.as_ref().unwrap().revision, "main@sha1:a");
        assert!(is_true(&status.conditions, OUTDATED) && is_true(&status.conditions, IN_STORAGE));
        assert_eq!(find(&status.conditions, "Reconciling").unwrap().reason, "ProgressingWithRetry");
        object.status = status;
        assert!(had_failed(&object.status));
        let status = after_unchanged(&object, None);
        assert!(is_true(&status.conditions, "Ready") && !had_failed(&status));
    }

    #[test]
    fn what_only_a_change_can_end_is_stalled() {
        let object = GitRepository::default();
        let failure = Failure::stalled(Aspect::Fetch, "URLInvalid", "bad");
        let status = after_failed(&object, &failure, None);
        assert!(is_true(&status.conditions, "Stalled") && find(&status.conditions, "Reconciling").is_none());
    }
}
