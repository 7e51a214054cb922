//! Deployments: a ReplicaSet for each template, and replicas moved from the old ones to the new one.

mod rolling;
mod status;

use serde_json::{Map, Value, json};

use crate::rest::meta;

use super::events::{self, Source};
use super::revision;
use super::world::{Id, Kind, World, number, owned_metadata, replicas, share};

const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";

/// A ReplicaSet of a Deployment.
struct Set {
    value: Value,
    version: u64,
}

impl Set {
    fn replicas(&self) -> i64 {
        replicas(&self.value)
    }

    fn counted(&self, field: &str) -> i64 {
        self.value["status"][field].as_i64().unwrap_or(0)
    }

    fn revision(&self) -> i64 {
        annotation(&self.value, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    meta::of(object).get("annotations")?.get(key)?.as_str()
}

/// What a Deployment asks for.
struct Wanted {
    replicas: i64,
    surge: i64,
    unavailable: i64,
    recreate: bool,
}

fn wanted(deployment: &Value) -> Wanted {
    let replicas = replicas(deployment);
    let strategy = &deployment["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        return Wanted { replicas, surge: 0, unavailable: replicas, recreate: true };
    }
    let rolling = &strategy["rollingUpdate"];
    let surge = share(rolling.get("maxSurge"), replicas, true);
    let mut unavailable = share(rolling.get("maxUnavailable"), replicas, false).min(replicas);
    if surge == 0 && unavailable == 0 {
        // Validation forbids both as zero, but percentages may round to it.
        unavailable = 1;
    }
    Wanted { replicas, surge, unavailable, recreate: false }
}

/// One step.
pub fn step(world: &mut World, id: &Id, mut deployment: Value, version: u64) {
    if meta::is_deleting(&deployment) {
        return;
    }
    world.follow_script(id, &deployment);
    let hash = revision::hash(&deployment["spec"]["template"]);
    let children = world.children_of(meta::text(&deployment, "uid"), Kind::ReplicaSet);
    let (mut new, mut old) = (None, Vec::new());
    for (_, value, version) in children {
        if meta::is_deleting(&value) {
            continue;
        }
        let is_new = meta::of(&value).get("labels").is_some_and(|l| l["pod-template-hash"] == hash.as_str());
        let set = Set { value, version };
        if is_new && new.is_none() { new = Some(set) } else { old.push(set) }
    }
    old.sort_by_key(Set::revision);
    let wanted = wanted(&deployment);
    let paused = deployment["spec"]["paused"] == true;
    let mut wrote = false;
    if !paused {
        match &mut new {
            Some(set) => wrote |= adopt_revision(world, &deployment, set, &old),
            None if wanted.recreate && old.iter().any(|set| set.replicas() > 0 || set.counted("replicas") > 0) => {}
            None if world.is_open(id.namespace()) => {
                create_set(world, id, &deployment, &hash, &old, &wanted);
                // Its Pods come first; its status then brings the Deployment back.
                return;
            }
            None => {}
        }
    }
    if !wrote {
        wrote = rolling::move_replicas(world, &wanted, paused, new.as_ref(), &old);
    }
    if wrote {
        // The ReplicaSet's own step follows, and brings the Deployment back with numbers that are current.
        return;
    }
    clean_up(world, &deployment, &old);
    if let Some(set) = &new {
        meta_annotation(&mut deployment, REVISION, annotation(&set.value, REVISION).unwrap_or("1"));
    }
    status::update(world, id, &mut deployment, &wanted, new.as_ref(), &old);
    world.put(Kind::Deployment, &deployment, version);
}

fn meta_annotation(object: &mut Value, key: &str, value: &str) {
    let annotations = meta::of_mut(object).entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    if !annotations.is_object() {
        *annotations = Value::Object(Map::new());
    }
    annotations[key] = value.into();
}

fn create_set(world: &mut World, id: &Id, deployment: &Value, hash: &str, old: &[Set], wanted: &Wanted) {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = hash.into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = hash.into();
    let mut annotations = copied_annotations(deployment);
    let revision = old.iter().map(Set::revision).max().unwrap_or(0) + 1;
    annotations.insert(REVISION.into(), revision.to_string().into());
    annotations.insert(DESIRED.into(), wanted.replicas.to_string().into());
    annotations.insert(MOST.into(), (wanted.replicas + wanted.surge).to_string().into());
    let name = format!("{}-{hash}", id.name());
    let mut metadata = owned_metadata(deployment, &name, template["metadata"]["labels"].clone(), annotations.into());
    metadata.insert("generation".into(), 1.into());
    let set = json!({
        "metadata": metadata,
        "spec": {
            "replicas": rolling::first_replicas(wanted, old),
            "minReadySeconds": deployment["spec"].get("minReadySeconds").cloned().unwrap_or(0.into()),
            "selector": selector,
            "template": template,
        },
        "status": {"replicas": 0},
    });
    let mut set = set;
    if number(&set, "/spec/minReadySeconds") == 0 {
        set["spec"].as_object_mut().map(|spec| spec.remove("minReadySeconds"));
    }
    if world.create(Kind::ReplicaSet, &set).is_some() {
        tell_scaled(world, &set, None, number(&set, "/spec/replicas"));
    }
}

/// Tells the Deployment of `set` that it was scaled.
fn tell_scaled(world: &mut World, set: &Value, from: Option<i64>, to: i64) {
    let Some(deployment) = super::script::controller(world, set) else { return };
    let name = meta::text(set, "name");
    let message = match from {
        None => format!("Scaled up replica set {name} from 0 to {to}"),
        Some(from) if from < to => format!("Scaled up replica set {name} from {from} to {to}"),
        Some(from) => format!("Scaled down replica set {name} from {from} to {to}"),
    };
    events::tell(world, &deployment, Source::Controller("deployment-controller"), "ScalingReplicaSet", &message);
}

/// A Deployment's annotations are its ReplicaSets' too, save for those that are about the Deployment itself.
fn copied_annotations(deployment: &Value) -> Map<String, Value> {
    let all = meta::of(deployment).get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    let own = ["kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MOST];
    all.into_iter()
        .filter(|(key, _)| !own.contains(&key.as_str()) && !key.starts_with("deprecated.deployment.rollback"))
        .collect()
}

/// Gives the current ReplicaSet the highest revision, as after a rollback; tells whether it wrote.
fn adopt_revision(world: &mut World, deployment: &Value, set: &mut Set, old: &[Set]) -> bool {
    let newest = old.iter().map(Set::revision).max().unwrap_or(0);
    let mut value = set.value.clone();
    if set.revision() <= newest {
        let before = set.revision().to_string();
        let history = match annotation(&value, HISTORY) {
            Some(history) => format!("{history},{before}"),
            None => before,
        };
        meta_annotation(&mut value, HISTORY, &history);
        meta_annotation(&mut value, REVISION, &(newest + 1).to_string());
    }
    for (key, text) in copied_annotations(deployment) {
        if let Some(text) = text.as_str() {
            meta_annotation(&mut value, &key, text);
        }
    }
    let seconds = number(deployment, "/spec/minReadySeconds");
    if number(&value, "/spec/minReadySeconds") != seconds {
        value["spec"]["minReadySeconds"] = seconds.into();
        bump_generation(&mut value);
    }
    if value == set.value {
        return false;
    }
    world.put(Kind::ReplicaSet, &value, set.version);
    true
}

fn bump_generation(object: &mut Value) {
    let generation = number(object, "/metadata/generation");
    meta::of_mut(object).insert("generation".into(), (generation + 1).into());
}

/// Deletes empty ReplicaSets beyond the history limit, oldest first.
fn clean_up(world: &mut World, deployment: &Value, old: &[Set]) {
    let limit = deployment["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10).max(0) as usize;
    let empty: Vec<&Set> = old.iter().filter(|set| set.replicas() == 0 && set.counted("replicas") == 0).collect();
    for set in empty.iter().take(old.len().saturating_sub(limit)) {
        world.delete(Kind::ReplicaSet, &set.value, set.version);
    }
}
