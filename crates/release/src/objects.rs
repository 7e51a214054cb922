//! From the text of a manifest to objects that can be applied.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_apply::{Located, check_names, normalize};
use sluice_helm::Chart;
use sluice_helm::release::Record;
use sluice_object::{ObjectRef, annotation, kind, label, metadata, set_annotation, set_label};
use sluice_yaml::{Dialect, Limits};

use crate::Release;
use crate::error::text;

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
const RESOURCE_POLICY: &str = "helm.sh/resource-policy";

/// One object of a release, ready to be applied.
#[derive(Clone, Debug)]
pub struct Object {
    /// Where it lives.
    pub at: Located,
    /// As it is to be.
    pub desired: Value,
}

impl Object {
    /// Its identity without the version: a change of version alone is the same object.
    pub(crate) fn id(&self) -> String {
        self.at.object.inventory_id()
    }
}

/// What a release has made.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// All of it.
    pub all: Vec<ObjectRef>,
    /// Those that are compared with what was released: all but the definitions.
    pub watched: Vec<ObjectRef>,
}

/// The objects of a YAML stream, lists taken apart; documents that are no object are left out, as Helm does.
///
/// # Errors
/// Text that is no YAML.
pub(crate) fn parse(manifest: &str) -> Result<Vec<Value>, String> {
    let limits = Limits { bytes: 256 << 20, documents: 200_000, nodes: 50_000_000, ..Limits::default() };
    let documents = sluice_yaml::parse_all(manifest, Dialect::V2, &limits).map_err(|error| error.to_string())?;
    let mut objects = Vec::with_capacity(documents.len());
    for document in documents {
        flatten(document.value, &mut objects);
    }
    Ok(objects)
}

fn flatten(value: Value, objects: &mut Vec<Value>) {
    match value {
        Value::Object(mut map) if kind_of(&map).ends_with("List") && map.get("items").is_some_and(Value::is_array) => {
            if let Some(Value::Array(items)) = map.remove("items") {
                objects.extend(items.into_iter().filter(Value::is_object));
            }
        }
        Value::Object(map) if !map.is_empty() => objects.push(Value::Object(map)),
        _ => {}
    }
}

fn kind_of(map: &serde_json::Map<String, Value>) -> &str {
    map.get("kind").and_then(Value::as_str).unwrap_or_default()
}

impl Release<'_> {
    /// The objects of a manifest, with their places and what says that they are this release's.
    ///
    /// # Errors
    /// All kinds that the server does not have, in Helm's words; names that are none.
    pub async fn objects(&self, manifest: &str) -> Result<Vec<Object>, String> {
        self.build(parse(manifest)?, Mark::Release, Unknown::Refused).await
    }

    /// As [`Release::objects`], without those of kinds that the cluster does not have (any more).
    pub(crate) async fn objects_that_are(&self, manifest: &str) -> Result<Vec<Object>, String> {
        self.build(parse(manifest)?, Mark::Release, Unknown::LeftOut).await
    }

    /// As [`Release::objects`], for hooks, which belong to nobody.
    pub(crate) async fn hook_objects(&self, manifest: &str) -> Result<Vec<Object>, String> {
        self.build(parse(manifest)?, Mark::Nothing, Unknown::Refused).await
    }

    async fn build(&self, values: Vec<Value>, mark: Mark, without_kind: Unknown) -> Result<Vec<Object>, String> {
        check_names(&values).map_err(|error| error.to_string())?;
        let mut objects = Vec::with_capacity(values.len());
        let mut unknown = Vec::new();
        for mut desired in values {
            normalize(&mut desired);
            let object = ObjectRef::of(&desired).map_err(|error| error.to_string())?;
            match self.applier.locate(&object, self.namespace).await.map_err(|error| text(&error))? {
                None if without_kind == Unknown::LeftOut => {}
                None => unknown.push(format!(
                    "resource mapping not found for name: \"{}\" namespace: \"{}\" from \"\": no matches for kind \
                     \"{}\" in version \"{}\"\nensure CRDs are installed first",
                    object.name,
                    object.namespace,
                    object.gvk.kind,
                    object.gvk.api_version()
                )),
                Some(at) => {
                    if at.object.namespace.is_empty() {
                        if let Some(metadata) = sluice_object::metadata_mut(&mut desired) {
                            metadata.remove("namespace");
                        }
                    } else {
                        sluice_object::set_namespace(&mut desired, &at.object.namespace);
                    }
                    if mark == Mark::Release {
                        set_label(&mut desired, MANAGED_BY, "Helm");
                        set_annotation(&mut desired, RELEASE_NAME, self.name);
                        set_annotation(&mut desired, RELEASE_NAMESPACE, self.namespace);
                    }
                    objects.push(Object { at, desired });
                }
            }
        }
        match unknown.len() {
            0 => Ok(objects),
            1 => Err(unknown.remove(0)),
            _ => Err(format!("[{}]", unknown.join(", "))),
        }
    }

    /// What a release has made, for an inventory: the objects of its manifest, and the definitions in the chart's
    /// `crds/`.
    ///
    /// # Errors
    /// A manifest that is none, or the API server's.
    pub async fn inventory(&self, record: &Record, chart: &Chart) -> Result<Inventory, String> {
        let objects = self.objects_that_are(&record.manifest).await?;
        let watched: Vec<ObjectRef> = objects.into_iter().map(|it| it.at.object).collect();
        let mut all = watched.clone();
        for definition in crate::crds::definitions(&chart.crds())? {
            all.push(ObjectRef::of(&definition).map_err(|error| error.to_string())?);
        }
        Ok(Inventory { all, watched })
    }

    /// Why a live object is not this release's, in Helm's words; `None` when it is.
    pub(crate) fn foreign(&self, live: &Value) -> Option<String> {
        let mut errors = Vec::new();
        let mut check = |what: &str, key: &str, found: Option<&str>, wanted: &str| match found {
            Some(found) if found == wanted => {}
            Some(found) => errors.push(format!(
                "{what} validation error: key \"{key}\" must equal \"{wanted}\": current value is \"{found}\""
            )),
            None => errors.push(format!("{what} validation error: missing key \"{key}\": must be set to \"{wanted}\"")),
        };
        check("label", MANAGED_BY, label(live, MANAGED_BY), "Helm");
        check("annotation", RELEASE_NAME, annotation(live, RELEASE_NAME), self.name);
        check("annotation", RELEASE_NAMESPACE, annotation(live, RELEASE_NAMESPACE), self.namespace);
        (!errors.is_empty()).then(|| format!("invalid ownership metadata; {}", errors.join("; ")))
    }
}

