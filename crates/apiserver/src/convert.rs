//! Built-in kinds that are served in more than one shape: autoscalers and events. Everything else has one shape in all
//! of its versions.
//!
//! Stored are `autoscaling/v2` and core `v1`; the other shape is made when it is read and unmade when it is written.

use serde_json::{Map, Value, json};

/// How a kind's objects become what is stored, and back.
#[derive(Debug, Clone, Copy)]
pub struct Conversion {
    /// From what is stored to what is served.
    pub read: fn(&mut Value),
    /// From what is served to what is stored.
    pub write: fn(&mut Value),
}

/// The conversion of a kind that is not served as it is stored.
pub fn of(group: &str, version: &str, kind: &str) -> Option<Conversion> {
    match (group, version, kind) {
        ("autoscaling", "v1", "HorizontalPodAutoscaler") => {
            Some(Conversion { read: autoscaler_v1, write: autoscaler_v2 })
        }
        ("events.k8s.io", "v1", "Event") => Some(Conversion { read: new_event, write: core_event }),
        _ => None,
    }
}

/// What v1 has no field for is kept in annotations, as the real server keeps it.
const KEPT: &[(&str, &str, &str)] = &[
    ("spec", "metrics", "autoscaling.alpha.kubernetes.io/metrics"),
    ("spec", "behavior", "autoscaling.alpha.kubernetes.io/behavior"),
    ("status", "currentMetrics", "autoscaling.alpha.kubernetes.io/current-metrics"),
    ("status", "conditions", "autoscaling.alpha.kubernetes.io/conditions"),
];

fn is_cpu(metric: &Value) -> bool {
    metric["type"] == "Resource"
        && metric["resource"]["name"] == "cpu"
        && metric["resource"]["target"]["type"] == "Utilization"
}

fn autoscaler_v1(object: &mut Value) {
    let metrics = object["spec"].get("metrics").and_then(Value::as_array).cloned().unwrap_or_default();
    let (cpu, others): (Vec<Value>, Vec<Value>) = metrics.into_iter().partition(is_cpu);
    if let Some(percent) = cpu.first().and_then(|m| m["resource"]["target"].get("averageUtilization")) {
        object["spec"]["targetCPUUtilizationPercentage"] = percent.clone();
    }
    for (part, field, annotation) in KEPT {
        let Some(map) = object.get_mut(*part).and_then(Value::as_object_mut) else { continue };
        let Some(mut value) = map.remove(*field) else { continue };
        if *field == "metrics" {
            value = others.clone().into();
        }
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !empty {
            annotations(object).insert((*annotation).to_owned(), value.to_string().into());
        }
    }
}

fn autoscaler_v2(object: &mut Value) {
    for (part, field, annotation) in KEPT {
        let Some(text) = annotations(object).remove(*annotation) else { continue };
        let Some(value) = text.as_str().and_then(|t| serde_json::from_str::<Value>(t).ok()) else { continue };
        if object.get(*part).is_some_and(Value::is_object) {
            object[*part][*field] = value;
        }
    }
    if annotations(object).is_empty() {
        object["metadata"].as_object_mut().map(|m| m.remove("annotations"));
    }
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(percent) = spec.remove("targetCPUUtilizationPercentage") {
        let cpu = json!({
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}},
        });
        let metrics = spec.entry("metrics").or_insert_with(|| json!([]));
        if let Some(metrics) = metrics.as_array_mut() {
            metrics.insert(0, cpu);
        }
    }
}

fn annotations(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = json!({});
    }
    object["metadata"]["annotations"].as_object_mut().expect("made above")
}

/// Names of the same fields: in `events.k8s.io`, and in core.
const EVENT: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn new_event(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    for (new, core) in EVENT {
        if let Some(value) = map.remove(*core) {
            map.insert((*new).to_owned(), value);
        }
    }
}

fn core_event(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    for (new, core) in EVENT {
        if let Some(value) = map.remove(*new) {
            map.insert((*core).to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_one_shape_is_read_in_the_other() {
        let v1 = json!({"metadata": {"name": "h"}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}});
        let mut object = v1.clone();
        autoscaler_v2(&mut object);
        assert_eq!(object["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 50);
        autoscaler_v1(&mut object);
        assert_eq!(object, v1);
        let new = json!({"note": "n", "regarding": {"kind": "Pod"}});
        let mut object = new.clone();
        core_event(&mut object);
        assert_eq!(object, json!({"message": "n", "involvedObject": {"kind": "Pod"}}));
        new_event(&mut object);
        assert_eq!(object, new);
    }
}
