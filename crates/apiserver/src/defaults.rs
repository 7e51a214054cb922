//! Defaults of built-in kinds: those of the schema, then those that hang on other fields.

use serde_json::{Map, Value, json};
use sluice_object::schema::{Kind, Node};

use crate::kinds::Served;

/// Fills in what the server fills in, in an object that has been decoded.
pub fn fill(object: &mut Value, served: &Served) {
    before(object, served);
    from_schema(object, served.schema.root(), 0);
    after(object, served);
}

/// Deeper than any decoded body.
const DEPTH: usize = 200;

/// Inserts the schema's default for each missing field, in every object there is.
pub fn from_schema(value: &mut Value, node: Node<'_>, depth: usize) {
    if depth > DEPTH {
        return;
    }
    match (value, node.kind()) {
        (Value::Object(map), Kind::Object) => {
            // The defaults of a Job stand in Jobs alone, not in the template of a CronJob.
            let in_template = node.definition().is_some_and(|d| d == "io.k8s.api.batch.v1.JobTemplateSpec");
            for (name, child) in node.fields() {
                match map.get_mut(name) {
                    Some(value) if in_template && name == "spec" => {
                        if let (Some(template), Some(child)) = (value.get_mut("template"), child.field("template")) {
                            from_schema(template, child, depth + 1);
                        }
                    }
                    Some(value) => from_schema(value, child, depth + 1),
                    None => {
                        if let Some(default) = child.default() {
                            let mut default = default.clone();
                            from_schema(&mut default, child, depth + 1);
                            map.insert(name.to_owned(), default);
                        }
                    }
                }
            }
        }
        (Value::Object(map), Kind::Map) => {
            if let Some(values) = node.values() {
                map.values_mut().for_each(|value| from_schema(value, values, depth + 1));
            }
        }
        (Value::Array(items), Kind::List) => {
            if let Some(child) = node.items() {
                items.iter_mut().for_each(|item| from_schema(item, child, depth + 1));
            }
        }
        _ => {}
    }
}

fn set(value: &mut Value, field: &str, default: impl Into<Value>) {
    if let Value::Object(map) = value
        && map.get(field).is_none_or(|v| v.is_null() || v == "")
    {
        map.insert(field.to_owned(), default.into());
    }
}

fn items<'a>(value: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

/// What must be decided before the schema's defaults hide that nothing was said.
fn before(object: &mut Value, served: &Served) {
    match (served.resource.group.as_str(), served.resource.kind.as_str()) {
        ("batch", "Job") => {
            let spec = &mut object["spec"];
            let unset = |spec: &Value, field: &str| spec.get(field).is_none();
            if spec.is_object() {
                if unset(spec, "completions") && unset(spec, "parallelism") {
                    spec["completions"] = 1.into();
                    spec["parallelism"] = 1.into();
                } else if unset(spec, "parallelism") {
                    spec["parallelism"] = 1.into();
                }
                if unset(spec, "backoffLimit") {
                    let by_index = spec.get("backoffLimitPerIndex").is_some();
                    spec["backoffLimit"] = if by_index { i32::MAX.into() } else { 6.into() };
                }
            }
        }
        ("apps", "StatefulSet") => {
            for claim in items(&mut object["spec"], "volumeClaimTemplates") {
                set(claim, "apiVersion", "v1");
                set(claim, "kind", "PersistentVolumeClaim");
            }
        }
        _ => {}
    }
}

