//! What would change: both states built, objects matched.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_kustomize::Files;
use sluice_object::ObjectRef;
use sluice_substitute::Mode;

use super::revisions::State;
use crate::compare::{self, Field};
use crate::render::{self, Settings};
use crate::repository::{self, source_of};

/// What would change.
pub struct Plan {
    /// What the old state is called.
    pub old: String,
    /// What the new state is called.
    pub new: String,
    /// By Kustomization.
    pub parts: Vec<Part>,
}

/// What would change in one Kustomization.
pub struct Part {
    /// `flux-system/web-app`, or the folder where there is no such object.
    pub name: String,
    /// The folder that is built.
    pub path: String,
    /// The objects that differ, in apply order.
    pub changes: Vec<Change>,
    /// What is wrong, each with the state in which it is.
    pub errors: Vec<String>,
    /// What the answer does not know.
    pub notes: Vec<String>,
}

/// What would happen to an object.
pub enum Change {
    /// It comes.
    Created(ObjectRef),
    /// It goes.
    Deleted(ObjectRef),
    /// It changes; under a new name where the name holds a hash of the content.
    Changed {
        /// As it is called then.
        object: ObjectRef,
        /// As it was called, when that was different.
        was: Option<String>,
        /// What changes.
        fields: Vec<Field>,
    },
}

impl Plan {
    /// Whether anything would change.
    pub fn has_changes(&self) -> bool {
        self.parts.iter().any(|part| !part.changes.is_empty())
    }

    /// Whether something is wrong.
    pub fn has_errors(&self) -> bool {
        self.parts.iter().any(|part| !part.errors.is_empty())
    }

    /// How many objects are created, changed and deleted.
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut counts = (0, 0, 0);
        for change in self.parts.iter().flat_map(|it| &it.changes) {
            match change {
                Change::Created(_) => counts.0 += 1,
                Change::Changed { .. } => counts.1 += 1,
                Change::Deleted(_) => counts.2 += 1,
            }
        }
        counts
    }
}

impl Part {
    /// Whether somebody who says `name` means this one.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.name.rsplit('/').next() == Some(name) || self.path == name.trim_start_matches("./")
    }
}

/// A thing to build, by name.
type Targets = BTreeMap<String, Value>;

/// Builds both states and compares them.
///
/// # Errors
/// When a state cannot be read at all.
pub fn of(old: &State, new: &State) -> anyhow::Result<Plan> {
    let (before, after) = (targets(old.files.as_ref())?, targets(new.files.as_ref())?);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut parts = Vec::new();
    for name in names {
        let target = after.get(name).or_else(|| before.get(name));
        let path = target.and_then(|it| render::folder(it).ok()).unwrap_or_default();
        let mut part = Part { name: name.clone(), path, changes: Vec::new(), errors: Vec::new(), notes: Vec::new() };
        let built_before = built(before.get(name), old, &mut part);
        let built_after = built(after.get(name), new, &mut part);
        // Half an answer would look as if everything were created or deleted.
        if let (Some(a), Some(b)) = (built_before, built_after) {
            part.changes = changes(&a, &b);
        }
        part.notes.dedup();
        parts.push(part);
    }
    Ok(Plan { old: old.label.clone(), new: new.label.clone(), parts })
}

/// The Kustomizations of this repository; where there are none, one for every overlay.
fn targets(files: &dyn Files) -> anyhow::Result<Targets> {
    let contents = repository::scan(files, "")?;
    let own = contents.own_sources(files);
    let mine = contents.flux_kustomizations().filter(|it| source_of(it).is_some_and(|source| own.contains(&source)));
    let named = mine.map(|it| (format!("{}/{}", sluice_object::namespace(it), sluice_object::name(it)), it.clone()));
    let named: Targets = named.collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let overlays = contents.overlays(files).into_iter();
    Ok(overlays
        .map(|path| (if path.is_empty() { ".".to_owned() } else { path.clone() }, json!({"spec": {"path": path}})))
        .collect())
}

/// The objects of a state; none where the Kustomization is not in it; `None` where they cannot be told.
fn built(target: Option<&Value>, state: &State, part: &mut Part) -> Option<Vec<Value>> {
    let Some(target) = target else { return Some(Vec::new()) };
    let from =
        target.pointer("/spec/postBuild/substituteFrom").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    if from {
        part.notes.push("variables from substituteFrom are not known here and left empty".to_owned());
    }
    let mode = if from { Mode::Lenient } else { Mode::Strict };
    let settings = Settings { mode, remote_bases: state.remote_bases, ..Settings::default() };
    let files = state.files.as_ref();
    let built = render::folder(target).and_then(|path| render::kustomization(target, files, &path, &settings));
    match built {
        Ok(mut objects) => {
            if sluice_object::name(target).is_empty() {
                objects.iter_mut().for_each(without_owner);
            }
            Some(objects)
        }
        Err(error) => {
            let text = format!("{error:#}");
            part.errors.extend(text.lines().map(|line| format!("{}: {line}", state.label)));
            None
        }
    }
}

