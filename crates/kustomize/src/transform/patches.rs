//! Patches: strategic merge and JSON 6902.

use std::cell::Cell;

use sluice_object::patch;
use sluice_yaml::{Dialect, Map, Value};

use crate::cache::Parsed;
use crate::errors::Error;
use crate::kustomization::{Patch, Selector};
use crate::loader::{Loader, NoFile};
use crate::merge::{Written, merge};
use crate::objects;
use crate::resmap::ResMap;
use crate::resource::{Resource, child_map};
use crate::scalar::node_text;
use crate::selector::Matcher;
use crate::session::Session;
use crate::structured;

/// An entry of `patches`.
pub(crate) struct Patches {
    kind: Kind,
    matcher: Option<Matcher>,
    source: String,
}

enum Kind {
    Nothing,
    StrategicMerge(Vec<Resource>),
    Json(Value),
}

/// `patchesStrategicMerge`: each patch finds its target by its own id.
pub(crate) struct StrategicMerge(Vec<Resource>);

/// An entry of `patchesJson6902`: one target.
pub(crate) struct Json6902 {
    target: Matcher,
    operations: Value,
}

/// Reads an entry of `patches`.
pub(crate) fn patch(patch: &Patch, loader: &Loader<'_>) -> Result<Patches, Error> {
    let inline = patch.patch.trim();
    let (text, source) = match (inline.is_empty(), patch.path.is_empty()) {
        (true, true) => return Err(Error::new("must specify one of `patch` and `path`")),
        (false, false) => {
            return Err(Error::new("`patch` and `path` cannot be set at the same time; leave one out").at(&[]));
        }
        (false, true) => (inline.to_owned(), "the inline patch".to_owned()),
        (true, false) => (text_of(loader, &patch.path)?, format!("`{}`", patch.path)),
    };
    let limits = &loader.session.options.limits.yaml;
    let kind = match (objects::of_text(&text, limits), json_operations(&text)) {
        (Ok(objects), Ok(json)) if !objects.is_empty() && json.as_array().is_some_and(|list| !list.is_empty()) => {
            return Err(Error::new(format!("{source} is both a strategic merge patch and a JSON patch")));
        }
        (Ok(objects), _) if objects.is_empty() => Kind::Nothing,
        (Ok(objects), _) => Kind::StrategicMerge(
            objects
                .iter()
                .map(|object| {
                    let own = if patch.target.is_some() { Own::Target } else { Own::Patch };
                    let mut resource = patch_resource(object, &text, own)?;
                    resource.allow_name_change |= patch.allow_name_change;
                    resource.allow_kind_change |= patch.allow_kind_change;
                    Ok(resource)
                })
                .collect::<Result<_, Error>>()?,
        ),
        (Err(_), Ok(json)) => Kind::Json(json),
        (Err(merge), Err(json)) => {
            return Err(Error::new(format!(
                "{source} is neither a strategic merge patch ({}) nor a JSON patch ({json})",
                merge.message
            )));
        }
    };
    // A bad selector is one only when the patch is used.
    let matcher =
        patch.target.as_ref().map(Matcher::new).transpose().map_err(|error| Error::new(format!("target: {error}")))?;
    match &kind {
        Kind::Json(_) if matcher.is_none() => {
            Err(Error::new(format!("must specify a `target` for the JSON patch {source}")))
        }
        Kind::StrategicMerge(list) if list.len() > 1 && matcher.is_some() => Err(Error::new(format!(
            "{source} holds several strategic merge patches, which cannot be combined with `target`; make each an entry"
        ))),
        _ => Ok(Patches { kind, matcher, source }),
    }
}