fn after(object: &mut Value, served: &Served) {
    match (served.resource.group.as_str(), served.resource.kind.as_str()) {
        ("", "Pod") => pod(&mut object["spec"]),
        ("", "PodTemplate") => pod_spec(&mut object["template"]["spec"]),
        ("", "ReplicationController") => {
            let labels = object["spec"]["template"]["metadata"].get("labels").cloned();
            if let Some(labels) = labels {
                set(&mut object["spec"], "selector", labels.clone());
                set(&mut object["metadata"], "labels", labels);
            }
            set(&mut object["spec"], "replicas", 1);
            pod_spec(&mut object["spec"]["template"]["spec"]);
        }
        ("apps", "ReplicaSet") => {
            // Labels of a ReplicaSet are those of its template when it has none.
            if let Some(labels) = object["spec"]["template"]["metadata"].get("labels").cloned() {
                set(&mut object["metadata"], "labels", labels);
            }
            pod_spec(&mut object["spec"]["template"]["spec"]);
        }
        ("apps", "Deployment") => {
            let strategy = &mut object["spec"]["strategy"];
            if strategy["type"] == "RollingUpdate" {
                set(strategy, "rollingUpdate", json!({}));
                set(&mut strategy["rollingUpdate"], "maxUnavailable", "25%");
                set(&mut strategy["rollingUpdate"], "maxSurge", "25%");
            }
            pod_spec(&mut object["spec"]["template"]["spec"]);
        }
        ("apps", "DaemonSet") => {
            let strategy = &mut object["spec"]["updateStrategy"];
            if strategy["type"] == "RollingUpdate" {
                set(strategy, "rollingUpdate", json!({}));
                set(&mut strategy["rollingUpdate"], "maxUnavailable", 1);
                set(&mut strategy["rollingUpdate"], "maxSurge", 0);
            }
            pod_spec(&mut object["spec"]["template"]["spec"]);
        }
        ("apps", "StatefulSet") => {
            let strategy = &mut object["spec"]["updateStrategy"];
            if strategy["type"] == "RollingUpdate" {
                set(strategy, "rollingUpdate", json!({}));
                set(&mut strategy["rollingUpdate"], "partition", 0);
            }
            pod_spec(&mut object["spec"]["template"]["spec"]);
        }
        ("batch", "Job") => pod_spec(&mut object["spec"]["template"]["spec"]),
        ("batch", "CronJob") => pod_spec(&mut object["spec"]["jobTemplate"]["spec"]["template"]["spec"]),
        ("", "Service") => {
            service(&mut object["spec"]);
            if object["spec"]["type"] == "LoadBalancer" {
                for ingress in items(&mut object["status"]["loadBalancer"], "ingress") {
                    if ingress.get("ip").is_some() {
                        set(ingress, "ipMode", "VIP");
                    }
                }
            }
        }
        ("", "Secret") => secret(object),
        ("", "Namespace") => {
            set(&mut object["status"], "phase", "Active");
        }
        ("autoscaling", "HorizontalPodAutoscaler") if served.version == "v2" => autoscaler(&mut object["spec"]),
        ("networking.k8s.io", "NetworkPolicy") => {
            let spec = &mut object["spec"];
            if spec.get("policyTypes").is_none() {
                let egress = spec.get("egress").is_some();
                spec["policyTypes"] = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            set(&mut object["roleRef"], "apiGroup", "rbac.authorization.k8s.io");
            for subject in items(object, "subjects") {
                if matches!(subject["kind"].as_str(), Some("User" | "Group")) {
                    set(subject, "apiGroup", "rbac.authorization.k8s.io");
                }
            }
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            let mutating = served.resource.kind.starts_with("Mutating");
            for hook in items(object, "webhooks") {
                set(hook, "failurePolicy", "Fail");
                set(hook, "matchPolicy", "Equivalent");
                set(hook, "namespaceSelector", json!({}));
                set(hook, "objectSelector", json!({}));
                set(hook, "timeoutSeconds", 10);
                if mutating {
                    set(hook, "reinvocationPolicy", "Never");
                }
                if hook["clientConfig"]["service"].is_object() {
                    set(&mut hook["clientConfig"]["service"], "port", 443);
                }
                for rule in items(hook, "rules") {
                    set(rule, "scope", "*");
                }
            }
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => {
            object.pointer_mut("/spec").into_iter().for_each(|spec| set(spec, "failurePolicy", "Fail"));
            object.pointer_mut("/spec/matchConstraints").into_iter().for_each(matching);
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => {
            object.pointer_mut("/spec/matchResources").into_iter().for_each(matching);
        }
        ("", "LimitRange") => {
            object.pointer_mut("/spec").into_iter().flat_map(|spec| items(spec, "limits")).for_each(limits)
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        ("apps", "ControllerRevision") => {}
        _ => {}
    }
}

fn matching(resources: &mut Value) {
    if !resources.is_object() {
        return;
    }
    set(resources, "matchPolicy", "Equivalent");
    set(resources, "namespaceSelector", json!({}));
    set(resources, "objectSelector", json!({}));
    for list in ["resourceRules", "excludeResourceRules"] {
        items(resources, list).for_each(|rule| set(rule, "scope", "*"));
    }
}

/// A limit of containers that names no default takes its maximum, and a request its limit or the minimum.
fn limits(item: &mut Value) {
    if item["type"] != "Container" {
        return;
    }
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        for (resource, amount) in item[from].as_object().cloned().unwrap_or_default() {
            if !item[to].is_object() {
                item[to] = json!({});
            }
            set(&mut item[to], &resource, amount);
        }
    }
}

fn pod(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    if spec.get("enableServiceLinks").is_none() {
        spec["enableServiceLinks"] = true.into();
    }
    pod_spec(spec);
    for list in ["containers", "initContainers"] {
        for container in items(spec, list) {
            let Some(limits) = container["resources"].get("limits").and_then(Value::as_object).cloned() else {
                continue;
            };
            let requests = container["resources"]
                .as_object_mut()
                .expect("it has limits")
                .entry("requests")
                .or_insert_with(|| Value::Object(Map::new()));
            for (name, amount) in limits {
                set(requests, &name, amount);
            }
        }
    }
}

/// Defaults of a pod spec, also in templates, that hang on other fields.
fn pod_spec(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    match spec.get("serviceAccountName").and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned) {
        Some(name) => spec["serviceAccount"] = name.into(),
        None => {
            if let Some(name) = spec.get("serviceAccount").cloned() {
                set(spec, "serviceAccountName", name);
            }
        }
    }
    let host_network = spec["hostNetwork"] == true;
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in items(spec, list) {
            set(container, "imagePullPolicy", pull_policy(container["image"].as_str().unwrap_or_default()));
            for port in items(container, "ports") {
                if host_network && let Some(number) = port.get("containerPort").cloned() {
                    set(port, "hostPort", number);
                }
            }
        }
    }
    for volume in items(spec, "volumes") {
        if volume.as_object().is_some_and(|v| v.len() == 1 && v.contains_key("name")) {
            volume["emptyDir"] = json!({});
        }
    }
}

/// `Always` for images that may move: no tag, or `latest`.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let tag = name.rsplit('/').next().unwrap_or_default().split_once(':').map(|(_, tag)| tag);
    match (tag, digest) {
        (Some("latest"), _) | (None, None) => "Always",
        _ => "IfNotPresent",
    }
}