/// What becomes of objects of a kind that the cluster does not have.
#[derive(Clone, Copy, PartialEq)]
enum Unknown {
    Refused,
    LeftOut,
}

/// Whose objects are.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Release,
    Nothing,
}

/// Whether an object asks to outlive its release.
pub(crate) fn is_kept(object: &Value) -> bool {
    annotation(object, RESOURCE_POLICY).is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

/// Those of `old` that `new` does not have, in Helm's order of uninstallation.
pub(crate) fn gone(old: Vec<Object>, new: &[Object]) -> Vec<Object> {
    let new: BTreeMap<String, ()> = new.iter().map(|it| (it.id(), ())).collect();
    old.into_iter().filter(|it| !new.contains_key(&it.id())).collect()
}

/// Helm's order of uninstallation, by kind.
const UNINSTALL_ORDER: [&str; 38] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "Ingress",
    "IngressClass",
    "Service",
    "CronJob",
    "Job",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "DaemonSet",
    "RoleBindingList",
    "RoleBinding",
    "RoleList",
    "Role",
    "ClusterRoleBindingList",
    "ClusterRoleBinding",
    "ClusterRoleList",
    "ClusterRole",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "ConfigMap",
    "SecretList",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "LimitRange",
    "ResourceQuota",
    "NetworkPolicy",
    "Namespace",
    "PriorityClass",
];

/// Sorts objects into Helm's order of uninstallation; kinds that are not in it come first, by name.
pub(crate) fn sort_for_uninstall(objects: &mut [Object]) {
    // Unknown kinds are last when installing, so they go first.
    let rank = |kind: &str| UNINSTALL_ORDER.iter().position(|it| *it == kind).map_or(0, |at| at + 1);
    objects.sort_by(|a, b| {
        let (a, b) = (&a.at.object.gvk.kind, &b.at.object.gvk.kind);
        rank(a).cmp(&rank(b)).then_with(|| if rank(a) == 0 { a.cmp(b) } else { std::cmp::Ordering::Equal })
    });
}

/// `Kind/name` in Helm's words for what it prints.
pub(crate) fn named(object: &Value) -> String {
    let name = metadata(object).and_then(|it| it.get("name")).and_then(Value::as_str).unwrap_or_default();
    format!("{} \"{name}\"", kind(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart_and_empty_documents_left_out() {
        let objects = parse("---\n# nothing\n---\nkind: ConfigMapList\nitems:\n- kind: A\n- kind: B\n---\nkind: C\n");
        let kinds: Vec<String> = objects.unwrap().iter().map(|it| kind(it).to_owned()).collect();
        assert_eq!(kinds, ["A", "B", "C"]);
    }

    #[test]
    fn the_policy_keep_is_read_as_helm_reads_it() {
        let of = |policy: &str| serde_json::json!({"metadata": {"annotations": {RESOURCE_POLICY: policy}}});
        assert!(is_kept(&of("keep")) && is_kept(&of(" Keep ")) && !is_kept(&of("delete")));
    }
}
