//! Labels and annotations by which objects say whose they are and how they want to be treated.

use serde_json::Value;
use sluice_object::{annotation, label, set_label};
use sluice_runtime::Live;

use crate::facts::Marks;

/// Who owns a set of objects: a Kustomization or a HelmRelease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The owner's API group; labels and annotations begin with it.
    pub group: &'static str,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl Owner {
    /// Puts the owner's labels on an object (spec/flux/kustomize.md §4 step 10).
    pub fn label(&self, object: &mut Value) {
        set_label(object, &self.key("name"), &self.name);
        set_label(object, &self.key("namespace"), &self.namespace);
    }

    /// Whether a live object carries this owner's labels.
    #[must_use]
    pub fn owns(&self, object: &Value) -> bool {
        label(object, &self.key("name")) == Some(&self.name)
            && label(object, &self.key("namespace")) == Some(&self.namespace)
    }

    /// `word` with the owner's group in front: `kustomize.toolkit.fluxcd.io/prune`.
    #[must_use]
    pub fn key(&self, word: &str) -> String {
        format!("{}/{word}", self.group)
    }

    /// The value of the mark `word` on the desired object, else on the live one; annotation before label, in lower
    /// case, as Flux compares them.
    fn mark(&self, word: &str, desired: Option<&Value>, live: Option<&Live<Marks>>) -> Option<String> {
        let key = self.key(word);
        let on_desired = desired.and_then(|object| annotation(object, &key).or_else(|| label(object, &key)));
        on_desired.or_else(|| live.and_then(|live| live.facts.get(&key))).map(str::to_lowercase)
    }

    /// How an object is to be applied.
    #[must_use]
    pub fn treatment(&self, desired: &Value, live: Option<&Live<Marks>>) -> Mark {
        if self.mark("reconcile", Some(desired), live).as_deref() == Some("disabled") {
            return Mark::Skip;
        }
        // IfNotPresent counts on the desired object alone (spec/flux/kustomize.md §5).
        if self.mark("ssa", Some(desired), None).as_deref() == Some("ifnotpresent") {
            return if live.is_some() { Mark::Skip } else { Mark::Override };
        }
        match self.mark("ssa", Some(desired), live).as_deref() {
            Some("ignore") => Mark::Skip,
            Some("merge") => Mark::Merge,
            _ => Mark::Override,
        }
    }

    /// Whether an object asks to be deleted and created again when a field cannot be changed.
    #[must_use]
    pub fn forces(&self, desired: &Value) -> bool {
        self.mark("force", Some(desired), None).as_deref() == Some("enabled")
    }

    /// Whether a live object asks not to be deleted.
    #[must_use]
    pub fn keeps(&self, live: &Value) -> bool {
        let says = |word: &str, value: &str| self.mark(word, Some(live), None).as_deref() == Some(value);
        says("prune", "disabled") || says("reconcile", "disabled") || says("ssa", "ignore")
    }
}

/// How an object is to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// With force, and what `kubectl` owned besides is taken over.
    Override,
    /// With force, but what others own besides stays theirs.
    Merge,
    /// Not at all.
    Skip,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owner() -> Owner {
        Owner { group: "kustomize.toolkit.fluxcd.io", name: "app".into(), namespace: "ns".into() }
    }

    #[track_caller]
    fn check(annotations: Value, want: Mark) {
        assert_eq!(owner().treatment(&json!({"metadata": {"annotations": annotations}}), None), want);
    }

    #[test]
    fn annotations_say_how_to_apply() {
        check(json!({}), Mark::Override);
        check(json!({"kustomize.toolkit.fluxcd.io/ssa": "Merge"}), Mark::Merge);
        check(json!({"kustomize.toolkit.fluxcd.io/ssa": "IGNORE"}), Mark::Skip);
        check(json!({"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}), Mark::Override);
        check(json!({"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}), Mark::Skip);
    }

    #[test]
    fn an_owner_knows_its_objects() {
        let mut object = json!({"metadata": {"name": "x"}});
        assert!(!owner().owns(&object));
        owner().label(&mut object);
        assert!(owner().owns(&object));
        assert!(!owner().keeps(&object));
        object["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/prune"] = "Disabled".into();
        assert!(owner().keeps(&object));
    }
}
