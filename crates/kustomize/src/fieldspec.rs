//! Field specs: which field of which kinds a transformer changes, and the walk to it.

use std::borrow::Cow;
use std::sync::OnceLock;

use sluice_yaml::{Map, Value};

use crate::id::{Gvk, api_version, kind, split_api_version};
use crate::scalar::needs_quotes;

/// A field of the objects that `gvk` selects.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldSpec {
    pub(crate) gvk: Gvk,
    /// As written, `/` between parts.
    pub(crate) path: Cow<'static, str>,
    /// Whether missing maps on the way, and the field itself, are made.
    pub(crate) create: bool,
    /// The path's parts, once they are needed: most of the built-in fields are of kinds that a build has none of.
    steps: OnceLock<Box<[Step]>>,
}

impl PartialEq for FieldSpec {
    fn eq(&self, other: &Self) -> bool {
        self.gvk == other.gvk && self.path == other.path && self.create == other.create
    }
}

/// One part of a path.
#[derive(Debug, Clone)]
struct Step {
    name: String,
    /// Written with `[]`: a list is expected, and nothing is made here.
    list: bool,
}

/// What is made of a missing field at the end of a path.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Create {
    Nothing,
    Scalar,
    Map,
}

impl FieldSpec {
    pub(crate) fn new(gvk: Gvk, path: impl Into<Cow<'static, str>>, create: bool) -> Self {
        Self { gvk, path: path.into(), create, steps: OnceLock::new() }
    }

    fn steps(&self) -> &[Step] {
        self.steps.get_or_init(|| {
            let step = |part: String| match part.strip_suffix("[]") {
                Some(name) => Step { name: name.to_owned(), list: true },
                None => Step { name: part, list: false },
            };
            split(&self.path, '/').into_iter().map(step).collect()
        })
    }

    /// Whether the field is one of `object`'s.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let (group, version) = split_api_version(api_version(object));
        self.gvk.selects(group, version, kind(object))
    }

    /// Calls `set` on the field, once for each list element on the way.
    ///
    /// # Errors
    /// When a scalar is where the path goes on, or `set` fails.
    pub(crate) fn visit(&self, object: &mut Value, create: Create, set: Setter<'_>) -> Result<(), String> {
        self.visit_at(object, create, &mut |value, _| set(value))
    }

    /// As [`FieldSpec::visit`]; `set` is told where the field is.
    pub(crate) fn visit_at(&self, object: &mut Value, create: Create, set: SetterAt<'_>) -> Result<(), String> {
        let create = if self.create { create } else { Create::Nothing };
        let mut at = Vec::new();
        walk(object, self.steps(), create, &mut at, set)
            .map_err(|error| format!("considering field `{}`: {error}", self.path))
    }
}

/// What happens to a field.
pub(crate) type Setter<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), String>;
type SetterAt<'a> = &'a mut dyn FnMut(&mut Value, &[At<'_>]) -> Result<(), String>;

/// One step of the way to a field in an object.
#[derive(Clone, Copy)]
pub(crate) enum At<'s> {
    Key(&'s str),
    Index(usize),
}

fn walk<'s>(
    value: &mut Value,
    steps: &'s [Step],
    create: Create,
    at: &mut Vec<At<'s>>,
    set: SetterAt<'_>,
) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else { return set(value, at) };
    match value {
        Value::Null => Ok(()),
        Value::Array(elements) => elements.iter_mut().enumerate().try_for_each(|(index, element)| {
            at.push(At::Index(index));
            walk(element, steps, create, at, set)?;
            at.pop();
            Ok(())
        }),
        Value::Object(map) => {
            if step.name.is_empty() {
                return Err("cannot set or create an empty field name".to_owned());
            }
            at.push(At::Key(&step.name));
            if create == Create::Nothing || step.list {
                if let Some(field) = map.get_mut(&step.name) {
                    if step.list && field.is_null() {
                        *field = Value::Array(Vec::new());
                    }
                    walk(field, rest, create, at, set)?;
                }
            } else {
                let scalar = rest.is_empty() && create == Create::Scalar;
                let field = map.entry(step.name.as_str()).or_insert(Value::Null);
                if field.is_null() && !scalar {
                    *field = Value::Object(Map::new());
                }
                walk(field, rest, create, at, set)?;
            }
            at.pop();
            Ok(())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(format!("expected a map or a list before `{}`, found a scalar", step.name))
        }
    }
}

