//! Values by their schema: how each part merges, who list items are, what a value sets, and what cannot be applied.

use std::sync::Arc;

use serde_json::{Map, Value};
use sluice_object::schema::{Kind, ListType, MapType, Node};

use crate::path::{Here, PathElement, Scalar};
use crate::set::FieldSet;

/// How deep objects and field sets may be nested.
pub(crate) const DEPTH_LIMIT: usize = 150;

/// A type, or none: then it is deduced from the value.
pub(crate) type Ty<'a> = Option<Node<'a>>;

/// How a value merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As a whole.
    Leaf,
    /// Field by field.
    Granular,
    /// A list of values.
    Set,
    /// A list of items with keys.
    Keyed,
}

/// How a value of this type merges; where the type does not say, its own form does.
pub(crate) fn shape(ty: Ty<'_>, value: &Value) -> Shape {
    match ty.map(|node| (node, node.kind())) {
        None | Some((_, Kind::Any)) if value.is_object() => Shape::Granular,
        Some((node, Kind::Object | Kind::Map)) if node.map_type() == MapType::Granular => Shape::Granular,
        Some((node, Kind::List)) => match node.list_type() {
            ListType::Atomic => Shape::Leaf,
            ListType::Set => Shape::Set,
            ListType::Map => Shape::Keyed,
        },
        _ => Shape::Leaf,
    }
}

/// The type of a key, and whether it is a declared field; `None` where the schema has no place for it.
pub(crate) fn child<'a>(ty: Ty<'a>, key: &str) -> Option<(Ty<'a>, bool)> {
    let Some(node) = ty else { return Some((None, false)) };
    if let Some(field) = node.field(key) {
        return Some((Some(field), true));
    }
    if let Some(values) = node.values() {
        return Some((Some(values), false));
    }
    (node.preserves_unknown() || node.kind() == Kind::Any).then_some((None, false))
}

/// [`child`] for values that are there already, whether the schema has a place for them or not.
pub(crate) fn child_or_any<'a>(ty: Ty<'a>, key: &str) -> (Ty<'a>, bool) {
    child(ty, key).unwrap_or((None, false))
}

/// The type of a list's items.
pub(crate) fn item(ty: Ty<'_>) -> Ty<'_> {
    ty.and_then(Node::items)
}

/// Who an item of a set or keyed list is; defaults of keys count.
///
/// # Errors
/// When a key is missing, or the item is no map.
pub(crate) fn element(ty: Ty<'_>, shape: Shape, value: &Value) -> Result<PathElement, String> {
    if shape == Shape::Set {
        return match value {
            Value::Array(_) => Err("associative list without keys has an element that's a list type".to_owned()),
            Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
            Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
            scalar => Ok(PathElement::Value(Scalar::from(scalar))),
        };
    }
    let Some(map) = value.as_object() else {
        return Err(match value {
            Value::Null => "associative list with keys may not have a null element".to_owned(),
            _ => "associative list with keys may not have non-map elements".to_owned(),
        });
    };
    let Some(node) = ty else { return Err("a list without schema has no keys".to_owned()) };
    let item = node.items();
    let mut keys = Vec::with_capacity(node.list_keys().len());
    for name in node.list_keys() {
        let default = || item.and_then(|item| item.field(name)).and_then(Node::default);
        let Some(value) = map.get(name).or_else(default) else {
            return Err(format!(
                "associative list with keys has an element that omits key field {name:?} (and doesn't have default value)"
            ));
        };
        keys.push((Arc::from(name), Scalar::from(value)));
    }
    keys.sort();
    Ok(PathElement::Key(keys.into()))
}

/// Who the items of a live list are; what has no identity is known by its place.
pub(crate) fn elements(ty: Ty<'_>, shape: Shape, items: &[Value]) -> Vec<PathElement> {
    let by_place = |i: usize| PathElement::Index(i64::try_from(i).unwrap_or(i64::MAX));
    items.iter().enumerate().map(|(i, value)| element(ty, shape, value).unwrap_or_else(|_| by_place(i))).collect()
}

/// The fields that a value sets.
pub(crate) fn to_set(value: &Value, ty: Ty<'_>) -> FieldSet {
    let mut set = FieldSet::new();
    match (shape(ty, value), value) {
        (Shape::Granular, Value::Object(map)) => {
            for (key, value) in map {
                let (ty, named) = child_or_any(ty, key);
                let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                let member = !named || empty || shape(ty, value) == Shape::Leaf;
                set.put(PathElement::field(key), member, to_set(value, ty));
            }
        }
        (shape @ (Shape::Set | Shape::Keyed), Value::Array(items)) => {
            for (value, element) in items.iter().zip(elements(ty, shape, items)) {
                set.put(element, true, to_set(value, item(ty)));
            }
        }
        _ => {}
    }
    set
}

/// Whether the value is nested deeper than the limit.
pub(crate) fn too_deep(value: &Value, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|v| too_deep(v, left)),
        Value::Object(map) => map.values().any(|v| too_deep(v, left)),
        _ => false,
    }
}

