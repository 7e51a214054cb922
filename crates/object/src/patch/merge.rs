//! JSON merge patches (RFC 7386), as gopkg.in/evanphx/json-patch.v4 applies them.

use serde_json::Value;

use super::{PatchError, check_depth};

/// Applies a JSON merge patch.
///
/// An array as the whole patch replaces the object; null, strings and other scalars are refused, unlike in the RFC.
///
/// # Errors
/// When the patch is neither a map nor a list, or nests too deep.
pub fn merge(mut original: Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_object() && !patch.is_array() {
        return Err(PatchError::Malformed("Invalid JSON Patch".to_owned()));
    }
    check_depth(&original)?;
    check_depth(patch)?;
    merge_into(&mut original, patch);
    Ok(original)
}

fn merge_into(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                if change.is_null() {
                    fields.remove(name);
                    continue;
                }
                match fields.get_mut(name) {
                    Some(field) if !field.is_null() => merge_into(field, change),
                    _ => {
                        fields.insert(name.clone(), without_nulls(change));
                    }
                }
            }
        }
        (target @ Value::Object(_), patch) => *target = patch.clone(),
        (target, patch) => *target = without_nulls(patch),
    }
}

/// What a patch makes where nothing was: fields that are null stay out, items that are null stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name.clone(), without_nulls(field)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
