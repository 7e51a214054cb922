//! What the user reads about drift (spec/flux/helm.md §7). Pure.

use sluice_api::helm::HelmRelease;
use sluice_apply::IgnoreRules;
use sluice_release::{Drift, DriftKind};

use super::failure::Failure;

/// Objects that are named in a message.
const NAMED: usize = 50;

/// The fields that `spec.driftDetection.ignore` leaves to others.
///
/// # Errors
/// When a rule is none, naming it.
pub fn ignore_rules(object: &HelmRelease) -> Result<IgnoreRules, Failure> {
    let rules = object.spec.drift_detection.as_ref().map(|it| it.ignore.as_slice()).unwrap_or_default();
    IgnoreRules::new(rules).map_err(|why| Failure::State(format!("spec.driftDetection.ignore{why}")))
}

/// A line for each object.
#[must_use]
pub fn listing(drifts: &[Drift]) -> String {
    let mut lines: Vec<String> = drifts.iter().take(NAMED).map(line).collect();
    if drifts.len() > NAMED {
        lines.push(format!("and {} more", drifts.len() - NAMED));
    }
    lines.join("\n")
}

fn line(drift: &Drift) -> String {
    match &drift.kind {
        DriftKind::Deleted => format!("{} removed", drift.object),
        DriftKind::Changed(differences) => {
            let added = differences.iter().filter(|it| it.live.is_none()).count();
            let removed = differences.iter().filter(|it| it.desired.is_none()).count();
            let changed = differences.len() - added - removed;
            let first = differences.first().map(|it| format!(" at {}", it.pointer)).unwrap_or_default();
            let more = if differences.len() > 1 { " and elsewhere" } else { "" };
            format!("{} changed ({added} additions, {changed} changes, {removed} removals){first}{more}", drift.object)
        }
    }
}
