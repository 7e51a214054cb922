//! Structural schemas at work: pruning, coercion and defaults of custom resources.

use serde_json::{Map, Value};
use sluice_object::schema::{Kind, Node};

use crate::kinds::Served;

/// Deeper than any decoded body.
const DEPTH: usize = 200;

/// Prunes what the schema does not know, and checks the metadata's types; returns the paths of what was pruned.
///
/// # Errors
/// The message of Go's decoder for metadata of a wrong type.
pub fn decode(value: &mut Value, served: &Served) -> Result<Vec<String>, String> {
    let mut unknown = Vec::new();
    if let Some(metadata) = value.get_mut("metadata") {
        if metadata.is_null() {
            *metadata = Value::Object(Map::new());
        }
        let mut found = crate::rest::typed::Found::default();
        let node = sluice_object::schema::builtin().object_meta();
        crate::rest::typed::decode(metadata, node, &mut found)?;
        unknown.extend(found.unknown.into_iter().map(|path| format!("metadata.{path}")));
    }
    let mut path = Vec::new();
    prune_object(value, served.schema.root(), &mut path, &mut unknown, Place::Root, 0);
    Ok(unknown)
}

/// Removes nulls that may not be there and that no default stands in for: clients send them for "not set". An apply
/// keeps them, because there a null is a value.
pub fn drop_nulls(value: &mut Value, node: Node<'_>) {
    without_nulls(value, node, 0);
}

fn without_nulls(value: &mut Value, node: Node<'_>, depth: usize) {
    if depth > DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            map.retain(|key, value| {
                let Some(child) = node.child(key) else { return true };
                if value.is_null() {
                    return child.nullable() || child.default().is_some() || child.kind() == Kind::Any;
                }
                without_nulls(value, child, depth + 1);
                true
            });
        }
        Value::Array(items) => {
            let Some(child) = node.items() else { return };
            items.iter_mut().for_each(|item| without_nulls(item, child, depth + 1));
        }
        _ => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Embedded,
    Inside,
}

fn prune_object(
    value: &mut Value,
    node: Node<'_>,
    path: &mut Vec<String>,
    unknown: &mut Vec<String>,
    place: Place,
    depth: usize,
) {
    if depth > DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            let mut drop = Vec::new();
            for (key, value) in map.iter_mut() {
                if place != Place::Inside && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
                    continue;
                }
                match node.child(key) {
                    Some(child) => {
                        path.push(key.clone());
                        let place = if child.embedded_resource() { Place::Embedded } else { Place::Inside };
                        prune_object(value, child, path, unknown, place, depth + 1);
                        path.pop();
                    }
                    None if node.preserves_unknown() => {}
                    None => {
                        unknown.push(print(path, key));
                        drop.push(key.clone());
                    }
                }
            }
            for key in drop {
                map.remove(&key);
            }
        }
        Value::Array(items) => {
            let Some(child) = node.items() else { return };
            for (index, item) in items.iter_mut().enumerate() {
                path.push(format!("[{index}]"));
                let place = if child.embedded_resource() { Place::Embedded } else { Place::Inside };
                prune_object(item, child, path, unknown, place, depth + 1);
                path.pop();
            }
        }
        _ => {}
    }
}

fn print(path: &[String], key: &str) -> String {
    let mut out = String::new();
    for part in path.iter().map(String::as_str).chain([key]) {
        if !out.is_empty() && !part.starts_with('[') {
            out.push('.');
        }
        out.push_str(part);
    }
    out
}

/// Fills in the schema's defaults; a null that may not be one gives way to the default.
pub fn defaults(value: &mut Value, node: Node<'_>) {
    fill(value, node, 0);
}

fn fill(value: &mut Value, node: Node<'_>, depth: usize) {
    if depth > DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, child) in node.fields() {
                let replaces = match map.get(name) {
                    None => true,
                    Some(Value::Null) => !child.nullable(),
                    Some(_) => false,
                };
                if replaces && let Some(default) = child.default() {
                    map.insert(name.to_owned(), default.clone());
                }
            }
            let values = node.values();
            for (key, value) in map.iter_mut() {
                if depth == 0 && key == "metadata" {
                    continue;
                }
                if let Some(child) = node.field(key).or(values) {
                    if value.is_null()
                        && !child.nullable()
                        && let Some(default) = child.default()
                    {
                        *value = default.clone();
                    }
                    fill(value, child, depth + 1);
                }
            }
        }
        Value::Array(items) if node.kind() == Kind::List => {
            let Some(child) = node.items() else { return };
            for item in items {
                if item.is_null()
                    && !child.nullable()
                    && let Some(default) = child.default()
                {
                    *item = default.clone();
                }
                fill(item, child, depth + 1);
            }
        }
        _ => {}
    }
}
