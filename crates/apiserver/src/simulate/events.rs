//! Events: what kube-controller-manager, the scheduler and the kubelet tell about workloads.

use serde_json::{Value, json};

use crate::clock;
use crate::rest::meta;
use crate::store::Draft;

use super::world::{World, new_uid};

/// Who tells an Event.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// A controller, by its name.
    Controller(&'static str),
    /// The scheduler.
    Scheduler,
    /// The kubelet of the node.
    Kubelet,
}

/// Tells something about `object`. What was told before about the same object in the same words is counted there.
pub fn tell(world: &mut World, object: &Value, source: Source, reason: &str, message: &str) {
    if !world.options.events {
        return;
    }
    let kind = match reason {
        "Failed" | "BackOff" | "FailedScheduling" | "BackoffLimitExceeded" | "DeadlineExceeded" | "FailedGetScale" => {
            "Warning"
        }
        _ => "Normal",
    };
    let now = clock::now_text();
    let uid = meta::text(object, "uid").to_owned();
    let told = format!("{uid}/{reason}/{message}");
    let slot = world.events_slot();
    if let Some(key) = world.told(&told)
        && let Some(current) = world.store().get(slot, &key)
    {
        let mut event = current.value("v1", "Event");
        event["count"] = (event["count"].as_i64().unwrap_or(1) + 1).into();
        event["lastTimestamp"] = now.into();
        let _ = world.store().replace(slot, Draft::new(&event), current.version());
        return;
    }
    let namespace = match meta::text(object, "namespace") {
        "" => "default",
        namespace => namespace,
    };
    if !world.is_open(namespace) {
        return;
    }
    let (component, instance) = match source {
        Source::Controller(name) => (name.to_owned(), String::new()),
        Source::Scheduler => ("default-scheduler".to_owned(), String::new()),
        Source::Kubelet => ("kubelet".to_owned(), world.options.node.clone()),
    };
    let mut by = json!({"component": component});
    if !instance.is_empty() {
        by["host"] = instance.as_str().into();
    }
    let name = format!("{}.{}", meta::text(object, "name"), world.event_suffix());
    let mut event = json!({
        "metadata": {"name": name, "namespace": namespace, "uid": new_uid(), "creationTimestamp": now},
        "involvedObject": {
            "apiVersion": object["apiVersion"], "kind": object["kind"], "name": object["metadata"]["name"], "uid": uid,
        },
        "reason": reason, "message": message, "type": kind, "source": by,
        "firstTimestamp": now, "lastTimestamp": now, "count": 1, "eventTime": null,
        "reportingComponent": component, "reportingInstance": instance,
    });
    if let Some(namespace) = object["metadata"].get("namespace") {
        event["involvedObject"]["namespace"] = namespace.clone();
    }
    if let Ok(stored) = world.store().create(slot, Draft::new(&event)) {
        world.remember(told, stored.key());
    }
}