/// An overlay without a Kustomization has no owner.
fn without_owner(object: &mut Value) {
    for label in [sluice_api::meta::annotation::KUSTOMIZE_NAME, sluice_api::meta::annotation::KUSTOMIZE_NAMESPACE] {
        sluice_object::remove_label(object, label);
    }
}

fn changes(old: &[Value], new: &[Value]) -> Vec<Change> {
    let index = |objects: &[Value]| -> BTreeMap<(String, String, String, String), Value> {
        let key = |it: &Value| {
            let gvk = sluice_object::GroupVersionKind::from_object(it).unwrap_or_default();
            let (namespace, name) = (sluice_object::namespace(it), sluice_object::name(it));
            (gvk.group, gvk.kind, namespace.to_owned(), name.to_owned())
        };
        objects.iter().map(|it| (key(it), it.clone())).collect()
    };
    let (mut before, mut after) = (index(old), index(new));
    let mut pairs: Vec<(Option<Value>, Option<Value>)> = Vec::new();
    let both: Vec<_> = before.keys().filter(|key| after.contains_key(*key)).cloned().collect();
    for key in both {
        pairs.push((before.remove(&key), after.remove(&key)));
    }
    // A generated name holds a hash of its content: another hash is another content, not another thing.
    let gone: Vec<_> = before.keys().cloned().collect();
    for old_key in gone {
        let base = without_hash(&old_key.3).map(str::to_owned);
        let same = |it: &&(String, String, String, String)| {
            (&it.0, &it.1, &it.2) == (&old_key.0, &old_key.1, &old_key.2) && base.as_deref() == without_hash(&it.3)
        };
        if base.is_some()
            && let Some(new_key) = after.keys().find(same).cloned()
        {
            pairs.push((before.remove(&old_key), after.remove(&new_key)));
        }
    }
    pairs.extend(before.into_values().map(|it| (Some(it), None)));
    pairs.extend(after.into_values().map(|it| (None, Some(it))));
    let any = |pair: &(Option<Value>, Option<Value>)| pair.1.clone().or(pair.0.clone()).unwrap_or_default();
    pairs.sort_by(|a, b| sluice_object::order::compare(&any(a), &any(b)));
    pairs.iter().filter_map(|(old, new)| change(old.as_ref(), new.as_ref())).collect()
}

fn change(old: Option<&Value>, new: Option<&Value>) -> Option<Change> {
    let reference = |it: &Value| ObjectRef::of(it).ok();
    match (old, new) {
        (Some(old), Some(new)) => {
            let fields = compare::fields(old, new);
            let was = sluice_object::name(old);
            let was = (was != sluice_object::name(new)).then(|| was.to_owned());
            let fields: Vec<Field> =
                fields.into_iter().filter(|it| was.is_none() || it.path != "metadata.name").collect();
            (!fields.is_empty()).then_some(())?;
            Some(Change::Changed { object: reference(new)?, was, fields })
        }
        (Some(old), None) => Some(Change::Deleted(reference(old)?)),
        (None, Some(new)) => Some(Change::Created(reference(new)?)),
        (None, None) => None,
    }
}

/// What comes before the hash in a generated name.
fn without_hash(name: &str) -> Option<&str> {
    let (base, hash) = name.rsplit_once('-')?;
    // kustomize's alphabet for hashes has neither vowels nor their look-alikes.
    let is_hash = hash.len() == 10 && hash.bytes().all(|b| b"bcdfghkmt2456789".contains(&b));
    is_hash.then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, value: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "a"}, "data": {"k": value}})
    }

    #[test]
    fn a_new_hash_is_a_changed_object() {
        let found = changes(&[config("c-kb2fg5gft5", "1")], &[config("c-7b2fg5gft5", "2")]);
        assert!(
            matches!(&found[..], [Change::Changed { was: Some(was), fields, .. }] if was == "c-kb2fg5gft5" && fields.len() == 1)
        );
        let found = changes(&[config("c-one", "1")], &[config("c-two", "2")]);
        assert!(matches!(&found[..], [Change::Deleted(_), Change::Created(_)]));
    }

    #[test]
    fn the_api_version_is_no_identity() {
        let mut old = config("c", "1");
        old["apiVersion"] = "v1beta1".into();
        assert!(matches!(&changes(&[old], &[config("c", "1")])[..], [Change::Changed { .. }]));
    }
}
