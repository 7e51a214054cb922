//! How a release stands beside what is wanted (spec/flux/helm.md §4 "State determination"). Pure; drift, which only the
//! cluster can tell, comes after.

use sluice_api::helm::{HelmRelease, Snapshot};
use sluice_helm::release::{Record, Status};

use super::history;

/// How a release stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be, as far as its records tell.
    InSync,
    /// An action died in the middle.
    Locked,
    /// There is none.
    Absent,
    /// It is not the one that was last made here.
    Unmanaged(String),
    /// It was made of another chart, or with other values or changes.
    OutOfSync(String),
    /// Its tests have not been run.
    Untested,
    /// The last action, or its tests, failed.
    Failed(String),
}

/// What is wanted, and what is stored.
pub struct Seen<'a> {
    /// The HelmRelease.
    pub object: &'a HelmRelease,
    /// Its history, as this pass has it.
    pub history: &'a [Snapshot],
    /// The record of the highest revision.
    pub latest: Option<&'a Record>,
    /// The chart's name and version.
    pub chart: (&'a str, &'a str),
    /// The digest of the values.
    pub config_digest: &'a str,
    /// The digest of the post-renderers.
    pub post_renderers_digest: &'a str,
    /// The digest of the common metadata.
    pub common_metadata_digest: &'a str,
}

/// How a release stands.
#[must_use]
pub fn determine(seen: &Seen<'_>) -> State {
    let Some(latest) = seen.latest else { return State::Absent };
    let status = latest.status();
    // What dies while it uninstalls is as stuck as what dies while it installs.
    if status.is_pending()
        || matches!(status, Status::Uninstalling | Status::Unknown | Status::Unset | Status::Other(_))
    {
        return State::Locked;
    }
    if status == Status::Uninstalled {
        return State::Absent;
    }
    let Some(last) = seen.history.first() else { return State::Unmanaged("release not managed by object".to_owned()) };
    if !history::is_of(last, latest) {
        return State::Unmanaged("release is not the one that was last observed".to_owned());
    }
    match status {
        Status::Failed => return State::Failed("release is in a failed state".to_owned()),
        Status::Superseded => return State::OutOfSync("the latest release is superseded".to_owned()),
        _ => {}
    }
    if let Some(why) = differs(seen, latest) {
        return State::OutOfSync(why);
    }
    let tests = seen.object.spec.test.as_ref().filter(|it| it.enable);
    if let Some(tests) = tests {
        if !history::is_tested(last, latest) {
            return State::Untested;
        }
        let upgrading = last.action != "install";
        let ignored = tests.ignore_failures || super::policy::remediation(seen.object, upgrading).ignore_test_failures;
        if history::tests_failed(last) && !ignored {
            return State::Failed("release has test in failed phase".to_owned());
        }
    }
    State::InSync
}

/// Why a record is not what is wanted.
fn differs(seen: &Seen<'_>, latest: &Record) -> Option<String> {
    let metadata = latest.chart.as_ref().and_then(|chart| chart.metadata.as_ref());
    let (name, version) = metadata.map_or(("", ""), |it| (it.name.as_str(), it.version.as_str()));
    if name != seen.chart.0 {
        return Some(format!("release chart name changed: {name} -> {}", seen.chart.0));
    }
    if version != seen.chart.1 {
        return Some(format!("release chart version changed: {version} -> {}", seen.chart.1));
    }
    let config = latest.config.clone().unwrap_or_default();
    if sluice_helm::release::config_digest(&config).map_or(true, |digest| digest != seen.config_digest) {
        return Some("release config values changed".to_owned());
    }
    let status = &seen.object.status;
    if status.observed_generation != seen.object.metadata.generation.unwrap_or_default() {
        if status.observed_post_renderers_digest != seen.post_renderers_digest {
            return Some("postrenderers digest changed".to_owned());
        }
        if status.observed_common_metadata_digest != seen.common_metadata_digest {
            return Some("common metadata digest changed".to_owned());
        }
    }
    None
}

