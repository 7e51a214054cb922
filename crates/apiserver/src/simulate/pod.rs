//! Pods: scheduled, started, ready; or failing, as their script says.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rest::meta;

use super::pod_status::{self, State};
use super::script::{Outcome, Script};
use super::world::{Id, Kind, World, number, owned_metadata};

/// A Pod made from the `template` of `owner`, under way to its node already.
pub fn create(world: &mut World, owner: &Value, template: &Value, name: &str, labels: &[(&str, &str)]) -> bool {
    let mut metadata = template.get("metadata").cloned().unwrap_or_else(|| json!({}));
    for (key, value) in labels {
        metadata["labels"][*key] = (*value).into();
    }
    let mut all = owned_metadata(owner, name, metadata["labels"].take(), metadata["annotations"].take());
    if let Some(finalizers) = metadata.get("finalizers").filter(|f| f.is_array()) {
        all.insert("finalizers".into(), finalizers.clone());
    }
    all.insert("generateName".into(), format!("{}-", meta::text(owner, "name")).into());
    all.insert("generation".into(), 1.into());
    let mut pod = json!({"metadata": all, "spec": template["spec"]});
    crate::pods::admit(&mut pod, true);
    crate::defaults::fill(&mut pod, world.served(Kind::Pod));
    pod["status"] = json!({"phase": "Pending", "qosClass": pod_status::quality(&pod["spec"])});
    if Script::of(world, &pod).outcome == Outcome::Unschedulable {
        pod_status::apply(&mut pod, &State::Unschedulable);
    } else {
        schedule(world, &mut pod);
    }
    world.create(Kind::Pod, &pod).is_some()
}

fn schedule(world: &mut World, pod: &mut Value) {
    if pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty() {
        pod["spec"]["nodeName"] = world.options.node.as_str().into();
    }
    pod_status::apply(pod, &State::Starting);
}

/// One step.
pub fn step(world: &mut World, id: &Id, mut pod: Value, version: u64) {
    if meta::is_deleting(&pod) {
        terminate(world, id, pod, version);
        return;
    }
    if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return;
    }
    let script = Script::of(world, &pod);
    if script.outcome == Outcome::Unschedulable && pod["status"].get("startTime").is_none() {
        pod_status::apply(&mut pod, &State::Unschedulable);
        world.put(Kind::Pod, &pod, version);
        return;
    }
    if pod["status"].get("startTime").is_none() {
        schedule(world, &mut pod);
        world.put(Kind::Pod, &pod, version);
        // Its change brings it back here.
        return;
    }
    let ready_after = script.ready_after.unwrap_or(world.options.ready_after);
    if !world.passed(id, "ready", ready_after) {
        return;
    }
    let state = state(world, id, &pod, &script);
    if !matches!(state, State::ImagePull) && pod["status"].get("podIP").is_none() {
        let address = world.pod_address();
        pod["status"]["podIPs"] = json!([{"ip": address}]);
        pod["status"]["podIP"] = address.into();
    }
    pod_status::apply(&mut pod, &state);
    world.put(Kind::Pod, &pod, version);
}

/// What has become of a Pod whose time has come.
fn state(world: &mut World, id: &Id, pod: &Value, script: &Script) -> State {
    let restarts = pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
    match script.outcome {
        Outcome::Ready if restarts == "Always" => State::Running { ready: true },
        Outcome::Ready => match script.runs_for {
            Some(time) if !world.passed(id, "finished", time) => State::Running { ready: true },
            _ => State::Succeeded,
        },
        Outcome::Stall => State::Running { ready: false },
        Outcome::Fail if restarts != "Always" => State::Failed,
        Outcome::Fail | Outcome::CrashLoop => State::Crashed { restarts: restart(world, id, pod), memory: false },
        Outcome::OutOfMemory => State::Crashed { restarts: restart(world, id, pod), memory: true },
        Outcome::ImagePullError => State::ImagePull,
        // It was running before it was told so.
        Outcome::Unschedulable => State::Running { ready: true },
    }
}

/// How often the containers have been restarted: again after 10 s, 20 s, … as a kubelet backs off, up to 5 minutes.
fn restart(world: &mut World, id: &Id, pod: &Value) -> i64 {
    let count = number(pod, "/status/containerStatuses/0/restartCount");
    let wait = Duration::from_secs(10 << count.clamp(0, 5)).min(Duration::from_secs(300));
    if count == 0 {
        return 1;
    }
    if !world.passed(id, "restart", wait) {
        return count;
    }
    world.restart_clock(id, "restart");
    count + 1
}

/// The kubelet's part of a deletion.
fn terminate(world: &mut World, id: &Id, mut pod: Value, version: u64) {
    if !world.passed(id, "gone", world.options.gone_after) {
        return;
    }
    if meta::finalizers(&pod).is_empty() {
        world.remove(id, version);
        return;
    }
    meta::of_mut(&mut pod).insert("deletionGracePeriodSeconds".into(), 0.into());
    world.put(Kind::Pod, &pod, version);
}

/// Whether a Pod counts for its owner: neither finished nor going.
pub fn is_active(pod: &Value) -> bool {
    !meta::is_deleting(pod) && !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// When a Pod became ready; `None` when it is not.
pub fn ready_since(pod: &Value) -> Option<&Value> {
    let conditions = pod["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|c| c["type"] == "Ready" && c["status"] == "True")?;
    Some(&ready["lastTransitionTime"])
}

/// Whether a Pod is ready.
pub fn is_ready(pod: &Value) -> bool {
    ready_since(pod).is_some()
}

/// Whether a Pod has been ready for `seconds`; looks at `owner` again when it will have been.
pub fn is_available(world: &mut World, owner: &Id, pod: &Value, seconds: i64) -> bool {
    let Some(since) = ready_since(pod) else { return false };
    if seconds <= 0 {
        return true;
    }
    let left = seconds - super::condition::seconds_since(since);
    if left > 0 {
        world.again(owner, Duration::from_secs(left.unsigned_abs()));
    }
    left <= 0
}
