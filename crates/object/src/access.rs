//! Reading and writing the metadata of an object without a type for it.
//!
//! Readers never fail: what is absent or of the wrong type reads as empty. Writers make the maps they need, and
//! replace what stands in their place with another type.

use serde_json::{Map, Value};

fn metadata_text<'a>(object: &'a Value, field: &str) -> &'a str {
    metadata(object).and_then(|metadata| metadata.get(field)).and_then(Value::as_str).unwrap_or("")
}

fn metadata_map<'a>(object: &'a Value, field: &str) -> Option<&'a Map<String, Value>> {
    metadata(object)?.get(field)?.as_object()
}

/// `metadata`, when it is a map.
#[must_use]
pub fn metadata(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.as_object()
}

/// `metadata`, made when it is not a map. `None` when the object itself is no map.
pub fn metadata_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    Some(map_mut(object.as_object_mut()?, "metadata"))
}

fn map_mut<'a>(parent: &'a mut Map<String, Value>, field: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(field).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made a map above")
}

/// `apiVersion`, or the empty string.
#[must_use]
pub fn api_version(object: &Value) -> &str {
    object.get("apiVersion").and_then(Value::as_str).unwrap_or("")
}

/// `kind`, or the empty string.
#[must_use]
pub fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or("")
}

/// `metadata.name`, or the empty string.
#[must_use]
pub fn name(object: &Value) -> &str {
    metadata_text(object, "name")
}

/// `metadata.namespace`, or the empty string.
#[must_use]
pub fn namespace(object: &Value) -> &str {
    metadata_text(object, "namespace")
}

/// `metadata.uid`, or the empty string.
#[must_use]
pub fn uid(object: &Value) -> &str {
    metadata_text(object, "uid")
}

/// `metadata.resourceVersion`, or the empty string.
#[must_use]
pub fn resource_version(object: &Value) -> &str {
    metadata_text(object, "resourceVersion")
}

/// `metadata.generation`.
#[must_use]
pub fn generation(object: &Value) -> Option<i64> {
    metadata(object)?.get("generation")?.as_i64()
}

/// Whether `metadata.deletionTimestamp` is set: the object is being deleted.
#[must_use]
pub fn is_deleting(object: &Value) -> bool {
    metadata(object).and_then(|metadata| metadata.get("deletionTimestamp")).is_some_and(|time| !time.is_null())
}

/// `metadata.labels`.
#[must_use]
pub fn labels(object: &Value) -> Option<&Map<String, Value>> {
    metadata_map(object, "labels")
}

/// `metadata.annotations`.
#[must_use]
pub fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    metadata_map(object, "annotations")
}

/// The value of one label, when it is a string.
#[must_use]
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    labels(object)?.get(key)?.as_str()
}

/// The value of one annotation, when it is a string.
#[must_use]
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    annotations(object)?.get(key)?.as_str()
}

/// Sets `metadata.name`.
pub fn set_name(object: &mut Value, name: &str) {
    set_metadata_text(object, "name", name);
}

/// Sets `metadata.namespace`; the empty string takes it away.
pub fn set_namespace(object: &mut Value, namespace: &str) {
    set_metadata_text(object, "namespace", namespace);
}

fn set_metadata_text(object: &mut Value, field: &str, text: &str) {
    let Some(metadata) = metadata_mut(object) else { return };
    if text.is_empty() {
        metadata.remove(field);
    } else {
        metadata.insert(field.to_owned(), Value::from(text));
    }
}

/// Sets one label.
pub fn set_label(object: &mut Value, key: &str, value: &str) {
    set_entry(object, "labels", key, value);
}

/// Sets one annotation.
pub fn set_annotation(object: &mut Value, key: &str, value: &str) {
    set_entry(object, "annotations", key, value);
}

fn set_entry(object: &mut Value, field: &str, key: &str, value: &str) {
    if let Some(metadata) = metadata_mut(object) {
        map_mut(metadata, field).insert(key.to_owned(), Value::from(value));
    }
}

/// Takes one label away, and `metadata.labels` with the last one. Says whether it was there.
pub fn remove_label(object: &mut Value, key: &str) -> bool {
    remove_entry(object, "labels", key)
}

/// Takes one annotation away, and `metadata.annotations` with the last one. Says whether it was there.
pub fn remove_annotation(object: &mut Value, key: &str) -> bool {
    remove_entry(object, "annotations", key)
}

fn remove_entry(object: &mut Value, field: &str, key: &str) -> bool {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return false };
    let Some(entries) = metadata.get_mut(field).and_then(Value::as_object_mut) else { return false };
    let removed = entries.remove(key).is_some();
    if removed && entries.is_empty() {
        metadata.remove(field);
    }
    removed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writers_make_what_they_need_and_readers_find_it() {
        let mut object = json!({"metadata": null});
        set_label(&mut object, "a", "1");
        set_annotation(&mut object, "b", "2");
        set_namespace(&mut object, "x");
        assert_eq!(object, json!({"metadata": {"labels": {"a": "1"}, "annotations": {"b": "2"}, "namespace": "x"}}));
        assert_eq!((label(&object, "a"), annotation(&object, "b"), namespace(&object)), (Some("1"), Some("2"), "x"));
        assert!(remove_label(&mut object, "a") && !remove_label(&mut object, "a"));
        set_namespace(&mut object, "");
        assert_eq!(object, json!({"metadata": {"annotations": {"b": "2"}}}));
    }

    #[test]
    fn wrong_types_read_as_empty() {
        let object = json!({"metadata": {"name": 1, "labels": [], "deletionTimestamp": null}});
        assert_eq!((name(&object), labels(&object), is_deleting(&object)), ("", None, false));
        assert_eq!(name(&json!("text")), "");
        let mut text = json!("text");
        set_label(&mut text, "a", "b");
        assert_eq!(text, json!("text"));
    }
}
