//! What the user reads after a pass (spec/flux/helm.md §4 "Conditions"). Pure.

use sluice_api::helm::{HelmRelease, HelmReleaseStatus};
use sluice_api::meta::{Condition, ConditionStatus, find, is_true, remove, set};

use super::failure::Failure;

/// The last action made a release, or did not.
pub const RELEASED: &str = "Released";
/// Its tests passed, or did not.
pub const TEST_SUCCESS: &str = "TestSuccess";
/// A failure was undone, or was not.
pub const REMEDIATED: &str = "Remediated";
/// Objects differ from the release, or do not.
pub const DRIFTED: &str = "Drifted";

/// Sets a condition about a generation.
pub fn note(
    status: &mut HelmReleaseStatus,
    generation: i64,
    type_: &str,
    holds: impl Into<ConditionStatus>,
    reason: &str,
    message: &str,
) {
    set(&mut status.conditions, Condition::new(type_, holds, reason, message).observed(generation));
}

/// An action is under way; one that makes a release says so in Ready too.
pub fn progressing(status: &mut HelmReleaseStatus, generation: i64, message: &str, releases: bool) {
    note(status, generation, Condition::RECONCILING, true, "Progressing", message);
    remove(&mut status.conditions, Condition::STALLED);
    if releases {
        note(status, generation, Condition::READY, ConditionStatus::Unknown, "Progressing", message);
    }
}

/// Makes Ready what the other conditions say: the newest of Remediated, TestSuccess where it counts, and Released. What
/// was undone is never ready.
pub fn summarize(status: &mut HelmReleaseStatus, object: &HelmRelease) {
    let generation = object.metadata.generation.unwrap_or_default();
    let tests_count = object.spec.test.as_ref().is_some_and(|it| it.enable && !it.ignore_failures);
    let types = [Some(REMEDIATED), tests_count.then_some(TEST_SUCCESS), Some(RELEASED)];
    let mut found: Vec<Condition> =
        types.into_iter().flatten().filter_map(|type_| find(&status.conditions, type_).cloned()).collect();
    // The sort is stable: what is as new stays in this order.
    found.sort_by_key(|it| std::cmp::Reverse(it.observed_generation));
    let Some(first) = found.first() else { return };
    let holds = if first.type_ == REMEDIATED { ConditionStatus::False } else { first.status.clone() };
    note(status, generation, Condition::READY, holds, &first.reason, &first.message);
    if is_true(&status.conditions, Condition::READY) {
        remove(&mut status.conditions, Condition::STALLED);
    }
}

/// All is as it should be.
pub fn succeeded(status: &mut HelmReleaseStatus, object: &HelmRelease) {
    summarize(status, object);
    remove(&mut status.conditions, Condition::RECONCILING);
    remove(&mut status.conditions, Condition::STALLED);
    status.observed_generation = object.metadata.generation.unwrap_or_default();
}

/// The pass did not reach its end. `retry` says in how long a strategy of retries tries again.
pub fn failed(status: &mut HelmReleaseStatus, object: &HelmRelease, failure: &Failure, retry: Option<&str>) {
    let generation = object.metadata.generation.unwrap_or_default();
    let message = failure.to_string();
    match failure.reason() {
        Some(reason) => note(status, generation, Condition::READY, false, reason, &message),
        None => summarize(status, object),
    }
    if let Some(reason) = failure.stalled() {
        remove(&mut status.conditions, Condition::RECONCILING);
        note(status, generation, Condition::STALLED, true, reason, &message);
        if find(&status.conditions, Condition::READY).is_none_or(|it| it.status == ConditionStatus::Unknown) {
            note(status, generation, Condition::READY, false, reason, &message);
        }
        status.observed_generation = generation;
        return;
    }
    remove(&mut status.conditions, Condition::STALLED);
    let message = retry.map_or(message, |after| format!("retrying after {after}"));
    note(status, generation, Condition::RECONCILING, true, "ProgressingWithRetry", &message);
    if retry.is_some() {
        status.observed_generation = generation;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(spec: serde_json::Value) -> HelmRelease {
        serde_json::from_value(json!({"metadata": {"generation": 2}, "spec": spec})).unwrap()
    }

    #[track_caller]
    fn check(conditions: &[(&str, bool, &str, i64)], spec: serde_json::Value, want: (ConditionStatus, &str)) {
        let mut status = HelmReleaseStatus::default();
        for (type_, holds, reason, generation) in conditions {
            note(&mut status, *generation, type_, *holds, reason, "m");
        }
        summarize(&mut status, &release(spec));
        let ready = find(&status.conditions, "Ready").unwrap();
        assert_eq!((ready.status.clone(), ready.reason.as_str()), want, "{conditions:?}");
    }

    #[test]
    fn ready_is_what_the_newest_condition_says() {
        use ConditionStatus::{False, True};
        check(&[("Released", true, "InstallSucceeded", 2)], json!({}), (True, "InstallSucceeded"));
        check(&[("Released", false, "UpgradeFailed", 2)], json!({}), (False, "UpgradeFailed"));
        let undone = [("Released", false, "UpgradeFailed", 2), ("Remediated", true, "RollbackSucceeded", 2)];
        check(&undone, json!({}), (False, "RollbackSucceeded"));
        let old = [("Released", true, "UpgradeSucceeded", 2), ("Remediated", true, "RollbackSucceeded", 1)];
        check(&old, json!({}), (True, "UpgradeSucceeded"));
        let tests = [("Released", true, "InstallSucceeded", 2), ("TestSuccess", false, "TestFailed", 2)];
        check(&tests, json!({}), (True, "InstallSucceeded"));
        check(&tests, json!({"test": {"enable": true}}), (False, "TestFailed"));
        check(&tests, json!({"test": {"enable": true, "ignoreFailures": true}}), (True, "InstallSucceeded"));
    }

    #[test]
    fn what_is_stalled_keeps_its_reason_in_ready() {
        let mut status = HelmReleaseStatus { observed_generation: -1, ..HelmReleaseStatus::default() };
        note(&mut status, 2, RELEASED, false, "InstallFailed", "m");
        let failure =
            Failure::Stalled { reason: "RetriesExceeded", message: "Failed to install after 1 attempt(s)".into() };
        failed(&mut status, &release(json!({})), &failure, None);
        assert_eq!(find(&status.conditions, "Ready").unwrap().reason, "InstallFailed");
        assert_eq!(find(&status.conditions, "Stalled").unwrap().reason, "RetriesExceeded");
        assert_eq!(status.observed_generation, 2);
        succeeded(&mut status, &release(json!({})));
        assert!(find(&status.conditions, "Stalled").is_none());
    }

    #[test]
    fn what_is_tried_again_says_when() {
        let mut status = HelmReleaseStatus::default();
        failed(&mut status, &release(json!({})), &Failure::Values("bad".into()), None);
        assert_eq!(find(&status.conditions, "Ready").unwrap().reason, "ValuesError");
        assert_eq!(status.observed_generation, 0);
        let failure = Failure::Action { message: "m".into(), next: super::super::failure::Next::AtOnce };
        failed(&mut status, &release(json!({})), &failure, Some("5m0s"));
        assert_eq!(find(&status.conditions, "Reconciling").unwrap().message, "retrying after 5m0s");
    }
}
