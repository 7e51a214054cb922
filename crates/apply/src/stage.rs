//! The stages of an apply, and within a stage: look, rehearse, write.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::request::Request as KubeRequest;
use kube::{Client, Resource};
use serde_json::Value;
use sluice_object::{ObjectRef, order, resource_version, uid};
use sluice_runtime::{GroupKind, Key, Live, MetadataIndex};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::change::{Action, Change};
use crate::error::{ApplyError, Failure, chain};
use crate::facts::{Managers, Marks, fingerprint, live_of};
use crate::ignore::IgnoreRules;
use crate::mapper::{Mapped, Mapper};
use crate::marks::{Mark, Owner};
use crate::memory::{Memory, digest};
use crate::{fight, takeover};

/// Applies sets of objects to one cluster as one user.
#[derive(Clone)]
pub struct Applier {
    /// Acts as whoever the owner's objects are applied as.
    pub client: Client,
    /// Who that is; empty for the controller itself.
    pub user: String,
    /// Where kinds live on that cluster.
    pub mapper: Arc<Mapper>,
    /// What is live there.
    pub index: MetadataIndex<Marks>,
    /// What was applied there.
    pub memory: Arc<Memory>,
    /// The field manager, for example `kustomize-controller`.
    pub manager: String,
    /// Other managers whose fields are taken over, besides kubectl's (`--override-manager`).
    pub overridden: Managers,
    /// Requests at once, at most (`--concurrent-ssa`).
    pub concurrent: usize,
}

/// A set of objects to apply.
pub struct Request<'a> {
    /// Whose they are; its labels are on them already.
    pub owner: &'a Owner,
    /// The objects, normalised, in any order.
    pub objects: Vec<Value>,
    /// Delete and create again what has an immutable field changed.
    pub force: bool,
    /// Fields that are left to others.
    pub ignore: &'a IgnoreRules,
    /// Kinds that come before the rest (`--custom-apply-stage-kinds`).
    pub early: &'a [(String, String)],
    /// Ends the apply between two requests.
    pub stop: &'a CancellationToken,
}

/// How long definitions and namespaces get to become ready (spec/flux/kustomize.md §5).
const STAGE: Duration = Duration::from_secs(60);
/// From this many corrections within five minutes on, another writer is at work.
const FIGHT: usize = 4;
/// How often an object that others change meanwhile is looked at again before the apply fails.
const LOOKS: usize = 5;

/// What a whole apply has in common.
#[derive(Clone, Copy)]
struct Terms<'a> {
    owner: &'a Owner,
    force: bool,
    ignore: &'a IgnoreRules,
    stop: &'a CancellationToken,
}

impl Terms<'_> {
    /// Whether an object that cannot be changed is deleted and created again.
    fn recreates(&self, item: &Item, failure: &Failure) -> bool {
        (self.force || self.owner.forces(&item.desired)) && item.live.is_some() && failure.is_immutable()
    }
}

/// An object on its way.
struct Item {
    object: ObjectRef,
    at: Mapped,
    slot: (GroupKind, Key),
    desired: Value,
    digest: [u8; 16],
    live: Option<Live<Marks>>,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Skip,
    Unchanged,
    Write { rehearse: bool, correction: bool, take_over: bool },
}

