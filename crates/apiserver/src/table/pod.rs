//! A Pod's row: what its containers amount to in one word.

use serde_json::{Value, json};

use super::age;
use crate::rest::meta;

fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Ready, Status, Restarts, Age and the wide ones.
pub fn cells(pod: &Value) -> Vec<Value> {
    let total = list(pod, "/spec/containers").count();
    let mut ready = 0;
    let mut restarts = 0;
    let mut last_restart = "";
    let mut reason = match text(&pod["status"], "reason") {
        "" => text(&pod["status"], "phase").to_owned(),
        reason => reason.to_owned(),
    };
    if let Some(scheduled) = list(pod, "/status/conditions").find(|c| c["type"] == "PodScheduled")
        && scheduled["reason"] == "SchedulingGated"
    {
        reason = "SchedulingGated".into();
    }
    let initialising = initialising(pod, &mut reason);
    if !initialising {
        let mut has_running = false;
        for status in list(pod, "/status/containerStatuses") {
            restarts += status["restartCount"].as_i64().unwrap_or(0);
            last_restart = last_restart.max(text(&status["lastState"]["terminated"], "finishedAt"));
            let state = &status["state"];
            if !text(&state["waiting"], "reason").is_empty() {
                reason = text(&state["waiting"], "reason").into();
            } else if let Some(ended) = state.get("terminated") {
                reason = ended_reason(ended);
            } else if status["ready"] == true && state.get("running").is_some() {
                has_running = true;
                ready += 1;
            }
        }
        if reason == "Completed" && has_running {
            let is_ready = list(pod, "/status/conditions").any(|c| c["type"] == "Ready" && c["status"] == "True");
            reason = if is_ready { "Running" } else { "NotReady" }.into();
        }
    }
    if meta::is_deleting(pod) {
        let done = matches!(text(&pod["status"], "phase"), "Succeeded" | "Failed");
        reason = match text(&pod["status"], "reason") {
            "NodeLost" => "Unknown".into(),
            _ if done => reason,
            _ => "Terminating".into(),
        };
    }
    let restarts = match last_restart {
        "" => restarts.to_string(),
        time => format!("{restarts} ({} ago)", age::since(time)),
    };
    let or_none = |text: &str| if text.is_empty() { "<none>".to_owned() } else { text.to_owned() };
    let gates = list(pod, "/spec/readinessGates").count();
    let passed = list(pod, "/spec/readinessGates").filter(|gate| {
        list(pod, "/status/conditions").any(|c| c["type"] == gate["conditionType"] && c["status"] == "True")
    });
    vec![
        format!("{ready}/{total}").into(),
        reason.into(),
        restarts.into(),
        age::of(pod).into(),
        or_none(text(&pod["status"], "podIP")).into(),
        or_none(text(&pod["spec"], "nodeName")).into(),
        or_none(text(&pod["status"], "nominatedNodeName")).into(),
        if gates == 0 { "<none>".into() } else { format!("{}/{gates}", passed.count()).into() },
    ]
}

fn ended_reason(ended: &Value) -> String {
    match (text(ended, "reason"), ended["signal"].as_i64().unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", ended["exitCode"].as_i64().unwrap_or(0)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.into(),
    }
}

/// Whether an init container still has to finish; names it.
fn initialising(pod: &Value, reason: &mut String) -> bool {
    let total = list(pod, "/spec/initContainers").count();
    for (index, status) in list(pod, "/status/initContainerStatuses").enumerate() {
        let state = &status["state"];
        if state.get("terminated").is_some_and(|t| t["exitCode"] == 0) {
            continue;
        }
        let sidecar = pod["spec"]["initContainers"][index]["restartPolicy"] == "Always";
        if sidecar && status["started"] == true {
            continue;
        }
        *reason = if let Some(ended) = state.get("terminated") {
            format!("Init:{}", ended_reason(ended))
        } else {
            match text(&state["waiting"], "reason") {
                "" | "PodInitializing" | "ContainerCreating" => format!("Init:{index}/{total}"),
                waiting => format!("Init:{waiting}"),
            }
        };
        return true;
    }
    false
}

/// The conditions of a finished Pod's row.
pub fn conditions(pod: &Value) -> Option<Value> {
    let (reason, message) = match text(&pod["status"], "phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}
