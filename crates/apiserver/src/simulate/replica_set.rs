//! ReplicaSets: as many Pods as asked for.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::rest::{meta, random_suffix};

use super::condition;
use super::events::{self, Source};
use super::pod;
use super::script::{Outcome, Script, annotation, parse_outcome};
use super::world::{Id, Kind, World, number, replicas, set_or_omit, status_of};

const CONTROLLER: Source = Source::Controller("replicaset-controller");

/// What the Pods of an owner amount to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that are active.
    pub all: i64,
    /// Those that are ready.
    pub ready: i64,
    /// Those that have been ready for `minReadySeconds`.
    pub available: i64,
}

/// One step.
pub fn step(world: &mut World, id: &Id, mut set: Value, version: u64) {
    if meta::is_deleting(&set) {
        return;
    }
    world.follow_script(id, &set);
    let most = i64::from(world.options.most_pods);
    let wanted = replicas(&set);
    let counts = match world.options.pods {
        true => match with_pods(world, id, &set, wanted.min(most)) {
            Some(counts) => counts,
            // What was just created or deleted brings the set back.
            None => return,
        },
        false => pretend(world, id, &set, wanted.min(most)),
    };
    let generation = number(&set, "/metadata/generation");
    let status = status_of(&mut set);
    write(status, counts, generation);
    if wanted > most {
        let message = format!("the simulator's limit `most_pods` of {most} Pods for one workload is reached");
        condition::set(status, "ReplicaFailure", "True", "FailedCreate", &message, None);
    } else {
        condition::remove(status, "ReplicaFailure");
    }
    world.put(Kind::ReplicaSet, &set, version);
    // A failure shows in the Pods alone, so nothing else tells the Deployment.
    let owner = meta::of(&set).get("ownerReferences").and_then(|owners| owners[0]["name"].as_str());
    if let Some(name) = owner.filter(|_| has_failed(world, &set)) {
        world.queue(Id::new(Kind::Deployment, id.namespace(), name));
    }
}

fn write(status: &mut Map<String, Value>, counts: Counts, generation: i64) {
    status.insert("replicas".into(), counts.all.into());
    status.insert("observedGeneration".into(), generation.into());
    set_or_omit(status, "fullyLabeledReplicas", counts.all);
    set_or_omit(status, "readyReplicas", counts.ready);
    set_or_omit(status, "availableReplicas", counts.available);
}

/// Creates or deletes Pods, or counts them when their number is right.
fn with_pods(world: &mut World, id: &Id, set: &Value, wanted: i64) -> Option<Counts> {
    let pods = world.children_of(meta::text(set, "uid"), Kind::Pod);
    let mut active: Vec<_> = pods.into_iter().filter(|(_, pod, _)| pod::is_active(pod)).collect();
    let missing = wanted - active.len() as i64;
    if missing > 0 && world.is_open(id.namespace()) {
        let template = &set["spec"]["template"];
        let mut made = 0;
        for _ in 0..missing.min(MOST_AT_ONCE) {
            let name = format!("{}-{}", &id.name()[..id.name().len().min(57)], random_suffix());
            if pod::create(world, set, template, &name, &[]) {
                made += 1;
                events::tell(world, set, CONTROLLER, "SuccessfulCreate", &format!("Created pod: {name}"));
            }
        }
        if made > 0 {
            return None;
        }
    } else if missing < 0 {
        // Those that serve nobody go first, then the youngest.
        active.sort_by(|(_, a, _), (_, b, _)| {
            let key =
                |pod: &Value| (pod::is_ready(pod), std::cmp::Reverse(meta::text(pod, "creationTimestamp").to_owned()));
            key(a).cmp(&key(b))
        });
        for (_, pod, version) in active.iter().take(missing.unsigned_abs() as usize) {
            world.delete(Kind::Pod, pod, *version);
            let message = format!("Deleted pod: {}", meta::text(pod, "name"));
            events::tell(world, set, CONTROLLER, "SuccessfulDelete", &message);
        }
        return None;
    }
    let seconds = number(set, "/spec/minReadySeconds");
    let mut counts = Counts::default();
    for (_, pod, _) in &active {
        counts.all += 1;
        counts.ready += i64::from(pod::is_ready(pod));
        counts.available += i64::from(pod::is_available(world, id, pod, seconds));
    }
    Some(counts)
}

/// Pods created in one step; the change of the first one brings the set back for more.
const MOST_AT_ONCE: i64 = 500;

/// What the Pods would amount to if there were any.
pub fn pretend(world: &mut World, id: &Id, owner: &Value, wanted: i64) -> Counts {
    let script = Script::of(world, owner);
    let after = script.ready_after.unwrap_or(world.options.ready_after);
    let ready_before = number(owner, "/status/readyReplicas").min(wanted);
    // More replicas than before take their time again.
    if wanted > ready_before && number(owner, "/status/replicas") != wanted {
        world.restart_clock(id, "ready");
    }
    let time_has_come = wanted == ready_before || world.passed(id, "ready", after);
    let ready = match outcome(world, owner) {
        Outcome::Ready if time_has_come => wanted,
        Outcome::Ready => ready_before,
        _ => 0,
    };
    let seconds = number(owner, "/spec/minReadySeconds").max(0);
    let waits = Duration::from_secs(seconds.unsigned_abs());
    let available = match ready {
        0 => 0,
        _ if seconds == 0 || world.passed(id, "available", waits) => ready,
        _ => number(owner, "/status/availableReplicas").min(ready),
    };
    Counts { all: wanted, ready, available }
}

/// Whether a Pod of a set has ended in a way that its script calls a failure.
pub fn has_failed(world: &World, set: &Value) -> bool {
    if outcome(world, set) != Outcome::Fail {
        return false;
    }
    if !world.options.pods {
        return true;
    }
    let pods = world.children_of(meta::text(set, "uid"), Kind::Pod);
    pods.iter().any(|(_, pod, _)| number(pod, "/status/containerStatuses/0/restartCount") > 0)
}

/// What becomes of the Pods of a set: what its template says, which is on each of them, else what is said of the set.
fn outcome(world: &World, set: &Value) -> Outcome {
    let template = set.pointer("/spec/template").and_then(|it| annotation(it, "outcome")).and_then(parse_outcome);
    template.unwrap_or_else(|| Script::of(world, set).outcome)
}