/// A patch as an object. One that is applied to what a target selects has labels and annotations of text, before it is
/// merged: nulls and numbers in them are their digits.
fn patch_resource(object: &Parsed, text: &str, own: Own) -> Result<Resource, Error> {
    let mut resource = Resource::new(object.value.clone());
    resource.layout.clone_from(&object.layout);
    let Some(metadata) = resource.value.get_mut("metadata").and_then(Value::as_object_mut) else { return Ok(resource) };
    let source = text.get(object.span.clone()).unwrap_or("");
    for field in ["labels", "annotations"] {
        if metadata.get(field).is_none_or(is_text_map) {
            continue;
        }
        let path = |key: &str| ["metadata", field, key].map(str::to_owned);
        if own == Own::Patch {
            // Annotations become text in the end, as they are written here; what is deleted stays so.
            let map = metadata.get_mut("annotations").filter(|_| field == "annotations").and_then(Value::as_object_mut);
            let odd = |value: &Value| value.is_number() || value.as_str().is_some_and(structured::is_time);
            for (key, value) in map.into_iter().flatten().filter(|(_, value)| odd(value)) {
                *value = Value::String(structured::scalar_text(source, &path(key), value));
            }
            continue;
        }
        let map = match metadata.remove(field) {
            Some(Value::Object(map)) => map
                .into_iter()
                .map(|(key, value)| {
                    let text = structured::scalar_text(source, &path(&key), &value);
                    (key, Value::String(text))
                })
                .collect(),
            Some(Value::Array(list)) if list.len() % 2 == 0 => {
                let texts: Vec<String> = list.iter().map(|value| node_text(value).into_owned()).collect();
                texts.chunks(2).map(|pair| (pair[0].clone(), Value::String(pair[1].clone()))).collect()
            }
            Some(Value::Array(_)) => return Err(Error::new(format!("`metadata.{field}` is a list; write a map"))),
            _ => Map::new(),
        };
        if !map.is_empty() {
            metadata.insert(field.to_owned(), Value::Object(map));
        }
    }
    Ok(resource)
}

fn is_text_map(value: &Value) -> bool {
    value.as_object().is_some_and(|map| {
        !map.is_empty() && map.values().all(|value| value.as_str().is_some_and(|text| !structured::is_time(text)))
    })
}

fn text_of(loader: &Loader<'_>, path: &str) -> Result<String, Error> {
    let file = loader.load(path).map_err(NoFile::error)?;
    String::from_utf8(file.bytes.to_vec()).map_err(|_| Error::in_file(&file.path, None, "not UTF-8"))
}

/// The operations of a JSON patch. What begins with `[` must be JSON.
fn json_operations(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let value: Value = if text.starts_with('[') {
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?
    } else {
        sluice_yaml::parse(text, Dialect::V2).map_err(|error| error.to_string())?
    };
    match &value {
        Value::Null => Ok(value),
        Value::Array(list) if list.iter().all(|operation| operation.is_object() || operation.is_null()) => Ok(value),
        _ => Err("not a list of operations".to_owned()),
    }
}

impl Patches {
    pub(crate) fn run(&self, resmap: &mut ResMap, session: &Session<'_>) -> Result<(), String> {
        match &self.kind {
            Kind::Nothing => Ok(()),
            Kind::Json(operations) => {
                let Some(matcher) = &self.matcher else { return Ok(()) };
                let selected = matcher.select(resmap);
                apply_json(resmap, &selected, operations, true)
            }
            Kind::StrategicMerge(patches) => match &self.matcher {
                Some(matcher) => {
                    let selected = matcher.select(resmap);
                    patches.first().map_or(Ok(()), |patch| apply_merge(resmap, &selected, patch, Own::Target, session))
                }
                None => patches.iter().try_for_each(|patch| {
                    let target = resmap.patch_target(&patch.original_id()).map_err(|error| {
                        format!("no object matches the strategic merge patch in {}: {error}", self.source)
                    })?;
                    apply_merge(resmap, &[target], patch, Own::Patch, session)
                }),
            },
        }
    }
}

/// Whose apiVersion the merged object has.
#[derive(Clone, Copy, PartialEq)]
enum Own {
    Target,
    Patch,
}

