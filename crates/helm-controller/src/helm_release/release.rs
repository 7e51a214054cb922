//! From a chart and values to a release: state, action, and what the status says of each (spec/flux/helm.md §4).

use std::future::Future;
use std::time::Duration;

use serde_json::{Map, Value};
use sluice_api::helm::{DriftDetectionMode, ReleaseAction};
use sluice_api::meta::{Artifact, Condition, find, is_true, remove};
use sluice_apply::{Applier, Checks, inventory};
use sluice_helm::release::{Record, Status, config_digest};
use sluice_release::{Chosen, Failure as ReleaseFailure, Release, explain, latest};
use sluice_runtime::{Interrupt, Severity, duration_text};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::action::{self, Action, Force, after_remediation, is_upgrading};
use super::chart::Loaded;
use super::failure::{Failure, Next};
use super::policy::{self, Strategy};
use super::reconcile::Pass;
use super::settled::Settled;
use super::state::{Seen, State, determine, is_as_wanted};
use super::status::{DRIFTED, RELEASED, REMEDIATED, TEST_SUCCESS, note, progressing, summarize};
use super::{drift, events, history, post_render};

/// How often it is looked whether a wait is for something that is wanted no more, once there is a reason to ask.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a pass releases.
pub struct Wanted<'a> {
    /// The chart.
    pub loaded: Loaded,
    /// Where it came from.
    pub artifact: &'a Artifact,
    /// The values over its own.
    pub values: Map<String, Value>,
    /// Acts as whoever the release is made as.
    pub applier: &'a Applier,
    /// How ready objects are.
    pub checks: &'a Checks,
    /// Whether a request forces a release.
    pub force: Force,
    /// The release's name, its namespace, and that of its records.
    pub at: (&'a str, &'a str, &'a str),
}

/// Types of actions: each is done at most once in a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Release,
    Remediate,
    Test,
    Unlock,
}

