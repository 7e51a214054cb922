//! One pass over a HelmRelease: what its chart and values say becomes what the cluster has (spec/flux/helm.md §4).

use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use sluice_api::helm::{ChartNameChangeStrategy, HelmRelease, HelmReleaseStatus};
use sluice_api::meta::{Artifact, annotation, is_true};
use sluice_apply::{Applier, Checks};
use sluice_helm::release::config_digest;
use sluice_runtime::{Interrupt, Key, Requeue, Severity, duration_text, finalizer, status as status_patch};
use tracing::{debug, error, info};

use super::action::Force;
use super::chart::{self, Loaded};
use super::failure::{Failure, Next};
use super::policy::Defaults;
use super::release::Wanted;
use super::settled::Settled;
use super::{depends_on, events, finalize, names, status, values};
use crate::context::Context;
use crate::references::source_of;

/// One pass, from the object as it is in the cache to when it is to be looked at again.
pub async fn run(object: Arc<HelmRelease>, ctx: &Context, interrupt: Interrupt) -> Requeue {
    if object.metadata.deletion_timestamp.is_some() {
        return finalize::run(&object, ctx).await;
    }
    let object = if finalizer::is_set(object.as_ref()) {
        object
    } else {
        match finalizer::add(object.as_ref(), &ctx.runtime).await {
            Ok(object) => ctx.releases.learn(object),
            Err(error) => {
                debug!(%error, "the finalizer could not be added; trying again");
                return Requeue::Backoff;
            }
        }
    };
    let mut pass = Pass::new(object, ctx);
    if pass.object.spec.suspend {
        pass.handled();
        return match pass.write().await {
            Ok(()) => Requeue::Never,
            Err(_) => Requeue::Backoff,
        };
    }
    let outcome = pass.story(&interrupt).await;
    pass.conclude(outcome).await
}

/// A pass under way.
pub struct Pass<'a> {
    pub(super) ctx: &'a Context,
    pub(super) object: Arc<HelmRelease>,
    pub(super) key: Key,
    pub(super) defaults: Defaults,
    /// As the server has it.
    written: HelmReleaseStatus,
    /// As it is to be.
    pub(super) status: HelmReleaseStatus,
    /// What to remember if all is as it should be.
    pub(super) settled: Option<Settled>,
}

/// How a story ends well.
enum Ending {
    /// All is as it should be.
    Released,
    /// Nothing that the last pass looked at has changed.
    Unchanged,
    /// The old release is gone; the next pass makes the new one.
    Moved,
}

impl<'a> Pass<'a> {
    fn new(object: Arc<HelmRelease>, ctx: &'a Context) -> Self {
        let status = object.status.clone();
        let defaults = Defaults { helm3: ctx.gate("UseHelm3Defaults"), retry: ctx.gate("DefaultToRetryOnFailure") };
        Pass { ctx, key: Key::of(object.as_ref()), defaults, written: status.clone(), status, settled: None, object }
    }

