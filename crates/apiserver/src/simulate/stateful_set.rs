//! StatefulSets: Pods with a number each, one after the other.

use serde_json::{Value, json};

use crate::rest::meta;

use super::pod;
use super::replica_set::pretend;
use super::revision;
use super::world::{Id, Kind, World, number, owned_metadata, replicas, set_or_omit, status_of};

struct Member {
    ordinal: i64,
    value: Value,
    version: u64,
}

/// One step.
pub fn step(world: &mut World, id: &Id, mut set: Value, version: u64) {
    if meta::is_deleting(&set) {
        return;
    }
    world.follow_script(id, &set);
    let current = set["status"]["currentRevision"].as_str().unwrap_or_default().to_owned();
    let update = revision::ensure(world, &set, &[&current]);
    let current = if current.is_empty() { update.name.clone() } else { current };
    let wanted = replicas(&set).min(i64::from(world.options.most_pods));
    let (all, ready, available, updated);
    if world.options.pods {
        let members = members(world, &set);
        if act(world, id, &set, &members, wanted, &update.name) {
            return;
        }
        let seconds = number(&set, "/spec/minReadySeconds");
        all = members.len() as i64;
        ready = members.iter().filter(|m| pod::is_ready(&m.value)).count() as i64;
        available = members.iter().filter(|m| pod::is_available(world, id, &m.value, seconds)).count() as i64;
        updated = members.iter().filter(|m| revision_of(&m.value) == update.name).count() as i64;
    } else {
        if set["status"]["updateRevision"] != update.name.as_str() {
            world.restart_clock(id, "ready");
            if let Some(status) = set["status"].as_object_mut() {
                status.remove("readyReplicas");
            }
        }
        let counts = pretend(world, id, &set, wanted);
        (all, ready, available, updated) = (counts.all, counts.ready, counts.available, counts.all);
    }
    let generation = number(&set, "/metadata/generation");
    let done = updated == wanted && ready == wanted && all == wanted;
    let now_current = if done { update.name.clone() } else { current };
    let still = if done { updated } else { all - updated };
    let status = status_of(&mut set);
    status.insert("observedGeneration".into(), generation.into());
    status.insert("replicas".into(), all.into());
    status.insert("collisionCount".into(), 0.into());
    status.insert("availableReplicas".into(), available.into());
    set_or_omit(status, "readyReplicas", ready);
    set_or_omit(status, "currentReplicas", if now_current == update.name { updated } else { still });
    set_or_omit(status, "updatedReplicas", updated);
    status.insert("currentRevision".into(), now_current.into());
    status.insert("updateRevision".into(), update.name.into());
    world.put(Kind::StatefulSet, &set, version);
}

fn members(world: &World, set: &Value) -> Vec<Member> {
    let pods = world.children_of(meta::text(set, "uid"), Kind::Pod);
    let mut members: Vec<Member> = pods
        .into_iter()
        .filter_map(|(id, value, version)| {
            let ordinal = id.name().rsplit('-').next()?.parse().ok()?;
            Some(Member { ordinal, value, version })
        })
        .collect();
    members.sort_by_key(|member| member.ordinal);
    members
}

fn revision_of(pod: &Value) -> &str {
    pod["metadata"]["labels"]["controller-revision-hash"].as_str().unwrap_or_default()
}

/// Creates or deletes the next Pod; tells whether it did.
fn act(world: &mut World, id: &Id, set: &Value, members: &[Member], wanted: i64, update: &str) -> bool {
    let parallel = set["spec"]["podManagementPolicy"] == "Parallel";
    let first = number(set, "/spec/ordinals/start");
    let mut acted = false;
    // A finished Pod is made anew.
    if let Some(member) = members.iter().find(|m| !meta::is_deleting(&m.value) && !pod::is_active(&m.value)) {
        world.delete(Kind::Pod, &member.value, member.version);
        return true;
    }
    for ordinal in first..first + wanted {
        match members.iter().find(|m| m.ordinal == ordinal) {
            Some(member) if parallel || pod::is_ready(&member.value) => {}
            Some(_) => return acted,
            None if !world.is_open(id.namespace()) => return acted,
            None => {
                acted |= create(world, id, set, ordinal, update);
                if !parallel {
                    return acted;
                }
            }
        }
    }
    if acted {
        return true;
    }
    // The last ones go first.
    for member in members.iter().rev().filter(|m| m.ordinal >= first + wanted || m.ordinal < first) {
        if meta::is_deleting(&member.value) {
            return false;
        }
        world.delete(Kind::Pod, &member.value, member.version);
        acted = true;
        if !parallel {
            return true;
        }
    }
    if acted || set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return acted;
    }
    let partition = number(set, "/spec/updateStrategy/rollingUpdate/partition");
    for member in members.iter().rev().filter(|m| m.ordinal >= partition) {
        if revision_of(&member.value) != update {
            if meta::is_deleting(&member.value) {
                return false;
            }
            world.delete(Kind::Pod, &member.value, member.version);
            return true;
        }
        if !pod::is_ready(&member.value) {
            return false;
        }
    }
    false
}

fn create(world: &mut World, id: &Id, set: &Value, ordinal: i64, update: &str) -> bool {
    let name = format!("{}-{ordinal}", id.name());
    let mut template = set["spec"]["template"].clone();
    let mut volumes = template["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    for claim in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let volume = claim["metadata"]["name"].as_str().unwrap_or_default();
        let claim_name = format!("{volume}-{name}");
        volumes.retain(|v| v["name"] != volume);
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim_name}}));
        create_claim(world, set, claim, &claim_name);
    }
    if !volumes.is_empty() {
        template["spec"]["volumes"] = volumes.into();
    }
    template["spec"]["hostname"] = name.as_str().into();
    if let Some(service) = set["spec"]["serviceName"].as_str().filter(|s| !s.is_empty()) {
        template["spec"]["subdomain"] = service.into();
    }
    let ordinal = ordinal.to_string();
    let labels = [
        ("statefulset.kubernetes.io/pod-name", name.as_str()),
        ("apps.kubernetes.io/pod-index", ordinal.as_str()),
        ("controller-revision-hash", update),
    ];
    pod::create(world, set, &template, &name, &labels)
}

fn create_claim(world: &mut World, set: &Value, template: &Value, name: &str) {
    let mut labels = set["spec"]["selector"]["matchLabels"].clone();
    for (key, value) in template["metadata"]["labels"].as_object().into_iter().flatten() {
        labels[key] = value.clone();
    }
    let mut metadata = owned_metadata(set, name, labels, template["metadata"]["annotations"].clone());
    // Claims outlive their StatefulSet.
    metadata.remove("ownerReferences");
    metadata.insert("finalizers".into(), json!(["kubernetes.io/pvc-protection"]));
    let claim = json!({"metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}});
    world.create(Kind::Claim, &claim);
}