/// All that keeps a value from being applied, in the API server's words.
pub(crate) fn problems(value: &Value, ty: Ty<'_>) -> Vec<String> {
    let mut out = Vec::new();
    check(value, ty, Here::Root, &mut out);
    out
}

fn check(value: &Value, ty: Ty<'_>, here: Here<'_>, out: &mut Vec<String>) {
    let Some(node) = ty else { return };
    let mut wrong = |what: String| {
        let prefix = if matches!(here, Here::Root) { String::new() } else { format!("{here}: ") };
        out.push(format!("{prefix}{what}"));
    };
    match (node.kind(), value) {
        (_, Value::Null) => {}
        (Kind::Object | Kind::Map, Value::Object(map)) => {
            for (key, value) in map {
                match child(ty, key) {
                    Some((ty, _)) => check(value, ty, Here::Field(&here, key), out),
                    None => out.push(format!("{}: field not declared in schema", Here::Field(&here, key))),
                }
            }
        }
        (Kind::Object | Kind::Map, other) => wrong(format!("expected map, got &{{{}}}", go(other))),
        (Kind::List, Value::Array(items)) => check_list(items, node, here, out),
        (Kind::List, other) => wrong(format!("expected list, got &{{{}}}", go(other))),
        (Kind::Integer | Kind::Number, other) if !other.is_number() => {
            wrong(format!("expected numeric (int or float), got {}", go_type(other)));
        }
        (Kind::String | Kind::Bytes | Kind::Time | Kind::MicroTime, other) if !other.is_string() => {
            wrong(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go(other)));
        }
        (Kind::Boolean, other) if !other.is_boolean() => {
            wrong(format!("expected boolean, got &value.valueUnstructured{{Value:{}}}", go_quoted(other)));
        }
        (Kind::IntOrString | Kind::Quantity, other @ (Value::Array(_) | Value::Object(_))) => {
            wrong(format!("expected untyped scalar, got &{{{}}}", go(other)));
        }
        _ => {}
    }
}

fn check_list(items: &[Value], node: Node<'_>, here: Here<'_>, out: &mut Vec<String>) {
    let ty = Some(node);
    let shape = shape(ty, &Value::Null);
    if shape == Shape::Leaf {
        for (i, value) in items.iter().enumerate() {
            let index = PathElement::Index(i64::try_from(i).unwrap_or(i64::MAX));
            check(value, node.items(), Here::Item(&here, &index), out);
        }
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    for (i, value) in items.iter().enumerate() {
        match element(ty, shape, value) {
            Ok(element) => {
                if seen.contains(&element) {
                    out.push(format!("{here}: duplicate entries for key {element}"));
                }
                check(value, node.items(), Here::Item(&here, &element), out);
                seen.insert(element);
            }
            Err(why) => out.push(format!("{here}: element {i}: {why}")),
        }
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn go_quoted(value: &Value) -> String {
    if value.is_string() { value.to_string() } else { go(value) }
}

/// As Go prints a value; only what lies on the surface.
fn go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", go(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}
