//! PersistentVolumeClaims: bound to a volume made for each.

use serde_json::{Value, json};

use crate::clock;
use crate::rest::meta;
use crate::store::Object;

use super::script::{Outcome, Script};
use super::world::{Id, Kind, World, new_uid};

const PROTECTION: &str = "kubernetes.io/pvc-protection";
const PROVISIONER: &str = "simulate.sluice.dev/volume";

/// One step.
pub fn step(world: &mut World, id: &Id, mut claim: Value, version: u64) {
    if meta::is_deleting(&claim) {
        release(world, id, claim, version);
        return;
    }
    if claim["status"]["phase"] == "Bound" {
        return;
    }
    let script = Script::of(world, &claim);
    if script.outcome != Outcome::Ready {
        return;
    }
    // Volumes are there sooner than Pods.
    let after = script.ready_after.unwrap_or(world.options.ready_after / 4);
    if !world.passed(id, "bound", after) {
        return;
    }
    let volume = match claim["spec"]["volumeName"].as_str().filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => {
            let name = format!("pvc-{}", meta::text(&claim, "uid"));
            world.create(Kind::Volume, &volume_for(&claim, &name));
            name
        }
    };
    claim["spec"]["volumeName"] = volume.into();
    for key in ["pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"] {
        claim["metadata"]["annotations"][key] = "yes".into();
    }
    claim["status"] = json!({
        "phase": "Bound",
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
    });
    world.put(Kind::Claim, &claim, version);
}

fn volume_for(claim: &Value, name: &str) -> Value {
    let class = claim["spec"]["storageClassName"].as_str().unwrap_or_default();
    json!({
        "metadata": {
            "name": name,
            "uid": new_uid(),
            "creationTimestamp": clock::now_text(),
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
            "finalizers": ["kubernetes.io/pv-protection"],
        },
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "name": claim["metadata"]["name"],
                "namespace": claim["metadata"]["namespace"],
                "uid": claim["metadata"]["uid"],
            },
            "hostPath": {"path": format!("/simulated/{name}"), "type": ""},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": class,
            "volumeMode": claim["spec"].get("volumeMode").cloned().unwrap_or("Filesystem".into()),
        },
        "status": {"phase": "Bound", "lastPhaseTransitionTime": clock::now_text()},
    })
}

/// Lets go of a claim that no Pod uses.
fn release(world: &mut World, id: &Id, mut claim: Value, version: u64) {
    let uses = |pod: &Value| {
        let volumes = pod["spec"]["volumes"].as_array();
        volumes.into_iter().flatten().any(|v| v["persistentVolumeClaim"]["claimName"] == id.name())
    };
    let in_use = world
        .all(Kind::Pod, id.namespace())
        .iter()
        .any(|pod| uses(pod) && !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")));
    let mut finalizers: Vec<String> = meta::finalizers(&claim).into_iter().map(str::to_owned).collect();
    if in_use || !finalizers.iter().any(|f| f == PROTECTION) {
        return;
    }
    finalizers.retain(|f| f != PROTECTION);
    if finalizers.is_empty() {
        meta::of_mut(&mut claim).remove("finalizers");
        world.put_and_remove(Kind::Claim, &claim, version);
    } else {
        meta::of_mut(&mut claim).insert("finalizers".into(), finalizers.into());
        world.put(Kind::Claim, &claim, version);
    }
}

/// A removed claim takes the volume that was made for it along; a removed Pod frees its claims.
pub fn after_removal(world: &mut World, kind: Kind, object: &Object) {
    match kind {
        Kind::Claim => {
            let id = Id::new(Kind::Volume, "", &format!("pvc-{}", object.uid()));
            let Some((volume, _)) = world.get(&id) else { return };
            if volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == PROVISIONER {
                world.remove_newest(&id);
            }
        }
        Kind::Pod => world.queue_deleting(Kind::Claim, object.namespace()),
        _ => {}
    }
}
