//! JSON patches (RFC 6902), with the habits of gopkg.in/evanphx/json-patch.v4 that the API server's clients see.

use serde_json::{Map, Value};

use super::pointer::unescape;
use super::{PatchError, check_depth};

/// How many operations a patch may have, as in the API server.
pub const OPERATION_LIMIT: usize = 10_000;
/// How many bytes (as JSON text, about) the `copy` operations of a patch may make, as in the API server.
pub const COPY_LIMIT: usize = 3 * 1024 * 1024;

/// Applies a JSON patch, whole or not at all.
///
/// Unlike in the RFC, `replace` of an absent key adds it, `copy` from an absent key gives null, `test` of an absent key
/// against null holds, and negative indexes count from the end.
///
/// # Errors
/// [`PatchError::Malformed`] when the patch is no list of maps, [`PatchError::Unfit`] when an operation fails,
/// [`PatchError::TooLarge`] at a limit.
pub fn json(original: Value, patch: &Value) -> Result<Value, PatchError> {
    let operations = match patch {
        Value::Null => return Ok(original),
        Value::Array(operations) => operations.as_slice(),
        other => return Err(PatchError::Malformed(format!("JSON patch is {}, not a list", type_name(other)))),
    };
    if let Some(other) = operations.iter().find(|one| !one.is_object() && !one.is_null()) {
        return Err(PatchError::Malformed(format!("JSON patch operation is {}, not a map", type_name(other))));
    }
    if operations.len() > OPERATION_LIMIT {
        return Err(PatchError::TooLarge { limit: OPERATION_LIMIT, what: "operations" });
    }
    check_depth(&original)?;
    check_depth(patch)?;
    let mut patching = Patching { document: original, copied: 0, nothing: Map::new() };
    for operation in operations {
        patching.apply(operation)?;
    }
    // Adding deep values below deep paths may have nested what each fits the limit.
    check_depth(&patching.document)?;
    Ok(patching.document)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

struct Patching {
    document: Value,
    copied: usize,
    nothing: Map<String, Value>,
}

impl Patching {
    fn apply(&mut self, operation: &Value) -> Result<(), PatchError> {
        let fields = operation.as_object().unwrap_or(&self.nothing);
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let need = |name: &'static str, op: &str| {
            text(name)
                .ok_or_else(|| PatchError::unfit(format!("{op} operation failed to decode {name}: missing value")))
        };
        let value = || fields.get("value").cloned().unwrap_or(Value::Null);
        match text("op").unwrap_or("unknown") {
            "add" => add(&mut self.document, need("path", "add")?, value()),
            "remove" => remove(&mut self.document, need("path", "remove")?).map(drop),
            "replace" => replace(&mut self.document, need("path", "replace")?, value()),
            "test" => test(&self.document, need("path", "test")?, fields.get("value").unwrap_or(&Value::Null)),
            "move" => {
                let (from, path) = (need("from", "move")?, need("path", "move")?);
                let value = remove(&mut self.document, from)?;
                add(&mut self.document, path, value)
            }
            "copy" => {
                let (from, path) = (need("from", "copy")?, need("path", "copy")?);
                let value = get(&self.document, from, "copy")?.cloned().unwrap_or(Value::Null);
                check_depth(&value)?;
                self.copied = self.copied.saturating_add(size(&value));
                if self.copied > COPY_LIMIT {
                    return Err(PatchError::TooLarge { limit: COPY_LIMIT, what: "bytes of copies" });
                }
                add(&mut self.document, path, value)
            }
            other => Err(PatchError::unfit(format!("Unexpected kind: {other}"))),
        }
    }
}

/// About how long the value is as JSON text.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 3,
        Value::Object(fields) => fields.iter().map(|(name, field)| name.len() + 4 + size(field)).sum::<usize>() + 3,
        _ => 6,
    }
}

/// The keys that lead to a value's parent, and its own key. What stands before the first `/` is passed over, as in the
/// library. `None` without any `/`.
fn split(path: &str) -> Option<(impl Iterator<Item = &str>, &str)> {
    let (_, rest) = path.split_once('/')?;
    let (parents, key) = rest.rsplit_once('/').map_or((None, rest), |(parents, key)| (Some(parents), key));
    Some((parents.into_iter().flat_map(|parents| parents.split('/')), key))
}

fn missing(operation: &str, path: &str) -> PatchError {
    PatchError::unfit(format!("{operation} operation does not apply: doc is missing path: \"{path}\": missing value"))
}

/// The map or list that the path's last key is in.
fn parent<'a>(document: &'a Value, path: &str, operation: &str) -> Result<(&'a Value, String), PatchError> {
    let find = || {
        let (parents, key) = split(path)?;
        let mut value = document;
        for token in parents {
            let token = unescape(token);
            value = match value {
                Value::Object(fields) => fields.get(token.as_ref())?,
                Value::Array(items) => items.get(index(&token, items.len())?)?,
                _ => return None,
            };
        }
        (value.is_object() || value.is_array()).then(|| (value, unescape(key).into_owned()))
    };
    find().ok_or_else(|| missing(operation, path))
}

