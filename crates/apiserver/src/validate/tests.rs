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
