//! The status of a Pod in each state.

use serde_json::{Map, Value, json};

use crate::clock;
use crate::rest::meta;

use super::condition;
use super::world::status_of;

/// Where a Pod stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No node takes it.
    Unschedulable,
    /// On its node, its containers not created yet.
    Starting,
    /// Its image cannot be pulled.
    ImagePull,
    /// Its containers run.
    Running {
        /// Whether they pass their readiness probes.
        ready: bool,
    },
    /// Its containers have ended and wait to be restarted.
    Crashed {
        /// How often they have been restarted.
        restarts: i64,
        /// Whether they were killed for want of memory.
        memory: bool,
    },
    /// Its containers have done their work.
    Succeeded,
    /// Its containers have ended with an error.
    Failed,
}

/// `status.qosClass`.
pub fn quality(spec: &Value) -> &'static str {
    let containers = || spec["containers"].as_array().into_iter().flatten();
    let of = |container: &Value, part: &str, name: &str| container["resources"][part].get(name).cloned();
    let any = containers()
        .any(|c| ["requests", "limits"].iter().any(|p| c["resources"][*p].as_object().is_some_and(|m| !m.is_empty())));
    let all = containers().all(|c| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = of(c, "limits", name);
            limit.is_some() && limit == of(c, "requests", name)
        })
    });
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// Makes the status of `pod` say `state`; times of what stays as it was are kept.
pub fn apply(pod: &mut Value, state: &State) {
    let spec = pod["spec"].clone();
    let generation = meta::of(pod).get("generation").cloned();
    let status = status_of(pod);
    if *state == State::Unschedulable {
        status.insert("phase".into(), "Pending".into());
        let message = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption \
                       victims found for incoming pod.";
        condition::set(status, "PodScheduled", "False", "Unschedulable", message, None);
        return;
    }
    let phase = match state {
        State::Starting | State::ImagePull | State::Unschedulable => "Pending",
        State::Running { .. } | State::Crashed { .. } => "Running",
        State::Succeeded => "Succeeded",
        State::Failed => "Failed",
    };
    status.insert("phase".into(), phase.into());
    if let Some(generation) = generation {
        status.insert("observedGeneration".into(), generation);
    }
    status.entry("startTime").or_insert_with(|| clock::now_text().into());
    status.entry("hostIP").or_insert_with(|| "172.18.0.2".into());
    status.entry("hostIPs").or_insert_with(|| json!([{"ip": "172.18.0.2"}]));
    let all_names: Vec<&str> =
        spec["containers"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect();
    let (ready, reason) = match state {
        State::Running { ready: true } => ("True", ""),
        State::Succeeded => ("False", "PodCompleted"),
        State::Failed => ("False", "PodFailed"),
        _ => ("False", "ContainersNotReady"),
    };
    let message = match reason {
        "ContainersNotReady" => format!("containers with unready status: [{}]", all_names.join(" ")),
        _ => String::new(),
    };
    let started = if matches!(state, State::Starting | State::ImagePull) { "False" } else { "True" };
    condition::set(status, "PodReadyToStartContainers", started, "", "", None);
    let initialized = if reason == "PodCompleted" { reason } else { "" };
    condition::set(status, "Initialized", "True", initialized, "", None);
    condition::set(status, "Ready", ready, reason, &message, None);
    condition::set(status, "ContainersReady", ready, reason, &message, None);
    condition::set(status, "PodScheduled", "True", "", "", None);
    containers(status, &spec, state);
}

fn containers(status: &mut Map<String, Value>, spec: &Value, state: &State) {
    let list = |field: &str| spec[field].as_array().cloned().unwrap_or_default();
    let old = status.get("containerStatuses").cloned().unwrap_or_default();
    let made = |(index, container): (usize, &Value)| container_status(container, &old[index], state);
    let statuses: Vec<Value> = list("containers").iter().enumerate().map(made).collect();
    status.insert("containerStatuses".into(), statuses.into());
    let initial = list("initContainers");
    if initial.is_empty() {
        return;
    }
    let old = status.get("initContainerStatuses").cloned().unwrap_or_default();
    let made = |(index, container): (usize, &Value)| {
        // Sidecars live as long as the Pod.
        let sidecar = container["restartPolicy"] == "Always";
        let state = match state {
            State::Starting | State::ImagePull | State::Unschedulable => *state,
            _ if sidecar => State::Running { ready: true },
            _ => State::Succeeded,
        };
        let mut status = container_status(container, &old[index], &state);
        status["ready"] = (!matches!(state, State::Starting | State::ImagePull)).into();
        status
    };
    let statuses: Vec<Value> = initial.iter().enumerate().map(made).collect();
    status.insert("initContainerStatuses".into(), statuses.into());
}

fn container_status(container: &Value, old: &Value, state: &State) -> Value {
    let now = clock::now_text();
    let image = container["image"].as_str().unwrap_or_default();
    let started = old["state"]["running"]["startedAt"].as_str().unwrap_or(&now).to_owned();
    let ended = |code: i64, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now}});
    let mut restarts = old["restartCount"].as_i64().unwrap_or(0);
    let mut last = old.get("lastState").filter(|l| l.is_object()).cloned().unwrap_or_else(|| json!({}));
    let (ready, runs) = match state {
        State::Running { ready } => (*ready, true),
        _ => (false, false),
    };
    let new = match state {
        State::Starting | State::Unschedulable => json!({"waiting": {"reason": "ContainerCreating"}}),
        State::ImagePull => {
            let message = format!(
                "Back-off pulling image \"{image}\": ErrImagePull: failed to pull and unpack image \
                                   \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
            );
            json!({"waiting": {"reason": "ImagePullBackOff", "message": message}})
        }
        State::Running { .. } => json!({"running": {"startedAt": started}}),
        State::Crashed { restarts: count, memory } => {
            let (code, reason) = if *memory { (137, "OOMKilled") } else { (1, "Error") };
            if restarts != *count || last.get("terminated").is_none() {
                last = ended(code, reason);
            }
            restarts = *count;
            let seconds = (10_i64 << (*count - 1).clamp(0, 5)).min(300);
            let text = match seconds {
                300 => "5m0s".to_owned(),
                60.. => format!("{}m{}s", seconds / 60, seconds % 60),
                _ => format!("{seconds}s"),
            };
            let name = container["name"].as_str().unwrap_or_default();
            let message = format!("back-off {text} restarting failed container={name}");
            json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
        }
        State::Succeeded if old["state"].get("terminated").is_some() => old["state"].clone(),
        State::Succeeded => ended(0, "Completed"),
        State::Failed => ended(1, "Error"),
    };
    json!({
        "name": container["name"],
        "image": image,
        "imageID": "",
        "ready": ready,
        "started": runs,
        "restartCount": restarts,
        "state": new,
        "lastState": last,
    })
}
