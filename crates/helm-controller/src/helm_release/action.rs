//! What to do about a state (spec/flux/helm.md §4 "Action table"). Pure.

use sluice_api::helm::{HelmRelease, HelmReleaseStatus, ReleaseAction};

use super::history;
use super::policy::{self, Defaults, Remediation, Strategy};
use super::state::State;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing; look for drift.
    Settle,
    /// Let the next action start.
    Unlock,
    /// Install.
    Install,
    /// Upgrade.
    Upgrade,
    /// Upgrade a release that is not the one made here.
    TakeOver,
    /// Run the tests.
    Test,
    /// Go back to a revision.
    Rollback(i64),
    /// Uninstall, to try again.
    Uninstall,
    /// Wait for somebody.
    Stall {
        /// `RetriesExceeded` or `MissingRollbackTarget`.
        reason: &'static str,
        /// Why.
        message: String,
    },
}

/// Whether a request forces a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What to do about a state. `status` is as this pass has it; `stored` are the revisions that are stored as the history
/// has them.
#[must_use]
pub fn next(
    object: &HelmRelease,
    status: &HelmReleaseStatus,
    state: &State,
    force: Force,
    stored: &[i64],
    defaults: Defaults,
) -> Action {
    let forced = force == Force::Yes;
    match state {
        State::Locked => Action::Unlock,
        State::InSync if forced => Action::Upgrade,
        State::InSync => Action::Settle,
        State::Absent => {
            let it = policy::remediation(object, false);
            let remediates = policy::strategy(object, false, defaults) == Strategy::Remediate;
            if remediates && it.exhausted(status.install_failures) && !forced {
                return exhausted("install", status.install_failures);
            }
            Action::Install
        }
        State::Unmanaged(_) => Action::TakeOver,
        State::OutOfSync(_) => {
            let it = policy::remediation(object, true);
            let remediates = policy::strategy(object, true, defaults) == Strategy::Remediate;
            if remediates && it.exhausted(status.upgrade_failures) && !forced {
                return exhausted("upgrade", status.upgrade_failures);
            }
            Action::Upgrade
        }
        State::Untested => Action::Test,
        State::Failed(_) => failed(object, status, forced, stored, defaults),
    }
}

fn failed(
    object: &HelmRelease,
    status: &HelmReleaseStatus,
    forced: bool,
    stored: &[i64],
    defaults: Defaults,
) -> Action {
    let upgrading = is_upgrading(status);
    if policy::strategy(object, upgrading, defaults) != Strategy::Remediate {
        return Action::Upgrade;
    }
    let remediation = policy::remediation(object, upgrading);
    let count = failures(status, upgrading);
    // Whatever failed was not an action of this specification.
    if count <= 0 || forced {
        return Action::Upgrade;
    }
    if remediation.exhausted(count) && !remediation.last_failure {
        return exhausted(name(upgrading), count);
    }
    if remediation.uninstalls {
        return Action::Uninstall;
    }
    match history::rollback_target(&status.history, remediation.ignore_test_failures) {
        None => Action::Stall {
            reason: "MissingRollbackTarget",
            message: "Failed to perform remediation: missing target release to rollback to".to_owned(),
        },
        Some(target) if stored.contains(&target.version) => Action::Rollback(target.version),
        // It is gone, or not what it was: all that is left is to go on.
        Some(_) => Action::Upgrade,
    }
}

/// Whether the action that was last tried is an upgrade.
#[must_use]
pub fn is_upgrading(status: &HelmReleaseStatus) -> bool {
    status.last_attempted_release_action == Some(ReleaseAction::Upgrade)
}

/// How often the action that was last tried failed.
#[must_use]
pub fn failures(status: &HelmReleaseStatus, upgrading: bool) -> i64 {
    if upgrading { status.upgrade_failures } else { status.install_failures }
}

fn name(upgrading: bool) -> &'static str {
    if upgrading { "upgrade" } else { "install" }
}

fn exhausted(action: &str, attempts: i64) -> Action {
    Action::Stall { reason: "RetriesExceeded", message: format!("Failed to {action} after {attempts} attempt(s)") }
}