impl Applier {
    /// Applies the objects, stage by stage. What was done is in `changes` even when a later stage fails.
    ///
    /// # Errors
    /// All refusals of the stage that failed. Nothing of that stage is written when its rehearsal fails.
    pub async fn apply(&self, request: Request<'_>, changes: &mut Vec<Change>) -> Result<(), ApplyError> {
        let terms = Terms { owner: request.owner, force: request.force, ignore: request.ignore, stop: request.stop };
        let mut stages: [Vec<Value>; 4] = Default::default();
        for object in request.objects {
            stages[stage_of(&object, request.early)].push(object);
        }
        for (number, mut objects) in stages.into_iter().enumerate() {
            if objects.is_empty() {
                continue;
            }
            order::sort(&mut objects);
            let before = changes.len();
            let (items, unfit) = self.look(terms, objects).await?;
            self.rehearse(&items, unfit, terms).await?;
            let mut items = items.into_iter();
            while let Some(item) = items.next() {
                if request.stop.is_cancelled() {
                    return Err(ApplyError::Interrupted);
                }
                match self.write(item, terms).await {
                    Ok(change) => changes.push(change),
                    Err(ApplyError::Refused(failures)) => {
                        return Err(self.and_the_rest(failures, items.as_slice(), terms).await);
                    }
                    Err(error) => return Err(error),
                }
            }
            if number < 2 {
                self.settle(&changes[before..], request.stop).await?;
            }
        }
        Ok(())
    }

    /// Whether all of the objects are, as far as watches tell, as they were left by the last apply.
    #[must_use]
    pub fn all_as_applied(&self, objects: &[ObjectRef]) -> bool {
        objects.iter().all(|object| {
            let kind = GroupKind { group: object.gvk.group.as_str().into(), kind: object.gvk.kind.as_str().into() };
            let key = Key::new(&object.namespace, &object.name);
            let live = self.index.get(&kind, &key);
            live.is_some_and(|live| self.memory.fingerprint(&kind, &key) == Some(fingerprint(&live)))
        })
    }

    /// Finds out what each object needs; costs no request for kinds that the index knows. What cannot be sent at all
    /// comes second.
    async fn look(&self, terms: Terms<'_>, objects: Vec<Value>) -> Result<(Vec<Item>, Vec<Failure>), ApplyError> {
        let mut items = Vec::with_capacity(objects.len());
        let mut unfit = Vec::new();
        for mut desired in objects {
            let mut object = ObjectRef::of(&desired).map_err(|error| ApplyError::Unavailable {
                doing: "reading an object".to_owned(),
                message: error.to_string(),
            })?;
            let resolved = self.mapper.resolve(&object.gvk).await.map_err(|error| ApplyError::Unavailable {
                doing: format!("{object}: asking the API server for its kind"),
                message: chain(&error),
            })?;
            let Some(at) = resolved else {
                unfit.push(Failure::unknown_kind(object));
                continue;
            };
            if !at.namespaced && !object.namespace.is_empty() {
                object.namespace.clear();
                if let Some(metadata) = sluice_object::metadata_mut(&mut desired) {
                    metadata.remove("namespace");
                }
            }
            if at.namespaced && object.namespace.is_empty() {
                let message = "namespace not specified; set `metadata.namespace`, or `spec.targetNamespace`".to_owned();
                unfit.push(Failure { object, doing: "apply", code: 0, reason: String::new(), message });
                continue;
            }
            let slot = (GroupKind::of(&at.resource), Key::new(&object.namespace, &object.name));
            let live = self.live(&at, &slot).await?;
            let digest = digest(&desired, &self.user, &terms.ignore.text(&desired));
            let step = self.step(terms.owner, &desired, live.as_ref(), &slot, &digest);
            items.push(Item { object, at, slot, desired, digest, live, step });
        }
        Ok((items, unfit))
    }

    async fn live(&self, at: &Mapped, slot: &(GroupKind, Key)) -> Result<Option<Live<Marks>>, ApplyError> {
        if self.index.knows(&slot.0) || self.index.watch(&at.resource).await.is_ok() {
            return Ok(self.index.get(&slot.0, &slot.1));
        }
        // The controller may not list this kind; its user may get the one object.
        match self.get(at, &slot.1).await {
            Ok(live) => Ok(live.as_ref().and_then(live_of)),
            Err(error) => Err(ApplyError::Unavailable {
                doing: format!("{}/{}: reading the live object", slot.0.kind, slot.1),
                message: chain(&error),
            }),
        }
    }

