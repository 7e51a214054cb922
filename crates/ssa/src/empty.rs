//! What an object is before anything is in it.
//!
//! Kubernetes' built-in kinds are Go structs: a struct that is no pointer is there from the start, so nobody is
//! recorded as having made it, while fields in it are recorded. Its own schemas do not tell which fields these are.

use serde_json::{Map, Value};

/// Group, kind, and its structs by value as dotted paths (`!`: a list that is null rather than absent); `spec` and `status` are such ones in all of these kinds.
const STRUCTS: &[(&str, &str, &str)] = &[
    ("", "Pod", "spec.containers!"),
    ("", "Service", "status.loadBalancer"),
    ("", "PersistentVolumeClaim", "spec.resources"),
    ("", "PersistentVolume", ""),
    ("", "Node", "status.nodeInfo status.daemonEndpoints.kubeletEndpoint"),
    ("", "Event", "involvedObject source"),
    ("", "PodTemplate", "template.metadata template.spec.containers!"),
    ("", "ReplicationController", ""),
    ("apps", "Deployment", "spec.strategy spec.template.metadata spec.template.spec.containers!"),
    ("apps", "ReplicaSet", "spec.template.metadata spec.template.spec.containers!"),
    ("apps", "StatefulSet", "spec.updateStrategy spec.template.metadata spec.template.spec.containers!"),
    ("apps", "DaemonSet", "spec.updateStrategy spec.template.metadata spec.template.spec.containers!"),
    ("batch", "Job", "spec.template.metadata spec.template.spec.containers!"),
    (
        "batch",
        "CronJob",
        "spec.jobTemplate.metadata spec.jobTemplate.spec.template.metadata spec.jobTemplate.spec.template.spec.containers!",
    ),
    ("autoscaling", "HorizontalPodAutoscaler", "spec.scaleTargetRef"),
    ("networking.k8s.io", "Ingress", "status.loadBalancer"),
    ("networking.k8s.io", "NetworkPolicy", "spec.podSelector"),
    ("policy", "PodDisruptionBudget", ""),
    ("rbac.authorization.k8s.io", "RoleBinding", "roleRef"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "roleRef"),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "spec.names status.acceptedNames"),
    ("apiregistration.k8s.io", "APIService", ""),
    ("certificates.k8s.io", "CertificateSigningRequest", ""),
    ("", "Namespace", ""),
    ("coordination.k8s.io", "Lease", ""),
    ("authentication.k8s.io", "TokenReview", ""),
    ("authorization.k8s.io", "SubjectAccessReview", ""),
    ("authorization.k8s.io", "SelfSubjectAccessReview", ""),
    ("authorization.k8s.io", "LocalSubjectAccessReview", ""),
    ("authorization.k8s.io", "SelfSubjectRulesReview", ""),
    ("storage.k8s.io", "VolumeAttachment", "spec.source"),
    ("storage.k8s.io", "CSINode", ""),
    ("resource.k8s.io", "ResourceClaim", "spec.devices"),
];

/// An empty object of the kind of `like`, with all structs that are there from the start.
pub(crate) fn object(like: &Value) -> Value {
    let mut out = Map::new();
    let text = |name: &str| like.get(name).and_then(Value::as_str).unwrap_or_default();
    for name in ["apiVersion", "kind"] {
        if let Some(value) = like.get(name) {
            out.insert(name.to_owned(), value.clone());
        }
    }
    out.insert("metadata".to_owned(), Value::Object(Map::new()));
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let mut out = Value::Object(out);
    if let Some((_, _, paths)) = STRUCTS.iter().find(|(g, kind, _)| *g == group && *kind == text("kind")) {
        for path in paths.split(' ').filter(|path| !path.is_empty()).chain(["spec", "status"]) {
            make(&mut out, path);
        }
    }
    out
}

fn make(object: &mut Value, path: &str) {
    let mut at = object;
    for name in path.split('.') {
        let Some(map) = at.as_object_mut() else { return };
        at = match name.strip_suffix('!') {
            Some(name) => map.entry(name).or_insert(Value::Null),
            None => map.entry(name).or_insert_with(|| Value::Object(Map::new())),
        };
    }
}
