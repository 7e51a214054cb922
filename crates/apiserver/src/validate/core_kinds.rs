//! Claims, Events, budgets, autoscalers, Leases and access rules.

use serde_json::Value;

use crate::field::FieldError;
use crate::rest::quantity::Quantity;

use super::parts::{immutable, items, number_or_percent, one_of, text};
use super::selector;

/// A PersistentVolumeClaim.
pub fn claim(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let modes = items(spec, "accessModes");
    if modes.is_empty() {
        out.push(FieldError::required("spec.accessModes", "at least 1 access mode is required"));
    }
    let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    for mode in modes.iter().filter(|m| !m.as_str().is_some_and(|m| known.contains(&m))) {
        out.push(FieldError::not_supported("spec.accessModes", mode, &known));
    }
    if modes.len() > 1 && modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        let detail = "may not use ReadWriteOncePod with other access modes";
        out.push(FieldError::forbidden("spec.accessModes", detail));
    }
    match spec["resources"]["requests"].get("storage") {
        None => out.push(FieldError::required("spec.resources[storage]", "")),
        Some(amount) => {
            let none = amount.as_str().and_then(Quantity::parse).is_some_and(|it| it.is_zero() || it.is_negative());
            if none {
                out.push(FieldError::invalid("spec.resources[storage]", amount, "must be greater than zero"));
            }
        }
    }
    one_of(spec, "volumeMode", "spec", &["Block", "Filesystem"], false, out);
    let Some(old) = old else { return };
    let rest = |spec: &Value| {
        let mut spec = spec.clone();
        for field in ["resources", "volumeName", "volumeAttributesClassName"] {
            spec.as_object_mut().map(|map| map.remove(field));
        }
        spec
    };
    let renamed =
        !text(&old["spec"], "volumeName").is_empty() && text(spec, "volumeName") != text(&old["spec"], "volumeName");
    if rest(spec) != rest(&old["spec"]) || renamed {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound \
                      claims";
        out.push(FieldError::forbidden("spec", detail));
    }
}

/// An Event of the core group.
pub fn event(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let (own, other) = (text(&new["metadata"], "namespace"), text(&new["involvedObject"], "namespace"));
    // Events about what has no namespace lie in `default`.
    let fits = if other.is_empty() { matches!(own, "" | "default" | "kube-system") } else { own == other };
    if old.is_none() && !fits {
        let detail = "does not match event.namespace";
        out.push(FieldError::invalid("involvedObject.namespace", &other.into(), detail));
    }
}

/// A PodDisruptionBudget.
pub fn budget(new: &Value, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    if let (Some(least), Some(most)) = (spec.get("minAvailable"), spec.get("maxUnavailable")) {
        let policy = spec.get("unhealthyPodEvictionPolicy").cloned().unwrap_or_default();
        let selector = spec.get("selector").cloned().unwrap_or_default();
        // The real server prints its own struct here.
        let shown = format!(
            "{{\"MinAvailable\":{least},\"Selector\":{selector},\"MaxUnavailable\":{most},\"UnhealthyPodEvictionPolicy\":{policy}}}"
        );
        out.push(FieldError::invalid_as("spec", shown, "minAvailable and maxUnavailable cannot be both set"));
    }
    for field in ["minAvailable", "maxUnavailable"] {
        number_or_percent(spec.get(field), &format!("spec.{field}"), out);
    }
    if let Some(it) = spec.get("selector") {
        selector::validate(it, "spec.selector", out);
    }
    one_of(spec, "unhealthyPodEvictionPolicy", "spec", &["AlwaysAllow", "IfHealthyBudget"], false, out);
}

