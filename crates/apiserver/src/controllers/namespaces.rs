//! Namespaces: the ones that are always there, what is in each from the start, and their end.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::{Context, Core};
use crate::kinds::Served;
use crate::rbac;
use crate::rest::body::Body;
use crate::rest::{self, DeleteOptions, meta};
use crate::store::Draft;

const ALWAYS: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];

fn create(core: &Core, served: &Arc<Served>, namespace: &str, value: Value, manager: &str) {
    let context = Context::internal(manager);
    let body = Body { value, duplicates: Vec::new() };
    if let Err(error) = rest::create(core, served, namespace, body, &context)
        && error.reason != "AlreadyExists"
    {
        tracing::warn!(%error, "a default object could not be made");
    }
}

/// Makes what every cluster starts with, where it is missing.
pub fn bootstrap(core: &Core) {
    let kinds = core.kinds();
    if let Some(namespaces) = kinds.of_plural("", "namespaces") {
        for name in ALWAYS {
            if core.store.get(namespaces.resource.slot, name).is_none() {
                create(core, namespaces, "", json!({"metadata": {"name": name}}), "kube-apiserver");
            }
            complete(core, name);
        }
    }
    for object in rbac::bootstrap_objects() {
        let kind = object["kind"].as_str().unwrap_or_default();
        if let Some(served) = kinds.of_kind(rbac::GROUP, "v1", kind)
            && core.store.get(served.resource.slot, meta::text(&object, "name")).is_none()
        {
            create(core, served, "", object.clone(), "kube-apiserver");
        }
    }
    aggregate(core);
    if let Some(services) = kinds.of_plural("", "services")
        && core.store.get(services.resource.slot, "default/kubernetes").is_none()
    {
        let service = json!({
            "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
        });
        create(core, services, "default", service, "kube-apiserver");
    }
}

/// Fills the rules of aggregated ClusterRoles.
pub fn aggregate(core: &Core) {
    let kinds = core.kinds();
    let Some(served) = kinds.of_kind(rbac::GROUP, "v1", "ClusterRole") else { return };
    // A role may be aggregated into one that is aggregated itself; a few rounds settle that.
    for _ in 0..4 {
        let roles = core.store.all(served.resource.slot, "").objects;
        let values: Vec<Value> = roles.iter().map(|o| served.value(o)).collect();
        let mut changed = false;
        for (object, value) in roles.iter().zip(&values) {
            let Some(selectors) = value["aggregationRule"]["clusterRoleSelectors"].as_array() else { continue };
            let mut rules: Vec<Value> = Vec::new();
            for selector in selectors {
                let Ok(selector) = sluice_object::selector::LabelSelector::from_object(selector) else { continue };
                for (other, other_value) in roles.iter().zip(&values) {
                    if other.name() != object.name() && selector.matches_with(|key| other.label(key)) {
                        for rule in other_value["rules"].as_array().into_iter().flatten() {
                            if !rules.contains(rule) {
                                rules.push(rule.clone());
                            }
                        }
                    }
                }
            }
            if value["rules"].as_array().is_none_or(|r| *r != rules) {
                let mut new = value.clone();
                new["rules"] = rules.into();
                changed |= core.store.replace(served.resource.slot, Draft::new(&new), object.version()).is_ok();
            }
        }
        if !changed {
            return;
        }
    }
}

/// Completes every namespace, and ends those that were being ended.
pub fn complete_all(core: &Core) {
    let slot = core.store.slot("namespaces.");
    for object in core.store.all(slot, "").objects {
        look_at(core, object.name());
    }
}

/// A namespace is new or changed, or something of it is gone: completes it, or brings it nearer to its end.
pub fn look_at(core: &Core, name: &str) {
    let slot = core.store.slot("namespaces.");
    match core.store.get(slot, name) {
        Some(namespace) if namespace.is_deleting() => end(core, name),
        Some(_) => complete(core, name),
        None => {}
    }
}