fn parent_mut<'a>(document: &'a mut Value, path: &str, operation: &str) -> Result<(&'a mut Value, String), PatchError> {
    let find = || {
        let (parents, key) = split(path)?;
        let mut value = document;
        for token in parents {
            let token = unescape(token);
            value = match value {
                Value::Object(fields) => fields.get_mut(token.as_ref())?,
                Value::Array(items) => {
                    let at = index(&token, items.len())?;
                    items.get_mut(at)?
                }
                _ => return None,
            };
        }
        (value.is_object() || value.is_array()).then(|| (value, unescape(key).into_owned()))
    };
    find().ok_or_else(|| missing(operation, path))
}

/// An index into `len` items, as Go's Atoi reads it; negative ones count from the end.
fn index(token: &str, len: usize) -> Option<usize> {
    let number: i64 = token.parse().ok()?;
    let at = if number < 0 { number.checked_add_unsigned(len as u64)? } else { number };
    usize::try_from(at).ok().filter(|at| *at < len)
}

fn bad_index(operation: &str, path: &str, key: &str) -> PatchError {
    let why = match key.parse::<i64>() {
        Ok(_) => format!("Unable to access invalid index: {key}: invalid index referenced"),
        Err(_) => format!("value was not a proper array index: '{key}'"),
    };
    PatchError::unfit(format!("error in {operation} for path: '{path}': {why}"))
}

/// The value at a path; absent keys of maps are none, absent indexes an error.
fn get<'a>(document: &'a Value, path: &str, operation: &str) -> Result<Option<&'a Value>, PatchError> {
    match parent(document, path, operation)? {
        (Value::Array(items), key) => match index(&key, items.len()) {
            Some(at) => Ok(items.get(at)),
            None => Err(bad_index(operation, path, &key)),
        },
        (value, key) => Ok(value.get(&key)),
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    match parent_mut(document, path, "add")? {
        (Value::Array(items), key) if key == "-" => items.push(value),
        (Value::Array(items), key) => {
            // One place more than there are items: at the end.
            let at = index(&key, items.len() + 1).ok_or_else(|| bad_index("add", path, &key))?;
            items.insert(at, value);
        }
        (Value::Object(fields), key) => {
            fields.insert(key, value);
        }
        _ => return Err(missing("add", path)),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, PatchError> {
    match parent_mut(document, path, "remove")? {
        (Value::Array(items), key) => {
            let at = index(&key, items.len()).ok_or_else(|| bad_index("remove", path, &key))?;
            Ok(items.remove(at))
        }
        (Value::Object(fields), key) => fields.remove(&key).ok_or_else(|| {
            let why = format!("Unable to remove nonexistent key: {key}: missing value");
            PatchError::unfit(format!("error in remove for path: '{path}': {why}"))
        }),
        _ => Err(missing("remove", path)),
    }
}

fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    if path.is_empty() {
        if !value.is_object() && !value.is_array() {
            return Err(PatchError::unfit("replace operation value must be object or array"));
        }
        *document = value;
        return Ok(());
    }
    match parent_mut(document, path, "replace")? {
        (Value::Array(items), key) => {
            let at = index(&key, items.len()).ok_or_else(|| {
                PatchError::unfit(format!(
                    "replace operation does not apply: doc is missing key: {path}: missing value"
                ))
            })?;
            items[at] = value;
        }
        (Value::Object(fields), key) => {
            fields.insert(key, value);
        }
        _ => return Err(missing("replace", path)),
    }
    Ok(())
}

fn test(document: &Value, path: &str, want: &Value) -> Result<(), PatchError> {
    let got = if path.is_empty() { Some(document) } else { get(document, path, "test")? };
    if got.unwrap_or(&Value::Null) == want {
        Ok(())
    } else {
        Err(PatchError::unfit(format!("testing value {path} failed: test failed")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn doubling_copies_end_at_the_limit() {
        let copy = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let patch = Value::Array(vec![copy; 64]);
        let got = json(json!({"a": ["0123456789"]}), &patch);
        assert!(matches!(got, Err(PatchError::TooLarge { .. })), "{got:?}");
    }

    #[test]
    fn long_paths_and_deep_additions_are_refused_not_followed() {
        let path = "/a".repeat(100_000);
        assert!(json(json!({}), &json!([{"op": "add", "path": path, "value": 1}])).is_err());
        let deep = (0..200).fold(json!(1), |value, _| json!({"a": value}));
        let path = "/a".repeat(200);
        let twice = json!([{"op": "add", "path": "/a", "value": deep}, {"op": "copy", "from": "/a", "path": path}]);
        assert!(matches!(json(json!({}), &twice), Err(PatchError::TooLarge { .. })));
    }
}