fn apply_merge(
    resmap: &mut ResMap,
    selected: &[usize],
    patch: &Resource,
    own: Own,
    session: &Session<'_>,
) -> Result<(), String> {
    let schema = session.schema();
    let renamed = Cell::new(false);
    let mut value = patch.value.clone();
    for &index in selected {
        let resource = resmap.content_mut(index);
        let id = resource.id().key();
        if patch.allow_name_change || patch.allow_kind_change {
            resource.store_previous();
        }
        if let (Own::Target, Value::Object(map)) = (own, &mut value) {
            map.insert("apiVersion".to_owned(), resource.value.get("apiVersion").cloned().unwrap_or(Value::Null));
        }
        let (name, namespace) = (resource.name().into_owned(), resource.namespace().into_owned());
        let kind = resource.kind().to_owned();
        let tracked = resource.origin.is_some();
        if tracked {
            resource.show_origin();
        }
        let layout = resource.layout.clone();
        let mut plain_texts = std::mem::take(&mut resource.plain_texts);
        let source = resource.source.clone();
        let written = Written {
            layout: layout.as_deref(),
            patch_layout: patch.layout.as_deref(),
            plain_texts: &mut plain_texts,
            source: source.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok()),
        };
        merge(&mut resource.value, &value, &schema, written).map_err(|error| format!("{kind} `{name}`: {error}"))?;
        resource.plain_texts = plain_texts;
        if tracked {
            resource.hide_origin();
        }
        if resource.value.is_object() {
            if !patch.allow_kind_change {
                resource.set_kind(&kind);
            }
            if !patch.allow_name_change {
                resource.set_name(&name);
            }
            if let Some(metadata) = child_map(&mut resource.value, "metadata") {
                metadata.remove("namespace");
                if !namespace.is_empty() {
                    metadata.insert("namespace".to_owned(), namespace.into());
                }
            }
        }
        renamed.set(renamed.get() || resource.is_gone() || resource.id().key() != id);
    }
    if renamed.get() {
        resmap.forget();
        resmap.drop_empties();
        resmap.check_unique()?;
    }
    Ok(())
}

fn apply_json(resmap: &mut ResMap, selected: &[usize], operations: &Value, store: bool) -> Result<(), String> {
    let mut renamed = false;
    for &index in selected {
        let resource = resmap.content_mut(index);
        let id = resource.id().key();
        let shown = resource.id().to_string();
        if store {
            resource.check_named()?;
            resource.store_previous();
        }
        if resource.value.pointer("/metadata/labels").is_some_and(Value::is_array) {
            return Err(format!("{shown}: `metadata.labels` is a list; write a map"));
        }
        resource.settle_flow_nulls();
        let tracked = resource.origin.is_some();
        if tracked {
            resource.show_origin();
        } else if !resource.previous.is_empty() || resource.needs_hash {
            // kustomize has notes there, so that a patch can add to annotations although the object has none.
            if let Some(metadata) = child_map(&mut resource.value, "metadata") {
                metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
            }
        }
        resource.value = json_patch(resource.value.take(), operations).map_err(|error| format!("{shown}: {error}"))?;
        through_floats(&mut resource.value);
        resource.unshare();
        resource.source = None;
        if tracked {
            resource.hide_origin();
        }
        renamed |= store || resource.id().key() != id;
    }
    if renamed {
        resmap.forget();
    }
    Ok(())
}

/// Applies the operations; one that replaces the whole document is kustomize's own.
fn json_patch(mut document: Value, operations: &Value) -> Result<Value, String> {
    let is_whole = |operation: &Value| operation["op"] == "replace" && operation["path"] == "";
    let Value::Array(list) = operations else { return Ok(document) };
    if !list.iter().any(is_whole) {
        document = patch::json(document, operations).map_err(|error| error.to_string())?;
    } else {
        for chunk in list.chunk_by(|a, b| !is_whole(a) && !is_whole(b)) {
            document = match chunk {
                [operation] if is_whole(operation) => operation.get("value").cloned().unwrap_or(Value::Null),
                chunk => patch::json(document, &Value::Array(chunk.to_vec())).map_err(|error| error.to_string())?,
            };
        }
    }
    if document.is_object() { Ok(document) } else { Err("the patch leaves no object".to_owned()) }
}

