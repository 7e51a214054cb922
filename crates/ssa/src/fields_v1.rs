//! `fieldsV1`: a field set as JSON. `f:` a field, `k:` an item by keys, `v:` by value, `i:` by index, `.` the parent.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::path::{PathElement, Scalar};
use crate::set::FieldSet;
use crate::typed::DEPTH_LIMIT;

/// Why a `fieldsV1` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// It, or something in it, is no map.
    #[error("fieldsV1 must be a map of maps")]
    NotAMap,
    /// A key is not spelled as one.
    #[error("fieldsV1: invalid key `{0}`")]
    Key(String),
    /// It is nested too deep.
    #[error("fieldsV1 is nested deeper than {DEPTH_LIMIT}")]
    TooDeep,
}

impl FieldSet {
    /// Reads a `fieldsV1`.
    ///
    /// # Errors
    /// When it is not one, or nested too deep.
    pub fn from_fields_v1(value: &Value) -> Result<Self, FieldsError> {
        read(value.as_object().ok_or(FieldsError::NotAMap)?, DEPTH_LIMIT)
    }

    /// Writes a `fieldsV1`.
    #[must_use]
    pub fn to_fields_v1(&self) -> Value {
        Value::Object(write(self))
    }
}

fn read(map: &Map<String, Value>, depth: usize) -> Result<FieldSet, FieldsError> {
    let depth = depth.checked_sub(1).ok_or(FieldsError::TooDeep)?;
    let mut set = FieldSet::new();
    for (key, value) in map.iter().filter(|(key, _)| *key != ".") {
        let inner = value.as_object().ok_or(FieldsError::NotAMap)?;
        let element = parse(key)?;
        // A place without anything below is a member even where no dot says so.
        let member = inner.is_empty() || inner.contains_key(".");
        set.put(element, member, read(inner, depth)?);
    }
    Ok(set)
}

fn parse(key: &str) -> Result<PathElement, FieldsError> {
    let bad = || FieldsError::Key(key.chars().take(100).collect());
    let (kind, rest) = key.split_once(':').ok_or_else(bad)?;
    match kind {
        "f" => Ok(PathElement::field(rest)),
        "v" => {
            let value: Value = serde_json::from_str(rest).map_err(|_| bad())?;
            Ok(PathElement::Value(Scalar::from(&value)))
        }
        "i" => rest.parse().map(PathElement::Index).map_err(|_| bad()),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).map_err(|_| bad())?;
            let keys: Arc<[_]> = keys.iter().map(|(name, value)| (name.as_str().into(), Scalar::from(value))).collect();
            Ok(PathElement::Key(keys))
        }
        _ => Err(bad()),
    }
}

fn write(set: &FieldSet) -> Map<String, Value> {
    let mut map = Map::new();
    for (element, entry) in set.entries() {
        let mut inner = write(&entry.children);
        if entry.member && !inner.is_empty() {
            inner.insert(".".to_owned(), Value::Object(Map::new()));
        }
        map.insert(spell(element), Value::Object(inner));
    }
    map
}

fn spell(element: &PathElement) -> String {
    match element {
        PathElement::Field(name) => format!("f:{name}"),
        PathElement::Value(value) => format!("v:{value}"),
        PathElement::Index(index) => format!("i:{index}"),
        PathElement::Key(keys) => {
            let keys: Map<String, Value> =
                keys.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect();
            format!("k:{}", Value::Object(keys))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        let fields = json!({
            "f:spec": {".": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}},
                "f:set": {"v:\"a\"": {}, "v:1": {}, "v:true": {}}, "f:list": {"i:0": {}}, "f:a:b": {}}
        });
        let set = FieldSet::from_fields_v1(&fields).expect("it is good");
        assert_eq!(set.to_fields_v1(), fields);
        assert_eq!(set.len(), 8);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            json!([]),
            json!({"f:a": 1}),
            json!({"x": {}}),
            json!({"q:a": {}}),
            json!({"k:[]": {}}),
            json!({"i:x": {}}),
        ] {
            assert!(FieldSet::from_fields_v1(&bad).is_err(), "{bad}");
        }
        let deep = (0..500).fold(json!({}), |inner, _| json!({"f:a": inner}));
        assert_eq!(FieldSet::from_fields_v1(&deep), Err(FieldsError::TooDeep));
    }
}
