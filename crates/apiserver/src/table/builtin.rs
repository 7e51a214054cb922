//! The cells of built-in kinds.

use serde_json::{Map, Value};

use super::{age, pod};
use crate::rest::meta;

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A scalar as text, or `other` when it is absent.
fn show(value: &Value, pointer: &str, other: &str) -> Value {
    match value.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => text.as_str().into(),
        Some(Value::Number(n)) => n.to_string().into(),
        Some(Value::Bool(b)) => b.to_string().into(),
        _ => other.into(),
    }
}

fn entries(value: &Value, pointer: &str) -> usize {
    value.pointer(pointer).and_then(Value::as_object).map_or(0, Map::len)
}

fn joined<'a>(items: impl Iterator<Item = &'a str>) -> Value {
    items.collect::<Vec<_>>().join(",").into()
}

/// The row of an object.
pub fn cells(group: &str, kind: &str, object: &Value) -> Vec<Value> {
    let name = || Value::from(meta::text(object, "name"));
    let age = || Value::from(age::of(object));
    let mut row = vec![name()];
    match (group, kind) {
        ("", "Pod") => row.extend(pod::cells(object)),
        ("", "ReplicationController") | ("apps", "ReplicaSet") => {
            row.extend([
                number(object, "/spec/replicas").into(),
                number(object, "/status/replicas").into(),
                number(object, "/status/readyReplicas").into(),
                age(),
            ]);
            containers(object, "/spec/template/spec/containers", &mut row);
            let selector = if kind == "ReplicaSet" {
                selector(&object["spec"]["selector"])
            } else {
                pairs(&object["spec"]["selector"])
            };
            row.push(selector.into());
        }
        ("apps", "Deployment") => {
            let ready = format!("{}/{}", number(object, "/status/readyReplicas"), number(object, "/spec/replicas"));
            row.extend([
                ready.into(),
                number(object, "/status/updatedReplicas").into(),
                number(object, "/status/availableReplicas").into(),
                age(),
            ]);
            containers(object, "/spec/template/spec/containers", &mut row);
            row.push(selector(&object["spec"]["selector"]).into());
        }
        ("apps", "StatefulSet") => {
            let ready = format!("{}/{}", number(object, "/status/readyReplicas"), number(object, "/spec/replicas"));
            row.extend([ready.into(), age()]);
            containers(object, "/spec/template/spec/containers", &mut row);
        }
        ("apps", "DaemonSet") => {
            for field in [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ] {
                row.push(object["status"][field].as_i64().unwrap_or(0).into());
            }
            row.extend([pairs(&object["spec"]["template"]["spec"]["nodeSelector"]).into(), age()]);
            containers(object, "/spec/template/spec/containers", &mut row);
            row.push(selector(&object["spec"]["selector"]).into());
        }
        ("apps", "ControllerRevision") => {
            let owner = list(object, "/metadata/ownerReferences").find(|o| o["controller"] == true);
            let owner = owner.map_or("<none>".to_owned(), |o| {
                let (group, _) = text(o, "/apiVersion").split_once('/').unwrap_or_default();
                let kind = text(o, "/kind").to_lowercase();
                let dotted = if group.is_empty() { kind } else { format!("{kind}.{group}") };
                format!("{dotted}/{}", text(o, "/name"))
            });
            row.extend([owner.into(), number(object, "/revision").into(), age()]);
        }
        ("batch", "Job") => job(object, &mut row),
        ("batch", "CronJob") => {
            let last = match text(object, "/status/lastScheduleTime") {
                "" => "<none>".to_owned(),
                time => age::since(time),
            };
            let suspended = if object["spec"]["suspend"] == true { "True" } else { "False" };
            row.extend([
                show(object, "/spec/schedule", ""),
                show(object, "/spec/timeZone", "<none>"),
                suspended.into(),
                list(object, "/status/active").count().into(),
                last.into(),
                age(),
            ]);
            containers(object, "/spec/jobTemplate/spec/template/spec/containers", &mut row);
            row.push(selector(&object["spec"]["jobTemplate"]["spec"]["selector"]).into());
        }
        ("", "Service") => service(object, &mut row),
        ("networking.k8s.io", "Ingress") => ingress(object, &mut row),
        ("networking.k8s.io", "IngressClass") => {
            let parameters = match object["spec"].get("parameters") {
                Some(p) => {
                    let kind = text(p, "/kind");
                    let kind = match text(p, "/apiGroup") {
                        "" => kind.to_owned(),
                        group => format!("{kind}.{group}"),
                    };
                    format!("{kind}/{}", text(p, "/name"))
                }
                None => "<none>".into(),
            };
            row.extend([show(object, "/spec/controller", ""), parameters.into(), age()]);
        }
        ("networking.k8s.io", "NetworkPolicy") => row.extend([selector(&object["spec"]["podSelector"]).into(), age()]),
        ("", "Endpoints") => {
            let all = list(object, "/subsets").flat_map(|subset| {
                list(subset, "/addresses").flat_map(move |address| {
                    list(subset, "/ports")
                        .map(move |port| format!("{}:{}", text(address, "/ip"), number(port, "/port")))
                })
            });
            row.extend([limited(all.collect(), "<none>").into(), age()]);
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            let ports = list(object, "/ports").map(|p| number(p, "/port").to_string()).collect();
            let addresses = list(object, "/endpoints").flat_map(|e| list(e, "/addresses")).filter_map(Value::as_str);
            let addresses = addresses.map(str::to_owned).collect();
            row.extend([
                show(object, "/addressType", ""),
                limited(ports, "<unset>").into(),
                limited(addresses, "<unset>").into(),
                age(),
            ]);
        }
        ("", "Namespace") => row.extend([show(object, "/status/phase", ""), age()]),
        ("", "ConfigMap") => row.extend([(entries(object, "/data") + entries(object, "/binaryData")).into(), age()]),
        ("", "Secret") => row.extend([show(object, "/type", ""), entries(object, "/data").into(), age()]),
        ("", "Node") => node(object, &mut row),
        ("", "PersistentVolume") => {
            let claim = match object["spec"].get("claimRef") {
                Some(claim) => format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")),
                None => String::new(),
            };
            let phase =
                if meta::is_deleting(object) { "Terminating".into() } else { show(object, "/status/phase", "") };
            row.extend([
                show(object, "/spec/capacity/storage", ""),
                modes(object, "/spec/accessModes").into(),
                show(object, "/spec/persistentVolumeReclaimPolicy", ""),
                phase,
                claim.into(),
                show(object, "/spec/storageClassName", ""),
                show(object, "/spec/volumeAttributesClassName", "<unset>"),
                show(object, "/status/reason", ""),
                age(),
                show(object, "/spec/volumeMode", "<unset>"),
            ]);
        }
        ("", "PersistentVolumeClaim") => {
            let bound = !text(object, "/spec/volumeName").is_empty();
            let phase =
                if meta::is_deleting(object) { "Terminating".into() } else { show(object, "/status/phase", "") };
            row.extend([
                phase,
                show(object, "/spec/volumeName", ""),
                if bound { show(object, "/status/capacity/storage", "0") } else { "".into() },
                if bound { modes(object, "/status/accessModes").into() } else { "".into() },
                show(object, "/spec/storageClassName", ""),
                show(object, "/spec/volumeAttributesClassName", "<unset>"),
                age(),
                show(object, "/spec/volumeMode", "<unset>"),
            ]);
        }
        ("" | "events.k8s.io", "Event") => return event(object),
        ("policy", "PodDisruptionBudget") => row.extend([
            show(object, "/spec/minAvailable", "N/A"),
            show(object, "/spec/maxUnavailable", "N/A"),
            number(object, "/status/disruptionsAllowed").into(),
            age(),
        ]),
        ("autoscaling", _) => autoscaler(object, &mut row),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            let role = format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name"));
            row.extend([role.into(), age()]);
            let of = |kind: &str| -> Vec<String> {
                let all = list(object, "/subjects").filter(|s| s["kind"] == kind);
                all.map(|s| match kind {
                    "ServiceAccount" => format!("{}/{}", text(s, "/namespace"), text(s, "/name")),
                    _ => text(s, "/name").to_owned(),
                })
                .collect()
            };
            row.extend(["User", "Group", "ServiceAccount"].map(|kind| Value::from(of(kind).join(", "))));
        }
        ("rbac.authorization.k8s.io", _) | ("", "LimitRange") | ("apiextensions.k8s.io", _) => {
            row.push(meta::text(object, "creationTimestamp").into());
        }
        ("storage.k8s.io", "StorageClass") => {
            let default = object["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true";
            if default {
                row[0] = format!("{} (default)", meta::text(object, "name")).into();
            }
            row.extend([
                show(object, "/provisioner", ""),
                show(object, "/reclaimPolicy", "Delete"),
                show(object, "/volumeBindingMode", "Immediate"),
                (object["allowVolumeExpansion"] == true).into(),
                age(),
            ]);
        }
        ("coordination.k8s.io", "Lease") => row.extend([show(object, "/spec/holderIdentity", ""), age()]),
        ("scheduling.k8s.io", "PriorityClass") => row.extend([
            number(object, "/value").into(),
            (object["globalDefault"] == true).into(),
            age(),
            show(object, "/preemptionPolicy", ""),
        ]),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            row.extend([list(object, "/webhooks").count().into(), age()]);
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => {
            row.extend([
                list(object, "/spec/validations").count().into(),
                show(object, "/spec/paramKind/kind", "<unset>"),
                age(),
            ]);
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => {
            row.extend([show(object, "/spec/policyName", ""), show(object, "/spec/paramRef/name", "<unset>"), age()]);
        }
        ("apiregistration.k8s.io", "APIService") => {
            let service = match object["spec"].get("service").filter(|s| s.is_object()) {
                Some(s) => format!("{}/{}", text(s, "/namespace"), text(s, "/name")),
                None => "Local".into(),
            };
            let up = list(object, "/status/conditions").find(|c| c["type"] == "Available").map(|c| text(c, "/status"));
            row.extend([service.into(), up.unwrap_or("Unknown").into(), age()]);
        }
        ("", "ResourceQuota") => {
            let (mut requests, mut limits) = (Vec::new(), Vec::new());
            for (name, hard) in object["status"]["hard"].as_object().into_iter().flatten() {
                let used = object["status"]["used"][name].as_str().unwrap_or("0");
                let shown = format!("{name}: {used}/{}", hard.as_str().unwrap_or_default());
                if name.starts_with("limits.") { limits.push(shown) } else { requests.push(shown) }
            }
            row.extend([requests.join(", ").into(), limits.join(", ").into(), age()]);
        }
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            let conditions: Vec<&str> = list(object, "/status/conditions").map(|c| text(c, "/type")).collect();
            let condition = if conditions.is_empty() { "Pending".to_owned() } else { conditions.join(",") };
            let duration = object["spec"]["expirationSeconds"].as_i64().map_or("<none>".to_owned(), age::human);
            row.extend([
                age(),
                show(object, "/spec/signerName", "<none>"),
                show(object, "/spec/username", ""),
                duration.into(),
                condition.into(),
            ]);
        }
        _ => row.push(age()),
    }
    row
}

