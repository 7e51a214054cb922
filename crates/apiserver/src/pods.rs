//! What admission adds to every Pod.

use serde_json::{Value, json};

/// Fills in what the admission plugins of a default cluster do.
pub fn admit(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    if spec.get("serviceAccountName").and_then(Value::as_str).unwrap_or_default().is_empty() {
        spec["serviceAccountName"] = "default".into();
        spec["serviceAccount"] = "default".into();
    }
    if spec.get("priority").is_none() {
        spec["priority"] = 0.into();
    }
    if spec.get("preemptionPolicy").is_none() {
        spec["preemptionPolicy"] = "PreemptLowerPriority".into();
    }
    tolerate(spec, "node.kubernetes.io/not-ready");
    tolerate(spec, "node.kubernetes.io/unreachable");
}

fn tolerate(spec: &mut Value, key: &str) {
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    let known = tolerations.iter().any(|t| {
        let any_key = t.get("key").and_then(Value::as_str).unwrap_or_default();
        let any_effect = t.get("effect").and_then(Value::as_str).unwrap_or_default();
        (any_key == key || any_key.is_empty()) && matches!(any_effect, "" | "NoExecute")
    });
    if !known {
        tolerations.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        spec["tolerations"] = tolerations.into();
    }
}