impl Pass<'_> {
    /// Does what the state of the release asks for, until it is as it should be.
    pub async fn release(&mut self, wanted: &Wanted<'_>, interrupt: &Interrupt) -> Result<(), Failure> {
        let (ctx, object) = (self.ctx, self.object.clone());
        let stop = CancellationToken::new();
        let capabilities = ctx.capabilities(&cluster_of(&object));
        let owner = self.key.clone();
        let release = Release {
            name: wanted.at.0,
            namespace: wanted.at.1,
            storage_namespace: wanted.at.2,
            max_history: policy::max_history(&object),
            owner: &owner,
            applier: wanted.applier,
            capabilities: &capabilities,
            checks: wanted.checks,
            stop: &stop,
        };
        let chosen = Chosen {
            chart: wanted.loaded.chart.clone(),
            values: wanted.values.clone(),
            post: Some(post_render::of(&object, self.defaults.helm3)),
            crd_labels: post_render::origin(&object),
            limits: sluice_helm::Limits::default(),
        };
        let digest = config_digest(&wanted.values).map_err(|error| Failure::Values(error.to_string()))?;
        let mut force = wanted.force;
        let mut ran: Vec<Kind> = Vec::new();
        let mut records: Option<Vec<Record>> = None;
        loop {
            let stored = match records.take() {
                Some(stored) => stored,
                None => release.storage().history().await.map_err(Failure::State)?,
            };
            if ran.is_empty() {
                self.recover(&stored, wanted, &digest);
            }
            let (state, taken) = self.state(&stored, wanted, &digest);
            if let Some(record) = taken {
                self.take_over(record, wanted);
            }
            let known = |record: &&Record| self.status.history.iter().any(|it| history::is_of(it, record));
            let versions: Vec<i64> = stored.iter().filter(known).map(|it| it.version).collect();
            let next = action::next(&object, &self.status, &state, force, &versions, self.defaults);
            info!(?state, action = ?next, "release");
            let kind = match &next {
                Action::Settle => return self.settle(&release, &stored, wanted).await,
                Action::Stall { reason, message } => {
                    return Err(Failure::Stalled { reason, message: message.clone() });
                }
                Action::Unlock => Kind::Unlock,
                Action::Install | Action::Upgrade | Action::TakeOver => Kind::Release,
                Action::Test => Kind::Test,
                Action::Rollback(_) | Action::Uninstall => Kind::Remediate,
            };
            if ran.contains(&kind) {
                let message = self.last_message();
                return Err(Failure::Action { message, next: Next::Backoff });
            }
            ran.push(kind);
            let supervise = Supervise { stop: &stop, interrupt, wanted: wanted.artifact };
            records = match next {
                Action::Unlock => {
                    self.unlock(&release, &stored).await?;
                    None
                }
                Action::Test => self.test(&release, &stored, &supervise).await?,
                Action::Rollback(version) => {
                    return self.roll_back(&release, &stored, version, &supervise).await;
                }
                Action::Uninstall => return self.undo_by_uninstalling(&release, &stored, &supervise).await,
                Action::Install | Action::Upgrade | Action::TakeOver | Action::Settle | Action::Stall { .. } => {
                    force = Force::No;
                    if next == Action::TakeOver || next == Action::Install {
                        self.status.history.clear();
                    }
                    let installs = next == Action::Install;
                    self.make(&release, &stored, &chosen, wanted, installs, &supervise).await?
                }
            };
        }
    }

    /// How the release stands; with the record that is as it is wanted, though it was not made by this HelmRelease.
    fn state<'r>(&self, stored: &'r [Record], wanted: &Wanted<'_>, digest: &str) -> (State, Option<&'r Record>) {
        let metadata = &wanted.loaded.chart.metadata;
        let (post_renderers, common) = (post_render::digest(&self.object), post_render::common_digest(&self.object));
        let seen = Seen {
            object: &self.object,
            history: &self.status.history,
            latest: latest(stored),
            chart: (&metadata.name, &metadata.version),
            config_digest: digest,
            post_renderers_digest: &post_renderers,
            common_metadata_digest: &common,
        };
        let state = determine(&seen);
        match (&state, latest(stored)) {
            (State::Unmanaged(_), Some(record)) if is_as_wanted(&seen, record) => {
                let tested = history::snapshot(record, "", "");
                let untested = policy::test(&self.object).is_some() && !history::is_tested(&tested, record);
                (if untested { State::Untested } else { State::InSync }, Some(record))
            }
            _ => (state, None),
        }
    }

    fn take_over(&mut self, record: &Record, wanted: &Wanted<'_>) {
        let installed = record.version == 1;
        let action = if installed { "install" } else { "upgrade" };
        history::observe(&mut self.status.history, record, Some(action), Some(&wanted.loaded.oci_digest));
        self.note_released(true);
    }

    /// Installs or upgrades. `None` when it failed in a way that asks for the next action.
    async fn make(
        &mut self,
        release: &Release<'_>,
        stored: &[Record],
        chosen: &Chosen,
        wanted: &Wanted<'_>,
        installs: bool,
        supervise: &Supervise<'_>,
    ) -> Result<Option<Vec<Record>>, Failure> {
        let (object, generation) = (self.object.clone(), self.generation());
        let (word, timeout) = match installs {
            true => ("install", policy::install(&object, self.defaults).timeout),
            false => ("upgrade", policy::upgrade(&object, self.defaults).timeout),
        };
        self.status.last_attempted_release_action =
            Some(if installs { ReleaseAction::Install } else { ReleaseAction::Upgrade });
        remove(&mut self.status.conditions, TEST_SUCCESS);
        remove(&mut self.status.conditions, REMEDIATED);
        let message = format!("Running '{word}' action with timeout of {}", duration_text(timeout));
        progressing(&mut self.status, generation, &message, true);
        self.write().await?;
        let start = std::time::Instant::now();
        let outcome = match installs {
            true => {
                let options = policy::install(&object, self.defaults);
                self.supervised(supervise, release.install(chosen, &options, stored)).await
            }
            false => {
                let options = policy::upgrade(&object, self.defaults);
                self.supervised(supervise, release.upgrade(chosen, &options, stored)).await
            }
        };
        let took = Duration::from_millis(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.status.last_attempted_release_action_duration = Some(duration_text(took).as_str().into());
        let oci_digest = wanted.loaded.oci_digest.as_str();
        match outcome {
            Ok(record) => {
                let records = with(stored, &record);
                history::observe(&mut self.status.history, &record, Some(word), Some(oci_digest));
                history::supersede(&mut self.status.history, &records);
                self.note_released(true);
                self.observed_digests();
                self.status.inventory = None;
                if policy::test(&object).is_some() {
                    let message = format!("{} is awaiting tests", self.released());
                    note(
                        &mut self.status,
                        generation,
                        TEST_SUCCESS,
                        sluice_api::meta::ConditionStatus::Unknown,
                        "AwaitingTests",
                        &message,
                    );
                }
                let (reason, message) = self.condition_text(RELEASED);
                events::send(&object, self.ctx, Severity::Info, &reason, &message, self.status.history.first());
                Ok(Some(records))
            }
            Err(failure) => {
                let stored_one = failure.record.is_some();
                if let Some(record) = &failure.record {
                    history::observe(&mut self.status.history, record, Some(word), Some(oci_digest));
                }
                self.stopped(&failure).await?;
                self.status.failures += 1;
                match (installs, stored_one) {
                    (true, true) => self.status.install_failures += 1,
                    (true, false) => {}
                    (false, _) => self.status.upgrade_failures += 1,
                }
                let chart = &wanted.loaded.chart.metadata;
                let (name, namespace, _) = wanted.at;
                let what = format!("release {namespace}/{name} with chart {}@{}", chart.name, chart.version);
                let told = explain(release.applier, &failure.objects).await;
                let told = if told.is_empty() { told } else { format!("\n\n{told}") };
                let message = format!("Helm {word} failed for {what}: {failure}{told}");
                let reason = if installs { "InstallFailed" } else { "UpgradeFailed" };
                note(&mut self.status, generation, RELEASED, false, reason, &message);
                summarize(&mut self.status, &object);
                events::send(&object, self.ctx, Severity::Error, reason, &message, self.status.history.first());
                match policy::strategy(&object, !installs, self.defaults) {
                    Strategy::Retry(after) => Err(Failure::Action { message, next: Next::Retry(after) }),
                    Strategy::Remediate if installs && !stored_one => {
                        Err(Failure::Action { message, next: Next::Backoff })
                    }
                    Strategy::Remediate => Ok(None),
                }
            }
        }
    }

    async fn unlock(&mut self, release: &Release<'_>, stored: &[Record]) -> Result<(), Failure> {
        let Some(stuck) = latest(stored) else { return Ok(()) };
        let word = match stuck.status() {
            Status::PendingInstall => "install",
            Status::PendingRollback => "rollback",
            _ => "upgrade",
        };
        let was = stuck.status();
        let record = release.unlock(stuck).await.map_err(|error| Failure::State(error.to_string()))?;
        // What was done to it is in the history, if the pass that was killed could say so.
        let known = self.status.history.iter().any(|it| it.version == record.version);
        history::observe(&mut self.status.history, &record, (!known).then_some(word), None);
        let message = format!("Unlocked Helm {} in {} state", self.released(), was.as_str());
        let generation = self.generation();
        note(&mut self.status, generation, RELEASED, false, "PendingRelease", &message);
        events::send(&self.object, self.ctx, Severity::Info, "PendingRelease", &message, self.status.history.first());
        Ok(())
    }

    async fn test(
        &mut self,
        release: &Release<'_>,
        stored: &[Record],
        supervise: &Supervise<'_>,
    ) -> Result<Option<Vec<Record>>, Failure> {
        let (Some(record), Some(options)) = (latest(stored), policy::test(&self.object)) else { return Ok(None) };
        let generation = self.generation();
        let message = format!("Running 'test' action with timeout of {}", duration_text(options.timeout));
        progressing(&mut self.status, generation, &message, false);
        self.write().await?;
        let outcome = self.supervised(supervise, release.test(&options, record)).await;
        let tested = match &outcome {
            Ok(record) => Some(record.clone()),
            Err(failure) => failure.record.as_deref().cloned(),
        };
        if let (Some(tested), Some(snapshot)) = (&tested, self.status.history.first_mut()) {
            history::note_tests(snapshot, tested);
            // Where filters leave all tests out, they count as done.
            if snapshot.test_hooks.values().all(|it| it.phase.is_empty()) && outcome.is_ok() {
                snapshot.test_hooks.values_mut().for_each(|it| it.phase = "Unknown".to_owned());
            }
        }
        let what = self.released();
        match outcome {
            Ok(record) => {
                let run = self
                    .status
                    .history
                    .first()
                    .map_or(0, |it| it.test_hooks.values().filter(|test| test.phase == "Succeeded").count());
                let told = match run {
                    0 => "no test hooks".to_owned(),
                    1 => "1 test hook completed successfully".to_owned(),
                    n => format!("{n} test hooks completed successfully"),
                };
                let message = format!("Helm test succeeded for {what}: {told}");
                note(&mut self.status, generation, TEST_SUCCESS, true, "TestSucceeded", &message);
                events::send(
                    &self.object,
                    self.ctx,
                    Severity::Info,
                    "TestSucceeded",
                    &message,
                    self.status.history.first(),
                );
                Ok(Some(with(stored, &record)))
            }
            Err(failure) => {
                self.stopped(&failure).await?;
                let message = format!("Helm test failed for {what}: {failure}");
                note(&mut self.status, generation, TEST_SUCCESS, false, "TestFailed", &message);
                let upgrading = is_upgrading(&self.status);
                if !policy::remediation(&self.object, upgrading).ignore_test_failures {
                    self.status.failures += 1;
                    match upgrading {
                        true => self.status.upgrade_failures += 1,
                        false => self.status.install_failures += 1,
                    }
                }
                summarize(&mut self.status, &self.object);
                events::send(
                    &self.object,
                    self.ctx,
                    Severity::Error,
                    "TestFailed",
                    &message,
                    self.status.history.first(),
                );
                Ok(None)
            }
        }
    }

    async fn roll_back(
        &mut self,
        release: &Release<'_>,
        stored: &[Record],
        version: i64,
        supervise: &Supervise<'_>,
    ) -> Result<(), Failure> {
        let generation = self.generation();
        let options = policy::rollback(&self.object, version, self.defaults);
        let message = format!("Running 'rollback' action with timeout of {}", duration_text(options.timeout));
        progressing(&mut self.status, generation, &message, false);
        self.write().await?;
        let target = self.status.history.iter().find(|it| it.version == version).cloned().unwrap_or_default();
        let what = format!("{} with chart {}", history::full_name(&target), history::chart_name(&target));
        let oci_digest = target.oci_digest.clone();
        let outcome = self.supervised(supervise, release.rollback(&options, stored)).await;
        match outcome {
            Ok(record) => {
                history::observe(&mut self.status.history, &record, Some("rollback"), Some(&oci_digest));
                history::supersede(&mut self.status.history, &with(stored, &record));
                self.status.inventory = None;
                let message = format!("Helm rollback to previous release {what} succeeded");
                self.remediated(true, "RollbackSucceeded", &message)
            }
            Err(failure) => {
                if let Some(record) = &failure.record {
                    history::observe(&mut self.status.history, record, Some("rollback"), Some(&oci_digest));
                }
                // Whatever was deployed is superseded, whether the rollback worked or not.
                if let Ok(records) = release.storage().history().await {
                    history::supersede(&mut self.status.history, &records);
                }
                self.stopped(&failure).await?;
                self.status.failures += 1;
                let message = format!("Helm rollback to previous release {what} failed: {failure}");
                self.remediated(false, "RollbackFailed", &message)
            }
        }
    }

    async fn undo_by_uninstalling(
        &mut self,
        release: &Release<'_>,
        stored: &[Record],
        supervise: &Supervise<'_>,
    ) -> Result<(), Failure> {
        let generation = self.generation();
        let options = policy::uninstall(&self.object);
        let message = format!("Running 'uninstall' action with timeout of {}", duration_text(options.timeout));
        progressing(&mut self.status, generation, &message, false);
        self.write().await?;
        let what = self.released();
        let outcome = self.supervised(supervise, release.uninstall(&options, stored)).await;
        match outcome {
            Ok(record) => {
                history::observe(&mut self.status.history, &record, Some("uninstall-remediation"), None);
                self.status.inventory = None;
                let message = format!("Helm uninstall remediation for {what} succeeded");
                self.remediated(true, "UninstallSucceeded", &message)
            }
            Err(failure) => {
                if let Some(record) = &failure.record {
                    history::observe(&mut self.status.history, record, Some("uninstall-remediation"), None);
                }
                self.stopped(&failure).await?;
                self.status.failures += 1;
                let message = format!("Helm uninstall remediation for {what} failed: {failure}");
                self.remediated(false, "UninstallFailed", &message)
            }
        }
    }

    /// What a remediation leads to: the next pass, or somebody who has to look.
    fn remediated(&mut self, done: bool, reason: &str, message: &str) -> Result<(), Failure> {
        let generation = self.generation();
        note(&mut self.status, generation, REMEDIATED, done, reason, message);
        summarize(&mut self.status, &self.object);
        let severity = if done { Severity::Info } else { Severity::Error };
        events::send(&self.object, self.ctx, severity, reason, message, self.status.history.first());
        if !done {
            return Err(Failure::Action { message: message.to_owned(), next: Next::Backoff });
        }
        match after_remediation(&self.object, &self.status) {
            Some(Action::Stall { reason, message }) => Err(Failure::Stalled { reason, message }),
            _ => Err(Failure::Action { message: message.to_owned(), next: Next::AtOnce }),
        }
    }

    /// The release is as it should be, as far as its records tell: drift, and what the status keeps.
    async fn settle(&mut self, release: &Release<'_>, stored: &[Record], wanted: &Wanted<'_>) -> Result<(), Failure> {
        let Some(record) = latest(stored) else { return Ok(()) };
        let mode = policy::drift_mode(&self.object);
        if mode == DriftDetectionMode::Disabled {
            remove(&mut self.status.conditions, DRIFTED);
        } else {
            self.detect_drift(release, record, mode).await?;
        }
        let retries = policy::strategy(&self.object, is_upgrading(&self.status), self.defaults) != Strategy::Remediate;
        history::truncate(&mut self.status.history, retries);
        remove(&mut self.status.conditions, REMEDIATED);
        if !is_true(&self.status.conditions, RELEASED) {
            self.note_released(true);
        }
        (self.status.failures, self.status.install_failures, self.status.upgrade_failures) = (0, 0, 0);
        self.observed_digests();
        let objects = match (&self.status.inventory, policy::drift_mode(&self.object)) {
            (Some(known), DriftDetectionMode::Disabled) => inventory::objects(Some(known)),
            _ => {
                let objects = release.inventory(record, &wanted.loaded.chart).await.map_err(Failure::State)?;
                self.status.inventory = Some(inventory::of(objects.all.clone()));
                objects.watched
            }
        };
        self.settled = Settled::of(&self.object, wanted.artifact, record.version, objects, self.ctx);
        Ok(())
    }

    async fn detect_drift(
        &mut self,
        release: &Release<'_>,
        record: &Record,
        mode: DriftDetectionMode,
    ) -> Result<(), Failure> {
        let ignore = drift::ignore_rules(&self.object)?;
        let generation = self.generation();
        let what = self.released();
        let drifts = release.drift(record, &ignore).await.map_err(Failure::State)?;
        if drifts.is_empty() {
            let message = format!("No drift detected in cluster state of {what}");
            note(&mut self.status, generation, DRIFTED, false, "NoDriftDetected", &message);
            return Ok(());
        }
        let listing = drift::listing(&drifts);
        let message = format!("Cluster state of {what} has drifted from the desired state:\n{listing}");
        let news = find(&self.status.conditions, DRIFTED).is_none_or(|it| it.message != message);
        note(&mut self.status, generation, DRIFTED, true, "DriftDetected", &message);
        if news || mode == DriftDetectionMode::Enabled {
            events::send(
                &self.object,
                self.ctx,
                Severity::Error,
                "DriftDetected",
                &message,
                self.status.history.first(),
            );
        }
        if mode != DriftDetectionMode::Enabled {
            return Ok(());
        }
        let errors = release.correct(&drifts, &ignore).await;
        let (severity, reason, message) = match errors.is_empty() {
            true => {
                (Severity::Info, "DriftCorrected", format!("Cluster state of {what} has been corrected:\n{listing}"))
            }
            false => {
                let why = errors.join("\n");
                (Severity::Error, "DriftCorrectionFailed", format!("Failed to correct cluster state of {what}:\n{why}"))
            }
        };
        events::send(&self.object, self.ctx, severity, reason, &message, self.status.history.first());
        if errors.is_empty() {
            let message = format!("No drift detected in cluster state of {what}");
            note(&mut self.status, generation, DRIFTED, false, "NoDriftDetected", &message);
        }
        Ok(())
    }

    /// Says that the newest release was made.
    pub(super) fn note_released(&mut self, done: bool) {
        let generation = self.generation();
        let Some(last) = self.status.history.first() else { return };
        let installed = last.action == "install";
        let (word, reason) = if installed { ("install", "InstallSucceeded") } else { ("upgrade", "UpgradeSucceeded") };
        let message = format!("Helm {word} succeeded for {}", self.released());
        note(&mut self.status, generation, RELEASED, done, reason, &message);
        summarize(&mut self.status, &self.object);
    }

    /// `release ns/name.v3 with chart c@1.0.0`, of the newest.
    pub(super) fn released(&self) -> String {
        self.status.history.first().map_or_else(
            || "release".to_owned(),
            |it| format!("release {} with chart {}", history::full_name(it), history::chart_name(it)),
        )
    }

    fn condition_text(&self, type_: &str) -> (String, String) {
        find(&self.status.conditions, type_).map_or_else(Default::default, |it| (it.reason.clone(), it.message.clone()))
    }

    fn last_message(&self) -> String {
        self.condition_text(Condition::READY).1
    }

    pub(super) fn observed_digests(&mut self) {
        self.status.observed_post_renderers_digest = post_render::digest(&self.object);
        self.status.observed_common_metadata_digest = post_render::common_digest(&self.object);
    }

    /// Runs an action until it ends, or until there is something newer to do, or the process ends: then it is told to
    /// stop, and still comes to its end.
    async fn supervised<T>(&self, supervise: &Supervise<'_>, action: impl Future<Output = T>) -> T {
        let ending = self.ctx.runtime.stopping();
        let newer = async {
            supervise.interrupt.cancelled().await;
            while !self.is_superseded(supervise.wanted).await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let mut action = std::pin::pin!(action);
        tokio::select! {
            outcome = &mut action => return outcome,
            () = ending.cancelled() => {}
            () = newer => {}
        }
        supervise.stop.cancel();
        action.await
    }

    /// Whether an action ended because it was told to.
    async fn stopped(&self, failure: &ReleaseFailure) -> Result<(), Failure> {
        match (failure.interrupted, self.ctx.runtime.stopping().is_cancelled()) {
            (true, true) => Err(Failure::Stopped),
            (true, false) => Err(Failure::Superseded),
            (false, _) => Ok(()),
        }
    }
}

/// What ends an action early.
struct Supervise<'a> {
    stop: &'a CancellationToken,
    interrupt: &'a Interrupt,
    wanted: &'a Artifact,
}

/// What is stored once an action has made a record.
fn with(stored: &[Record], record: &Record) -> Vec<Record> {
    let mut records: Vec<Record> = stored.iter().filter(|it| it.version != record.version).cloned().collect();
    if record.status() == Status::Deployed {
        for deployed in records.iter_mut().filter(|it| it.status() == Status::Deployed) {
            if let Some(info) = deployed.info.as_mut() {
                info.status = Status::Superseded;
            }
        }
    }
    records.push(record.clone());
    records
}

/// What tells one cluster from another, for what is remembered of them.
fn cluster_of(object: &sluice_api::helm::HelmRelease) -> String {
    let secret = object.spec.kube_config.as_ref().and_then(|it| it.secret_ref.as_ref());
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    secret.map(|it| format!("{namespace}/{}/{}", it.name, it.key)).unwrap_or_default()
}
