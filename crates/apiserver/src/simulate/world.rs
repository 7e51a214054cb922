//! What the simulator knows beside the store: who owns whom, what waits to be looked at, and what waits for its time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::clock;
use crate::core::{Context, Core};
use crate::kinds::Served;
use crate::rest::{self, DeleteOptions, meta};
use crate::store::{Change, Draft, Event, Object, Slot, Store, key};

use super::Options;

/// The kinds that the simulator moves. The queue is worked off in this order, so that an owner finds its dependents
/// done and writes its own status once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Volume,
    Claim,
    Pod,
    ReplicaSet,
    Revision,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    Deployment,
    Service,
    Ingress,
    Budget,
    Autoscaler,
    Slice,
}

/// Kind, group, version, Kubernetes kind and plural.
const KINDS: [(Kind, &str, &str, &str, &str); 15] = [
    (Kind::Volume, "", "v1", "PersistentVolume", "persistentvolumes"),
    (Kind::Claim, "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    (Kind::Pod, "", "v1", "Pod", "pods"),
    (Kind::ReplicaSet, "apps", "v1", "ReplicaSet", "replicasets"),
    (Kind::Revision, "apps", "v1", "ControllerRevision", "controllerrevisions"),
    (Kind::StatefulSet, "apps", "v1", "StatefulSet", "statefulsets"),
    (Kind::DaemonSet, "apps", "v1", "DaemonSet", "daemonsets"),
    (Kind::Job, "batch", "v1", "Job", "jobs"),
    (Kind::CronJob, "batch", "v1", "CronJob", "cronjobs"),
    (Kind::Deployment, "apps", "v1", "Deployment", "deployments"),
    (Kind::Service, "", "v1", "Service", "services"),
    (Kind::Ingress, "networking.k8s.io", "v1", "Ingress", "ingresses"),
    (Kind::Budget, "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    (Kind::Autoscaler, "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    (Kind::Slice, "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
];

/// Kinds that users write: what the simulator changes in them is recorded in `managedFields`. Nobody applies to what it
/// makes itself.
const USERS: [Kind; 10] = [
    Kind::Claim,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Job,
    Kind::CronJob,
    Kind::Deployment,
    Kind::Service,
    Kind::Ingress,
    Kind::Budget,
    Kind::Autoscaler,
];

/// Events that are kept; the oldest go first, as they do after an hour in a real cluster.
const MOST_EVENTS: usize = 5_000;

/// An object of one of these kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// Its kind.
    pub kind: Kind,
    /// `namespace/name`.
    pub key: Arc<str>,
}

impl Id {
    /// An object by its place.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, key: key(namespace, name).into() }
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }
}

/// See the module.
pub struct World {
    core: Arc<Core>,
    /// How the cluster behaves.
    pub options: Options,
    served: Vec<Arc<Served>>,
    kinds: HashMap<Slot, Kind>,
    queue: BTreeSet<Id>,
    timers: BinaryHeap<Reverse<(Instant, Id)>>,
    /// When something, by its name, will have happened to an object.
    due: HashMap<Id, Vec<(&'static str, Instant)>>,
    owned: HashMap<Box<str>, BTreeSet<Id>>,
    /// Workloads whose annotations have told their Pods what to do: when those change, the Pods are looked at again.
    scripted: HashSet<Id>,
    /// Selectors of Services by namespace, to find those that a Pod is behind.
    selectors: HashMap<Box<str>, HashMap<Id, Map<String, Value>>>,
    /// What Events have told, and under which key.
    told: HashMap<String, Arc<str>>,
    events: VecDeque<(String, Arc<str>)>,
    event_count: u64,
    /// When the rules of the scenario begin and end.
    turns: VecDeque<Instant>,
    started: Instant,
    addresses: u32,
}

impl World {
    /// A world that has seen nothing yet.
    pub fn new(core: Arc<Core>, options: Options) -> Self {
        let kinds = core.kinds();
        let served: Vec<Arc<Served>> = KINDS
            .iter()
            .map(|(_, group, version, kind, _)| {
                kinds.of_kind(group, version, kind).expect("the table of built-in kinds holds it").clone()
            })
            .collect();
        let slots = served.iter().zip(KINDS).map(|(served, row)| (served.resource.slot, row.0)).collect();
        let started = core.clock.instant();
        let turns = options.scenario.turns().into_iter().map(|after| started + after).collect();
        Self {
            core,
            options,
            turns,
            started,
            selectors: HashMap::new(),
            told: HashMap::new(),
            events: VecDeque::new(),
            event_count: 0,
            served,
            kinds: slots,
            queue: BTreeSet::new(),
            timers: BinaryHeap::new(),
            due: HashMap::new(),
            owned: HashMap::new(),
            scripted: HashSet::new(),
            addresses: 1,
        }
    }

    /// Looks at everything there is, once, and makes the node.
    pub fn begin(&mut self) {
        for (kind, ..) in KINDS {
            for object in self.core.store.all(self.slot(kind), "").objects {
                self.own(kind, &object);
                self.note_selector(kind, &object);
                self.queue.insert(Id { kind, key: object.key().into() });
            }
        }
        self.make_node();
    }

    fn make_node(&self) {
        let slot = self.core.store.slot("nodes.");
        if self.core.store.count(slot) > 0 || !self.options.pods {
            return;
        }
        let name = &self.options.node;
        let now = clock::now_text();
        let condition = |kind: &str, status: &str, reason: &str, message: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now,
                   "lastTransitionTime": now})
        };
        let room = json!({"cpu": "64", "memory": "256Gi", "pods": "100000", "ephemeral-storage": "1Ti"});
        let node = json!({
            "metadata": {
                "name": name,
                "uid": new_uid(),
                "creationTimestamp": now,
                "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
            },
            "spec": {"podCIDR": "10.244.0.0/16", "podCIDRs": ["10.244.0.0/16"]},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": "172.18.0.2"},
                    {"type": "Hostname", "address": name},
                ],
                "capacity": room,
                "allocatable": room,
                "conditions": [
                    condition("MemoryPressure", "False", "KubeletHasSufficientMemory",
                              "kubelet has sufficient memory available"),
                    condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                    condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                    condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
                ],
                "nodeInfo": {
                    "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.37.2",
                    "kubeProxyVersion": "", "containerRuntimeVersion": "simulated://1.0", "kernelVersion": "simulated",
                    "osImage": "simulated", "machineID": "", "systemUUID": "", "bootID": "",
                },
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            },
        });
        // It exists, or will be made next time.
        let _ = self.core.store.create(slot, Draft::new(&node));
    }

    fn slot(&self, kind: Kind) -> Slot {
        self.served(kind).resource.slot
    }

    /// The served kind.
    pub fn served(&self, kind: Kind) -> &Arc<Served> {
        &self.served[kind as usize]
    }

    // What happens.

    /// Takes note of a change and queues what it may concern.
    pub fn observe(&mut self, event: &Event) {
        let Some(kind) = self.kinds.get(&event.slot).copied() else { return };
        let id = Id { kind, key: event.object.key().into() };
        for owner in event.before.iter().chain([&event.object]).flat_map(|o| o.owners()) {
            self.owned.entry(owner.clone()).or_default().insert(id.clone());
        }
        if event.change == Change::Deleted {
            for owner in event.object.owners() {
                self.disown(owner, &id);
            }
            self.owned.remove(event.object.uid());
            self.due.remove(&id);
            self.scripted.remove(&id);
            if let Some(selectors) = self.selectors.get_mut(event.object.namespace()) {
                selectors.remove(&id);
            }
            super::claim::after_removal(self, kind, &event.object);
        } else {
            if let Some(before) = &event.before {
                for owner in before.owners().iter().filter(|owner| !event.object.owners().contains(owner)) {
                    self.disown(owner, &id);
                }
            }
            self.note_selector(kind, &event.object);
            self.queue.insert(id.clone());
        }
        self.queue_concerned(kind, &event.object);
    }

    fn own(&mut self, kind: Kind, object: &Object) {
        for owner in object.owners() {
            let id = Id { kind, key: object.key().into() };
            self.owned.entry(owner.clone()).or_default().insert(id);
        }
    }

    fn disown(&mut self, owner: &str, id: &Id) {
        if let Some(children) = self.owned.get_mut(owner) {
            children.remove(id);
            if children.is_empty() {
                self.owned.remove(owner);
            }
        }
    }

    /// Queues those whose status shows something of `object`.
    fn queue_concerned(&mut self, kind: Kind, object: &Object) {
        let namespace = object.namespace();
        let owner_kind: &[Kind] = match kind {
            Kind::Pod => &[Kind::ReplicaSet, Kind::StatefulSet, Kind::DaemonSet, Kind::Job],
            Kind::ReplicaSet => &[Kind::Deployment],
            Kind::Job => &[Kind::CronJob],
            _ => &[],
        };
        if !owner_kind.is_empty() && !object.owners().is_empty() {
            // The index knows uids; the owner's name stands in the object alone.
            let value = self.value(kind, object);
            for owner in meta::of(&value).get("ownerReferences").and_then(Value::as_array).into_iter().flatten() {
                let found = owner_kind.iter().find(|k| KINDS[**k as usize].3 == owner["kind"]);
                if let (Some(kind), Some(name)) = (found, owner["name"].as_str()) {
                    self.queue.insert(Id::new(*kind, namespace, name));
                }
            }
        }
        match kind {
            Kind::Pod => {
                self.queue_all(Kind::Budget, namespace);
                let services = self.selectors.get(namespace).into_iter().flatten();
                let concerned = services.filter(|(_, selector)| selects(selector, object)).map(|(id, _)| id.clone());
                self.queue.extend(concerned.collect::<Vec<_>>());
            }
            Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet => self.queue_all(Kind::Autoscaler, namespace),
            _ => {}
        }
    }

    /// Remembers whom a Service selects.
    fn note_selector(&mut self, kind: Kind, object: &Object) {
        if kind != Kind::Service {
            return;
        }
        let id = Id { kind, key: object.key().into() };
        let selector = self.value(kind, object)["spec"]["selector"].as_object().cloned().unwrap_or_default();
        let selectors = self.selectors.entry(object.namespace().into()).or_default();
        match selector.is_empty() {
            true => selectors.remove(&id),
            false => selectors.insert(id, selector),
        };
    }

    /// The Pods of a namespace with these labels.
    pub fn selected_pods(&self, namespace: &str, selector: &Map<String, Value>) -> Vec<Value> {
        let objects = self.core.store.all(self.slot(Kind::Pod), namespace).objects;
        let selected = objects.iter().filter(|object| selects(selector, object));
        selected.map(|object| self.value(Kind::Pod, object)).collect()
    }

    fn queue_all(&mut self, kind: Kind, namespace: &str) {
        let slot = self.slot(kind);
        if self.core.store.count(slot) == 0 {
            return;
        }
        for object in self.core.store.all(slot, namespace).objects {
            self.queue.insert(Id { kind, key: object.key().into() });
        }
    }

    /// Queues the objects of a kind that are being deleted.
    pub fn queue_deleting(&mut self, kind: Kind, namespace: &str) {
        let slot = self.slot(kind);
        if self.core.store.count(slot) == 0 {
            return;
        }
        for object in self.core.store.all(slot, namespace).objects.iter().filter(|object| object.is_deleting()) {
            self.queue.insert(Id { kind, key: object.key().into() });
        }
    }

    /// Queues an object.
    pub fn queue(&mut self, id: Id) {
        self.queue.insert(id);
    }

    /// Queues what `workload` owns, and what that owns, when its script is new or has changed.
    pub fn follow_script(&mut self, id: &Id, object: &Value) {
        let scripted = super::script::Script::is_in(object);
        let before = self.scripted.contains(id);
        if !scripted && !before {
            return;
        }
        if scripted {
            self.scripted.insert(id.clone());
        } else {
            self.scripted.remove(id);
        }
        for child in self.children(meta::text(object, "uid")) {
            if child.kind == Kind::ReplicaSet
                && let Some((set, _)) = self.get(&child)
            {
                for pod in self.children(meta::text(&set, "uid")) {
                    self.queue.insert(pod);
                }
            }
            self.queue.insert(child);
        }
    }

    /// The next object to look at.
    pub fn next(&mut self) -> Option<Id> {
        self.queue.pop_first()
    }

    /// Whether something waits to be looked at.
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    // Time.

    /// Queues what is due.
    pub fn ring(&mut self) {
        if self.timers.is_empty() && self.turns.is_empty() {
            return;
        }
        let now = self.core.clock.instant();
        while self.turns.front().is_some_and(|at| *at <= now) {
            self.turns.pop_front();
            // A rule begins or ends: whom it concerns is only known by looking.
            for (kind, ..) in KINDS {
                for object in self.core.store.all(self.slot(kind), "").objects {
                    self.queue.insert(Id { kind, key: object.key().into() });
                }
            }
        }
        while self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, id))) = self.timers.pop() {
                self.queue.insert(id);
            }
        }
    }

    /// When the next timer rings.
    pub fn next_timer(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        timer.into_iter().chain(self.turns.front().copied()).min()
    }

    /// Looks at `id` again after a while.
    pub fn again(&mut self, id: &Id, after: Duration) {
        // Beyond a week, the timer would only fill the heap.
        let after = after.min(Duration::from_secs(7 * 86_400));
        self.timers.push(Reverse((self.core.clock.instant() + after, id.clone())));
    }

    /// Whether `after` has passed since `what` was first asked of `id`; rings when it has.
    pub fn passed(&mut self, id: &Id, what: &'static str, after: Duration) -> bool {
        let now = self.core.clock.instant();
        let known = self.due.get(id).into_iter().flatten().find(|(name, _)| *name == what).map(|(_, at)| *at);
        match known {
            Some(at) if at <= now => return true,
            // A script may have shortened the wait; otherwise the timer runs already.
            Some(at) if at <= now + after => return false,
            _ if after.is_zero() => return true,
            _ => {}
        }
        self.restart_clock(id, what);
        self.due.entry(id.clone()).or_default().push((what, now + after));
        self.again(id, after);
        false
    }

    /// Forgets when `what` was due, so that [`World::passed`] starts anew.
    pub fn restart_clock(&mut self, id: &Id, what: &str) {
        if let Some(list) = self.due.get_mut(id) {
            list.retain(|(name, _)| *name != what);
        }
    }

    /// How long the simulation has run.
    pub fn age(&self) -> Duration {
        self.core.clock.instant().saturating_duration_since(self.started)
    }

    // Events.

    /// Where Events are kept.
    pub fn events_slot(&self) -> Slot {
        self.core.store.slot("events.")
    }

    /// The store itself, for kinds that are told and not followed.
    pub fn store(&self) -> &Store {
        &self.core.store
    }

    /// The Event that told this, when it is still there.
    pub fn told(&self, what: &str) -> Option<Arc<str>> {
        self.told.get(what).cloned()
    }

    /// Remembers what an Event told, and forgets the oldest when there are too many.
    pub fn remember(&mut self, what: String, key: &str) {
        let key: Arc<str> = key.into();
        self.told.insert(what.clone(), key.clone());
        self.events.push_back((what, key));
        while self.events.len() > MOST_EVENTS {
            let Some((what, key)) = self.events.pop_front() else { break };
            self.told.remove(&what);
            let slot = self.events_slot();
            if let Some(event) = self.core.store.get(slot, &key) {
                let _ = self.core.store.remove(slot, &key, event.version());
            }
        }
    }

    /// What makes the name of the next Event its own.
    pub fn event_suffix(&mut self) -> String {
        self.event_count += 1;
        let begun = u64::try_from(self.core.clock.now().as_nanosecond()).unwrap_or(0);
        format!("{:016x}", begun.wrapping_add(self.event_count))
    }

    // Objects.

    /// An object and its version.
    pub fn get(&self, id: &Id) -> Option<(Value, u64)> {
        let object = self.core.store.get(self.slot(id.kind), &id.key)?;
        Some((self.value(id.kind, &object), object.version()))
    }

    fn value(&self, kind: Kind, object: &Object) -> Value {
        self.served(kind).value(object)
    }

    /// What the object of that uid owns.
    pub fn children(&self, uid: &str) -> Vec<Id> {
        self.owned.get(uid).map(|set| set.iter().cloned().collect()).unwrap_or_default()
    }

    /// The children of one kind, with their versions.
    pub fn children_of(&self, uid: &str, kind: Kind) -> Vec<(Id, Value, u64)> {
        let ids = self.owned.get(uid).into_iter().flatten().filter(|id| id.kind == kind);
        ids.filter_map(|id| self.get(id).map(|(value, version)| (id.clone(), value, version))).collect()
    }

    /// All objects of a kind in a namespace.
    pub fn all(&self, kind: Kind, namespace: &str) -> Vec<Value> {
        let objects = self.core.store.all(self.slot(kind), namespace).objects;
        objects.iter().map(|object| self.value(kind, object)).collect()
    }

    /// Whether new objects may appear in a namespace.
    pub fn is_open(&self, namespace: &str) -> bool {
        let slot = self.core.store.slot("namespaces.");
        self.core.store.get(slot, namespace).is_some_and(|object| !object.is_deleting())
    }

    /// Stores a new object; `None` when the name is taken.
    pub fn create(&mut self, kind: Kind, object: &Value) -> Option<Arc<Object>> {
        self.core.store.create(self.slot(kind), Draft::new(object)).ok()
    }

    /// Replaces an object, if it still has the version.
    pub fn put(&mut self, kind: Kind, object: &Value, version: u64) -> Option<Arc<Object>> {
        let slot = self.slot(kind);
        if !USERS.contains(&kind) {
            return self.core.store.replace(slot, Draft::new(object), version).ok();
        }
        let key = key(meta::text(object, "namespace"), meta::text(object, "name"));
        let current = self.core.store.get(slot, &key).filter(|current| current.version() == version)?;
        let old = self.value(kind, &current);
        if old == *object {
            return Some(current);
        }
        let manager = if kind == Kind::Ingress { "ingress-controller" } else { "kube-controller-manager" };
        let recorded = rest::manage::by_controller(self.served(kind), &old, object, manager);
        self.core.store.replace(slot, Draft::new(&recorded), version).ok()
    }

    /// Removes an object at once, or asks for it when finalizers hold it.
    pub fn delete(&mut self, kind: Kind, object: &Value, version: u64) {
        let (namespace, name) = (meta::text(object, "namespace"), meta::text(object, "name"));
        if meta::finalizers(object).is_empty() {
            let _ = self.core.store.remove(self.slot(kind), &key(namespace, name), version);
            return;
        }
        let options = DeleteOptions { grace: Some(0), ..DeleteOptions::default() };
        let served = self.served(kind).clone();
        let context = Context::internal("kube-controller-manager");
        if let Err(error) = rest::delete(&self.core, &served, namespace, name, &options, &context) {
            tracing::debug!(%error, namespace, name, "simulated deletion refused");
        }
    }

    /// The object's own removal, when it is being deleted and nothing holds it.
    pub fn remove(&mut self, id: &Id, version: u64) {
        let _ = self.core.store.remove(self.slot(id.kind), &id.key, version);
    }

    /// Removes an object in whatever version it has, finalizers or not.
    pub fn remove_newest(&mut self, id: &Id) {
        while let Some(object) = self.core.store.get(self.slot(id.kind), &id.key) {
            if self.core.store.remove(self.slot(id.kind), &id.key, object.version()).is_ok() {
                return;
            }
        }
    }

    /// Stores a last state and removes the object.
    pub fn put_and_remove(&mut self, kind: Kind, object: &Value, version: u64) {
        let _ = self.core.store.replace_and_remove(self.slot(kind), Draft::new(object), version);
    }

    /// The next address of a Pod.
    pub fn pod_address(&mut self) -> String {
        self.addresses = (self.addresses + 1) % 65_000;
        format!("10.244.{}.{}", self.addresses / 250, self.addresses % 250 + 2)
    }
}

