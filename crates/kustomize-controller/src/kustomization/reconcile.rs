//! One pass over a Kustomization: what its source says becomes what the cluster has (spec/flux/kustomize.md §4).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Api;
use sluice_api::kustomize::{Kustomization, KustomizationStatus};
use sluice_api::meta::{Artifact, find, is_false, is_true};
use sluice_apply::{Action, Applier, ApplyError, Change, Checks, Request, check_names, inventory};
use sluice_object::ObjectRef;
use sluice_runtime::{
    Interrupt, Key, REQUESTED_AT, Requeue, Severity, duration_text, finalizer, status as status_patch,
};
use tracing::{debug, error, info, warn};

use super::build::{self, Built};
use super::failure::Failure;
use super::{access, apply, depends_on, events, finalize, health, prune, source, status, variables};
use crate::context::Context;

/// One pass, from the object as it is in the cache to when it is to be looked at again.
pub async fn run(object: Arc<Kustomization>, ctx: &Context, interrupt: Interrupt) -> Requeue {
    if object.metadata.deletion_timestamp.is_some() {
        return finalize::run(&object, ctx).await;
    }
    let object = if finalizer::is_set(object.as_ref()) {
        object
    } else {
        match finalizer::add(object.as_ref(), &ctx.runtime).await {
            Ok(object) => ctx.kustomizations.learn(object),
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
struct Pass<'a> {
    ctx: &'a Context,
    object: Arc<Kustomization>,
    key: Key,
    start: Instant,
    /// As the server has it.
    written: KustomizationStatus,
    /// As it is to be.
    status: KustomizationStatus,
    revision: String,
    origin: String,
    /// The digest of what was built, once it was.
    digest: Option<String>,
    /// Whether anything was done that is worth an event.
    worked: bool,
    /// Whether an event has said what was changed.
    told: events::Told,
}

impl<'a> Pass<'a> {
    fn new(object: Arc<Kustomization>, ctx: &'a Context) -> Self {
        let status = object.status.clone();
        Pass {
            ctx,
            key: Key::of(object.as_ref()),
            start: Instant::now(),
            written: status.clone(),
            status,
            revision: String::new(),
            origin: String::new(),
            digest: None,
            worked: false,
            told: events::Told::Nothing,
            object,
        }
    }

    fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or_default()
    }

    /// The steps, in the order that the specification has.
    async fn story(&mut self, interrupt: &Interrupt) -> Result<(), Failure> {
        let (object, ctx) = (self.object.clone(), self.ctx);
        let checks = Checks::compile(&object.spec.health_check_exprs).map_err(Failure::Expression)?;
        let account = object.spec.decryption.as_ref().is_some_and(|it| !it.service_account_name.is_empty());
        if account && !ctx.gate("ObjectLevelWorkloadIdentity") {
            let why =
                "to use spec.decryption.serviceAccountName, the feature gate ObjectLevelWorkloadIdentity must be on";
            return Err(Failure::FeatureGate(why.to_owned()));
        }
        let artifact = source::artifact(&object, ctx).await?;
        depends_on::all_ready(&object, &artifact, ctx).await?;
        self.revision.clone_from(&artifact.revision);
        self.origin = status::origin_revision(&artifact);
        let working = ctx.working.acquire().await.map_err(|_| Failure::Stopped)?;
        let applier = access::applier(&object, ctx).await?;
        let changes = match self.nothing_to_do(&artifact, &applier) {
            Some(changes) => changes,
            None => self.build_and_apply(&artifact, &applier).await?,
        };
        drop(working);
        if health::is_wanted(&object) {
            self.announce_wait(&changes).await?;
            health::wait(&object, &self.revision, &changes, &checks, &applier, ctx, interrupt).await?;
        }
        Ok(())
    }

    /// The objects, when nothing that this pass could look at has changed since it was last applied whole. Costs no
    /// request: watches tell.
    fn nothing_to_do(&self, artifact: &Artifact, applier: &Applier) -> Option<Vec<Change>> {
        let built = self.ctx.memo(&self.key, |memo| memo.built.clone())?;
        let asked_for = self.requested() != self.status.last_handled_reconcile_at;
        let settled = is_true(&self.status.conditions, "Ready") || is_false(&self.status.conditions, "Healthy");
        if asked_for
            || !settled
            || !self.ctx.options.watch_managed_objects
            || built.generation != self.generation()
            || !built.is_of(artifact)
            || !built.references_unchanged(&self.object, self.ctx)
            || !applier.all_as_applied(&built.objects)
        {
            return None;
        }
        let unchanged = |object: &ObjectRef| Change::of(object.clone(), Action::Unchanged);
        Some(built.objects.iter().map(unchanged).collect())
    }

    async fn build_and_apply(&mut self, artifact: &Artifact, applier: &Applier) -> Result<Vec<Change>, Failure> {
        let (object, ctx) = (self.object.clone(), self.ctx);
        let tree = source::tree(artifact, ctx).await?;
        let path = source::path(&object, &tree)?;
        self.status.last_attempted_revision.clone_from(&artifact.revision);
        let variables = variables::collect(&object, ctx).await?;
        if let Some(built) = self.same_build(&tree, &variables, artifact, applier) {
            info!(revision = %self.revision, "the revision changes no file of this build");
            let unchanged = |object: &ObjectRef| Change::of(object.clone(), Action::Unchanged);
            let changes = built.objects.iter().map(unchanged).collect();
            self.ctx.memo(&self.key, |memo| memo.built = Some(Arc::new(built)));
            return Ok(changes);
        }
        let (built, objects) = build::run(&object, tree.clone(), &path, &variables, artifact, ctx).await?;
        self.digest = Some(built.digest.clone());
        let prepared = apply::prepare(&object, &objects)?;
        let ignore = apply::ignore_rules(&object)?;
        if let Err(error) = check_names(&prepared) {
            return Err(located(error, &build::origins(&object, tree, &path, ctx).await));
        }
        drop(objects);
        let old = inventory::objects(self.written.inventory.as_ref());
        let gone = inventory::stale(&old, &built.objects);
        prune::guard(&object, &self.revision, &gone, old.len(), ctx)?;
        self.widen(&old, &built.objects).await?;
        let owner = apply::owner(&object);
        let mut changes = Vec::with_capacity(prepared.len());
        let stop = ctx.runtime.stopping();
        let request = Request {
            owner: &owner,
            objects: prepared,
            force: object.spec.force,
            ignore: &ignore,
            early: &ctx.options.custom_apply_stage_kinds.0,
            stop: &stop,
        };
        let applied = applier.apply(request, &mut changes).await;
        self.tell_changes(&changes);
        if let Err(error) = applied {
            return Err(located(error, &build::origins(&object, tree, &path, ctx).await));
        }
        self.finish(applier, &owner, &built, gone).await?;
        self.ctx.memo(&self.key, |memo| memo.built = Some(Arc::new(built)));
        Ok(changes)
    }

    /// The last build under the new revision, when nothing that it read is different there.
    fn same_build(
        &self,
        tree: &sluice_tree::Tree,
        variables: &std::collections::BTreeMap<String, String>,
        artifact: &Artifact,
        applier: &Applier,
    ) -> Option<Built> {
        let last = self.ctx.memo(&self.key, |memo| memo.built.clone())?;
        let same = self.ctx.options.skip_unchanged_builds
            && is_true(&self.status.conditions, "Ready")
            && last.generation == self.generation()
            && !last.is_of(artifact)
            && last.variables == build::digest_of(variables)
            && last.reads.same_in(tree)
            && applier.all_as_applied(&last.objects);
        same.then(|| last.of(artifact))
    }

    /// Writes the inventory of old ∪ new before the first object is written, so that a kill orphans nothing.
    async fn widen(&mut self, old: &[ObjectRef], new: &[ObjectRef]) -> Result<(), Failure> {
        if inventory::stale(new, old).is_empty() {
            return Ok(());
        }
        self.status.inventory = Some(inventory::of(inventory::union(old, new)));
        let message = format!("Detecting drift for revision {} with a timeout of {}", self.revision, self.timeout());
        let generation = self.generation();
        status::progressing(&mut self.status, generation, &message);
        self.write().await
    }

    /// Prunes, and makes the inventory what was applied, plus what could not be deleted.
    async fn finish(
        &mut self,
        applier: &Applier,
        owner: &sluice_apply::Owner,
        built: &Built,
        gone: Vec<ObjectRef>,
    ) -> Result<(), Failure> {
        let outcome = if self.object.spec.prune {
            prune::run(applier, owner, gone, &self.ctx.runtime.stopping()).await
        } else {
            prune::Outcome::default()
        };
        self.tell_changes(&outcome.deleted);
        let left = inventory::union(&outcome.left, &built.objects);
        let now = inventory::of(left);
        if self.status.inventory.as_ref() != Some(&now) {
            self.worked = true;
            self.status.inventory = Some(now);
        }
        if outcome.errors.is_empty() { Ok(()) } else { Err(prune::failure(&outcome.errors)) }
    }

    fn tell_changes(&mut self, changes: &[Change]) {
        for contested in changes.iter().filter_map(|change| change.contested.as_deref()) {
            warn!(revision = %self.revision, "{contested}");
            events::send(&self.object, self.ctx, Severity::Error, "Contested", contested, &self.revision);
        }
        let Some(listing) = events::listing(changes) else { return };
        self.worked = true;
        self.told = events::Told::Changes;
        let count = changes.iter().filter(|it| !matches!(it.action, Action::Unchanged | Action::Skipped)).count();
        info!(revision = %self.revision, changed = count, elapsed_ms = self.start.elapsed().as_millis() as u64, "applied");
        let reason = find(&self.status.conditions, "Ready").map_or("Progressing", |it| it.reason.as_str()).to_owned();
        events::send(&self.object, self.ctx, Severity::Info, &reason, &listing, &self.revision);
    }

    /// Says that health is being waited for, when there is something new to wait for.
    async fn announce_wait(&mut self, changes: &[Change]) -> Result<(), Failure> {
        if changes.iter().all(|it| matches!(it.action, Action::Unchanged | Action::Skipped))
            && is_true(&self.status.conditions, "Ready")
        {
            return Ok(());
        }
        let message =
            format!("Running health checks for revision {} with a timeout of {}", self.revision, self.timeout());
        let generation = self.generation();
        status::progressing(&mut self.status, generation, &message);
        self.write().await
    }

    fn timeout(&self) -> String {
        duration_text(health::timeout(&self.object))
    }

    fn requested(&self) -> &str {
        let annotations = self.object.metadata.annotations.as_ref();
        annotations.and_then(|it| it.get(REQUESTED_AT)).map_or("", String::as_str)
    }

    fn handled(&mut self) {
        let requested = self.requested().to_owned();
        if !requested.is_empty() {
            self.status.last_handled_reconcile_at = requested;
        }
    }

    /// Writes the status if it is not what the server has.
    async fn write(&mut self) -> Result<(), Failure> {
        let api: Api<Kustomization> = Api::namespaced(self.ctx.runtime.client(), &self.key.namespace);
        let manager = self.ctx.runtime.status_manager();
        let patched = status_patch::patch(&api, self.object.as_ref(), &self.written, &self.status, &manager).await;
        match patched {
            Ok(None) => Ok(()),
            Ok(Some(object)) => {
                self.ctx.kustomizations.learn(object);
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

    async fn conclude(mut self, outcome: Result<(), Failure>) -> Requeue {
        let generation = self.generation();
        let dependency = matches!(outcome, Err(Failure::Dependency(_)));
        let waited = if dependency {
            !self.ctx.waiting().insert(self.key.clone())
        } else {
            self.ctx.waiting().remove(&self.key)
        };
        match outcome {
            Ok(()) => {
                let first =
                    self.status.last_applied_revision != self.revision || !is_true(&self.written.conditions, "Ready");
                self.succeeded(generation, first).await
            }
            // Nothing is written on the way out: Ready must not say what was not found.
            Err(Failure::Stopped) => Requeue::Never,
            // An object was changed by somebody: it is put right, and the wait goes on.
            Err(Failure::Superseded(_)) if !self.is_superseded().await => Requeue::After(Duration::ZERO),
            Err(failure) => self.failed(generation, failure, waited).await,
        }
    }

    /// Whether there is another revision or specification than this pass is about, or somebody asked for a pass.
    async fn is_superseded(&self) -> bool {
        let Some(now) = self.ctx.kustomizations.get(&self.key) else { return true };
        let artifact = source::artifact(&now, self.ctx).await;
        let requested =
            |it: &Kustomization| it.metadata.annotations.as_ref().and_then(|it| it.get(REQUESTED_AT)).cloned();
        artifact.map_or(true, |it| it.revision != self.revision)
            || now.metadata.generation != self.object.metadata.generation
            || requested(&now) != requested(&self.object)
            || now.metadata.deletion_timestamp.is_some()
    }

    async fn succeeded(&mut self, generation: i64, news: bool) -> Requeue {
        let checked = health::is_wanted(&self.object);
        let was_healthy = is_true(&self.written.conditions, "Healthy");
        status::succeeded(&mut self.status, generation, &self.revision, &self.origin, checked);
        self.handled();
        let took = self.start.elapsed();
        if let Some(digest) = self.digest.clone().filter(|_| self.worked || news) {
            let (revision, origin) = (self.revision.clone(), self.origin.clone());
            status::remember(&mut self.status, &digest, "ReconciliationSucceeded", took, &revision, &origin);
        }
        if self.write().await.is_err() {
            return Requeue::Backoff;
        }
        let interval = self.ctx.jittered(self.object.spec.interval.to_std().unwrap_or(Duration::from_secs(600)));
        if news || self.worked {
            let object = &self.object;
            if checked && (!was_healthy || self.worked) {
                let message = format!("Health check passed in {}", duration_text(took));
                events::send(object, self.ctx, Severity::Info, "ReconciliationSucceeded", &message, &self.revision);
            }
            let message =
                format!("Reconciliation finished in {}, next run in {}", duration_text(took), duration_text(interval));
            info!(revision = %self.revision, "{message}");
            events::finished(object, self.ctx, &message, &self.revision, self.told);
        }
        Requeue::After(interval)
    }

    async fn failed(&mut self, generation: i64, failure: Failure, waited: bool) -> Requeue {
        let (reason, message) = (failure.reason(), failure.to_string());
        status::failed(&mut self.status, generation, &failure);
        self.handled();
        let recorded = matches!(failure, Failure::Health { .. } | Failure::Reconciliation(_) | Failure::Prune(_));
        if let Some(digest) = self.digest.clone().filter(|_| recorded) {
            let (revision, origin) = (self.revision.clone(), self.origin.clone());
            status::remember(&mut self.status, &digest, reason, self.start.elapsed(), &revision, &origin);
        }
        if self.write().await.is_err() {
            return Requeue::Backoff;
        }
        let (object, ctx) = (&self.object, self.ctx);
        let dependency_retry = Requeue::RetryAfter(ctx.options.requeue_dependency.0);
        match &failure {
            Failure::Dependency(why) => {
                if !waited {
                    let retry = duration_text(ctx.options.requeue_dependency.0);
                    info!("dependencies are not ready: {why}");
                    let message = format!("Dependencies do not meet ready condition, retrying in {retry}");
                    events::send(object, ctx, Severity::Info, reason, &message, &self.revision);
                }
                dependency_retry
            }
            Failure::NoArtifact { .. } => {
                info!("{message}");
                dependency_retry
            }
            Failure::Superseded(_) => {
                info!(revision = %self.revision, "{message}");
                events::send(object, ctx, Severity::Info, reason, &message, &self.revision);
                Requeue::After(Duration::ZERO)
            }
            Failure::Api(_) => Requeue::Backoff,
            _ => {
                error!(reason, error = %message, "the pass failed");
                events::send(object, ctx, Severity::Error, reason, &message, &self.revision);
                if failure.is_terminal() {
                    return Requeue::Never;
                }
                let retry = object.spec.retry_interval.as_ref().unwrap_or(&object.spec.interval);
                Requeue::RetryAfter(retry.to_std().unwrap_or(Duration::from_secs(60)))
            }
        }
    }
}

/// Adds to what the server says of an object where in the source it comes from.
fn located(error: ApplyError, origins: &HashMap<ObjectRef, String>) -> Failure {
    let ApplyError::Refused(failures) = error else { return error.into() };
    let lines = failures.iter().map(|failure| match origins.get(&failure.object) {
        Some(origin) => format!("{origin}: {failure}"),
        None => failure.to_string(),
    });
    Failure::Reconciliation(lines.collect::<Vec<_>>().join("\n"))
}