/// A JSON patch takes all numbers of the object through floats.
fn through_floats(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(through_floats),
        Value::Array(list) => list.iter_mut().for_each(through_floats),
        Value::Number(number) => {
            let small = number.as_i64().is_some_and(|int| int.unsigned_abs() < 1 << 53);
            if let (false, Some(float)) = (small, number.as_f64())
                && float.fract() == 0.0
                && float.abs() < 1e21
            {
                let text = float.to_string();
                if let Ok(int) = text.parse::<i64>() {
                    *value = int.into();
                } else if let Ok(int) = text.parse::<u64>() {
                    *value = int.into();
                } else {
                    *value = float.into();
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Reads `patchesStrategicMerge`: each entry is a patch or a file of patches; `more` is another text of patches.
pub(crate) fn strategic_merge(entries: &[String], more: &str, loader: &Loader<'_>) -> Result<StrategicMerge, Error> {
    if entries.is_empty() && more.is_empty() {
        return Err(Error::new("no path and no patch; set `paths` or `patches`"));
    }
    let limits = &loader.session.options.limits.yaml;
    let mut patches = Vec::new();
    let mut add = |text: &str, objects: &[Parsed]| -> Result<(), Error> {
        for object in objects {
            patches.push(patch_resource(object, text, Own::Target)?);
        }
        Ok(())
    };
    for entry in entries {
        match objects::of_text(entry, limits) {
            Ok(objects) => add(entry, &objects)?,
            Err(_) => {
                let file = loader.load(entry).map_err(NoFile::error)?;
                let objects = objects::of_file(loader.session, &file, None)?;
                add(std::str::from_utf8(&file.bytes).unwrap_or(""), &objects)?;
            }
        }
    }
    if !more.is_empty() {
        add(more, &objects::of_text(more, limits)?)?;
    }
    if patches.is_empty() {
        return Err(Error::new("the patches are empty; leave the field out"));
    }
    Ok(StrategicMerge(patches))
}

impl StrategicMerge {
    pub(crate) fn run(&self, resmap: &mut ResMap, session: &Session<'_>) -> Result<(), String> {
        self.0.iter().try_for_each(|patch| {
            let target = resmap.patch_target(&patch.original_id())?;
            apply_merge(resmap, &[target], patch, Own::Target, session)
        })
    }
}

/// Reads an entry of `patchesJson6902`.
pub(crate) fn json6902(
    target: Option<&Selector>,
    path: &str,
    inline: &str,
    loader: &Loader<'_>,
) -> Result<Json6902, Error> {
    let Some(target) = target.filter(|target| !target.name.is_empty()) else {
        return Err(Error::new("must specify the target's name; set `target.name`"));
    };
    let text = match (inline.is_empty(), path.is_empty()) {
        (true, true) => return Err(Error::new("empty file path and empty operations; set `path` or `patch`")),
        (false, false) => return Err(Error::new("must specify a file path or operations, not both")),
        (false, true) => inline.to_owned(),
        (true, false) => text_of(loader, path)?,
    };
    let operations = json_operations(&text).map_err(|error| Error::new(format!("not a JSON patch: {error}")))?;
    if operations.as_array().is_none_or(Vec::is_empty) {
        return Err(Error::new("the JSON patch is empty; leave the entry out"));
    }
    let target = Matcher::new(target).map_err(|error| Error::new(format!("target: {error}")))?;
    Ok(Json6902 { target, operations })
}

impl Json6902 {
    pub(crate) fn run(&self, resmap: &mut ResMap) -> Result<(), String> {
        let selected = self.target.select(resmap);
        apply_json(resmap, &selected, &self.operations, false)
    }
}