/// A HorizontalPodAutoscaler.
pub fn autoscaler(new: &Value, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let (least, most) = (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(0));
    if least < 1 {
        let detail = "must be greater than or equal to 1";
        out.push(FieldError::invalid("spec.minReplicas", &least.into(), detail));
    }
    if most < 1 {
        out.push(FieldError::invalid("spec.maxReplicas", &most.into(), "must be greater than 0"));
    }
    if most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        out.push(FieldError::invalid("spec.maxReplicas", &most.into(), detail));
    }
    for field in ["kind", "name"] {
        if text(&spec["scaleTargetRef"], field).is_empty() {
            out.push(FieldError::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
    for (index, metric) in items(spec, "metrics").iter().enumerate() {
        self::metric(metric, &format!("spec.metrics[{index}]"), out);
    }
}

const SOURCES: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

/// A metric of a HorizontalPodAutoscaler.
fn metric(metric: &Value, at: &str, out: &mut Vec<FieldError>) {
    let kind = text(metric, "type");
    if kind.is_empty() {
        return out.push(FieldError::required(format!("{at}.type"), "must specify a metric source type"));
    }
    let Some((_, field)) = SOURCES.iter().find(|(name, _)| *name == kind) else {
        let known = SOURCES.map(|(name, _)| name);
        return out.push(FieldError::not_supported(format!("{at}.type"), &kind.into(), &known));
    };
    let at = format!("{at}.{field}");
    let source = &metric[*field];
    if !source.is_object() {
        let detail = "must populate information for the given metric source";
        return out.push(FieldError::required(at, detail));
    }
    if kind != "Resource" {
        return;
    }
    if text(source, "name").is_empty() {
        out.push(FieldError::required(format!("{at}.name"), "must specify a resource name"));
    }
    let target = &source["target"];
    one_of_target(target, &format!("{at}.target"), out);
    let (share, amount) = (target["averageUtilization"].as_i64(), target.get("averageValue"));
    let at = format!("{at}.target.averageUtilization");
    match (share, amount.is_some_and(|it| !it.is_null())) {
        (None, false) => {
            out.push(FieldError::required(at, "must set either a target raw value or a target utilization"));
        }
        (Some(_), true) => {
            let detail = "may not set both a target raw value and a target utilization";
            out.push(FieldError::forbidden(at.replace("averageUtilization", "averageValue"), detail));
        }
        (Some(share), false) if share < 1 => {
            out.push(FieldError::invalid(at, &share.into(), "must be greater than 0"));
        }
        _ => {}
    }
}

fn one_of_target(target: &Value, at: &str, out: &mut Vec<FieldError>) {
    match text(target, "type") {
        "" => out.push(FieldError::required(format!("{at}.type"), "must specify a metric target type")),
        "Utilization" | "Value" | "AverageValue" => {}
        other => {
            let detail = "must be either Utilization, Value, or AverageValue";
            out.push(FieldError::invalid(format!("{at}.type"), &other.into(), detail));
        }
    }
}

/// A Lease.
pub fn lease(new: &Value, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    if let Some(seconds) = spec.get("leaseDurationSeconds").filter(|s| s.as_i64().is_some_and(|n| n <= 0)) {
        out.push(FieldError::invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"));
    }
    if let Some(count) = spec.get("leaseTransitions").filter(|s| s.as_i64().is_some_and(|n| n < 0)) {
        out.push(FieldError::invalid("spec.leaseTransitions", count, "must be greater than or equal to 0"));
    }
}

/// Roles and their bindings.
pub fn access(kind: &str, new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    if kind.ends_with("Binding") {
        binding(kind, new, old, out);
        return;
    }
    for (index, rule) in items(new, "rules").iter().enumerate() {
        let at = format!("rules[{index}]");
        if items(rule, "verbs").is_empty() {
            out.push(FieldError::required(format!("{at}.verbs"), "verbs must contain at least one value"));
        }
        let urls = items(rule, "nonResourceURLs");
        if !urls.is_empty() {
            if kind == "Role" {
                let shown = Value::from(urls.to_vec());
                let detail = "namespaced rules cannot apply to non-resource URLs";
                out.push(FieldError::invalid(format!("{at}.nonResourceURLs"), &shown, detail));
            }
            if ["apiGroups", "resources", "resourceNames"].iter().any(|f| !items(rule, f).is_empty()) {
                let shown = Value::from(urls.to_vec());
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                out.push(FieldError::invalid(format!("{at}.nonResourceURLs"), &shown, detail));
            }
            continue;
        }
        for (field, detail) in [
            ("apiGroups", "resource rules must supply at least one api group"),
            ("resources", "resource rules must supply at least one resource"),
        ] {
            if items(rule, field).is_empty() {
                out.push(FieldError::required(format!("{at}.{field}"), detail));
            }
        }
    }
}

fn binding(kind: &str, new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let role = &new["roleRef"];
    let group = text(role, "apiGroup");
    if group != "rbac.authorization.k8s.io" {
        out.push(FieldError::not_supported("roleRef.apiGroup", &group.into(), &["rbac.authorization.k8s.io"]));
    }
    let kinds: &[&str] = if kind == "RoleBinding" { &["ClusterRole", "Role"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        out.push(FieldError::not_supported("roleRef.kind", &text(role, "kind").into(), kinds));
    }
    if text(role, "name").is_empty() {
        out.push(FieldError::required("roleRef.name", ""));
    }
    for (index, subject) in items(new, "subjects").iter().enumerate() {
        let at = format!("subjects[{index}]");
        if text(subject, "name").is_empty() {
            out.push(FieldError::required(format!("{at}.name"), ""));
        }
        let group = text(subject, "apiGroup");
        match text(subject, "kind") {
            "ServiceAccount" => {
                if !group.is_empty() {
                    out.push(FieldError::not_supported(format!("{at}.apiGroup"), &group.into(), &[""]));
                }
                if kind == "ClusterRoleBinding" && text(subject, "namespace").is_empty() {
                    out.push(FieldError::required(format!("{at}.namespace"), ""));
                }
            }
            "User" | "Group" => {
                if group != "rbac.authorization.k8s.io" {
                    let known = ["rbac.authorization.k8s.io"];
                    out.push(FieldError::not_supported(format!("{at}.apiGroup"), &group.into(), &known));
                }
            }
            other => {
                let known = ["Group", "ServiceAccount", "User"];
                out.push(FieldError::not_supported(format!("{at}.kind"), &other.into(), &known));
            }
        }
    }
    if let Some(old) = old
        && old["roleRef"] != new["roleRef"]
    {
        let before = out.len();
        immutable(new, old, "roleRef", "", out);
        if let Some(error) = out.get_mut(before) {
            error.field = "roleRef".into();
            error.detail = "cannot change roleRef".into();
        }
    }
}
