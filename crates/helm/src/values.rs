//! Values: reading, merging and looking into them.
//!
//! A number from a file or from JSON is a `float64` in Helm, and is kept as a floating number here; only `--set` makes
//! integers.

mod coalesce;
mod flags;

use serde_json::{Map, Value};
use sluice_helm_functions::yaml_error;
use sluice_yaml::{Dialect, Limits};

pub use coalesce::{Warnings, coalesce, merge};
pub use flags::{Files, ValueFlags};

pub(crate) use coalesce::merge_tables;

/// How deep values may nest.
pub(crate) const MAX_DEPTH: usize = 200;

/// Reads a values file; its documents are merged, later ones win.
///
/// # Errors
/// Text that is no YAML, or a document that is no map, as Helm words it.
pub fn read(text: &str) -> Result<Map<String, Value>, String> {
    let limits = Limits::default();
    let documents = sluice_yaml::parse_all(text.trim_start_matches('\u{feff}'), Dialect::V2, &limits)
        .map_err(|error| format!("cannot unmarshal yaml document: {}", yaml_error(&error, text)))?;
    let mut merged = Map::new();
    for document in documents {
        match document.value {
            Value::Null => {}
            mut value @ Value::Object(_) => {
                floats(&mut value);
                if let Value::Object(map) = value {
                    overlay(&mut merged, map);
                }
            }
            other => {
                let kind = match other {
                    Value::Array(_) => "array",
                    Value::String(_) => "string",
                    Value::Bool(_) => "bool",
                    _ => "number",
                };
                return Err(format!(
                    "cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: json: cannot \
                     unmarshal {kind} into Go value of type map[string]interface {{}}"
                ));
            }
        }
    }
    Ok(merged)
}

/// Makes every number floating, as Go reads JSON.
pub fn floats(value: &mut Value) {
    match value {
        Value::Number(number) if !number.is_f64() => {
            if let Some(float) = number.as_f64().and_then(serde_json::Number::from_f64) {
                *number = float;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(floats),
        Value::Object(map) => map.values_mut().for_each(floats),
        _ => {}
    }
}

/// Puts `upper` over `lower`: maps are merged, everything else is replaced, null too.
pub fn overlay(lower: &mut Map<String, Value>, upper: Map<String, Value>) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => overlay(old, new),
            (_, value) => drop(lower.insert(key, value)),
        }
    }
}

/// The map at a path of names separated by dots.
pub(crate) fn table<'v>(values: &'v Map<String, Value>, path: &str) -> Option<&'v Map<String, Value>> {
    path.split('.').try_fold(values, |map, name| map.get(name).and_then(Value::as_object))
}

/// What is at a path of names separated by dots, unless it is a map or nothing.
pub(crate) fn path_value<'v>(values: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    let (map, name) = match path.rsplit_once('.') {
        Some((parents, name)) => (table(values, parents)?, name),
        None => (values, path),
    };
    map.get(name).filter(|value| !value.is_object())
}
