//! What the status keeps of releases (spec/flux/helm.md §2). Pure.

use std::collections::BTreeMap;

use sluice_api::helm::{Snapshot, TestHookStatus};
use sluice_api::meta::Time;
use sluice_helm::release::{HookRecord, Record, config_digest, snapshot_digest};

/// The rules by which a snapshot's digest is made.
const API_VERSION: &str = "v2";
/// Snapshots that are kept where every failure is tried again.
const RETRY_HISTORY: usize = 5;

/// The snapshot of a record as it is stored.
#[must_use]
pub fn snapshot(record: &Record, action: &str, oci_digest: &str) -> Snapshot {
    let info = record.info.clone().unwrap_or_default();
    let metadata = record.chart.as_ref().and_then(|chart| chart.metadata.clone()).unwrap_or_default();
    Snapshot {
        api_version: API_VERSION.to_owned(),
        digest: snapshot_digest(record, oci_digest).unwrap_or_default(),
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        version: record.version,
        status: record.status().as_str().to_owned(),
        action: action.to_owned(),
        chart_name: metadata.name,
        chart_version: metadata.version,
        app_version: metadata.app_version,
        config_digest: config_digest(&record.config.clone().unwrap_or_default()).unwrap_or_default(),
        first_deployed: time(info.first_deployed.as_deref()).unwrap_or_default(),
        last_deployed: time(info.last_deployed.as_deref()).unwrap_or_default(),
        deleted: time(info.deleted.as_deref()),
        test_hooks: BTreeMap::new(),
        oci_digest: oci_digest.to_owned(),
    }
}

/// Helm's time in the API's form; nothing for one that says nothing.
fn time(text: Option<&str>) -> Option<Time> {
    let text = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01"))?;
    Some(Time::from(text).timestamp().map_or_else(|| Time::from(text), Time::from))
}

/// Notes a record: the snapshot of its revision is replaced, keeping what made it and its tests, or it becomes the
/// newest.
pub fn observe(history: &mut Vec<Snapshot>, record: &Record, action: Option<&str>, oci_digest: Option<&str>) {
    let known = history.iter().position(|it| it.version == record.version && it.name == record.name);
    match known {
        Some(at) => {
            let before = &history[at];
            let action = action.unwrap_or(&before.action).to_owned();
            let oci_digest = oci_digest.unwrap_or(&before.oci_digest).to_owned();
            let test_hooks = before.test_hooks.clone();
            history[at] = Snapshot { test_hooks, ..snapshot(record, &action, &oci_digest) };
        }
        None => {
            history.push(snapshot(record, action.unwrap_or_default(), oci_digest.unwrap_or_default()));
            history.sort_by_key(|it| std::cmp::Reverse(it.version));
        }
    }
}

/// Notes what became of the others when a revision was made: they are superseded.
pub fn supersede(history: &mut [Snapshot], records: &[Record]) {
    for snapshot in history {
        if let Some(record) = records.iter().find(|it| it.version == snapshot.version && it.name == snapshot.name) {
            let (action, oci_digest) = (snapshot.action.clone(), snapshot.oci_digest.clone());
            let test_hooks = std::mem::take(&mut snapshot.test_hooks);
            *snapshot = Snapshot { test_hooks, ..self::snapshot(record, &action, &oci_digest) };
        }
    }
}

/// Whether a record is the one that a snapshot is of. One of other rules cannot be checked and is taken at its word.
#[must_use]
pub fn is_of(snapshot: &Snapshot, record: &Record) -> bool {
    snapshot.name == record.name
        && snapshot.namespace == record.namespace
        && snapshot.version == record.version
        && (snapshot.api_version != API_VERSION
            || snapshot_digest(record, &snapshot.oci_digest).is_ok_and(|it| it == snapshot.digest))
}

/// Drops what is not needed once all is well: what is older than the last good one before the newest.
pub fn truncate(history: &mut Vec<Snapshot>, retries: bool) {
    if retries {
        history.truncate(RETRY_HISTORY);
        return;
    }
    let good = |it: &Snapshot| matches!(it.status.as_str(), "deployed" | "superseded");
    let keep = history.iter().skip(1).position(good).map_or(history.len(), |at| at + 2);
    history.truncate(keep);
}

/// The newest good one before the newest, whose tests have not failed.
#[must_use]
pub fn rollback_target(history: &[Snapshot], ignore_tests: bool) -> Option<&Snapshot> {
    history
        .iter()
        .skip(1)
        .find(|it| matches!(it.status.as_str(), "deployed" | "superseded") && (ignore_tests || !tests_failed(it)))
}