    fn step(
        &self,
        owner: &Owner,
        desired: &Value,
        live: Option<&Live<Marks>>,
        slot: &(GroupKind, Key),
        digest: &[u8; 16],
    ) -> Step {
        let mark = owner.treatment(desired, live);
        if mark == Mark::Skip {
            return Step::Skip;
        }
        let Some(live) = live else {
            let correction = self.memory.recall(slot, digest).is_some();
            return Step::Write { rehearse: !correction && !is_plain(desired), correction, take_over: false };
        };
        let overridden = live.facts.any_of(&self.overridden);
        let take_over = mark == Mark::Override && (live.facts.taken_over_by_hand || overridden);
        match self.memory.recall(slot, digest) {
            Some(seen) if seen == fingerprint(live) && !(take_over && overridden) => Step::Unchanged,
            // What was accepted before will be again.
            Some(_) => Step::Write { rehearse: false, correction: true, take_over },
            None => Step::Write { rehearse: true, correction: false, take_over },
        }
    }

    /// Asks the server what it would say to the objects that it could refuse; `unfit` are refused already.
    async fn rehearse(&self, items: &[Item], unfit: Vec<Failure>, terms: Terms<'_>) -> Result<(), ApplyError> {
        let wanted = items.iter().filter(|item| matches!(item.step, Step::Write { rehearse: true, .. }));
        let failures: Vec<_> = unfit.into_iter().chain(self.rehearsals(wanted, terms).await).collect();
        if failures.is_empty() {
            return Ok(());
        }
        // What looked harmless may be refused for the same reason, for example a right that is missing.
        let others = items.iter().filter(|item| matches!(item.step, Step::Write { rehearse: false, .. }));
        let more = self.rehearsals(others, terms).await;
        Err(ApplyError::Refused(failures.into_iter().chain(more).collect()))
    }

    /// The failures of a write, and those that the objects after it would have met: the user sees all of them at once.
    async fn and_the_rest(&self, mut failures: Vec<Failure>, rest: &[Item], terms: Terms<'_>) -> ApplyError {
        let rest = rest.iter().filter(|item| matches!(item.step, Step::Write { rehearse: false, .. }));
        failures.extend(self.rehearsals(rest, terms).await);
        ApplyError::Refused(failures)
    }

