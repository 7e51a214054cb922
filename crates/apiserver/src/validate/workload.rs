//! Deployments, ReplicaSets, StatefulSets and DaemonSets.

use serde_json::Value;

use crate::field::FieldError;

use super::parts::{immutable, items, not_negative, number_or_percent, one_of, text};
use super::{pod, selector};

/// A Deployment.
pub fn deployment(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    not_negative(spec, "replicas", "spec", out);
    selector::of_workload(spec, "deployment", out);
    pod::template(&spec["template"], "spec.template", &["Always"], out);
    let strategy = &spec["strategy"];
    match text(strategy, "type") {
        "Recreate" if strategy.get("rollingUpdate").is_some_and(|r| !r.is_null()) => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            out.push(FieldError::forbidden("spec.strategy.rollingUpdate", detail));
        }
        "RollingUpdate" => rolling(&strategy["rollingUpdate"], "spec.strategy.rollingUpdate", out),
        _ => one_of(strategy, "type", "spec.strategy", &["Recreate", "RollingUpdate"], false, out),
    }
    not_negative(spec, "minReadySeconds", "spec", out);
    not_negative(spec, "revisionHistoryLimit", "spec", out);
    if let Some(deadline) = spec.get("progressDeadlineSeconds").and_then(Value::as_i64) {
        not_negative(spec, "progressDeadlineSeconds", "spec", out);
        if deadline <= spec["minReadySeconds"].as_i64().unwrap_or(0) {
            let detail = "must be greater than minReadySeconds";
            out.push(FieldError::invalid("spec.progressDeadlineSeconds", &deadline.into(), detail));
        }
    }
    if let Some(old) = old {
        immutable(spec, &old["spec"], "selector", "spec", out);
    }
}

fn rolling(rolling: &Value, path: &str, out: &mut Vec<FieldError>) {
    for field in ["maxUnavailable", "maxSurge"] {
        number_or_percent(rolling.get(field), &format!("{path}.{field}"), out);
    }
    let is_zero = |field: &str| match rolling.get(field) {
        Some(Value::String(text)) => text.trim_end_matches('%').parse() == Ok(0),
        Some(number) => number.as_i64() == Some(0),
        None => false,
    };
    if is_zero("maxUnavailable") && is_zero("maxSurge") {
        let detail = "may not be 0 when `maxSurge` is 0";
        let value = rolling["maxUnavailable"].clone();
        out.push(FieldError::invalid(format!("{path}.maxUnavailable"), &value, detail));
    }
    if let Some(Value::String(text)) = rolling.get("maxUnavailable")
        && text.trim_end_matches('%').parse::<u64>().is_ok_and(|percent| percent > 100)
    {
        let detail = "must not be greater than 100%";
        out.push(FieldError::invalid(format!("{path}.maxUnavailable"), &text.as_str().into(), detail));
    }
}

/// A ReplicaSet.
pub fn replica_set(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    not_negative(spec, "replicas", "spec", out);
    not_negative(spec, "minReadySeconds", "spec", out);
    selector::of_workload(spec, "replicaset", out);
    pod::template(&spec["template"], "spec.template", &["Always"], out);
    if let Some(old) = old {
        immutable(spec, &old["spec"], "selector", "spec", out);
    }
}

/// A StatefulSet.
pub fn stateful_set(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    one_of(spec, "podManagementPolicy", "spec", &["OrderedReady", "Parallel"], false, out);
    let strategy = &spec["updateStrategy"];
    one_of(strategy, "type", "spec.updateStrategy", &["OnDelete", "RollingUpdate"], false, out);
    not_negative(&strategy["rollingUpdate"], "partition", "spec.updateStrategy.rollingUpdate", out);
    not_negative(spec, "replicas", "spec", out);
    not_negative(spec, "minReadySeconds", "spec", out);
    not_negative(spec, "revisionHistoryLimit", "spec", out);
    selector::of_workload(spec, "statefulset", out);
    let claims = items(spec, "volumeClaimTemplates").iter().map(|c| text(&c["metadata"], "name")).collect();
    pod::template_with(&spec["template"], "spec.template", &["Always"], claims, out);
    let Some(old) = old else { return };
    let before = &old["spec"];
    if spec.get("serviceName") != before.get("serviceName") {
        immutable(spec, before, "serviceName", "spec", out);
        return;
    }
    for field in ["selector", "podManagementPolicy"] {
        immutable(spec, before, field, "spec", out);
    }
    if claims_of(spec) != claims_of(before) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                      'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                      'minReadySeconds' are forbidden";
        out.push(FieldError::forbidden("spec", detail));
    }
}

/// Claim templates without what the server fills in.
fn claims_of(spec: &Value) -> Vec<Value> {
    let bare = |claim: &Value| serde_json::json!([claim["metadata"]["name"], claim["spec"]]);
    items(spec, "volumeClaimTemplates").iter().map(bare).collect()
}

/// A DaemonSet.
pub fn daemon_set(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    selector::of_workload(spec, "daemonset", out);
    pod::template(&spec["template"], "spec.template", &["Always"], out);
    not_negative(spec, "minReadySeconds", "spec", out);
    let strategy = &spec["updateStrategy"];
    one_of(strategy, "type", "spec.updateStrategy", &["OnDelete", "RollingUpdate"], false, out);
    for field in ["maxUnavailable", "maxSurge"] {
        let path = format!("spec.updateStrategy.rollingUpdate.{field}");
        number_or_percent(strategy["rollingUpdate"].get(field), &path, out);
    }
    not_negative(spec, "revisionHistoryLimit", "spec", out);
    if let Some(old) = old {
        immutable(spec, &old["spec"], "selector", "spec", out);
    }
}