/// Whether a deployed release that is not known here is as it is wanted, so that it can be taken over as it is: Helm
/// made it, or a pass that died before it could say so. What changes rendered objects shows in no record, so with
/// post-renderers or common metadata there has to be a new revision.
#[must_use]
pub fn is_as_wanted(seen: &Seen<'_>, latest: &Record) -> bool {
    let newer = seen.history.first().is_none_or(|last| last.version < latest.version || last.name != latest.name);
    newer
        && latest.status() == Status::Deployed
        && seen.object.spec.post_renderers.is_empty()
        && seen.object.spec.common_metadata.is_none()
        && differs(&Seen { history: &[], ..*seen }, latest).is_none_or(|why| why.contains("digest changed"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};
    use sluice_helm::release::{ChartMetadata, ChartRecord, HookRecord, Info, config_digest};

    use super::*;

    fn record(status: Status) -> Record {
        let metadata = ChartMetadata { name: "web".into(), version: "1.0.0".into(), ..ChartMetadata::default() };
        Record {
            name: "web".into(),
            namespace: "apps".into(),
            version: 2,
            info: Some(Info { status, ..Info::default() }),
            chart: Some(ChartRecord { metadata: Some(metadata), ..ChartRecord::default() }),
            config: json!({"a": 1.0}).as_object().cloned(),
            ..Record::default()
        }
    }

    struct Case {
        object: HelmRelease,
        latest: Option<Record>,
        history: Vec<Snapshot>,
        version: &'static str,
        values: Map<String, Value>,
    }

    impl Case {
        fn of(latest: Record) -> Self {
            let mut object: HelmRelease =
                serde_json::from_value(json!({"metadata": {"generation": 1}, "spec": {}})).unwrap();
            object.status.observed_generation = 1;
            let mut history = Vec::new();
            history::observe(&mut history, &latest, Some("upgrade"), None);
            let values = json!({"a": 1.0}).as_object().cloned().unwrap();
            Case { object, latest: Some(latest), history, version: "1.0.0", values }
        }

        fn with<T>(&self, check: impl FnOnce(&Seen<'_>) -> T) -> T {
            check(&Seen {
                object: &self.object,
                history: &self.history,
                latest: self.latest.as_ref(),
                chart: ("web", self.version),
                config_digest: &config_digest(&self.values).unwrap(),
                post_renderers_digest: "p",
                common_metadata_digest: "",
            })
        }

        fn state(&self) -> State {
            self.with(determine)
        }
    }

    #[test]
    fn records_tell_the_state() {
        let of = |status| Case::of(record(status)).state();
        assert_eq!(of(Status::Deployed), State::InSync);
        assert_eq!(of(Status::Uninstalled), State::Absent);
        assert!(matches!(of(Status::Failed), State::Failed(_)));
        assert!(matches!(of(Status::Superseded), State::OutOfSync(_)));
        for stuck in [
            Status::PendingInstall,
            Status::PendingUpgrade,
            Status::PendingRollback,
            Status::Uninstalling,
            Status::Unknown,
            Status::Other("hm".into()),
        ] {
            assert_eq!(of(stuck), State::Locked);
        }
        assert_eq!(Case { latest: None, ..Case::of(record(Status::Deployed)) }.state(), State::Absent);
    }

    #[test]
    fn what_is_wanted_otherwise_is_out_of_sync() {
        let out = |case: Case| matches!(case.state(), State::OutOfSync(_));
        assert!(out(Case { version: "1.1.0", ..Case::of(record(Status::Deployed)) }));
        assert!(out(Case { values: Map::new(), ..Case::of(record(Status::Deployed)) }));
        let mut newer = Case::of(record(Status::Deployed));
        newer.object.metadata.generation = Some(2);
        assert!(out(newer), "the digest of the post-renderers counts for a new generation");
    }

    #[test]
    fn a_release_that_is_not_known_here_is_unmanaged_and_may_be_as_wanted() {
        let mut case = Case::of(record(Status::Deployed));
        case.history[0].version = 1;
        assert!(matches!(case.state(), State::Unmanaged(_)));
        assert!(case.with(|seen| is_as_wanted(seen, &record(Status::Deployed))));
        assert!(!case.with(|seen| is_as_wanted(seen, &record(Status::Failed))));
        case.version = "2.0.0";
        assert!(!case.with(|seen| is_as_wanted(seen, &record(Status::Deployed))));
        let mut changed = Case::of(record(Status::Deployed));
        changed.history[0].digest = "sha256:other".into();
        assert!(matches!(changed.state(), State::Unmanaged(_)));
        assert!(!changed.with(|seen| is_as_wanted(seen, &record(Status::Deployed))), "the same revision was changed");
    }

    #[test]
    fn tests_are_run_once_and_their_failure_counts() {
        let mut tested = record(Status::Deployed);
        tested.hooks =
            Some(vec![HookRecord { name: "t".into(), events: Some(vec!["test".into()]), ..HookRecord::default() }]);
        let mut case = Case::of(tested.clone());
        assert_eq!(case.state(), State::InSync);
        case.object.spec.test = serde_json::from_value(json!({"enable": true})).unwrap();
        assert_eq!(case.state(), State::Untested);
        tested.hooks.as_mut().unwrap()[0].last_run.phase = "Failed".into();
        history::note_tests(&mut case.history[0], &tested);
        assert!(matches!(case.state(), State::Failed(_)));
        case.object.spec.test = serde_json::from_value(json!({"enable": true, "ignoreFailures": true})).unwrap();
        assert_eq!(case.state(), State::InSync);
    }
}