    async fn rehearsals<'a>(&self, items: impl Iterator<Item = &'a Item>, terms: Terms<'_>) -> Vec<Failure> {
        let rehearsals: Vec<_> = items.map(|item| self.rehearse_one(item, terms)).collect();
        let failures = stream::iter(rehearsals).buffered(self.concurrent.max(1)).collect::<Vec<_>>().await;
        failures.into_iter().flatten().collect()
    }

    async fn rehearse_one(&self, item: &Item, terms: Terms<'_>) -> Option<Failure> {
        let error = self.patch(item, terms.ignore, true).await.err()?;
        let failure = Failure::new(item.object.clone(), "dry-run", &item.desired, &error);
        (!terms.recreates(item, &failure)).then_some(failure)
    }

    async fn write(&self, item: Item, terms: Terms<'_>) -> Result<Change, ApplyError> {
        let (correction, take_over) = match item.step {
            Step::Skip => return Ok(Change::of(item.object, Action::Skipped)),
            Step::Unchanged => return Ok(Change::of(item.object, Action::Unchanged)),
            Step::Write { correction, take_over, .. } => (correction, take_over),
        };
        if correction {
            self.memory.notice(&item.slot);
        }
        if correction && let Some(held) = self.memory.held(&item.slot) {
            debug!(object = %item.object, ?held, "not put right yet: another writer keeps changing it");
            return Ok(Change::of(item.object, Action::Unchanged));
        }
        // Who fights is seen before the field is taken back.
        let fought = correction && self.memory.corrections(&item.slot) + 1 >= FIGHT;
        let before = if fought { self.get(&item.at, &item.slot.1).await.ok().flatten() } else { None };
        let refused = |error: &kube::Error| {
            ApplyError::Refused(vec![Failure::new(item.object.clone(), "apply", &item.desired, error)])
        };
        if take_over {
            self.take_over(&item).await.map_err(|error| refused(&error))?;
        }
        let answer = match self.patch(&item, terms.ignore, false).await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = Failure::new(item.object.clone(), "apply", &item.desired, &error);
                if !terms.recreates(&item, &failure) {
                    if failure.code == 404 {
                        self.mapper.forget(&item.object.gvk);
                    }
                    return Err(ApplyError::Refused(vec![failure]));
                }
                self.delete_and_wait(&item, terms.stop).await?;
                self.send(&item, &item.desired, false).await.map_err(|error| refused(&error))?
            }
        };
        let action = match &item.live {
            None => Action::Created,
            Some(live) if *live.uid != *uid(&answer) => Action::Created,
            Some(live) if *live.resource_version == *resource_version(&answer) => Action::Unchanged,
            Some(_) => Action::Configured,
        };
        let contested =
            (correction && action != Action::Unchanged).then(|| self.note_correction(&item, before)).flatten();
        if let Some(live) = live_of(&answer) {
            let owner = Key::new(&terms.owner.namespace, &terms.owner.name);
            self.memory.applied(item.slot, owner, item.digest, fingerprint(&live));
        }
        Ok(Change { object: item.object, action, live: Some(Arc::new(answer)), contested })
    }

    /// Counts a correction; says who the other writer is once it is a fight, and leaves the object alone for a while.
    fn note_correction(&self, item: &Item, before: Option<Value>) -> Option<String> {
        let times = self.memory.corrected(&item.slot);
        info!(object = %item.object, times, "put right after a change by somebody else");
        if times < FIGHT {
            return None;
        }
        let wait = match self.memory.hold(&item.slot, FIGHT - 1) {
            Some(wait) => format!("; the next time waits {} s", wait.as_secs()),
            None => String::new(),
        };
        let what = fight::describe(&item.desired, before.as_ref(), &self.manager);
        Some(format!(
            "{} was changed {times} times within five minutes {what}, and put back each time{wait}: \
             stop the other writer, or leave the object to it with the annotation `{}: Ignore`",
            item.object, "kustomize.toolkit.fluxcd.io/ssa"
        ))
    }

    pub(crate) fn request(&self, at: &Mapped, namespace: &str) -> KubeRequest {
        let namespace = at.namespaced.then_some(namespace);
        KubeRequest::new(DynamicObject::url_path(&at.resource, namespace))
    }

    /// Applies an object, with the fields that are left to others as they are.
    async fn patch(&self, item: &Item, ignore: &IgnoreRules, dry_run: bool) -> Result<Value, kube::Error> {
        if item.live.is_none() || !ignore.concern(&item.desired) {
            return self.send(item, &item.desired, dry_run).await;
        }
        let mut looks = 1;
        loop {
            let payload = match self.get(&item.at, &item.slot.1).await? {
                Some(live) => Cow::Owned(ignore.payload(&item.desired, &live, &self.manager)),
                None => Cow::Borrowed(&item.desired),
            };
            match self.send(item, &payload, dry_run).await {
                // Somebody changed it between the look and the write.
                Err(kube::Error::Api(status)) if status.code == 409 && looks < LOOKS => looks += 1,
                answer => return answer,
            }
        }
    }

    async fn send(&self, item: &Item, payload: &Value, dry_run: bool) -> Result<Value, kube::Error> {
        let params = PatchParams { dry_run, ..PatchParams::apply(&self.manager).force() };
        let request = self.request(&item.at, &item.object.namespace);
        let request = request.patch(&item.object.name, &params, &Patch::Apply(payload));
        self.client.request(request.map_err(kube::Error::BuildRequest)?).await
    }

    /// The live object, if there is one.
    ///
    /// # Errors
    /// As the API server says, 404 aside.
    pub(crate) async fn get(&self, at: &Mapped, key: &Key) -> Result<Option<Value>, kube::Error> {
        let request = self.request(at, &key.namespace).get(&key.name, &kube::api::GetParams::default());
        match self.client.request(request.map_err(kube::Error::BuildRequest)?).await {
            Ok(live) => Ok(Some(live)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn take_over(&self, item: &Item) -> Result<(), kube::Error> {
        let Some(live) = self.get(&item.at, &item.slot.1).await? else { return Ok(()) };
        let Some(steps) = takeover::patch(&live, &self.manager, &self.overridden) else { return Ok(()) };
        debug!(object = %item.object, "taking over what was set by hand");
        let path = self.request(&item.at, &item.object.namespace).url_path;
        let request = http::Request::patch(format!("{path}/{}?fieldManager={}", item.object.name, self.manager))
            .header(http::header::CONTENT_TYPE, "application/json-patch+json")
            .body(steps.to_string().into_bytes());
        let _: Value = self.client.request(request.map_err(kube::Error::HttpError)?).await?;
        Ok(())
    }

    /// Deletes a live object, as it was seen; an object of the same name that came later is left alone.
    ///
    /// # Errors
    /// As the API server says; that it is gone already is none.
    pub(crate) async fn delete(&self, at: &Mapped, key: &Key, uid: &str) -> Result<(), kube::Error> {
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        let request = self.request(at, &key.namespace).delete(&key.name, &params);
        match self.client.request::<Value>(request.map_err(kube::Error::BuildRequest)?).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn delete_and_wait(&self, item: &Item, stop: &CancellationToken) -> Result<(), ApplyError> {
        let uid = item.live.as_ref().map(|live| live.uid.clone()).unwrap_or_default();
        let refused =
            |error| ApplyError::Refused(vec![Failure::new(item.object.clone(), "delete", &item.desired, &error)]);
        info!(object = %item.object, "deleting, to create it again with a changed immutable field");
        self.delete(&item.at, &item.slot.1, &uid).await.map_err(refused)?;
        let deadline = Instant::now() + STAGE;
        let mut wait = Duration::from_millis(20);
        loop {
            match self.get(&item.at, &item.slot.1).await.map_err(refused)? {
                None => return Ok(()),
                Some(live) if *sluice_object::uid(&live) != *uid => return Ok(()),
                Some(_) if Instant::now() >= deadline => {
                    let what = format!("{} is still being deleted after {} s", item.object, STAGE.as_secs());
                    return Err(ApplyError::StageNotReady(what));
                }
                Some(_) => pause(&mut wait, stop).await?,
            }
        }
    }

    /// Waits until the definitions and namespaces of an early stage can be used.
    async fn settle(&self, changes: &[Change], stop: &CancellationToken) -> Result<(), ApplyError> {
        let deadline = Instant::now() + STAGE;
        for change in changes.iter().filter(|change| change.live.is_some()) {
            let mut live = change.live.as_deref().cloned();
            let mut wait = Duration::from_millis(10);
            loop {
                let why = match &live {
                    None => "it is gone".to_owned(),
                    Some(live) => match sluice_health::status(live) {
                        Ok(status) if status.is_current() => break,
                        Ok(status) => status.message,
                        Err(error) => error.to_string(),
                    },
                };
                if Instant::now() >= deadline {
                    let what = format!("{} is not ready after {} s: {why}", change.object, STAGE.as_secs());
                    return Err(ApplyError::StageNotReady(what));
                }
                pause(&mut wait, stop).await?;
                let unavailable = |error: kube::Error| ApplyError::Unavailable {
                    doing: format!("{}: reading its status", change.object),
                    message: chain(&error),
                };
                let at = self.mapper.resolve(&change.object.gvk).await.map_err(unavailable)?;
                let Some(at) = at else {
                    return Err(ApplyError::Refused(vec![Failure::unknown_kind(change.object.clone())]));
                };
                let key = Key::new(&change.object.namespace, &change.object.name);
                live = self.get(&at, &key).await.map_err(unavailable)?;
            }
        }
        Ok(())
    }

    /// Groups references by where their kinds live; kinds that the server does not have are left out.
    pub(crate) async fn resolve_all(&self, objects: &[ObjectRef]) -> Result<BTreeMap<usize, Mapped>, kube::Error> {
        let mut at = BTreeMap::new();
        for (n, object) in objects.iter().enumerate() {
            if let Some(mapped) = self.mapper.resolve(&object.gvk).await? {
                at.insert(n, mapped);
            }
        }
        Ok(at)
    }
}

async fn pause(wait: &mut Duration, stop: &CancellationToken) -> Result<(), ApplyError> {
    tokio::select! {
        () = stop.cancelled() => Err(ApplyError::Interrupted),
        () = tokio::time::sleep(*wait) => {
            *wait = (*wait * 2).min(Duration::from_secs(1));
            Ok(())
        }
    }
}

/// Which stage an object belongs to (spec/flux/kustomize.md §5).
fn stage_of(object: &Value, early: &[(String, String)]) -> usize {
    let kind = sluice_object::kind(object);
    let group = sluice_object::api_version(object).split_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("apiextensions.k8s.io", "CustomResourceDefinition")
        | ("", "Namespace")
        | ("rbac.authorization.k8s.io", "ClusterRole") => 0,
        (_, kind) if kind.ends_with("Class") => 1,
        _ if early.iter().any(|(g, k)| g == group && k == kind) => 2,
        _ => 3,
    }
}

/// Data without rules that a server could refuse but its types, which are checked before: creating it needs no
/// rehearsal. Anything else of these kinds, such as a name that is none, fails with its own message all the same.
fn is_plain(object: &Value) -> bool {
    let kind = sluice_object::kind(object);
    sluice_object::api_version(object) == "v1"
        && matches!(kind, "ConfigMap" | "ServiceAccount" | "Secret" | "Namespace")
        && is_dns_name(sluice_object::name(object))
        && ["data", "stringData", "binaryData"].iter().all(|field| {
            let entries = object.get(*field).and_then(Value::as_object).into_iter().flatten();
            entries.into_iter().all(|(key, value)| value.is_string() && is_config_key(key))
        })
}

fn is_dns_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.starts_with(ends)
        && name.ends_with(ends)
        && name.chars().all(inner)
        && !name.contains("..")
}

fn is_config_key(key: &str) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !key.is_empty() && key.len() <= 253 && key.chars().all(ok) && key != "." && !key.starts_with("..")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stages_are_flux_s() {
        let check = |api_version: &str, kind: &str, want: usize| {
            let early = [("x.io".to_owned(), "First".to_owned())];
            assert_eq!(stage_of(&json!({"apiVersion": api_version, "kind": kind}), &early), want, "{kind}");
        };
        check("v1", "Namespace", 0);
        check("apiextensions.k8s.io/v1", "CustomResourceDefinition", 0);
        check("rbac.authorization.k8s.io/v1", "ClusterRole", 0);
        check("rbac.authorization.k8s.io/v1", "Role", 3);
        check("storage.k8s.io/v1", "StorageClass", 1);
        check("x.io/v1", "First", 2);
        check("apps/v1", "Deployment", 3);
    }

    #[test]
    fn only_data_that_nobody_could_refuse_is_written_unrehearsed() {
        let check = |object: Value, want: bool| assert_eq!(is_plain(&object), want, "{object}");
        check(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}), true);
        check(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": 1}}), false);
        check(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a b": "c"}}), false);
        check(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "X_"}}), false);
        check(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}), false);
    }
}
