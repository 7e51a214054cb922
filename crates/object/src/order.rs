//! The order in which objects are applied (spec/flux/kustomize.md §5); deletion goes the other way round.

use std::cmp::Ordering;

use serde_json::Value;

use crate::{api_version, kind, name, namespace};

/// Kinds that others need, in the order they are needed.
const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Webhooks come last: they would stop the objects before them while what answers them is not up.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

fn rank(kind: &str) -> usize {
    let place = |kinds: &[&str]| kinds.iter().position(|one| *one == kind);
    place(&FIRST).or_else(|| place(&LAST).map(|at| FIRST.len() + 1 + at)).unwrap_or(FIRST.len())
}

/// Compares two objects by the order of applying: known kinds first, others by group and kind, webhooks last; then by
/// namespace and name.
#[must_use]
pub fn compare(a: &Value, b: &Value) -> Ordering {
    compare_keys(key(a), key(b))
}

/// As [`compare`], for two references.
#[must_use]
pub fn compare_refs(a: &crate::ObjectRef, b: &crate::ObjectRef) -> Ordering {
    compare_keys(ref_key(a), ref_key(b))
}

/// Sorts objects into the order of applying. Equals keep their places.
pub fn sort(objects: &mut [Value]) {
    objects.sort_by(compare);
}

/// Rank, group, kind, namespace, name.
type Key<'a> = (usize, &'a str, &'a str, &'a str, &'a str);

fn key(object: &Value) -> Key<'_> {
    let group = api_version(object).split_once('/').map_or("", |(group, _)| group);
    (rank(kind(object)), group, kind(object), namespace(object), name(object))
}

fn ref_key(reference: &crate::ObjectRef) -> Key<'_> {
    let gvk = &reference.gvk;
    (rank(&gvk.kind), &gvk.group, &gvk.kind, &reference.namespace, &reference.name)
}

fn compare_keys(a: Key<'_>, b: Key<'_>) -> Ordering {
    a.cmp(&b)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> Value {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}})
    }

    #[test]
    fn needed_kinds_come_first_and_webhooks_last() {
        let want = [
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "z"),
            object("v1", "Namespace", "", "y"),
            object("storage.k8s.io/v1", "StorageClass", "", "x"),
            object("v1", "ConfigMap", "a", "b"),
            object("v1", "ConfigMap", "b", "a"),
            object("v1", "ConfigMap", "b", "b"),
            object("apps/v1", "Deployment", "a", "a"),
            object("v1", "Pod", "a", "a"),
            object("apps/v1", "DaemonSet", "a", "a"),
            object("batch/v1", "Job", "a", "a"),
            object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "b"),
            object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "a"),
        ];
        let mut got = want.clone();
        got.reverse();
        sort(&mut got);
        assert_eq!(got, want);
    }
}