fn service(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    if spec["sessionAffinity"] == "ClientIP" {
        set(spec, "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 10800}}));
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    for port in items(spec, "ports") {
        set(port, "protocol", "TCP");
        if port.get("targetPort").is_none_or(|p| p == 0 || p == "") {
            port["targetPort"] = port.get("port").cloned().unwrap_or_default();
        }
    }
    if kind != "ExternalName" {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
}

fn secret(object: &mut Value) {
    use base64::Engine;
    set(object, "type", "Opaque");
    let Some(text) = object.as_object_mut().and_then(|map| map.remove("stringData")) else { return };
    for (key, value) in text.as_object().into_iter().flatten() {
        let encoded = base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap_or_default());
        if !object["data"].is_object() {
            object["data"] = json!({});
        }
        object["data"][key] = encoded.into();
    }
}

fn autoscaler(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    set(spec, "minReplicas", 1);
    if spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        spec["metrics"] = json!([{
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
        }]);
    }
    if !spec["behavior"].is_object() {
        return;
    }
    let percent = json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]);
    for (direction, policies) in [
        ("scaleUp", json!([{"type": "Pods", "value": 4, "periodSeconds": 15}, percent[0]])),
        ("scaleDown", percent.clone()),
    ] {
        let behavior = &mut spec["behavior"];
        set(behavior, direction, json!({}));
        let rules = &mut behavior[direction];
        if direction == "scaleUp" {
            set(rules, "stabilizationWindowSeconds", 0);
        }
        set(rules, "selectPolicy", "Max");
        set(rules, "policies", policies);
    }
}

fn definition(object: &mut Value) {
    let names = &mut object["spec"]["names"];
    if let Some(kind) = names["kind"].as_str().map(str::to_owned) {
        set(names, "singular", kind.to_lowercase());
        set(names, "listKind", format!("{kind}List"));
    }
    set(&mut object["spec"], "conversion", json!({"strategy": "None"}));
    for version in items(&mut object["spec"], "versions") {
        for column in items(version, "additionalPrinterColumns") {
            // A priority of zero is not printed.
            if column["priority"] == 0 {
                column.as_object_mut().map(|c| c.remove("priority"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pull_policy_follows_the_tag() {
        for (image, policy) in [
            ("a", "Always"),
            ("a:latest", "Always"),
            ("r:5000/a", "Always"),
            ("r:5000/a:1", "IfNotPresent"),
            ("a@sha256:0", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