fn containers(object: &Value, pointer: &str, row: &mut Vec<Value>) {
    row.push(joined(list(object, pointer).map(|c| text(c, "/name"))));
    row.push(joined(list(object, pointer).map(|c| text(c, "/image"))));
}

/// `a=b,c=d`, or `<none>`.
fn pairs(map: &Value) -> String {
    let all: Vec<String> =
        map.as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    if all.is_empty() { "<none>".into() } else { all.join(",") }
}

/// A label selector as `kubectl -l` takes it.
fn selector(selector: &Value) -> String {
    let mut terms: Vec<(String, String)> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        terms.push((key.clone(), format!("{key}={}", value.as_str().unwrap_or_default())));
    }
    for term in list(selector, "/matchExpressions") {
        let key = text(term, "/key");
        let mut values: Vec<&str> = list(term, "/values").filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        terms.push((
            key.into(),
            match text(term, "/operator") {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.to_owned(),
            },
        ));
    }
    terms.sort();
    if terms.is_empty() {
        return "<none>".into();
    }
    terms.into_iter().map(|(_, term)| term).collect::<Vec<_>>().join(",")
}

/// At most three, and how many more there are.
fn limited(all: Vec<String>, none: &str) -> String {
    match all.len() {
        0 => none.into(),
        1..=3 => all.join(","),
        more => format!("{} + {} more...", all[..3].join(","), more - 3),
    }
}

