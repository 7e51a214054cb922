//! What is known of an object that did not become ready: its last events, and the last lines of a pod that fails.

use std::time::Duration;

use http::Request;
use kube::Client;
use serde_json::Value;
use sluice_apply::{Applier, NotReady};
use sluice_object::ObjectRef;

/// Objects that are looked at: more would make a message nobody reads.
const OBJECTS: usize = 3;
/// Events of an object, and lines of a log.
const EVENTS: usize = 3;
const LINES: usize = 5;
/// A message is no place for more of one line.
const LINE_BYTES: usize = 300;
/// All of it takes no longer: the failure is to be told.
const TIME: Duration = Duration::from_secs(3);

/// Lines about objects that are not ready, for the message of a failure; empty when there is nothing to tell.
pub async fn explain(applier: &Applier, objects: &[NotReady]) -> String {
    let gathered = tokio::time::timeout(TIME, async {
        let mut lines = Vec::new();
        for object in objects.iter().take(OBJECTS) {
            lines.extend(about(&applier.client, &object.object).await);
        }
        lines.join("\n")
    });
    gathered.await.unwrap_or_default()
}

async fn about(client: &Client, object: &ObjectRef) -> Vec<String> {
    let mut lines = Vec::new();
    if object.namespace.is_empty() {
        return lines;
    }
    for event in events(client, object).await {
        lines.push(format!("{object}: event {event}"));
    }
    if let Some((pod, why)) = failing_pod(client, object).await {
        lines.push(format!("{object}: pod {pod}: {why}"));
        for line in log(client, &object.namespace, &pod).await {
            lines.push(format!("{object}: pod {pod}: log: {line}"));
        }
    }
    lines
}

async fn get(client: &Client, path: String) -> Option<Value> {
    client.request(Request::get(path).body(Vec::new()).ok()?).await.ok()
}

async fn events(client: &Client, object: &ObjectRef) -> Vec<String> {
    let path = format!(
        "/api/v1/namespaces/{}/events?limit=500&fieldSelector=involvedObject.kind%3D{}%2CinvolvedObject.name%3D{}",
        object.namespace, object.gvk.kind, object.name
    );
    let list = get(client, path).await.unwrap_or_default();
    let mut found: Vec<(String, String)> = Vec::new();
    for event in list.get("items").and_then(Value::as_array).into_iter().flatten() {
        let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let when = [text("lastTimestamp"), text("eventTime")].into_iter().max().unwrap_or_default();
        found.push((when, format!("{}: {}", text("reason"), short(&text("message")))));
    }
    found.sort();
    found.into_iter().rev().take(EVENTS).map(|(_, text)| text).collect()
}

/// The first pod of a workload that is in trouble, and what its container says of itself.
async fn failing_pod(client: &Client, object: &ObjectRef) -> Option<(String, String)> {
    let plural = match object.gvk.kind.as_str() {
        "Deployment" => "apis/apps/v1/namespaces/{}/deployments",
        "StatefulSet" => "apis/apps/v1/namespaces/{}/statefulsets",
        "DaemonSet" => "apis/apps/v1/namespaces/{}/daemonsets",
        "ReplicaSet" => "apis/apps/v1/namespaces/{}/replicasets",
        "Job" => "apis/batch/v1/namespaces/{}/jobs",
        "Pod" => "api/v1/namespaces/{}/pods",
        _ => return None,
    };
    let path = format!("/{}/{}", plural.replace("{}", &object.namespace), object.name);
    let live = get(client, path).await?;
    let pods = if object.gvk.kind == "Pod" {
        vec![live]
    } else {
        let labels = live.pointer("/spec/selector/matchLabels")?.as_object()?;
        let pairs: Vec<String> =
            labels.iter().filter_map(|(key, value)| Some(format!("{key}%3D{}", value.as_str()?))).collect();
        let path = format!("/api/v1/namespaces/{}/pods?limit=50&labelSelector={}", object.namespace, pairs.join("%2C"));
        match get(client, path).await?.get_mut("items").map(Value::take) {
            Some(Value::Array(pods)) => pods,
            _ => return None,
        }
    };
    pods.iter().find_map(|pod| Some((sluice_object::name(pod).to_owned(), trouble(pod)?)))
}

/// Why a pod is not ready: what its containers wait for, or how they ended.
fn trouble(pod: &Value) -> Option<String> {
    let statuses = |field: &str| pod.pointer(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let all = [statuses("/status/initContainerStatuses"), statuses("/status/containerStatuses")].concat();
    for status in &all {
        let state = status.get("state")?;
        let container = status.get("name").and_then(Value::as_str).unwrap_or_default();
        for word in ["waiting", "terminated"] {
            let Some(it) = state.get(word) else { continue };
            let text = |field: &str| it.get(field).and_then(Value::as_str).unwrap_or_default();
            let reason = text("reason");
            if matches!(reason, "" | "ContainerCreating" | "PodInitializing" | "Completed") {
                continue;
            }
            let message = short(text("message"));
            return Some(format!(
                "container {container}: {reason}{}{message}",
                if message.is_empty() { "" } else { ": " }
            ));
        }
    }
    let unscheduled = pod
        .pointer("/status/conditions")
        .and_then(Value::as_array)?
        .iter()
        .find(|it| it.get("type") == Some(&"PodScheduled".into()) && it.get("status") == Some(&"False".into()))?;
    Some(short(unscheduled.get("message").and_then(Value::as_str).unwrap_or("unschedulable")))
}

async fn log(client: &Client, namespace: &str, pod: &str) -> Vec<String> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?tailLines={LINES}&limitBytes=4096");
    let Ok(request) = Request::get(path).body(Vec::new()) else { return Vec::new() };
    let text = client.request_text(request).await.unwrap_or_default();
    text.lines().take(LINES).map(short).collect()
}

fn short(text: &str) -> String {
    sluice_runtime::shortened(text.trim(), LINE_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::trouble;

    #[test]
    fn a_pod_says_what_is_wrong_with_it() {
        let waiting = json!({"status": {"containerStatuses": [{"name": "c", "state": {"waiting": {
            "reason": "CrashLoopBackOff", "message": "back-off 10s"}}}]}});
        assert_eq!(trouble(&waiting).unwrap(), "container c: CrashLoopBackOff: back-off 10s");
        let running = json!({"status": {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}});
        assert_eq!(trouble(&running), None);
    }
}