/// Notes how tests went.
pub fn note_tests(snapshot: &mut Snapshot, record: &Record) {
    let tests = record.hooks.iter().flatten().filter(|hook| hook.is_test());
    snapshot.test_hooks = tests.map(|hook| (hook.name.clone(), outcome(hook))).collect();
}

fn outcome(hook: &HookRecord) -> TestHookStatus {
    TestHookStatus {
        last_started: time(hook.last_run.started_at.as_deref()),
        last_completed: time(hook.last_run.completed_at.as_deref()),
        phase: hook.last_run.phase.clone(),
    }
}

/// Whether its tests were run, or it has none.
#[must_use]
pub fn is_tested(snapshot: &Snapshot, record: &Record) -> bool {
    let has_tests = record.hooks.iter().flatten().any(HookRecord::is_test);
    !has_tests || snapshot.test_hooks.values().any(|test| !test.phase.is_empty())
}

/// Whether one of its tests failed.
#[must_use]
pub fn tests_failed(snapshot: &Snapshot) -> bool {
    snapshot.test_hooks.values().any(|test| test.phase == "Failed")
}

/// `ns/name.v3`.
#[must_use]
pub fn full_name(snapshot: &Snapshot) -> String {
    format!("{}/{}.v{}", snapshot.namespace, snapshot.name, snapshot.version)
}

/// `chart@1.2.3`.
#[must_use]
pub fn chart_name(snapshot: &Snapshot) -> String {
    format!("{}@{}", snapshot.chart_name, snapshot.chart_version)
}

#[cfg(test)]
mod tests {
    use sluice_helm::release::{Info, Status};

    use super::*;

    fn record(version: i64, status: Status) -> Record {
        let info = Info { status, last_deployed: Some("2026-01-02T03:04:05.678901234Z".into()), ..Info::default() };
        Record { name: "web".into(), namespace: "apps".into(), version, info: Some(info), ..Record::default() }
    }

    #[test]
    fn a_snapshot_knows_its_record() {
        let mut history = Vec::new();
        observe(&mut history, &record(1, Status::Deployed), Some("install"), None);
        assert!(is_of(&history[0], &record(1, Status::Deployed)));
        assert!(!is_of(&history[0], &record(1, Status::Failed)));
        assert!(!is_of(&history[0], &record(2, Status::Deployed)));
        assert_eq!(history[0].last_deployed.as_str(), "2026-01-02T03:04:05Z");
        history[0].api_version = "v1".into();
        assert!(is_of(&history[0], &record(1, Status::Failed)));
    }

    #[test]
    fn a_revision_has_one_snapshot_and_the_newest_is_first() {
        let mut history = Vec::new();
        observe(&mut history, &record(1, Status::Deployed), Some("install"), None);
        observe(&mut history, &record(2, Status::Failed), Some("upgrade"), None);
        observe(&mut history, &record(2, Status::Deployed), None, None);
        supersede(&mut history, &[record(1, Status::Superseded)]);
        let all: Vec<_> = history.iter().map(|it| (it.version, it.status.as_str(), it.action.as_str())).collect();
        assert_eq!(all, [(2, "deployed", "upgrade"), (1, "superseded", "install")]);
    }

    #[test]
    fn only_the_last_good_ones_are_kept() {
        let check = |statuses: &[Status], want: &[i64]| {
            let mut history = Vec::new();
            for (n, status) in statuses.iter().enumerate() {
                observe(&mut history, &record(n as i64 + 1, status.clone()), None, None);
            }
            truncate(&mut history, false);
            assert_eq!(history.iter().map(|it| it.version).collect::<Vec<_>>(), want);
        };
        check(&[Status::Superseded, Status::Superseded, Status::Failed, Status::Deployed], &[4, 3, 2]);
        check(&[Status::Failed, Status::Deployed], &[2, 1]);
        check(&[Status::Superseded, Status::Superseded, Status::Deployed], &[3, 2]);
    }

    #[test]
    fn what_is_rolled_back_to_was_good_and_is_not_the_newest() {
        let mut history = Vec::new();
        for (version, status) in [(1, Status::Superseded), (2, Status::Superseded), (3, Status::Failed)] {
            observe(&mut history, &record(version, status), None, None);
        }
        assert_eq!(rollback_target(&history, false).map(|it| it.version), Some(2));
        history[1].test_hooks.insert("t".into(), TestHookStatus { phase: "Failed".into(), ..Default::default() });
        assert_eq!(rollback_target(&history, false).map(|it| it.version), Some(1));
        assert_eq!(rollback_target(&history, true).map(|it| it.version), Some(2));
    }
}
