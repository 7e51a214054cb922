//! One object on its way through a build, with what the build knows of it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use sluice_yaml::{Map, Value};

use crate::id::{Id, Key, api_version, kind, split_api_version};
use crate::layout::Layout;
use crate::origin::Origin;
use crate::scalar::{is_named, node_text, text};
use crate::structured;

/// An object and its history.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    /// The object; null once a patch deleted it.
    pub(crate) value: Value,
    /// What it was called before, oldest first.
    pub(crate) previous: Vec<Previous>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
    pub(crate) behavior: Behavior,
    pub(crate) needs_hash: bool,
    /// Whether a chart made it.
    pub(crate) from_chart: bool,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
    /// Names of the `vars` that read from it.
    pub(crate) vars: Vec<String>,
    pub(crate) origin: Option<Origin>,
    pub(crate) transformations: Vec<Origin>,
    /// Fields that are one: see [`Resource::share`].
    shared: Vec<Shared>,
    /// How it was written, where that is to be told.
    pub(crate) layout: Option<Arc<Layout>>,
    /// The text it was read from.
    pub(crate) source: Option<Bytes>,
    /// Texts that a patch put in the place of numbers: see the merge.
    pub(crate) plain_texts: Vec<Vec<String>>,
    /// Paths of fields that replacements made: they have no type of their own yet.
    pub(crate) untyped: Vec<Vec<String>>,
}

/// Places in an object that hold one and the same scalar.
#[derive(Debug, Clone)]
struct Shared {
    places: Vec<Vec<String>>,
    value: String,
}

/// A name that an object had.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Previous {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) kind: String,
}

/// What a generator does when the object is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Replace,
    Merge,
}

impl Behavior {
    /// kustomize takes an unknown word for none.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "create" => Self::Create,
            "replace" => Self::Replace,
            "merge" => Self::Merge,
            _ => Self::Unspecified,
        }
    }
}

const DOMAIN: &str = "internal.config.kubernetes.io/";

