use serde_json::{Value, json};

use super::built_in;

#[track_caller]
fn check(group: &str, kind: &str, new: Value, old: Option<Value>, want: &[&str]) {
    let got: Vec<String> = built_in(group, kind, &new, old.as_ref()).iter().map(ToString::to_string).collect();
    assert_eq!(got, want);
}

#[test]
fn a_deployment_is_told_everything_at_once() {
    let spec = json!({"replicas": -1, "selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"x": "y"}}, "spec": {"containers": [{"image": "", "name": "a"}]}}});
    check(
        "apps",
        "Deployment",
        json!({"spec": spec}),
        None,
        &[
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.template.metadata.labels: Invalid value: {\"x\":\"y\"}: `selector` does not match template `labels`",
            "spec.template.spec.containers[0].image: Required value",
        ],
    );
}

#[test]
fn selectors_of_workloads_are_immutable() {
    let with = |label: &str| {
        json!({"spec": {"selector": {"matchLabels": {"app": label}}, "template": {
        "metadata": {"labels": {"app": label}}, "spec": {"containers": [{"image": "x", "name": "a"}]}}}})
    };
    let want = "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable";
    check("apps", "Deployment", with("b"), Some(with("a")), &[want]);
    check("apps", "Deployment", with("a"), Some(with("a")), &[]);
}

#[test]
fn requests_stay_below_limits() {
    let container = json!({"name": "a", "image": "x",
        "resources": {"limits": {"memory": "1e9"}, "requests": {"memory": "1Gi"}}});
    check(
        "",
        "Pod",
        json!({"spec": {"containers": [container]}}),
        None,
        &[
            "spec.containers[0].resources.requests: Invalid value: \"1Gi\": must be less than or equal to memory limit of 1e9",
        ],
    );
}

#[test]
fn volumes_that_are_mounted_exist() {
    let container = json!({"name": "a", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]});
    check(
        "",
        "Pod",
        json!({"spec": {"containers": [container]}}),
        None,
        &["spec.containers[0].volumeMounts[0].name: Not found: \"v\""],
    );
}

#[test]
fn role_references_cannot_change() {
    let with = |name: &str| json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}});
    let want = "roleRef: Invalid value: {\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"b\"}: \
                cannot change roleRef";
    check("rbac.authorization.k8s.io", "RoleBinding", with("b"), Some(with("a")), &[want]);
}

#[test]
fn a_cron_job_has_a_schedule_that_parses() {
    let spec = json!({"schedule": "61 * * * *", "concurrencyPolicy": "Allow", "jobTemplate": {"spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}}}});
    check(
        "batch",
        "CronJob",
        json!({"metadata": {"name": "c"}, "spec": spec}),
        None,
        &["spec.schedule: Invalid value: \"61 * * * *\": end of range (61) above maximum (59): 61"],
    );
}

#[test]
fn an_ingress_has_hosts_and_paths_that_proxies_agree_on() {
    let path = |path: &str| json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}});
    let rule = |host: &str, at: &str| json!({"host": host, "http": {"paths": [path(at)]}});
    let ingress = json!({
        "metadata": {"annotations": {"kubernetes.io/ingress.class": "a"}},
        "spec": {"ingressClassName": "b", "rules": [rule("*.e.x", "/"), rule("a.*.x", "/a//b"), rule("e.x", "/..")]},
    });
    let wildcard = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must \
                    consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character \
                    (e.g. '*.example.com', regex used for validation is \
                    '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    check(
        "networking.k8s.io",
        "Ingress",
        ingress,
        None,
        &[
            "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when both are \
             specified",
            &format!("spec.rules[1].host: Invalid value: \"a.*.x\": {wildcard}"),
            "spec.rules[1].http.paths[0].path: Invalid value: \"/a//b\": must not contain '//'",
            "spec.rules[2].http.paths[0].path: Invalid value: \"/..\": must not end with '/..'",
        ],
    );
}

#[test]
fn a_network_policy_names_networks_and_ports() {
    let block = |cidr: &str, except: &str| json!({"from": [{"ipBlock": {"cidr": cidr, "except": [except]}}]});
    let port = json!({"port": 80, "endPort": 79});
    let policy = json!({"spec": {"podSelector": {}, "ingress": [
        block("10.0.0.0/8", "10.1.0.0/16"), block("10.0.0.0/8", "11.0.0.0/16"), block("10.0.0.0/8", "10.0.0.0/8"),
        block("10.0.0.0", "10.1.0.0/16"), {"ports": [port]},
    ]}});
    check(
        "networking.k8s.io",
        "NetworkPolicy",
        policy,
        None,
        &[
            "spec.ingress[1].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
            "spec.ingress[2].from[0].ipBlock.except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`",
            "spec.ingress[3].from[0].ipBlock.cidr: Invalid value: \"10.0.0.0\": must be a valid CIDR value, (e.g. \
             10.9.8.0/24 or 2001:db8::/64)",
            "spec.ingress[4].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`",
        ],
    );
}

#[test]
fn claims_and_autoscalers_ask_for_something() {
    let claim = json!({"spec": {"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"], "resources": {"requests": {"storage": "0"}}}});
    check(
        "",
        "PersistentVolumeClaim",
        claim,
        None,
        &[
            "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
            "spec.resources[storage]: Invalid value: \"0\": must be greater than zero",
        ],
    );
    let metric = |target: Value| json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
    let scaler = json!({"spec": {
        "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "d"},
        "metrics": [
            metric(json!({"type": "Utilization"})), metric(json!({"type": "Utilization", "averageUtilization": 0})),
            {"type": "Pods"}, {"type": "Other"},
        ],
    }});
    check(
        "autoscaling",
        "HorizontalPodAutoscaler",
        scaler,
        None,
        &[
            "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a \
             target utilization",
            "spec.metrics[1].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
            "spec.metrics[2].pods: Required value: must populate information for the given metric source",
            "spec.metrics[3].type: Unsupported value: \"Other\": supported values: \"ContainerResource\", \"External\", \
             \"Object\", \"Pods\", \"Resource\"",
        ],
    );
}