/// Makes the default ServiceAccount and the ConfigMap with the authority's certificate.
fn complete(core: &Core, namespace: &str) {
    let kinds = core.kinds();
    let missing = |slot, name: &str| core.store.get(slot, &crate::store::key(namespace, name)).is_none();
    if let Some(served) = kinds.of_plural("", "serviceaccounts")
        && missing(served.resource.slot, "default")
    {
        create(core, served, namespace, json!({"metadata": {"name": "default"}}), "kube-controller-manager");
    }
    if let Some(served) = kinds.of_plural("", "configmaps")
        && missing(served.resource.slot, "kube-root-ca.crt")
    {
        let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                     endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed \
                     across distributions of Kubernetes clusters.";
        let object = json!({
            "metadata": {"name": "kube-root-ca.crt", "annotations": {"kubernetes.io/description": about}},
            "data": {"ca.crt": core.authority},
        });
        create(core, served, namespace, object, "kube-controller-manager");
    }
}

/// Deletes what is in a namespace, tells what remains, and lets the namespace go when nothing does.
fn end(core: &Core, name: &str) {
    let kinds = core.kinds();
    let Some(namespaces) = kinds.of_plural("", "namespaces") else { return };
    let context = Context::internal("kube-controller-manager");
    let options = DeleteOptions::default();
    let (mut remaining, mut finalizers) = (Vec::new(), std::collections::BTreeMap::<String, usize>::new());
    for served in kinds.resources().filter(|s| s.resource.namespaced) {
        let slot = served.resource.slot;
        for object in core.store.all(slot, name).objects {
            if !object.is_deleting() {
                let _ = rest::delete(core, served, name, object.name(), &options, &context);
            }
        }
        let left = core.store.all(slot, name).objects;
        if left.is_empty() {
            continue;
        }
        remaining.push(format!("{} has {} resource instances", resource_name(served), left.len()));
        for object in left {
            let value = served.value(&object);
            for finalizer in meta::finalizers(&value) {
                *finalizers.entry(finalizer.to_owned()).or_default() += 1;
            }
        }
    }
    let Some(current) = core.store.get(namespaces.resource.slot, name) else { return };
    let mut value = namespaces.value(&current);
    let slot = namespaces.resource.slot;
    if remaining.is_empty() {
        let mut last = value["spec"]["finalizers"].as_array().cloned().unwrap_or_default();
        last.retain(|f| f != "kubernetes");
        let empty = last.is_empty();
        value["spec"] = if empty { json!({}) } else { json!({"finalizers": last}) };
        let gone = empty && meta::finalizers(&value).is_empty();
        let draft = Draft::new(&value);
        let _ = match gone {
            true => core.store.replace_and_remove(slot, draft, current.version()),
            false => core.store.replace(slot, draft, current.version()),
        };
        return;
    }
    let conditions = conditions(&value["status"]["conditions"], &remaining, &finalizers);
    if value["status"]["conditions"] != conditions {
        value["status"]["conditions"] = conditions;
        let _ = core.store.replace(slot, Draft::new(&value), current.version());
    }
}

fn resource_name(served: &Served) -> String {
    let group = &served.resource.group;
    if group.is_empty() {
        format!("{}.", served.resource.plural)
    } else {
        format!("{}.{group}", served.resource.plural)
    }
}

fn conditions(before: &Value, remaining: &[String], finalizers: &std::collections::BTreeMap<String, usize>) -> Value {
    let held: Vec<String> = finalizers.iter().map(|(name, n)| format!("{name} in {n} resource instances")).collect();
    let content = format!("Some resources are remaining: {}", remaining.join(", "));
    let waiting = format!("Some content in the namespace has finalizers remaining: {}", held.join(", "));
    let all = [
        ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        ("NamespaceContentRemaining", "True", "SomeResourcesRemain", content.as_str()),
        match held.is_empty() {
            true => (
                "NamespaceFinalizersRemaining",
                "False",
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            ),
            false => ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", waiting.as_str()),
        },
    ];
    let old = |kind: &str| before.as_array().into_iter().flatten().find(|c| c["type"] == kind);
    all.iter()
        .map(|(kind, status, reason, message)| {
            let since = old(kind).filter(|c| c["status"] == *status).map(|c| c["lastTransitionTime"].clone());
            json!({
                "type": kind,
                "status": status,
                "lastTransitionTime": since.unwrap_or_else(|| rest::now().into()),
                "reason": reason,
                "message": message,
            })
        })
        .collect()
}