/// Splits a path; `\` before the separator keeps it, an empty first part is dropped.
pub(crate) fn split(path: &str, separator: char) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let raw: Vec<&str> = path.split(separator).collect();
    let start = usize::from(raw.len() > 1 && raw[0].is_empty());
    for part in &raw[start..] {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(separator);
                last.push_str(part);
            }
            _ => parts.push((*part).to_owned()),
        }
    }
    parts
}

/// A setter that gives a scalar a new value.
pub(crate) fn set_scalar(value: &mut Value, new: &str) -> Result<(), String> {
    match value {
        Value::Object(_) | Value::Array(_) => Err("expected a scalar, found a map or a list".to_owned()),
        _ => {
            *value = Value::String(new.to_owned());
            Ok(())
        }
    }
}

/// A setter that puts an entry into a map.
pub(crate) fn set_entry(value: &mut Value, key: &str, new: &str) -> Result<(), String> {
    match value {
        Value::Object(map) => {
            if !map.contains_key(key) && needs_quotes(key) {
                return Err(format!(
                    "`{key}` cannot be a new key: kustomize writes it without quotes, so it is no text"
                ));
            }
            map.insert(key.to_owned(), Value::String(new.to_owned()));
            Ok(())
        }
        Value::Null => Ok(()),
        _ => Err(format!("expected a map to set `{key}` in, found a list or a scalar")),
    }
}

/// Adds `spec` unless one of the list covers it.
///
/// # Errors
/// When the one that covers it differs in `create`.
pub(crate) fn merge_one(list: &mut Vec<FieldSpec>, spec: &FieldSpec) -> Result<(), String> {
    let covers =
        |old: &FieldSpec| old.path == spec.path && spec.gvk.selects(&old.gvk.group, &old.gvk.version, &old.gvk.kind);
    match list.iter().find(|old| covers(old)) {
        Some(old) if old.create != spec.create => Err(format!(
            "conflicting field specs for `{}` of {}: one has `create: {}`, the other not; use the same or leave one out",
            spec.path, spec.gvk, old.create
        )),
        Some(_) => Ok(()),
        None => {
            list.push(spec.clone());
            Ok(())
        }
    }
}

pub(crate) fn merge_all(list: &mut Vec<FieldSpec>, more: &[FieldSpec]) -> Result<(), String> {
    more.iter().try_for_each(|spec| merge_one(list, spec))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_goes_into_lists_and_keeps_escaped_slashes() {
        let mut object = json!({"spec": {"containers": [{"image": "a"}, {"image": "b"}]}});
        let spec = FieldSpec::new(Gvk::default(), "spec/containers[]/image", true);
        spec.visit(&mut object, Create::Nothing, &mut |value| set_scalar(value, "x")).unwrap();
        assert_eq!(object, json!({"spec": {"containers": [{"image": "x"}, {"image": "x"}]}}));
        assert_eq!(split(r"metadata/annotations/a.b\/c", '/'), ["metadata", "annotations", "a.b/c"]);
    }

    proptest::proptest! {
        #[test]
        fn a_path_is_cut_into_the_parts_that_it_is_made_of(
            parts in proptest::collection::vec(r"[^\\]{1,8}", 1..6),
            any in r"\PC{0,40}",
        ) {
            let path: Vec<String> = parts.iter().map(|part| part.replace('/', r"\/")).collect();
            assert_eq!(split(&path.join("/"), '/'), parts);
            let spec = FieldSpec::new(Gvk::default(), any, true);
            let _ = spec.visit(&mut json!({"a": [{}, null, 1]}), Create::Scalar, &mut |value| set_scalar(value, "x"));
        }
    }

    #[test]
    fn missing_maps_are_made_when_asked() {
        let mut object = json!({"metadata": null});
        let spec = FieldSpec::new(Gvk::default(), "metadata/labels", true);
        spec.visit(&mut object, Create::Map, &mut |value| set_entry(value, "a", "b")).unwrap();
        assert_eq!(object, json!({"metadata": {"labels": {"a": "b"}}}));
    }
}