    pub(super) fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or_default()
    }

    /// The steps, in the order that the specification has.
    async fn story(&mut self, interrupt: &Interrupt) -> Result<Ending, Failure> {
        let (object, ctx) = (self.object.clone(), self.ctx);
        let checks = Checks::compile(&object.spec.health_check_exprs).map_err(Failure::Expression)?;
        let made = chart::template(&object, &mut self.status.helm_chart, ctx).await?;
        depends_on::all_ready(&object, ctx).await?;
        let (kind, artifact) = chart::artifact(&object, made, ctx).await?;
        let settled = ctx.settled().get(&self.key).cloned();
        if settled.is_some_and(|it| it.holds(&object, &artifact, ctx)) {
            return Ok(Ending::Unchanged);
        }
        let working = ctx.working.acquire().await.map_err(|_| Failure::Stopped)?;
        values::watch(&object, ctx).await;
        let values = values::collect(&object, &ctx.runtime.client()).await?;
        let loaded = chart::load(&kind, &artifact, ctx).await?;
        let applier = self.applier().await?;
        drop(working);
        let name = names::release_name(&object);
        let at = (name.as_str(), names::release_namespace(&object), names::storage_namespace(&object));
        if self.moved(at, &loaded).await? {
            return Ok(Ending::Moved);
        }
        let digest = config_digest(&values).map_err(|error| Failure::Values(error.to_string()))?;
        let force = self.attempt(&loaded, &digest);
        self.status.storage_namespace = at.2.to_owned();
        let wanted = Wanted { loaded, artifact: &artifact, values, applier: &applier, checks: &checks, force, at };
        self.release(&wanted, interrupt).await?;
        Ok(Ending::Released)
    }

    async fn applier(&self) -> Result<Applier, Failure> {
        let spec = &self.object.spec;
        let named = [&spec.service_account_name, &self.ctx.options.default_service_account];
        let account = named.into_iter().find(|it| !it.is_empty()).map_or("", String::as_str);
        let applier = self.ctx.clusters.applier(&self.key.namespace, account, spec.kube_config.as_ref()).await;
        applier.map_err(|error| Failure::Client(error.to_string()))
    }

    /// Uninstalls the release when what is wanted is another one: of another name, in another namespace, with its records
    /// elsewhere, or of another chart.
    async fn moved(&mut self, at: (&str, &str, &str), loaded: &Loaded) -> Result<bool, Failure> {
        let Some(last) = self.status.history.first() else { return Ok(false) };
        if self.status.storage_namespace.is_empty() {
            return Ok(false);
        }
        let upgrade = self.object.spec.upgrade.as_ref();
        let reinstalls =
            upgrade.is_none_or(|it| it.chart_name_change_strategy != ChartNameChangeStrategy::InPlaceUpdate);
        let same = last.name == at.0
            && last.namespace == at.1
            && self.status.storage_namespace == at.2
            && (last.chart_name == loaded.chart.name() || !reinstalls);
        if same {
            return Ok(false);
        }
        info!(from = %last.name, to = at.0, "the release is to be another one; the old one is uninstalled");
        let old = (last.name.as_str(), last.namespace.as_str(), self.status.storage_namespace.as_str());
        finalize::release(&self.object, old, self.ctx).await.map_err(Failure::State)?;
        self.status.history.clear();
        self.status.inventory = None;
        self.status.storage_namespace.clear();
        self.reset_failures();
        Ok(true)
    }

    fn reset_failures(&mut self) {
        (self.status.failures, self.status.install_failures, self.status.upgrade_failures) = (0, 0, 0);
    }

    /// Notes what is tried; forgets failures of anything else. Returns whether a request forces a release.
    fn attempt(&mut self, loaded: &Loaded, digest: &str) -> Force {
        let generation = self.generation();
        let version = &loaded.chart.metadata.version;
        let reset = self.asked(annotation::RESET_AT, &self.status.last_handled_reset_at);
        let forced = self.asked(annotation::FORCE_AT, &self.status.last_handled_force_at);
        let status = &mut self.status;
        let other = status.last_attempted_generation != generation
            || status.last_attempted_revision != *version
            || status.last_attempted_config_digest != digest;
        status.last_attempted_generation = generation;
        status.last_attempted_revision.clone_from(version);
        status.last_attempted_revision_digest.clone_from(&loaded.oci_digest);
        digest.clone_into(&mut status.last_attempted_config_digest);
        status.last_attempted_values_checksum.clear();
        status.last_release_revision = 0;
        if other || reset.is_some() {
            self.reset_failures();
        }
        if let Some(token) = reset {
            self.status.last_handled_reset_at = token;
        }
        match forced {
            Some(token) => {
                self.status.last_handled_force_at = token;
                Force::Yes
            }
            None => Force::No,
        }
    }

    /// The token of a request of this kind, if it was not handled before: it counts with the one of a pass alone.
    fn asked(&self, key: &str, handled: &str) -> Option<String> {
        let annotations = self.object.metadata.annotations.as_ref()?;
        let token = annotations.get(key).filter(|it| !it.is_empty() && it.as_str() != handled)?;
        (annotations.get(annotation::REQUESTED_AT) == Some(token)).then(|| token.clone())
    }

    fn handled(&mut self) {
        let annotations = self.object.metadata.annotations.as_ref();
        if let Some(token) = annotations.and_then(|it| it.get(annotation::REQUESTED_AT)) {
            self.status.last_handled_reconcile_at.clone_from(token);
        }
    }

    /// Whether there is another chart or specification than this pass is about.
    pub(super) async fn is_superseded(&self, artifact: &Artifact) -> bool {
        let Some(now) = self.ctx.releases.get(&self.key) else { return true };
        if now.metadata.generation != self.object.metadata.generation || now.metadata.deletion_timestamp.is_some() {
            return true;
        }
        let Some((kind, key)) = source_of(&now) else { return true };
        let source = self.ctx.sources.get(&kind, &key).await;
        source.and_then(|it| it.artifact).is_some_and(|it| !it.same_content(artifact))
    }

    /// Writes the status if it is not what the server has.
    pub(super) async fn write(&mut self) -> Result<(), Failure> {
        let api: Api<HelmRelease> = Api::namespaced(self.ctx.runtime.client(), &self.key.namespace);
        let manager = self.ctx.runtime.status_manager();
        let patched = status_patch::patch(&api, self.object.as_ref(), &self.written, &self.status, &manager).await;
        match patched {
            Ok(None) => Ok(()),
            Ok(Some(object)) => {
                self.ctx.releases.learn(object);
                self.written = self.status.clone();
                Ok(())
            }
            // It is gone, or another one by now: there is nobody to tell.
            Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => Err(Failure::Stopped),
            Err(error) => {
                error!(%error, "the status could not be written");
                Err(Failure::Api(format!("writing the status: {error}")))
            }
        }
    }

    async fn conclude(mut self, outcome: Result<Ending, Failure>) -> Requeue {
        let dependency = matches!(outcome, Err(Failure::Dependency(_)));
        let waited = if dependency {
            !self.ctx.waiting().insert(self.key.clone())
        } else {
            self.ctx.waiting().remove(&self.key)
        };
        let interval = self.object.spec.interval.to_std().unwrap_or(Duration::from_secs(600));
        let interval = Requeue::After(self.ctx.jittered(interval));
        match outcome {
            Ok(Ending::Unchanged) => interval,
            Ok(Ending::Released) => {
                status::succeeded(&mut self.status, &self.object);
                self.handled();
                match self.settled.take() {
                    Some(settled) => _ = self.ctx.settled().insert(self.key.clone(), settled),
                    None => _ = self.ctx.settled().remove(&self.key),
                }
                if self.write().await.is_err() {
                    return Requeue::Backoff;
                }
                interval
            }
            Ok(Ending::Moved) => match self.write().await {
                Ok(()) => Requeue::After(Duration::ZERO),
                Err(_) => Requeue::Backoff,
            },
            // Nothing is written on the way out: Ready must not say what was not found.
            Err(Failure::Stopped) => Requeue::Never,
            Err(failure) => self.failed(failure, waited).await,
        }
    }

    async fn failed(&mut self, failure: Failure, waited: bool) -> Requeue {
        self.ctx.settled().remove(&self.key);
        let dependency_retry = Requeue::RetryAfter(self.ctx.options.requeue_dependency.0);
        if let Failure::SourceNotReady { just_made: true, .. } = failure {
            // What it says is about to change, and that wakes this HelmRelease.
            return dependency_retry;
        }
        let retry = match &failure {
            Failure::Action { next: Next::Retry(after), .. } => Some(duration_text(*after)),
            _ => None,
        };
        let was_stalled = is_true(&self.written.conditions, "Stalled");
        status::failed(&mut self.status, &self.object, &failure, retry.as_deref());
        self.handled();
        if self.write().await.is_err() {
            return Requeue::Backoff;
        }
        let message = failure.to_string();
        match &failure {
            Failure::Dependency(why) => {
                if !waited {
                    info!("dependencies are not ready: {why}");
                    let message = format!(
                        "dependencies do not meet ready condition ({why}), retrying in {}",
                        duration_text(self.ctx.options.requeue_dependency.0)
                    );
                    self.tell(Severity::Info, "DependencyNotReady", &message);
                }
                dependency_retry
            }
            Failure::SourceNotReady { .. } | Failure::ArtifactGone { .. } => {
                info!("{message}");
                dependency_retry
            }
            Failure::Superseded => {
                info!("{message}");
                self.tell(Severity::Info, "HealthCheckCanceled", &message);
                Requeue::After(Duration::ZERO)
            }
            Failure::Action { next, .. } => match next {
                Next::AtOnce => Requeue::After(Duration::ZERO),
                Next::Backoff => Requeue::Backoff,
                Next::Retry(after) => Requeue::RetryAfter(self.ctx.jittered(*after)),
            },
            _ => {
                error!(reason = failure.reason().or(failure.stalled()), error = %message, "the pass failed");
                let reason = failure.stalled().or(failure.reason()).unwrap_or("ReconcileError");
                if failure.stalled().is_none() || !was_stalled {
                    self.tell(Severity::Error, reason, &message);
                }
                if failure.stalled().is_some() { Requeue::Never } else { Requeue::Backoff }
            }
        }
    }

    fn tell(&self, severity: Severity, reason: &str, message: &str) {
        events::send(&self.object, self.ctx, severity, reason, message, self.status.history.first());
    }
}
