//! Reading that never fails on one odd value, and writing that leaves out what is not set.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a string; any other JSON value becomes its JSON text, to be refused where it is used.
///
/// # Errors
/// Only what the deserializer itself reports (the input is not JSON).
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// Whether a value is what its absence means; such fields are not written (Go's `omitempty`).
pub(crate) fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads a part of an object; an explicit null is as good as none.
///
/// # Errors
/// When the value is neither null nor a `T`.
pub(crate) fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
