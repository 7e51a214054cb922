//! What a pass that was killed did and could not tell: the newest record is one that the status does not know, though the
//! status says that just such a one was being made (SECURITY F6, I5). Pure.

use sluice_api::helm::{HelmReleaseStatus, ReleaseAction};
use sluice_api::meta::{Condition, find, is_true};
use sluice_helm::release::{Record, Status, config_digest};

/// What the status does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// The installation that was tried last came to its end.
    Install,
    /// The upgrade that was tried last came to its end.
    Upgrade,
    /// A rollback came to its end.
    Rollback {
        /// The revision that it went back to.
        to: i64,
    },
}

/// What a killed pass has made, if the newest record is its. `status` is as the server had it when the pass began.
#[must_use]
pub fn of(status: &HelmReleaseStatus, latest: &Record) -> Option<Unfinished> {
    if !matches!(latest.status(), Status::Deployed | Status::Failed) {
        return None;
    }
    let follows = status.history.first().is_none_or(|last| {
        last.name == latest.name && last.namespace == latest.namespace && last.version + 1 == latest.version
    });
    let running = find(&status.conditions, Condition::RECONCILING).map_or("", |it| it.message.as_str());
    if !follows || !is_true(&status.conditions, Condition::RECONCILING) {
        return None;
    }
    if running.starts_with("Running 'rollback'") {
        let description = latest.info.as_ref().and_then(|info| info.description.as_deref()).unwrap_or_default();
        // One that failed says so in place of where it went to.
        let to = description.strip_prefix("Rollback to ").and_then(|version| version.parse().ok());
        let failed = latest.status() == Status::Failed;
        return to.or(failed.then_some(0)).map(|to| Unfinished::Rollback { to });
    }
    let action = match &status.last_attempted_release_action {
        Some(ReleaseAction::Install) if running.starts_with("Running 'install'") => Unfinished::Install,
        Some(ReleaseAction::Upgrade) if running.starts_with("Running 'upgrade'") => Unfinished::Upgrade,
        _ => return None,
    };
    let version = latest.chart.as_ref().and_then(|it| it.metadata.as_ref()).map_or("", |it| it.version.as_str());
    let config = config_digest(&latest.config.clone().unwrap_or_default()).ok();
    let is_it =
        version == status.last_attempted_revision && config.is_some_and(|it| it == status.last_attempted_config_digest);
    is_it.then_some(action)
}

/// Whether a record failed because its action was told to stop, or was killed and found later: that is nobody's failure.
#[must_use]
pub fn was_cut_off(record: &Record) -> bool {
    let description = record.info.as_ref().and_then(|info| info.description.as_deref()).unwrap_or_default();
    description.ends_with("interrupted") || description.starts_with("Release unlocked from stale ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_helm::release::{ChartMetadata, ChartRecord, Info};

    use super::*;

    fn record(version: i64, status: Status, description: &str) -> Record {
        let metadata = ChartMetadata { name: "web".into(), version: "1.0.0".into(), ..ChartMetadata::default() };
        Record {
            name: "web".into(),
            namespace: "apps".into(),
            version,
            info: Some(Info { status, description: Some(description.into()), ..Info::default() }),
            chart: Some(ChartRecord { metadata: Some(metadata), ..ChartRecord::default() }),
            ..Record::default()
        }
    }

    fn status(running: &str) -> HelmReleaseStatus {
        serde_json::from_value(json!({
            "history": [{"name": "web", "namespace": "apps", "version": 2}],
            "lastAttemptedReleaseAction": "upgrade", "lastAttemptedRevision": "1.0.0",
            "lastAttemptedConfigDigest": config_digest(&serde_json::Map::new()).unwrap(),
            "conditions": [{"type": "Reconciling", "status": "True", "reason": "Progressing", "message": running,
                            "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        }))
        .unwrap()
    }

    #[test]
    fn a_revision_that_was_being_made_is_known_again() {
        let upgrading = status("Running 'upgrade' action with timeout of 5m0s");
        let upgrade = Some(Unfinished::Upgrade);
        assert_eq!(of(&upgrading, &record(3, Status::Deployed, "Upgrade complete")), upgrade);
        assert_eq!(of(&upgrading, &record(3, Status::Failed, "Upgrade \"web\" failed: x")), upgrade);
        assert_eq!(of(&upgrading, &record(3, Status::PendingUpgrade, "Preparing upgrade")), None);
        assert_eq!(of(&upgrading, &record(4, Status::Deployed, "Upgrade complete")), None, "somebody else was there");
        let mut other = upgrading;
        other.last_attempted_revision = "2.0.0".into();
        assert_eq!(of(&other, &record(3, Status::Deployed, "Upgrade complete")), None);
        assert_eq!(of(&status("retrying after 5m0s"), &record(3, Status::Deployed, "Upgrade complete")), None);
    }

    #[test]
    fn a_rollback_that_was_under_way_is_known_again() {
        let rolling = status("Running 'rollback' action with timeout of 5m0s");
        let to = |to| Some(Unfinished::Rollback { to });
        assert_eq!(of(&rolling, &record(3, Status::Deployed, "Rollback to 1")), to(1));
        assert_eq!(of(&rolling, &record(3, Status::Failed, "Release \"web\" failed: x")), to(0));
        assert_eq!(of(&rolling, &record(3, Status::Deployed, "Upgrade complete")), None);
    }
}
