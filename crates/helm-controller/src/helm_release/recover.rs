//! Takes up what a killed pass did and could not tell, so that nothing is done twice and nothing is forgotten.

use sluice_helm::release::{Record, Status};
use sluice_release::latest;
use tracing::info;

use super::history;
use super::reconcile::Pass;
use super::release::Wanted;
use super::status::{RELEASED, REMEDIATED, note, summarize};
use super::unfinished::{self, Unfinished};

impl Pass<'_> {
    /// Notes what a pass that was killed made and could not tell of, as that pass would have.
    pub(super) fn recover(&mut self, stored: &[Record], wanted: &Wanted<'_>, digest: &str) {
        let object = self.object.clone();
        let Some(record) = latest(stored) else { return };
        let Some(unfinished) = unfinished::of(&object.status, record) else { return };
        info!(?unfinished, version = record.version, "an action that a killed pass could not tell of is taken up");
        let failed = record.status() == Status::Failed;
        let oci_digest = object.status.last_attempted_revision_digest.clone();
        match unfinished {
            Unfinished::Install | Unfinished::Upgrade => {
                let installs = unfinished == Unfinished::Install;
                let word = if installs { "install" } else { "upgrade" };
                history::observe(&mut self.status.history, record, Some(word), Some(&oci_digest));
                // Of another specification nothing is left to tell.
                let same = object.status.last_attempted_generation == self.generation()
                    && object.status.last_attempted_revision == wanted.loaded.chart.metadata.version
                    && object.status.last_attempted_config_digest == digest;
                if !failed {
                    history::supersede(&mut self.status.history, stored);
                    self.note_released(true);
                    if same {
                        self.observed_digests();
                    }
                } else if same && !unfinished::was_cut_off(record) {
                    self.status.failures += 1;
                    match installs {
                        true => self.status.install_failures += 1,
                        false => self.status.upgrade_failures += 1,
                    }
                    let why = record.info.as_ref().and_then(|it| it.description.clone()).unwrap_or_default();
                    let message = format!("Helm {word} failed for {}: {why}", self.released());
                    let reason = if installs { "InstallFailed" } else { "UpgradeFailed" };
                    let generation = self.generation();
                    note(&mut self.status, generation, RELEASED, false, reason, &message);
                    summarize(&mut self.status, &object);
                }
            }
            Unfinished::Rollback { to } => {
                let target = self.status.history.iter().find(|it| it.version == to).cloned().unwrap_or_default();
                history::observe(&mut self.status.history, record, Some("rollback"), Some(&target.oci_digest));
                history::supersede(&mut self.status.history, stored);
                if !failed {
                    let what = format!("{} with chart {}", history::full_name(&target), history::chart_name(&target));
                    let message = format!("Helm rollback to previous release {what} succeeded");
                    let generation = self.generation();
                    note(&mut self.status, generation, REMEDIATED, true, "RollbackSucceeded", &message);
                    summarize(&mut self.status, &object);
                }
            }
        }
        self.status.inventory = None;
    }
}
