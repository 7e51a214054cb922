//! What admission adds to every Pod.

use serde_json::{Value, json};

/// Fills in what the admission plugins of a default cluster do; `runs` tells whether Pods run, and so need an account.
pub fn admit(object: &mut Value, runs: bool) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    if runs && spec.get("serviceAccountName").and_then(Value::as_str).unwrap_or_default().is_empty() {
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

/// `status.qosClass`: how dear a Pod is to its node.
pub fn quality(pod: &Value) -> &'static str {
    let containers = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    let (mut any, mut guaranteed) = (false, true);
    for container in containers {
        let resources = &container["resources"];
        for name in ["cpu", "memory"] {
            let (request, limit) = (&resources["requests"][name], &resources["limits"][name]);
            any |= !(request.is_null() && limit.is_null());
            guaranteed &= !limit.is_null() && (request.is_null() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
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