/// What comes after a remediation that worked: the next try, or, when there is none left, nothing. Uninstalling after an
/// upgrade leaves the installation to try.
#[must_use]
pub fn after_remediation(object: &HelmRelease, status: &HelmReleaseStatus) -> Option<Action> {
    let upgrading = is_upgrading(status);
    let it: Remediation = policy::remediation(object, upgrading);
    let count = failures(status, upgrading);
    let reinstalls = upgrading && it.uninstalls;
    (it.exhausted(count) && !reinstalls).then(|| exhausted(name(upgrading), count))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_api::helm::Snapshot;

    use super::*;

    struct Case {
        spec: Value,
        status: Value,
        state: State,
        force: Force,
        stored: Vec<i64>,
    }

    fn case(spec: Value, status: Value, state: State) -> Case {
        Case { spec, status, state, force: Force::No, stored: vec![1, 2] }
    }

    #[track_caller]
    fn check(case: Case, want: &str) {
        let object: HelmRelease = serde_json::from_value(json!({"spec": case.spec, "status": case.status})).unwrap();
        let mut status = object.status.clone();
        let good = |version, status: &str| Snapshot { version, status: status.into(), ..Snapshot::default() };
        if status.history.is_empty() && case.status.get("history").is_none() {
            status.history = vec![good(2, "failed"), good(1, "superseded")];
        }
        let action = next(&object, &status, &case.state, case.force, &case.stored, Defaults::default());
        let got = match &action {
            Action::Stall { reason, message } => format!("{reason}: {message}"),
            other => format!("{other:?}"),
        };
        assert_eq!(got, want, "{} {} {:?}", case.spec, case.status, case.state);
    }

    fn failed() -> State {
        State::Failed(String::new())
    }

    fn out() -> State {
        State::OutOfSync(String::new())
    }

    #[test]
    fn the_table_of_states() {
        check(case(json!({}), json!({}), State::InSync), "Settle");
        check(Case { force: Force::Yes, ..case(json!({}), json!({}), State::InSync) }, "Upgrade");
        check(case(json!({}), json!({}), State::Locked), "Unlock");
        check(case(json!({}), json!({}), State::Absent), "Install");
        check(case(json!({}), json!({}), State::Unmanaged(String::new())), "TakeOver");
        check(case(json!({}), json!({}), out()), "Upgrade");
        check(case(json!({}), json!({}), State::Untested), "Test");
        check(case(json!({}), json!({}), failed()), "Upgrade");
    }

    #[test]
    fn failed_installations() {
        let once = json!({"lastAttemptedReleaseAction": "install", "installFailures": 1});
        check(case(json!({}), once.clone(), failed()), "RetriesExceeded: Failed to install after 1 attempt(s)");
        check(case(json!({}), once.clone(), State::Absent), "RetriesExceeded: Failed to install after 1 attempt(s)");
        check(Case { force: Force::Yes, ..case(json!({}), once.clone(), State::Absent) }, "Install");
        let retries = json!({"install": {"remediation": {"retries": 1}}});
        check(case(retries.clone(), once.clone(), failed()), "Uninstall");
        check(case(retries.clone(), once.clone(), State::Absent), "Install");
        let twice = json!({"lastAttemptedReleaseAction": "install", "installFailures": 2});
        check(case(retries, twice.clone(), failed()), "RetriesExceeded: Failed to install after 2 attempt(s)");
        let last = json!({"install": {"remediation": {"retries": 1, "remediateLastFailure": true}}});
        check(case(last, twice, failed()), "Uninstall");
        let forever = json!({"install": {"remediation": {"retries": -1}}});
        check(case(forever, once.clone(), failed()), "Uninstall");
        let retry = json!({"install": {"strategy": {"name": "RetryOnFailure"}}});
        check(case(retry.clone(), once.clone(), failed()), "Upgrade");
        check(case(retry, once, State::Absent), "Install");
    }

    #[test]
    fn failed_upgrades() {
        let once = json!({"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": 1});
        check(case(json!({}), once.clone(), failed()), "RetriesExceeded: Failed to upgrade after 1 attempt(s)");
        check(case(json!({}), once.clone(), out()), "RetriesExceeded: Failed to upgrade after 1 attempt(s)");
        check(Case { force: Force::Yes, ..case(json!({}), once.clone(), failed()) }, "Upgrade");
        let retries = json!({"upgrade": {"remediation": {"retries": 1}}});
        check(case(retries.clone(), once.clone(), failed()), "Rollback(1)");
        check(Case { stored: vec![2], ..case(retries.clone(), once.clone(), failed()) }, "Upgrade");
        let no_target = json!({"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": 1, "history": []});
        check(
            case(retries.clone(), no_target, failed()),
            "MissingRollbackTarget: Failed to perform remediation: missing target release to rollback to",
        );
        let twice = json!({"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": 2});
        check(case(retries.clone(), twice.clone(), failed()), "Rollback(1)");
        check(case(retries, twice, out()), "RetriesExceeded: Failed to upgrade after 2 attempt(s)");
        let uninstall = json!({"upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}});
        check(case(uninstall, once.clone(), failed()), "Uninstall");
        let retry = json!({"upgrade": {"strategy": {"name": "RetryOnFailure"}}});
        check(case(retry, once, failed()), "Upgrade");
    }

    #[test]
    fn after_the_last_remediation_somebody_has_to_look() {
        let object = |spec: Value| -> HelmRelease { serde_json::from_value(json!({"spec": spec})).unwrap() };
        let status = |failures| HelmReleaseStatus {
            last_attempted_release_action: Some(ReleaseAction::Upgrade),
            upgrade_failures: failures,
            ..HelmReleaseStatus::default()
        };
        let retries = object(json!({"upgrade": {"remediation": {"retries": 1}}}));
        assert_eq!(after_remediation(&retries, &status(1)), None);
        assert!(matches!(after_remediation(&retries, &status(2)), Some(Action::Stall { .. })));
        let uninstall = object(json!({"upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}}));
        assert_eq!(after_remediation(&uninstall, &status(2)), None);
    }
}
