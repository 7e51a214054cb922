//! What the metadata index keeps of managed objects, and how a change of them is told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::Value;
use sluice_runtime::{Facts, Live};

/// Labels and annotations that matter here, a digest of all of them, and whether somebody's fields are to be taken
/// over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    kept: Vec<(Arc<str>, Arc<str>)>,
    digest: u64,
    /// Who wrote, by hash: names of managers are long, and seldom asked for.
    managers: Box<[u32]>,
    /// Whether `kubectl` or an earlier life of the controller owns fields, or left annotations behind.
    pub taken_over_by_hand: bool,
}

/// Managers whose fields are taken over, by their exact names, whether they applied or updated.
#[derive(Clone, Debug, Default)]
pub struct Managers {
    names: Vec<String>,
    hashes: Vec<u32>,
}

impl Managers {
    /// The managers of these names.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        Managers { names: names.to_vec(), hashes: names.iter().map(|name| hash(name)).collect() }
    }

    /// Whether a manager is one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|it| it == name)
    }
}

fn hash(name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish() as u32
}

/// Managers whose fields a controller takes over, by the beginning of their name (spec/flux/kustomize.md §5).
pub(crate) const BY_HAND: [&str; 2] = ["kubectl", "before-first-apply"];
/// Annotations that such managers leave behind.
pub(crate) const LEFT_BEHIND: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
];

impl Marks {
    /// The value of a label or annotation that is kept.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.kept.iter().find(|(it, _)| **it == *key).map(|(_, value)| &**value)
    }

    /// Whether one of these managers (or, once in four thousand million, one of the same hash) owns fields.
    pub(crate) fn any_of(&self, managers: &Managers) -> bool {
        managers.hashes.iter().any(|hash| self.managers.contains(hash))
    }
}

impl Facts for Marks {
    fn of(metadata: &ObjectMeta) -> Self {
        let annotations = metadata.annotations.as_ref();
        let both = || annotations.into_iter().flatten().chain(metadata.labels.iter().flatten());
        let kept = both()
            .filter(|(key, _)| key.contains(".toolkit.fluxcd.io/"))
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect();
        let left = annotations.is_some_and(|it| LEFT_BEHIND.iter().any(|key| it.contains_key(*key)));
        let writers = || metadata.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none());
        let names = writers().filter_map(|entry| entry.manager.as_deref());
        Marks {
            kept,
            digest: digest(annotations, metadata.labels.as_ref()),
            managers: names.map(hash).collect(),
            taken_over_by_hand: left || writers().any(by_hand),
        }
    }
}

fn by_hand(entry: &ManagedFieldsEntry) -> bool {
    let manager = entry.manager.as_deref().unwrap_or_default();
    BY_HAND.iter().any(|name| manager.starts_with(name))
}

type Texts = BTreeMap<String, String>;

/// Kubernetes' own controllers number their rollouts with these; no manifest has a say in them.
const NUMBERING: &str = "deployment.kubernetes.io/";

fn digest(annotations: Option<&Texts>, labels: Option<&Texts>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (key, value) in annotations.into_iter().flatten().filter(|(key, _)| !key.starts_with(NUMBERING)) {
        ("annotation", key, value).hash(&mut hasher);
    }
    for (key, value) in labels.into_iter().flatten() {
        ("label", key, value).hash(&mut hasher);
    }
    hasher.finish()
}

/// What stays the same as long as nobody changes what a manifest can say: the generation where the kind counts it,
/// else the version, with the labels and annotations. A change of status alone does not show.
#[must_use]
pub fn fingerprint(live: &Live<Marks>) -> u64 {
    let mut hasher = DefaultHasher::new();
    live.uid.hash(&mut hasher);
    live.deleting.hash(&mut hasher);
    live.facts.taken_over_by_hand.hash(&mut hasher);
    if live.generation > 0 {
        (live.generation, live.facts.digest).hash(&mut hasher);
    } else {
        live.resource_version.hash(&mut hasher);
    }
    hasher.finish()
}

/// What the index would keep of a whole object.
pub(crate) fn live_of(object: &Value) -> Option<Live<Marks>> {
    let metadata: ObjectMeta = serde_json::from_value(object.get("metadata")?.clone()).ok()?;
    Some(Live::of(&metadata))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn same(a: Value, b: Value, want: bool) {
        let of = |metadata: Value| fingerprint(&live_of(&json!({"metadata": metadata})).unwrap());
        assert_eq!(of(a.clone()) == of(b.clone()), want, "{a} {b}");
    }

    #[test]
    fn a_change_of_status_does_not_show_and_any_other_does() {
        let it = json!({"uid": "u", "generation": 1, "resourceVersion": "5", "labels": {"a": "b"}});
        same(it.clone(), json!({"uid": "u", "generation": 1, "resourceVersion": "6", "labels": {"a": "b"}}), true);
        same(it.clone(), json!({"uid": "u", "generation": 2, "resourceVersion": "6", "labels": {"a": "b"}}), false);
        same(it.clone(), json!({"uid": "v", "generation": 1, "resourceVersion": "5", "labels": {"a": "b"}}), false);
        same(it, json!({"uid": "u", "generation": 1, "resourceVersion": "6", "labels": {"a": "c"}}), false);
        let numbered = json!({"uid": "u", "generation": 1, "annotations": {"deployment.kubernetes.io/revision": "2"}});
        same(json!({"uid": "u", "generation": 1}), numbered, true);
        same(json!({"uid": "u", "resourceVersion": "5"}), json!({"uid": "u", "resourceVersion": "6"}), false);
    }

    #[test]
    fn a_hand_is_seen() {
        let live = |metadata: Value| live_of(&json!({"metadata": metadata})).unwrap().facts.taken_over_by_hand;
        assert!(!live(json!({"managedFields": [{"manager": "kustomize-controller"}]})));
        assert!(live(json!({"managedFields": [{"manager": "kubectl-edit", "operation": "Update"}]})));
        assert!(!live(json!({"managedFields": [{"manager": "kubectl", "subresource": "scale"}]})));
        assert!(live(json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}})));
    }
}
