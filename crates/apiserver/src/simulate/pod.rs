//! Pods: scheduled, started, ready; or failing, as their script says.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rest::meta;

use super::events::{self, Source};
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
    let Some(stored) = world.create(Kind::Pod, &pod) else { return false };
    if pod["status"].get("startTime").is_some() {
        let pod = world.served(Kind::Pod).value(&stored);
        tell_scheduled(world, &pod);
    }
    true
}

fn tell_scheduled(world: &mut World, pod: &Value) {
    let (namespace, name) = (meta::text(pod, "namespace"), meta::text(pod, "name"));
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let message = format!("Successfully assigned {namespace}/{name} to {node}");
    events::tell(world, pod, Source::Scheduler, "Scheduled", &message);
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
        let message = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No \
                       preemption victims found for incoming pod.";
        events::tell(world, &pod, Source::Scheduler, "FailedScheduling", message);
        return;
    }
    if pod["status"].get("startTime").is_none() {
        schedule(world, &mut pod);
        world.put(Kind::Pod, &pod, version);
        tell_scheduled(world, &pod);
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
    if world.put(Kind::Pod, &pod, version).is_some_and(|stored| stored.version() != version) {
        tell(world, &pod, &state);
    }
}

/// What the kubelet tells about a Pod that came into a state.
fn tell(world: &mut World, pod: &Value, state: &State) {
    let container = &pod["spec"]["containers"][0];
    let name = container["name"].as_str().unwrap_or_default();
    let image = container["image"].as_str().unwrap_or_default();
    let mut tell = |reason: &str, message: String| events::tell(world, pod, Source::Kubelet, reason, &message);
    match state {
        State::Running { .. } | State::Succeeded | State::Failed => {
            tell(
                "Pulled",
                format!("Container image \"{image}\" already present on machine and can be accessed by the pod"),
            );
            tell("Created", "Container created".to_owned());
            tell("Started", "Container started".to_owned());
        }
        State::ImagePull => {
            tell("Pulling", format!("Pulling image \"{image}\""));
            tell(
                "Failed",
                format!(
                    "Failed to pull image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
                ),
            );
            tell("Failed", "Error: ErrImagePull".to_owned());
            tell("BackOff", format!("Back-off pulling image \"{image}\""));
            tell("Failed", "Error: ImagePullBackOff".to_owned());
        }
        State::Crashed { .. } => {
            let uid = meta::text(pod, "uid");
            let place = format!("{}_{}({uid})", meta::text(pod, "name"), meta::text(pod, "namespace"));
            tell("BackOff", format!("Back-off restarting failed container {name} in pod {place}"));
        }
        State::Unschedulable | State::Starting => {}
    }
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