/// Whether an object has all labels of a selector.
fn selects(selector: &Map<String, Value>, object: &Object) -> bool {
    selector.iter().all(|(key, value)| object.label(key) == value.as_str())
}

/// A new uid.
pub fn new_uid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Metadata of a new object that `owner` controls.
pub fn owned_metadata(owner: &Value, name: &str, labels: Value, annotations: Value) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("name".into(), name.into());
    metadata.insert("namespace".into(), meta::text(owner, "namespace").into());
    metadata.insert("uid".into(), new_uid().into());
    metadata.insert("creationTimestamp".into(), clock::now_text().into());
    for (field, map) in [("labels", labels), ("annotations", annotations)] {
        if map.as_object().is_some_and(|m| !m.is_empty()) {
            metadata.insert(field.into(), map);
        }
    }
    metadata.insert("ownerReferences".into(), json!([controller_reference(owner)]));
    metadata
}

fn controller_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// A whole number somewhere below an object.
pub fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// `spec.replicas`; one when it is absent.
pub fn replicas(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

/// A number, or a share of `whole` in percent.
pub fn share(value: Option<&Value>, whole: i64, round_up: bool) -> i64 {
    match value {
        Some(Value::Number(n)) => n.as_i64().unwrap_or(0),
        Some(Value::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let scaled = percent.saturating_mul(whole);
            if round_up { scaled.saturating_add(99) / 100 } else { scaled / 100 }
        }
        _ => 0,
    }
}

/// Sets `field`, or removes it when it is zero and the API leaves zeros out.
pub fn set_or_omit(status: &mut Map<String, Value>, field: &str, value: i64) {
    if value == 0 {
        status.remove(field);
    } else {
        status.insert(field.into(), value.into());
    }
}

/// The status as a map, made when it is missing.
pub fn status_of(object: &mut Value) -> &mut Map<String, Value> {
    if !object.get("status").is_some_and(Value::is_object) {
        object["status"] = Value::Object(Map::new());
    }
    object["status"].as_object_mut().expect("made above")
}
