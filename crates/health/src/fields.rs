//! Reading fields of objects that anybody may have written.

use serde_json::Value;

use crate::error::Error;

/// A condition of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub type_: &'a str,
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

/// The value at a dotted path; nothing where a parent is absent or null.
///
/// # Errors
/// When a parent is no object.
pub(crate) fn lookup<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, Error> {
    let mut at = object;
    for name in path.split('.') {
        at = match at {
            Value::Null => return Ok(None),
            Value::Object(map) => match map.get(name) {
                Some(value) => value,
                None => return Ok(None),
            },
            other => return Err(wrong(path, "map", other)),
        };
    }
    Ok(Some(at))
}

fn wrong(path: &str, expected: &'static str, found: &Value) -> Error {
    Error::Field { field: path.to_owned(), expected, found: kind_of(found) }
}

/// A whole number that must be one if it is there.
pub(crate) fn strict_int(object: &Value, path: &str) -> Result<Option<i64>, Error> {
    match lookup(object, path)? {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong(path, "int64", value)),
    }
}

/// A text that must be one if it is there.
pub(crate) fn strict_text<'a>(object: &'a Value, path: &str) -> Result<Option<&'a str>, Error> {
    match lookup(object, path)? {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| wrong(path, "string", value)),
    }
}

/// A whole number, or the default where there is none.
pub(crate) fn int(object: &Value, path: &str, default: i64) -> i64 {
    lookup(object, path).ok().flatten().and_then(Value::as_i64).unwrap_or(default)
}

/// A text, or the default where there is none.
pub(crate) fn text<'a>(object: &'a Value, path: &str, default: &'a str) -> &'a str {
    lookup(object, path).ok().flatten().and_then(Value::as_str).unwrap_or(default)
}

/// The conditions of the status.
///
/// # Errors
/// When the status or a condition has another form.
pub(crate) fn conditions(object: &Value) -> Result<Vec<Given<'_>>, Error> {
    let list = match object.get("status") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(status)) => match status.get("conditions") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(Error::Conditions(format!("cannot restore slice from {}", kind_of(other)))),
        },
        Some(other) => return Err(Error::Conditions(format!("cannot restore struct from: {}", kind_of(other)))),
    };
    list.iter().map(condition).collect()
}

fn condition(value: &Value) -> Result<Given<'_>, Error> {
    let map = match value {
        Value::Null => return Ok(Given { type_: "", status: "", reason: "", message: "" }),
        Value::Object(map) => map,
        other => return Err(Error::Conditions(format!("cannot restore struct from: {}", kind_of(other)))),
    };
    let text = |name: &str| match map.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(Error::Conditions("unrecognized type: string".to_owned())),
    };
    Ok(Given { type_: text("type")?, status: text("status")?, reason: text("reason")?, message: text("message")? })
}