/// Annotations that kustomize keeps its own notes in and takes away in the end.
const BUILD_ANNOTATIONS: &[&str] = &[
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "internal.config.kubernetes.io/helm-generated",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

/// Where [`Origin`]s are shown.
pub(crate) const ORIGIN_ANNOTATION: &str = "config.kubernetes.io/origin";
pub(crate) const TRANSFORMATIONS_ANNOTATION: &str = "alpha.config.kubernetes.io/transformations";

impl Resource {
    /// An object as read; notes of an earlier kustomize in its annotations count.
    pub(crate) fn new(value: Value) -> Self {
        let mut resource = Self { value, ..Self::default() };
        if let Some(Value::Object(annotations)) = resource.value.pointer("/metadata/annotations")
            && annotations.keys().any(|key| key.starts_with(DOMAIN))
        {
            let note = |key: &str| annotations.get(&format!("{DOMAIN}{key}")).and_then(Value::as_str);
            resource.needs_hash = note("needsHashSuffix") == Some("enabled");
            resource.allow_name_change = note("allowNameChange") == Some("enabled");
            resource.allow_kind_change = note("allowKindChange") == Some("enabled");
            resource.behavior = note("generatorBehavior").map_or(Behavior::Unspecified, Behavior::parse);
        }
        resource
    }

    pub(crate) fn id(&self) -> Id<'_> {
        Id::of(&self.value)
    }

    pub(crate) fn is_gone(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        }
    }

    /// Refuses what a patch or a replacement has left without kind or name, or with annotations that are none.
    pub(crate) fn check_named(&self) -> Result<(), String> {
        let kind = self.value.get("kind").and_then(text).unwrap_or_default();
        let lacks = |what: &str| {
            let first = self.original_id();
            Err(format!("{first} is left without `{what}`; a patch or replacement must not take it away"))
        };
        if kind.is_empty() {
            return lacks("kind");
        }
        if !is_named(&self.value) && !kind.ends_with("List") {
            return lacks("metadata.name");
        }
        if self.value.pointer("/metadata/annotations").is_some_and(Value::is_array) {
            return Err(format!("{}: `metadata.annotations` is a list; write a map", self.id()));
        }
        Ok(())
    }

    /// The ids it had, oldest first. Their scope is never certain.
    pub(crate) fn previous_ids(&self) -> impl Iterator<Item = Id<'_>> {
        let (group, version) = split_api_version(api_version(&self.value));
        self.previous.iter().map(move |old| Id {
            group,
            version,
            kind: &old.kind,
            name: Cow::Borrowed(&old.name),
            namespace: Cow::Borrowed(&old.namespace),
            cluster_scoped: false,
        })
    }

    /// The id it was read with.
    pub(crate) fn original_id(&self) -> Id<'_> {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }

    /// The current id and all earlier ones.
    pub(crate) fn any_ids(&self) -> impl Iterator<Item = Id<'_>> {
        std::iter::once(self.id()).chain(self.previous_ids())
    }

    pub(crate) fn any_keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::with_capacity(1 + self.previous.len());
        for id in self.any_ids() {
            let key = id.key();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// Notes the current id, before it changes.
    pub(crate) fn store_previous(&mut self) {
        let id = self.id();
        let now = Previous {
            name: id.name.clone().into_owned(),
            namespace: id.effective_namespace().to_owned(),
            kind: id.kind.to_owned(),
        };
        // The same id twice says nothing new, and a long chain of layers would grow without end.
        if !self.previous.contains(&now) {
            self.previous.push(now);
        }
    }

    pub(crate) fn name(&self) -> Cow<'_, str> {
        self.value.pointer("/metadata/name").map_or(Cow::Borrowed(""), node_text)
    }

    pub(crate) fn namespace(&self) -> Cow<'_, str> {
        self.value.pointer("/metadata/namespace").map_or(Cow::Borrowed(""), node_text)
    }

    pub(crate) fn kind(&self) -> &str {
        kind(&self.value)
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        if let Some(metadata) = child_map(&mut self.value, "metadata") {
            metadata.insert("name".to_owned(), Value::String(name.to_owned()));
        }
    }

    pub(crate) fn set_kind(&mut self, kind: &str) {
        if let Value::Object(map) = &mut self.value {
            map.insert("kind".to_owned(), Value::String(kind.to_owned()));
        }
    }

    /// Labels or annotations as text.
    pub(crate) fn metadata_map(&self, field: &str) -> Option<&Map<String, Value>> {
        self.value.get("metadata")?.get(field)?.as_object()
    }

    /// Adds `prefix` to the notes on names given, for telling candidates of a reference apart.
    pub(crate) fn note_prefix(&mut self, prefix: &str) {
        if !prefix.is_empty() {
            self.prefixes.push(prefix.to_owned());
        }
    }

    pub(crate) fn note_suffix(&mut self, suffix: &str) {
        if !suffix.is_empty() {
            self.suffixes.push(suffix.to_owned());
        }
    }

    /// Takes kustomize's own annotations away; the rest become text, an empty map goes.
    pub(crate) fn finish_annotations(&mut self, show_origin: bool, show_transformations: bool) {
        if !self.value.is_object() {
            return;
        }
        self.settle_flow_nulls();
        let Some(metadata) = child_map(&mut self.value, "metadata") else { return };
        let mut annotations = match metadata.remove("annotations") {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        annotations.retain(|key, _| {
            !(BUILD_ANNOTATIONS.contains(&key.as_str())
                || (!show_origin && key == ORIGIN_ANNOTATION)
                || (!show_transformations && key == TRANSFORMATIONS_ANNOTATION))
        });
        if let (true, Some(origin)) = (show_origin, &self.origin) {
            annotations.insert(ORIGIN_ANNOTATION.to_owned(), Value::String(origin.to_yaml(0)));
        }
        if show_transformations && !self.transformations.is_empty() {
            let list = self.transformations.iter().map(Origin::to_list_item).collect();
            annotations.insert(TRANSFORMATIONS_ANNOTATION.to_owned(), Value::String(list));
        }
        for (key, value) in &mut annotations {
            let odd = match value {
                Value::String(text) => structured::is_time(text),
                _ => true,
            };
            if odd {
                let path = ["metadata", "annotations", key].map(str::to_owned);
                let source = self.source.as_ref().and_then(|source| std::str::from_utf8(source).ok());
                *value = Value::String(structured::scalar_text(source.unwrap_or(""), &path, value));
            }
        }
        if !annotations.is_empty() {
            metadata.insert("annotations".to_owned(), Value::Object(annotations));
        }
    }

    /// Notes that the fields at `places` are one. A label that kustomize adds in several places at once is one node of
    /// its tree, so that whatever later changes it in one place changes it in all, selectors included.
    pub(crate) fn share(&mut self, places: Vec<Vec<String>>, value: &str) {
        if places.len() > 1 {
            self.shared.push(Shared { places, value: value.to_owned() });
        }
    }

    /// After a change in place: what was changed in one of the shared places changes in the others.
    pub(crate) fn spread_shared(&mut self) {
        let value = &mut self.value;
        for shared in &mut self.shared {
            shared.places.retain(|place| field(value, place).is_some());
            let changed = shared.places.iter().rev().find_map(|place| {
                let now = node_text(field(value, place)?).into_owned();
                (now != shared.value).then_some(now)
            });
            if let Some(new) = changed {
                for place in &shared.places {
                    if let Some(field) = field(value, place) {
                        *field = Value::String(new.clone());
                    }
                }
                shared.value = new;
            }
        }
        self.shared.retain(|shared| shared.places.len() > 1);
    }

    /// What was written without a value inside of brackets is printed as an empty text, unless something came there.
    pub(crate) fn settle_flow_nulls(&mut self) {
        for path in self.layout.iter().flat_map(|layout| &layout.flow_nulls) {
            if let Some(field @ Value::Null) = field(&mut self.value, path) {
                *field = Value::String(String::new());
            }
        }
    }

    /// After the object was rebuilt, nothing is shared any more.
    pub(crate) fn unshare(&mut self) {
        self.shared.clear();
    }

    /// Writes the notes on its origin where kustomize keeps them all the time, so that a patch may remove them.
    pub(crate) fn show_origin(&mut self) {
        let (Some(origin), Some(metadata)) = (&self.origin, child_map(&mut self.value, "metadata")) else { return };
        let annotations = metadata.entry("annotations").or_insert(Value::Null);
        if annotations.is_null() {
            *annotations = Value::Object(Map::new());
        }
        if let Value::Object(map) = annotations {
            map.insert(ORIGIN_ANNOTATION.to_owned(), origin.to_yaml(0).into());
            if !self.transformations.is_empty() {
                let list: String = self.transformations.iter().map(Origin::to_list_item).collect();
                map.insert(TRANSFORMATIONS_ANNOTATION.to_owned(), list.into());
            }
        }
    }

    /// Takes the notes that [`Resource::show_origin`] wrote back, as far as they are left.
    pub(crate) fn hide_origin(&mut self) {
        let Some(metadata) = self.value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
        let (origin, list) = match annotations {
            Some(map) => (map.remove(ORIGIN_ANNOTATION), map.remove(TRANSFORMATIONS_ANNOTATION)),
            None => (None, None),
        };
        if metadata.get("annotations").and_then(Value::as_object).is_some_and(Map::is_empty) {
            metadata.remove("annotations");
        }
        if origin.is_none() {
            self.origin = None;
        }
        if list.is_none() {
            self.transformations.clear();
        }
    }

    /// Whether names given to both on the way are the same at the end of the chain.
    pub(crate) fn same_affixes(&self, other: &Self, empty_matches: bool) -> bool {
        let same = |a: &[String], b: &[String]| (empty_matches && (a.is_empty() || b.is_empty())) || same_ending(a, b);
        same(&self.prefixes, &other.prefixes) && same(&self.suffixes, &other.suffixes)
    }
}

/// The field at `place`.
pub(crate) fn field<'a>(value: &'a mut Value, place: &[String]) -> Option<&'a mut Value> {
    place.iter().try_fold(value, |value, step| match value {
        Value::Object(map) => map.get_mut(step),
        Value::Array(list) => list.get_mut(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Whether the shorter of the two is how the longer ends.
fn same_ending(a: &[String], b: &[String]) -> bool {
    let length = a.len().min(b.len());
    a[a.len() - length..] == b[b.len() - length..] && (length > 0 || a.len() == b.len())
}

/// Whether notes can go into the annotations of an object.
pub(crate) fn takes_annotations(object: &Value) -> bool {
    let fits = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_object());
    fits(object.get("metadata")) && fits(object.pointer("/metadata/annotations"))
}

/// The map at `key`, made where it is missing or null; `None` where something else is.
pub(crate) fn child_map<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let child = value.as_object_mut()?.entry(key).or_insert(Value::Null);
    if child.is_null() {
        *child = Value::Object(Map::new());
    }
    child.as_object_mut()
}
