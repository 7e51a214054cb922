//! DaemonSets: one Pod on the one node.

use serde_json::Value;

use crate::rest::{meta, random_suffix};

use super::pod;
use super::replica_set::pretend;
use super::revision;
use super::world::{Id, Kind, World, number, set_or_omit, status_of};

/// One step.
pub fn step(world: &mut World, id: &Id, mut set: Value, version: u64) {
    if meta::is_deleting(&set) {
        return;
    }
    world.follow_script(id, &set);
    let update = revision::ensure(world, &set, &[]);
    let (all, ready, available, updated);
    if world.options.pods {
        let pods = world.children_of(meta::text(&set, "uid"), Kind::Pod);
        let active: Vec<_> = pods.iter().filter(|(_, pod, _)| pod::is_active(pod)).collect();
        let is_new = |pod: &Value| pod["metadata"]["labels"]["controller-revision-hash"] == update.hash.as_str();
        match active.as_slice() {
            [] if pods.is_empty() && world.is_open(id.namespace()) => {
                let name = format!("{}-{}", id.name(), random_suffix());
                let labels = [("controller-revision-hash", update.hash.as_str()), ("pod-template-generation", "1")];
                let template = set["spec"]["template"].clone();
                if pod::create(world, &set, &template, &name, &labels) {
                    return;
                }
            }
            [] => {
                for (_, pod, version) in pods.iter().filter(|(_, pod, _)| !meta::is_deleting(pod)) {
                    world.delete(Kind::Pod, pod, *version);
                }
            }
            [(_, pod, version), ..] if !is_new(pod) && set["spec"]["updateStrategy"]["type"] != "OnDelete" => {
                world.delete(Kind::Pod, pod, *version);
                return;
            }
            _ => {}
        }
        let seconds = number(&set, "/spec/minReadySeconds");
        all = active.len() as i64;
        ready = active.iter().filter(|(_, pod, _)| pod::is_ready(pod)).count() as i64;
        available = active.iter().filter(|(_, p, _)| pod::is_available(world, id, p, seconds)).count() as i64;
        updated = active.iter().filter(|(_, pod, _)| is_new(pod)).count() as i64;
    } else {
        let generation = number(&set, "/metadata/generation");
        if number(&set, "/status/observedGeneration") != generation {
            world.restart_clock(id, "ready");
        }
        // A DaemonSet's status has other names for what a ReplicaSet's says.
        let mut view = set.clone();
        view["status"]["replicas"] = set["status"]["currentNumberScheduled"].clone();
        view["status"]["readyReplicas"] = match number(&set, "/status/observedGeneration") == generation {
            true => set["status"]["numberReady"].clone(),
            false => 0.into(),
        };
        let counts = pretend(world, id, &view, 1);
        (all, ready, available, updated) = (counts.all, counts.ready, counts.available, counts.all);
    }
    let generation = number(&set, "/metadata/generation");
    let status = status_of(&mut set);
    status.insert("observedGeneration".into(), generation.into());
    status.insert("desiredNumberScheduled".into(), 1.into());
    status.insert("currentNumberScheduled".into(), all.into());
    status.insert("numberMisscheduled".into(), 0.into());
    status.insert("numberReady".into(), ready.into());
    set_or_omit(status, "numberAvailable", available);
    set_or_omit(status, "numberUnavailable", 1 - available);
    set_or_omit(status, "updatedNumberScheduled", updated);
    world.put(Kind::DaemonSet, &set, version);
}
