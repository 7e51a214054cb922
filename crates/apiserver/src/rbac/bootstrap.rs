//! The roles and bindings that every cluster starts with.

use serde_json::{Value, json};

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// Namespaced resources that `view` reads and `edit` writes, by group.
const COMMON: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
            "endpoints",
        ],
    ),
    (
        "apps",
        &[
            "daemonsets",
            "deployments",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
    ("policy", &["poddisruptionbudgets"]),
    ("coordination.k8s.io", &["leases"]),
];

/// Status and other parts that are read along.
const STATUS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "persistentvolumeclaims/status",
            "pods/log",
            "pods/status",
            "replicationcontrollers/status",
            "services/status",
            "bindings",
            "limitranges",
            "namespaces",
            "namespaces/status",
            "resourcequotas",
            "resourcequotas/status",
        ],
    ),
    (
        "apps",
        &[
            "controllerrevisions",
            "daemonsets/status",
            "deployments/status",
            "replicasets/status",
            "statefulsets/status",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers/status"]),
    ("batch", &["cronjobs/status", "jobs/status"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("networking.k8s.io", &["ingresses/status"]),
    ("policy", &["poddisruptionbudgets/status"]),
];

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

fn view() -> Vec<Value> {
    COMMON.iter().chain(STATUS).map(|(group, resources)| rule(&[group], resources, READ)).collect()
}

fn edit() -> Vec<Value> {
    let mut rules = view();
    rules.push(rule(
        &[""],
        &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"],
        READ,
    ));
    rules.push(rule(&[""], &["serviceaccounts"], &["impersonate"]));
    rules.push(rule(&[""], &["serviceaccounts/token"], &["create"]));
    rules.push(rule(&[""], &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets"], WRITE));
    rules.push(rule(&[""], &["pods/eviction"], &["create"]));
    for (group, resources) in COMMON {
        rules.push(rule(&[group], resources, WRITE));
    }
    rules
}

fn admin() -> Vec<Value> {
    let mut rules = edit();
    rules.push(rule(&["authorization.k8s.io"], &["localsubjectaccessreviews"], &["create"]));
    let all: Vec<&str> = WRITE.iter().chain(READ).copied().collect();
    rules.push(rule(&["rbac.authorization.k8s.io"], &["rolebindings", "roles"], &all));
    rules
}

fn cluster_role(name: &str, rules: Vec<Value>, labels: &[(&str, &str)]) -> Value {
    let mut metadata = json!({
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    });
    for (key, value) in labels {
        metadata["labels"][*key] = (*value).into();
    }
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules})
}

fn aggregated(name: &str, by: &str, labels: &[(&str, &str)]) -> Value {
    let mut role = cluster_role(name, Vec::new(), labels);
    let label = format!("rbac.authorization.k8s.io/aggregate-to-{by}");
    role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]});
    role
}

fn cluster_binding(name: &str, groups: &[&str]) -> Value {
    let subjects: Vec<Value> = groups
        .iter()
        .map(|group| json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}))
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": subjects,
    })
}

/// The bootstrap ClusterRoles and ClusterRoleBindings.
pub fn objects() -> Vec<Value> {
    let paths = |paths: &[&str]| json!({"nonResourceURLs": paths, "verbs": ["get"]});
    let everything = vec![rule(&["*"], &["*"], &["*"]), json!({"nonResourceURLs": ["*"], "verbs": ["*"]})];
    let aggregate = |to: &str| format!("rbac.authorization.k8s.io/aggregate-to-{to}");
    vec![
        cluster_role("cluster-admin", everything, &[]),
        aggregated("admin", "admin", &[]),
        aggregated("edit", "edit", &[(&aggregate("admin"), "true")]),
        aggregated("view", "view", &[(&aggregate("edit"), "true")]),
        cluster_role("system:aggregate-to-admin", admin(), &[(&aggregate("admin"), "true")]),
        cluster_role("system:aggregate-to-edit", edit(), &[(&aggregate("edit"), "true")]),
        cluster_role("system:aggregate-to-view", view(), &[(&aggregate("view"), "true")]),
        cluster_role(
            "system:basic-user",
            vec![
                rule(&["authorization.k8s.io"], &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &["create"]),
                rule(&["authentication.k8s.io"], &["selfsubjectreviews"], &["create"]),
            ],
            &[],
        ),
        cluster_role(
            "system:discovery",
            vec![paths(&[
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ])],
            &[],
        ),
        cluster_role(
            "system:public-info-viewer",
            vec![paths(&["/healthz", "/livez", "/readyz", "/version", "/version/"])],
            &[],
        ),
        cluster_role(
            "system:monitoring",
            vec![paths(&[
                "/healthz",
                "/healthz/*",
                "/livez",
                "/livez/*",
                "/metrics",
                "/metrics/slis",
                "/readyz",
                "/readyz/*",
            ])],
            &[],
        ),
        cluster_role(
            "system:service-account-issuer-discovery",
            vec![paths(&["/.well-known/openid-configuration", "/openid/v1/jwks"])],
            &[],
        ),
        cluster_binding("cluster-admin", &["system:masters"]),
        cluster_binding("system:basic-user", &["system:authenticated"]),
        cluster_binding("system:discovery", &["system:authenticated"]),
        cluster_binding("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
        cluster_binding("system:monitoring", &["system:monitoring"]),
        cluster_binding("system:service-account-issuer-discovery", &["system:serviceaccounts"]),
    ]
}