fn modes(object: &Value, pointer: &str) -> String {
    let short = |mode: &str| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        _ => "",
    };
    list(object, pointer).filter_map(Value::as_str).map(short).collect::<Vec<_>>().join(",")
}

fn job(job: &Value, row: &mut Vec<Value>) {
    let is = |kind: &str| list(job, "/status/conditions").any(|c| c["type"] == kind && c["status"] == "True");
    let status = if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if meta::is_deleting(job) {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else if is("FailureTarget") {
        "FailureTarget"
    } else if is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let succeeded = number(job, "/status/succeeded");
    let completions = match (job["spec"]["completions"].as_i64(), number(job, "/spec/parallelism")) {
        (Some(all), _) => format!("{succeeded}/{all}"),
        (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let seconds = |pointer: &str| text(job, pointer).parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
    let duration = match (seconds("/status/startTime"), seconds("/status/completionTime")) {
        (None, _) => String::new(),
        (Some(start), Some(end)) => age::human(end - start),
        (Some(_), None) => age::since(text(job, "/status/startTime")),
    };
    row.extend([status.into(), completions.into(), duration.into(), age::of(job).into()]);
    containers(job, "/spec/template/spec/containers", row);
    row.push(selector(&job["spec"]["selector"]).into());
}

fn service(service: &Value, row: &mut Vec<Value>) {
    let kind = text(service, "/spec/type");
    let balanced = list(service, "/status/loadBalancer/ingress").map(|i| match text(i, "/ip") {
        "" => text(i, "/hostname"),
        ip => ip,
    });
    let given = list(service, "/spec/externalIPs").filter_map(Value::as_str);
    let mut external: Vec<&str> = match kind {
        "LoadBalancer" => balanced.chain(given).collect(),
        "ExternalName" => vec![text(service, "/spec/externalName")],
        _ => given.collect(),
    };
    if external.is_empty() {
        external.push(if kind == "LoadBalancer" { "<pending>" } else { "<none>" });
    }
    let ports: Vec<String> = list(service, "/spec/ports")
        .map(|p| match number(p, "/nodePort") {
            0 => format!("{}/{}", number(p, "/port"), text(p, "/protocol")),
            node => format!("{}:{node}/{}", number(p, "/port"), text(p, "/protocol")),
        })
        .collect();
    let ports = if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") };
    row.extend([
        kind.into(),
        show(service, "/spec/clusterIP", "<none>"),
        external.join(",").into(),
        ports.into(),
        age::of(service).into(),
        pairs(&service["spec"]["selector"]).into(),
    ]);
}

fn ingress(ingress: &Value, row: &mut Vec<Value>) {
    let hosts = list(ingress, "/spec/rules").map(|r| text(r, "/host")).filter(|h| !h.is_empty()).map(str::to_owned);
    let address = list(ingress, "/status/loadBalancer/ingress").map(|i| match text(i, "/ip") {
        "" => text(i, "/hostname"),
        ip => ip,
    });
    let secure = list(ingress, "/spec/tls").next().is_some();
    row.extend([
        show(ingress, "/spec/ingressClassName", "<none>"),
        limited(hosts.collect(), "*").into(),
        joined(address),
        if secure { "80, 443" } else { "80" }.into(),
        age::of(ingress).into(),
    ]);
}

fn node(node: &Value, row: &mut Vec<Value>) {
    let ready = list(node, "/status/conditions").find(|c| c["type"] == "Ready");
    let mut status = match ready.map(|c| text(c, "/status")) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    let labels = node["metadata"]["labels"].as_object();
    let roles: Vec<&str> =
        labels.into_iter().flatten().filter_map(|(k, _)| k.strip_prefix("node-role.kubernetes.io/")).collect();
    let address = |kind: &str| {
        let found = list(node, "/status/addresses").find(|a| a["type"] == kind);
        Value::from(found.map_or("<none>", |a| text(a, "/address")))
    };
    row.extend([
        status.into(),
        if roles.is_empty() { "<none>".into() } else { roles.join(",").into() },
        age::of(node).into(),
        show(node, "/status/nodeInfo/kubeletVersion", ""),
        address("InternalIP"),
        address("ExternalIP"),
        show(node, "/status/nodeInfo/osImage", "<unknown>"),
        show(node, "/status/nodeInfo/kernelVersion", "<unknown>"),
        show(node, "/status/nodeInfo/containerRuntimeVersion", "<unknown>"),
    ]);
}

/// Events have a row of their own: the name comes last. Both groups' spellings are read.
fn event(event: &Value) -> Vec<Value> {
    let either = |a: &str, b: &str| match text(event, a) {
        "" => text(event, b).to_owned(),
        text => text.to_owned(),
    };
    let first =
        [either("/firstTimestamp", "/deprecatedFirstTimestamp"), either("/eventTime", "/metadata/creationTimestamp")];
    let first = first.iter().find(|t| !t.is_empty()).cloned().unwrap_or_default();
    let series = text(event, "/series/lastObservedTime").to_owned();
    let last = [series, either("/lastTimestamp", "/deprecatedLastTimestamp"), first.clone()];
    let last = last.iter().find(|t| !t.is_empty()).cloned().unwrap_or_default();
    let object = if event.get("involvedObject").is_some() { &event["involvedObject"] } else { &event["regarding"] };
    let target = format!("{}/{}", text(object, "/kind").to_lowercase(), text(object, "/name"));
    let component = either("/source/component", "/reportingComponent");
    let component =
        if component.is_empty() { either("/reportingController", "/deprecatedSource/component") } else { component };
    let source = match either("/source/host", "/reportingInstance") {
        host if host.is_empty() => component,
        host => format!("{component}, {host}"),
    };
    let count = [number(event, "/series/count"), number(event, "/count"), number(event, "/deprecatedCount"), 1];
    vec![
        age::since(&last).into(),
        show(event, "/type", ""),
        show(event, "/reason", ""),
        target.into(),
        show(object, "/fieldPath", ""),
        source.into(),
        either("/message", "/note").trim().into(),
        age::since(&first).into(),
        count.into_iter().find(|n| *n > 0).into(),
        meta::text(event, "name").into(),
    ]
}

fn autoscaler(scaler: &Value, row: &mut Vec<Value>) {
    let reference = &scaler["spec"]["scaleTargetRef"];
    let mut targets = Vec::new();
    for (index, metric) in list(scaler, "/spec/metrics").enumerate() {
        let current = &scaler["status"]["currentMetrics"][index]["resource"]["current"];
        let resource = &metric["resource"];
        let name = text(resource, "/name");
        targets.push(match resource["target"]["averageUtilization"].as_i64() {
            Some(goal) => match current["averageUtilization"].as_i64() {
                Some(now) => format!("{name}: {now}%/{goal}%"),
                None => format!("{name}: <unknown>/{goal}%"),
            },
            None => {
                let goal = ["averageValue", "value"].iter().find_map(|f| resource["target"][*f].as_str());
                let now = current["averageValue"].as_str().unwrap_or("<unknown>");
                format!("{name}: {now}/{}", goal.unwrap_or("<auto>"))
            }
        });
    }
    let targets = match targets.len() {
        0 => "<none>".to_owned(),
        1 | 2 => targets.join(", "),
        more => format!("{} + {} more...", targets[..2].join(", "), more - 2),
    };
    row.extend([
        format!("{}/{}", text(reference, "/kind"), text(reference, "/name")).into(),
        targets.into(),
        show(scaler, "/spec/minReplicas", "<unset>"),
        number(scaler, "/spec/maxReplicas").into(),
        number(scaler, "/status/currentReplicas").into(),
        age::of(scaler).into(),
    ]);
}
