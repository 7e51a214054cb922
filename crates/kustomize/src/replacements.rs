//! Replacements: one field's value into others.

use sluice_yaml::Value;

use crate::decode::Fields;
use crate::errors::Error;
use crate::fieldpath::{Shape, look_up, split_smart, visit};
use crate::id::Id;
use crate::kustomization::{FieldOptions, Replacement, ReplacementField, Source, Target, replacement};
use crate::loader::{Loader, NoFile};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::scalar::{node_text, plain, set_text, time};
use crate::selector::Matcher;
use crate::structured;

/// The field that is meant when none is named.
const DEFAULT_PATH: &str = "metadata.name";

/// All of a `replacements` field.
pub(crate) struct Replacements(Vec<Replacement>);

/// Reads the files that entries name.
pub(crate) fn load(entries: &[ReplacementField], loader: &Loader<'_>) -> Result<Replacements, Error> {
    let mut list = Vec::new();
    for entry in entries {
        if entry.path.is_empty() {
            list.push(entry.replacement.clone());
            continue;
        }
        if entry.replacement.source.is_some() || !entry.replacement.targets.is_empty() {
            return Err(Error::new("cannot specify both `path` and an inline replacement"));
        }
        let file = loader.load(&entry.path).map_err(NoFile::error)?;
        let text = std::str::from_utf8(&file.bytes).map_err(|_| Error::in_file(&file.path, None, "not UTF-8"))?;
        let value: Value = sluice_yaml::parse(text, sluice_yaml::Dialect::V2)
            .map_err(|error| Error::in_file(&file.path, Some(error.line), error.message))?;
        let several = match value {
            Value::Array(list) => list,
            value @ Value::Object(_) => vec![value],
            _ => return Err(Error::in_file(&file.path, None, "neither a replacement nor a list of replacements")),
        };
        for value in &several {
            let mut errors = Vec::new();
            list.push(replacement(&mut Fields::root(value, false, &mut errors)));
            if let Some(error) = errors.pop() {
                return Err(Error { file: file.path, ..error });
            }
        }
    }
    Ok(Replacements(list))
}

/// Does them, one after the other.
pub(crate) fn run(resmap: &mut ResMap, list: &Replacements) -> Result<(), String> {
    for replacement in &list.0 {
        if (replacement.source.is_none() && replacement.source_value.is_none()) || !replacement.has_targets {
            return Err("replacements must specify a source and at least one target".to_owned());
        }
        let value = match (&replacement.source_value, &replacement.source) {
            (Some(_), Some(_)) => {
                return Err("`sourceValue` and `source` are mutually exclusive; leave one out".to_owned());
            }
            (Some(text), None) => Found { value: plain(text), text: text.clone() },
            (None, Some(source)) => source_value(resmap, source)?,
            (None, None) => continue,
        };
        for target in &replacement.targets {
            put(resmap, target, &value)?;
        }
    }
    Ok(())
}

/// What a source gives.
struct Found {
    value: Value,
    /// A scalar as it is written; of a number that is more than its value.
    text: String,
}

impl Found {
    fn new(value: Value) -> Self {
        Self { text: node_text(&value).into_owned(), value }
    }
}

fn source_value(resmap: &ResMap, source: &Source) -> Result<Found, String> {
    let selects = |id: &Id<'_>| {
        source.gvk.selects_id(id)
            && (source.name.is_empty() || source.name == *id.name)
            && (source.namespace.is_empty() || namespace(&source.namespace) == namespace(&id.namespace))
    };
    let mut matches = resmap.iter().filter(|resource| resource.any_ids().any(|id| selects(&id)));
    let shown = || {
        let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
        format!("{}/{}.{}", source.gvk, or(&source.name, "[noName]"), or(&source.namespace, "[noNs]"))
    };
    let Some(resource) = matches.next() else {
        return Err(format!("nothing selected by {}; correct the source", shown()));
    };
    if matches.next().is_some() {
        return Err(format!("multiple matches for selector {}; narrow the source", shown()));
    }
    let path = if source.field_path.is_empty() { DEFAULT_PATH } else { &source.field_path };
    let found = look_up(&resource.value, &split_smart(path))?.filter(|value| !is_empty(value));
    let Some(value) = found else {
        return Err(format!("fieldPath `{path}` is missing for replacement source {}", shown()));
    };
    let mut found = Found::new(value.clone());
    let written = resource.source.as_ref().and_then(|bytes| {
        structured::written(std::str::from_utf8(bytes).ok()?, &resource.value, &split_smart(path), value)
    });
    if let Some(text) = written {
        found.text = text;
    }
    let Some(options) = source.options.as_ref().filter(|options| !options.delimiter.is_empty()) else {
        return Ok(found);
    };
    if matches!(value, Value::Object(_) | Value::Array(_)) {
        return Err("`delimiter` can only be used with scalars".to_owned());
    }
    let mut parts = found.text.split(options.delimiter.as_str());
    let Some(part) = usize::try_from(options.index).ok().and_then(|index| parts.nth(index)) else {
        return Err(format!("`options.index` {} is out of bounds for the value of `{path}`", options.index));
    };
    found.text = part.to_owned();
    if set_text(&mut found.value, found.text.clone()).is_err() {
        found.value = Value::String(found.text.clone());
    }
    Ok(found)
}

