//! eq, ne, lt and their like: Go's rules about types.

use crate::{Error, Value};

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Invalid,
    Bool,
    Int,
    Uint,
    Float,
    String,
    Other,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Nil => Kind::Invalid,
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) | Value::Int64(_) | Value::Int32(_) | Value::Duration(_) => Kind::Int,
        Value::Uint64(_) | Value::Uint8(_) => Kind::Uint,
        Value::Float(_) => Kind::Float,
        Value::String(_) | Value::Raw(_) => Kind::String,
        _ => Kind::Other,
    }
}

fn unsigned(value: &Value) -> u64 {
    match value {
        Value::Uint64(n) => *n,
        other => other.as_int().unwrap_or(0) as u64,
    }
}

fn incompatible(a: &Value, b: &Value) -> Error {
    Error::new(format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()))
}

/// Whether `first` equals one of `others`.
pub(super) fn eq(first: &Value, others: &[&Value]) -> Result<bool, Error> {
    if others.is_empty() {
        return Err(Error::new("missing argument for comparison"));
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn kind_of(value: &Value) -> &'static str {
    value.kind_name()
}

fn shown(value: &Value) -> String {
    let shown = crate::format::sprintf_bytes(b"%s", std::slice::from_ref(value), 1 << 20).unwrap_or_default();
    String::from_utf8_lossy(&shown).into_owned()
}

fn is_nil(value: &Value) -> bool {
    matches!(value, Value::List(list) if list.is_nil())
}

fn comparable(value: &Value) -> Result<(), Error> {
    match value {
        Value::List(_) | Value::Map(_) | Value::Bytes(_) => {
            Err(Error::new(format!("non-comparable type {}: {}", shown(value), value.type_name())))
        }
        _ => Ok(()),
    }
}

fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    let (left, right) = (kind(a), kind(b));
    match (left, right) {
        (Kind::Int, Kind::Uint) => Ok(a.as_int().is_some_and(|n| n >= 0) && unsigned(a) == unsigned(b)),
        (Kind::Uint, Kind::Int) => Ok(b.as_int().is_some_and(|n| n >= 0) && unsigned(a) == unsigned(b)),
        (Kind::Invalid, Kind::Other) => Ok(is_nil(b)),
        (Kind::Other, Kind::Invalid) => Ok(is_nil(a)),
        (Kind::Invalid, _) | (_, Kind::Invalid) => Ok(left == right),
        (Kind::Other, Kind::Other) if is_nil(a) || is_nil(b) => Ok(is_nil(a) == is_nil(b)),
        _ if left != right => Err(incompatible(a, b)),
        (Kind::Bool, _) => Ok(a.truth() == b.truth()),
        (Kind::Int, _) => Ok(a.as_int() == b.as_int()),
        (Kind::Uint, _) => Ok(unsigned(a) == unsigned(b)),
        (Kind::Float, _) => Ok(matches!((a, b), (Value::Float(a), Value::Float(b)) if a == b)),
        (Kind::String, _) => Ok(a.bytes() == b.bytes()),
        _ => {
            if kind_of(a) != kind_of(b) {
                let (left, right) = (shown(a), crate::sprint(std::slice::from_ref(b)));
                let (one, other) = (a.type_name(), b.type_name());
                return Err(Error::new(format!("non-comparable types {left}: {one}, {other}: {right}")));
            }
            comparable(a)?;
            comparable(b)?;
            match (a, b) {
                (Value::Time(a), Value::Time(b)) => Ok(a == b),
                (Value::Object(a), Value::Object(b)) if a.type_name() == b.type_name() => {
                    Ok(std::sync::Arc::ptr_eq(a, b))
                }
                _ => Err(incompatible(a, b)),
            }
        }
    }
}

/// Whether `a` comes before `b`.
pub(super) fn lt(a: &Value, b: &Value) -> Result<bool, Error> {
    let (left, right) = (kind(a), kind(b));
    let unordered = || Err(Error::new("invalid type for comparison"));
    if matches!(left, Kind::Invalid | Kind::Other) || matches!(right, Kind::Invalid | Kind::Other) {
        return unordered();
    }
    match (left, right) {
        (Kind::Int, Kind::Uint) => Ok(a.as_int().is_some_and(|n| n < 0) || unsigned(a) < unsigned(b)),
        (Kind::Uint, Kind::Int) => Ok(b.as_int().is_some_and(|n| n >= 0) && unsigned(a) < unsigned(b)),
        _ if left != right => Err(incompatible(a, b)),
        (Kind::Bool, _) => unordered(),
        (Kind::Int, _) => Ok(a.as_int() < b.as_int()),
        (Kind::Uint, _) => Ok(unsigned(a) < unsigned(b)),
        (Kind::Float, _) => Ok(matches!((a, b), (Value::Float(a), Value::Float(b)) if a < b)),
        _ => Ok(a.bytes() < b.bytes()),
    }
}
