//! Pods and Pod templates.

use std::collections::HashSet;

use serde_json::Value;

use crate::field::FieldError;
use crate::names;
use crate::rest::meta;

use super::parts::{items, named, not_negative, one_of, port, port_name, port_or_name, resources, text};

/// A Pod; its spec cannot change, images and a few more aside.
pub fn validate(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    spec(&new["spec"], "spec", Vec::new(), out);
    let Some(old) = old else { return };
    if unchangeable(&new["spec"]) != unchangeable(&old["spec"]) {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
                      `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                      existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                      previously negative)";
        out.push(FieldError::forbidden("spec", detail));
    }
}

fn unchangeable(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container["image"] = Value::Null;
        }
    }
    for field in
        ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "ephemeralContainers", "nodeName"]
    {
        spec.as_object_mut().map(|map| map.remove(field));
    }
    spec
}

/// A template, whose Pods may be restarted only as `policies` say.
pub fn template(template: &Value, path: &str, policies: &[&str], out: &mut Vec<FieldError>) {
    template_with(template, path, policies, Vec::new(), out);
}

/// A template with volumes that come from elsewhere.
pub fn template_with(template: &Value, path: &str, policies: &[&str], volumes: Vec<&str>, out: &mut Vec<FieldError>) {
    let metadata = &template["metadata"];
    meta::labels(metadata.get("labels"), &format!("{path}.metadata.labels"), out);
    for (key, _) in metadata["annotations"].as_object().into_iter().flatten() {
        named(names::qualified_name(&key.to_lowercase()), key, &format!("{path}.metadata.annotations"), out);
    }
    let at = format!("{path}.spec");
    spec(&template["spec"], &at, volumes, out);
    let policy = text(&template["spec"], "restartPolicy");
    if policies == ["Always"] && !policy.is_empty() && policy != "Always" {
        out.push(FieldError::not_supported(format!("{at}.restartPolicy"), &policy.into(), policies));
    }
}

fn spec(spec: &Value, path: &str, more_volumes: Vec<&str>, out: &mut Vec<FieldError>) {
    let mut volumes: HashSet<&str> = HashSet::new();
    for (index, volume) in items(spec, "volumes").iter().enumerate() {
        let name = text(volume, "name");
        let at = format!("{path}.volumes[{index}]");
        if name.is_empty() {
            out.push(FieldError::required(format!("{at}.name"), ""));
        } else {
            named(names::dns_label(name), name, &format!("{at}.name"), out);
            if !volumes.insert(name) {
                out.push(FieldError::duplicate(format!("{at}.name"), &name.into()));
            }
        }
        volume_source(volume, &at, out);
    }
    volumes.extend(more_volumes);
    let all = items(spec, "containers");
    if all.is_empty() {
        out.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut seen = HashSet::new();
    for (list, container_list) in [("containers", all), ("initContainers", items(spec, "initContainers"))] {
        for (index, one) in container_list.iter().enumerate() {
            let at = format!("{path}.{list}[{index}]");
            container(one, &at, &volumes, out);
            let name = text(one, "name");
            if !name.is_empty() && !seen.insert(name) {
                out.push(FieldError::duplicate(format!("{at}.name"), &name.into()));
            }
        }
    }
    one_of(spec, "restartPolicy", path, &["Always", "OnFailure", "Never"], false, out);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(spec, "dnsPolicy", path, &policies, false, out);
    not_negative(spec, "terminationGracePeriodSeconds", path, out);
    if let Some(seconds) = spec.get("activeDeadlineSeconds").filter(|s| s.as_i64().is_some_and(|n| n < 1)) {
        let detail = "must be between 1 and 2147483647, inclusive";
        out.push(FieldError::invalid(format!("{path}.activeDeadlineSeconds"), seconds, detail));
    }
    for (field, check) in
        [("serviceAccountName", names::dns_subdomain as fn(&str) -> Vec<String>), ("hostname", names::dns_label)]
    {
        let name = text(spec, field);
        if !name.is_empty() {
            named(check(name), name, &format!("{path}.{field}"), out);
        }
    }
    meta::labels(spec.get("nodeSelector"), &format!("{path}.nodeSelector"), out);
    tolerations(spec, path, out);
}

fn volume_source(volume: &Value, at: &str, out: &mut Vec<FieldError>) {
    let sources: Vec<&String> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(k, v)| *k != "name" && !v.is_null())
        .map(|(k, _)| k)
        .collect();
    match sources.as_slice() {
        [] => out.push(FieldError::required(at, "must specify a volume type")),
        [_] => {}
        [_, more @ ..] => {
            for source in more {
                out.push(FieldError::forbidden(format!("{at}.{source}"), "may not specify more than 1 volume type"));
            }
        }
    }
    for (source, field) in
        [("configMap", "name"), ("secret", "secretName"), ("persistentVolumeClaim", "claimName"), ("hostPath", "path")]
    {
        if volume.get(source).is_some_and(|s| s.is_object() && text(s, field).is_empty()) {
            out.push(FieldError::required(format!("{at}.{source}.{field}"), ""));
        }
    }
}

fn tolerations(spec: &Value, path: &str, out: &mut Vec<FieldError>) {
    for (index, toleration) in items(spec, "tolerations").iter().enumerate() {
        let at = format!("{path}.tolerations[{index}]");
        let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
        if !key.is_empty() {
            named(names::qualified_name(key), key, &format!("{at}.key"), out);
        } else if operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            out.push(FieldError::invalid(format!("{at}.operator"), &operator.into(), detail));
        }
        one_of(toleration, "operator", &at, &["Equal", "Exists"], false, out);
        one_of(toleration, "effect", &at, &["NoSchedule", "PreferNoSchedule", "NoExecute"], false, out);
    }
}

fn container(container: &Value, at: &str, volumes: &HashSet<&str>, out: &mut Vec<FieldError>) {
    let name = text(container, "name");
    if name.is_empty() {
        out.push(FieldError::required(format!("{at}.name"), ""));
    } else {
        named(names::dns_label(name), name, &format!("{at}.name"), out);
    }
    let image = text(container, "image");
    if image.is_empty() {
        out.push(FieldError::required(format!("{at}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        out.push(FieldError::invalid(format!("{at}.image"), &image.into(), detail));
    }
    one_of(container, "imagePullPolicy", at, &["Always", "IfNotPresent", "Never"], false, out);
    one_of(container, "terminationMessagePolicy", at, &["File", "FallbackToLogsOnError"], false, out);
    ports(container, at, out);
    env(container, at, out);
    let mut mounted = HashSet::new();
    for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
        let at = format!("{at}.volumeMounts[{index}]");
        let name = text(mount, "name");
        if name.is_empty() {
            out.push(FieldError::required(format!("{at}.name"), ""));
        } else if !volumes.contains(name) {
            out.push(FieldError::not_found(format!("{at}.name"), &name.into()));
        }
        let place = text(mount, "mountPath");
        if place.is_empty() {
            out.push(FieldError::required(format!("{at}.mountPath"), ""));
        } else if !mounted.insert(place) {
            out.push(FieldError::invalid(format!("{at}.mountPath"), &place.into(), "must be unique"));
        }
    }
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(it) = container.get(kind).filter(|p| p.is_object()) {
            probe(it, kind, &format!("{at}.{kind}"), out);
        }
    }
    resources(&container["resources"], &format!("{at}.resources"), out);
}

fn ports(container: &Value, at: &str, out: &mut Vec<FieldError>) {
    let mut names_seen = HashSet::new();
    for (index, one) in items(container, "ports").iter().enumerate() {
        let at = format!("{at}.ports[{index}]");
        let name = text(one, "name");
        if !name.is_empty() {
            port_name(name, &format!("{at}.name"), out);
            if !names_seen.insert(name) {
                out.push(FieldError::duplicate(format!("{at}.name"), &name.into()));
            }
        }
        match one.get("containerPort").and_then(Value::as_i64).unwrap_or(0) {
            0 => out.push(FieldError::required(format!("{at}.containerPort"), "")),
            _ => port(one.get("containerPort"), &format!("{at}.containerPort"), out),
        }
        if one.get("hostPort").is_some_and(|p| p != 0) {
            port(one.get("hostPort"), &format!("{at}.hostPort"), out);
        }
        one_of(one, "protocol", &at, &["SCTP", "TCP", "UDP"], true, out);
    }
}

fn env(container: &Value, at: &str, out: &mut Vec<FieldError>) {
    for (index, variable) in items(container, "env").iter().enumerate() {
        let at = format!("{at}.env[{index}]");
        let name = text(variable, "name");
        if name.is_empty() {
            out.push(FieldError::required(format!("{at}.name"), ""));
        } else if name.contains('=') || !name.bytes().all(|c| (0x20..0x7f).contains(&c)) {
            let detail =
                "a valid environment variable name must consist only of printable ASCII characters other than '='";
            out.push(FieldError::invalid(format!("{at}.name"), &name.into(), detail));
        }
        let Some(source) = variable.get("valueFrom").and_then(Value::as_object) else { continue };
        let at = format!("{at}.valueFrom");
        let count = source.values().filter(|v| !v.is_null()).count();
        if !text(variable, "value").is_empty() && count > 0 {
            let detail = "may not be specified when `value` is not empty";
            out.push(FieldError::invalid_as(&at, "\"\"", detail));
        } else if count == 0 {
            let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
            out.push(FieldError::invalid_as(&at, "\"\"", detail));
        } else if count > 1 {
            out.push(FieldError::invalid_as(&at, "\"\"", "may not have more than one field specified at a time"));
        }
        for kind in ["configMapKeyRef", "secretKeyRef"] {
            let Some(reference) = source.get(kind).filter(|r| r.is_object()) else { continue };
            for field in ["name", "key"] {
                if text(reference, field).is_empty() {
                    out.push(FieldError::required(format!("{at}.{kind}.{field}"), ""));
                }
            }
        }
    }
}

fn probe(probe: &Value, kind: &str, at: &str, out: &mut Vec<FieldError>) {
    let handlers: Vec<&str> = ["exec", "httpGet", "tcpSocket", "grpc"]
        .into_iter()
        .filter(|h| probe.get(*h).is_some_and(|v| !v.is_null()))
        .collect();
    match handlers.as_slice() {
        [] => out.push(FieldError::required(at, "must specify a handler type")),
        [_] => {}
        [_, more @ ..] => {
            for handler in more {
                out.push(FieldError::forbidden(format!("{at}.{handler}"), "may not specify more than 1 handler type"));
            }
        }
    }
    for handler in ["httpGet", "tcpSocket"] {
        if let Some(it) = probe.get(handler).filter(|h| h.is_object()) {
            port_or_name(it.get("port"), &format!("{at}.{handler}.port"), out);
        }
    }
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        not_negative(probe, field, at, out);
    }
    if kind != "readinessProbe" && probe.get("successThreshold").is_some_and(|n| n != 1) {
        out.push(FieldError::invalid(format!("{at}.successThreshold"), &probe["successThreshold"], "must be 1"));
    }
}