fn namespace(text: &str) -> &str {
    if text.is_empty() { "default" } else { text }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn put(resmap: &mut ResMap, target: &Target, value: &Found) -> Result<(), String> {
    let Some(select) = &target.select else { return Err("a target must specify objects to `select`".to_owned()) };
    let select = Matcher::new(select)?;
    let mut rejects = Vec::new();
    for reject in &target.reject {
        let by_id = [&reject.gvk.group, &reject.gvk.version, &reject.gvk.kind, &reject.name, &reject.namespace];
        let by_metadata = !(reject.labels.is_empty() && reject.annotations.is_empty());
        rejects.push((Matcher::new(reject)?, by_id.iter().any(|part| !part.is_empty()), by_metadata));
    }
    let mut paths: Vec<&str> = target.field_paths.iter().map(String::as_str).collect();
    if paths.is_empty() {
        paths.push(DEFAULT_PATH);
    }
    let renames = paths.iter().any(|path| path.starts_with("metadata") || matches!(*path, "kind" | "apiVersion"));
    let mut changed = false;
    for index in 0..resmap.len() {
        let resource = resmap.get(index);
        let wanted = select.metadata(resource)
            && resource.any_ids().any(|id| select.id(&id))
            && !rejects.iter().any(|(reject, by_id, by_metadata)| {
                (*by_metadata && reject.metadata(resource)) || (*by_id && resource.any_ids().any(|id| reject.id(&id)))
            });
        if !wanted {
            continue;
        }
        let shown = resource.id().to_string();
        changed = true;
        let resource = resmap.content_mut(index);
        for path in &paths {
            set_field(resource, path, value, target.options.as_ref()).map_err(|error| format!("{shown}: {error}"))?;
        }
    }
    if changed && renames {
        resmap.forget();
    }
    Ok(())
}

fn set_field(resource: &mut Resource, path: &str, value: &Found, options: Option<&FieldOptions>) -> Result<(), String> {
    let parts = split_smart(path);
    let (object, untyped) = (&mut resource.value, &mut resource.untyped);
    let create = options.filter(|options| options.create).map(|_| shape(&value.value));
    // A path may lead on inside of the JSON or YAML text that a string holds.
    if set_in_text(object, &parts, value, create) {
        return Ok(());
    }
    let (was_untyped, mut made) = (untyped.contains(&parts), false);
    // A date without quotes stays one.
    let timed = match (look_up(object, &parts), &resource.source) {
        (Ok(Some(now @ Value::String(text))), Some(source)) if structured::is_time(text) => {
            std::str::from_utf8(source).is_ok_and(|source| structured::written(source, object, &parts, now).is_some())
        }
        _ => false,
    };
    let found = visit(object, &parts, create, &mut |target, fresh| {
        made |= fresh;
        set_value(target, value, options, fresh || was_untyped || timed)
    })?;
    if made && !was_untyped {
        untyped.push(parts);
    }
    match (found, create) {
        (0, None) => Err(format!(
            "unable to find field `{path}` in replacement target; correct the path, or set `options.create`"
        )),
        (0, Some(_)) => Err(format!("unable to find or create field `{path}` in replacement target")),
        _ => Ok(()),
    }
}

/// Tries the path as one that enters a string; `false` when it does not, or nothing is there.
///
/// kustomize 5.8.1 knows no delimiter there: the field is replaced whole.
fn set_in_text(object: &mut Value, parts: &[String], value: &Found, create: Option<Shape>) -> bool {
    let enters = |at: &usize| matches!(look_up(object, &parts[..*at]), Ok(Some(found)) if !matches!(found, Value::Object(_) | Value::Array(_)));
    let Some(at) = (1..parts.len()).find(enters) else { return false };
    let Ok(Some(Value::String(text))) = look_up(object, &parts[..at]) else { return false };
    let mut set = |target: &mut Value, fresh: bool| set_value(target, value, None, fresh);
    let Some(new) = structured::edit(text, &parts[at..], create, &mut set) else { return false };
    visit(object, &parts[..at], None, &mut |target, _| {
        *target = Value::String(new.clone());
        Ok(())
    })
    .is_ok()
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::Object(_) => Shape::Map,
        Value::Array(_) => Shape::List,
        _ => Shape::Scalar,
    }
}

/// Puts `value` into a field, or into one part of it. `fresh` fields have no type yet.
fn set_value(target: &mut Value, value: &Found, options: Option<&FieldOptions>, fresh: bool) -> Result<(), String> {
    let is_scalar = !matches!(target, Value::Object(_) | Value::Array(_));
    let Some(options) = options.filter(|options| !options.delimiter.is_empty()) else {
        if !is_scalar {
            value.value.clone_into(target);
            return Ok(());
        }
        return set_scalar(target, value.text.clone(), fresh);
    };
    if !is_scalar {
        return Err("`delimiter` can only be used with scalars".to_owned());
    }
    let old = node_text(target).into_owned();
    let mut parts: Vec<&str> = old.split(options.delimiter.as_str()).collect();
    let new = value.text.as_str();
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, new),
        Ok(index) if index >= parts.len() => parts.push(new),
        Ok(index) => parts[index] = new,
    }
    set_scalar(target, parts.join(&options.delimiter), fresh)
}

fn set_scalar(target: &mut Value, text: String, fresh: bool) -> Result<(), String> {
    if fresh {
        *target = time(&text).map_or_else(|| plain(&text), Value::String);
        return Ok(());
    }
    set_text(target, text)
}
