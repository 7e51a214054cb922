//! What the user reads after a pass (spec/flux/kustomize.md §2 and §3). Pure: no client; the clock is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_api::kustomize::{Kustomization, KustomizationStatus, Snapshot};
use sluice_api::meta::{Artifact, Condition, ConditionStatus, Time, remove, set};
use sluice_runtime::duration_text;

use super::failure::Failure;

/// The most snapshots that `status.history` keeps.
const HISTORY: usize = 5;
/// The metadata of an artifact that names the revision it was made from.
const ORIGIN: &str = "org.opencontainers.image.revision";

/// `GitRepository/flux-system/web-app`.
pub fn source_name(object: &Kustomization) -> String {
    format!("{}/{}", object.spec.source_ref.kind, super::source::key(object))
}

/// The revision that an artifact was made from, if it says so.
pub fn origin_revision(artifact: &Artifact) -> String {
    artifact.metadata.get(ORIGIN).cloned().unwrap_or_default()
}

/// The pass is under way.
pub fn progressing(status: &mut KustomizationStatus, generation: i64, message: &str) {
    let ready = Condition::new(Condition::READY, ConditionStatus::Unknown, "Progressing", "Reconciliation in progress");
    set(&mut status.conditions, ready.observed(generation));
    remove(&mut status.conditions, Condition::STALLED);
    let reconciling = Condition::new(Condition::RECONCILING, true, "Progressing", message);
    set(&mut status.conditions, reconciling.observed(generation));
}

/// The pass reached its end.
pub fn succeeded(status: &mut KustomizationStatus, generation: i64, revision: &str, origin: &str, checked: bool) {
    revision.clone_into(&mut status.last_applied_revision);
    origin.clone_into(&mut status.last_applied_origin_revision);
    let message = format!("Applied revision: {revision}");
    set(&mut status.conditions, Condition::ready("ReconciliationSucceeded", message).observed(generation));
    remove(&mut status.conditions, Condition::RECONCILING);
    remove(&mut status.conditions, Condition::STALLED);
    if checked {
        let healthy = Condition::new(Condition::HEALTHY, true, "Succeeded", "Health check passed");
        set(&mut status.conditions, healthy.observed(generation));
    } else {
        remove(&mut status.conditions, Condition::HEALTHY);
    }
    status.observed_generation = generation;
}

/// The pass did not reach its end.
pub fn failed(status: &mut KustomizationStatus, generation: i64, failure: &Failure) {
    let message = failure.to_string();
    set(&mut status.conditions, Condition::not_ready(failure.reason(), message.clone()).observed(generation));
    if failure.is_terminal() {
        remove(&mut status.conditions, Condition::RECONCILING);
        let stalled = Condition::new(Condition::STALLED, true, failure.reason(), message);
        set(&mut status.conditions, stalled.observed(generation));
        status.observed_generation = generation;
    } else {
        remove(&mut status.conditions, Condition::STALLED);
        let retrying = Condition::new(Condition::RECONCILING, true, "ProgressingWithRetry", message.clone());
        set(&mut status.conditions, retrying.observed(generation));
        if let Failure::Health { .. } = failure {
            let healthy = Condition::new(Condition::HEALTHY, false, failure.reason(), message);
            set(&mut status.conditions, healthy.observed(generation));
        }
    }
}

/// Notes in the history that a build was applied, or was not: one snapshot for each build and outcome, latest first.
pub fn remember(
    status: &mut KustomizationStatus,
    digest: &str,
    outcome: &str,
    took: Duration,
    revision: &str,
    origin: &str,
) {
    let now = Time::now();
    let same = |it: &Snapshot| it.digest == digest && it.last_reconciled_status == outcome;
    let mut snapshot = match status.history.iter().position(same) {
        Some(at) => status.history.remove(at),
        None => Snapshot {
            digest: digest.to_owned(),
            first_reconciled: now.clone(),
            last_reconciled_status: outcome.to_owned(),
            ..Snapshot::default()
        },
    };
    snapshot.last_reconciled = now;
    snapshot.last_reconciled_duration = duration_text(took).as_str().into();
    snapshot.total_reconciliations = snapshot.total_reconciliations.saturating_add(1);
    let mut metadata = BTreeMap::from([("revision".to_owned(), revision.to_owned())]);
    if !origin.is_empty() {
        metadata.insert("originRevision".to_owned(), origin.to_owned());
    }
    snapshot.metadata = metadata;
    status.history.insert(0, snapshot);
    status.history.truncate(HISTORY);
}

#[cfg(test)]
mod tests {
    use sluice_api::meta::{find, is_true};

    use super::*;

    #[test]
    fn success_clears_what_was_in_the_way() {
        let mut status = KustomizationStatus { observed_generation: -1, ..KustomizationStatus::default() };
        failed(&mut status, 1, &Failure::Build("bad".into()));
        assert_eq!(find(&status.conditions, "Ready").unwrap().reason, "BuildFailed");
        assert_eq!(find(&status.conditions, "Reconciling").unwrap().reason, "ProgressingWithRetry");
        assert_eq!(status.observed_generation, -1, "only success and what is final observe a generation");
        succeeded(&mut status, 1, "main@sha1:abc", "", true);
        assert_eq!(find(&status.conditions, "Ready").unwrap().message, "Applied revision: main@sha1:abc");
        assert!(is_true(&status.conditions, "Healthy") && find(&status.conditions, "Reconciling").is_none());
        assert_eq!(status.observed_generation, 1);
    }

    #[test]
    fn what_only_a_new_specification_can_help_is_stalled() {
        let mut status = KustomizationStatus::default();
        failed(&mut status, 3, &Failure::AccessDenied("no".into()));
        assert!(is_true(&status.conditions, "Stalled") && find(&status.conditions, "Reconciling").is_none());
        assert_eq!(status.observed_generation, 3);
    }

    #[test]
    fn the_history_holds_one_entry_for_a_build_and_outcome() {
        let mut status = KustomizationStatus::default();
        for (digest, outcome) in [("a", "X"), ("b", "X"), ("a", "X"), ("a", "Y"), ("c", "X"), ("d", "X"), ("e", "X")] {
            remember(&mut status, digest, outcome, Duration::from_secs(1), "r", "");
        }
        let digests: Vec<&str> = status.history.iter().map(|it| it.digest.as_str()).collect();
        assert_eq!(digests, ["e", "d", "c", "a", "a"]);
        assert_eq!(status.history[4].total_reconciliations, 2);
    }
}
