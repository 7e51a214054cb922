//! Go's loose conversions, as sprig makes them, and short forms for the other files.

use sluice_gotemplate::{Elem, Error, List, Map, Param, Value, format_float, sprint};

pub(crate) const ANY: Param = Param::Any;
pub(crate) const STR: Param = Param::String;
pub(crate) const INT: Param = Param::Int;
pub(crate) const MAP: Param = Param::Map;

pub(crate) type Outcome = Result<Value, Error>;

pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::new(message))
}

pub(crate) fn ok(value: impl Into<Value>) -> Outcome {
    Ok(value.into())
}

/// The text of a string argument.
pub(crate) fn text(value: &Value) -> std::borrow::Cow<'_, str> {
    value.text().unwrap_or_default()
}

pub(crate) fn int(value: &Value) -> i64 {
    value.as_int().unwrap_or(0)
}

/// sprig's strval: any value as a string.
pub(crate) fn strval(value: &Value) -> Value {
    match value {
        Value::String(_) | Value::Raw(_) => value.clone(),
        Value::Bytes(bytes) => Value::from(bytes.to_vec()),
        other => Value::from(sprint(std::slice::from_ref(other))),
    }
}

pub(crate) fn strval_text(value: &Value) -> String {
    text(&strval(value)).into_owned()
}

/// The strings of a list, without its nils; anything else is a list of one.
pub(crate) fn strslice(value: &Value) -> Vec<String> {
    match value {
        Value::List(list) => list.items.iter().filter(|item| !item.is_nil()).map(strval_text).collect(),
        Value::Bytes(bytes) => bytes.iter().map(ToString::to_string).collect(),
        Value::Nil => Vec::new(),
        other => match items(other) {
            Some(items) => items.iter().map(strval_text).collect(),
            None => vec![strval_text(other)],
        },
    }
}

/// An integer of anything; 0 if it is none.
pub(crate) fn to_int64(value: &Value) -> i64 {
    match value {
        Value::Float(number) => float_to_int(*number),
        Value::Bool(flag) => i64::from(*flag),
        Value::String(_) | Value::Raw(_) => parse_int(&text(value)).unwrap_or(0),
        // A named type: the conversion does not know it.
        Value::Duration(_) => 0,
        other => other.as_int().unwrap_or(0),
    }
}

/// amd64's conversion: what does not fit is the least integer.
pub(crate) fn float_to_int(number: f64) -> i64 {
    if number.is_nan() || !(-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&number) {
        return i64::MIN;
    }
    number as i64
}

pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let mut body = text;
    if let Some((whole, fraction)) = text.split_once('.')
        && fraction.bytes().all(|b| b == b'0')
        && !whole.is_empty()
    {
        body = whole;
    }
    let (negative, digits) = match body.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, body.strip_prefix('+').unwrap_or(body)),
    };
    let magnitude = parse_uint(digits)?;
    match negative {
        true if magnitude <= 1 << 63 => Some((magnitude as i64).wrapping_neg()),
        true => None,
        false => i64::try_from(magnitude).ok(),
    }
}

/// Go's ParseUint with base 0.
fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if !lower.starts_with(|c: char| c.is_ascii_digit()) || digits.contains("__") || digits.ends_with('_') {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// A float of anything; 0 if it is none.
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::Uint64(number) => *number as f64,
        Value::String(_) | Value::Raw(_) => parse_float(&text(value)).unwrap_or(0.0),
        other => other.as_int().unwrap_or(0) as f64,
    }
}

pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let body = lower.trim_start_matches(['+', '-']);
    if matches!(body, "inf" | "infinity" | "nan") || body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        let named = matches!(body, "inf" | "infinity" | "nan");
        return lower.parse::<f64>().ok().filter(|number| named || number.is_finite());
    }
    None
}

/// A JSON value of any value; an error for what JSON cannot say.
/// How deep a value may nest that is written as JSON or YAML.
pub(crate) const MOST_NESTED: usize = 500;

pub(crate) fn to_json(value: &Value) -> Result<serde_json::Value, Error> {
    to_json_at(value, 0)
}

fn to_json_at(value: &Value, depth: usize) -> Result<serde_json::Value, Error> {
    use serde_json::Value as J;
    if depth > MOST_NESTED {
        return fail("json: unsupported value: encountered a cycle via map[string]interface {}");
    }
    Ok(match value {
        Value::Nil => J::Null,
        Value::Bool(flag) => J::Bool(*flag),
        Value::Uint64(number) => J::from(*number),
        Value::Float(number) => {
            if !number.is_finite() {
                return fail(format!("json: unsupported value: {}", format_float(*number, 'g', None)));
            }
            J::from(*number)
        }
        Value::String(_) | Value::Raw(_) => J::from(text(value).into_owned()),
        Value::Bytes(bytes) => J::from(crate::encoding::base64_text(bytes)),
        Value::List(list) if list.is_nil() => J::Null,
        Value::List(list) => {
            J::Array(list.items.iter().map(|item| to_json_at(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Map(map) => J::Object(
            map.snapshot()
                .into_iter()
                .map(|(key, item)| Ok((key, to_json_at(&item, depth + 1)?)))
                .collect::<Result<_, Error>>()?,
        ),
        Value::Time(time) => J::from(crate::dates::rfc3339(time)),
        Value::Object(object) => object.json(),
        other => J::from(other.as_int().unwrap_or(0)),
    })
}

pub(crate) fn items(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.items.to_vec()),
        Value::Bytes(bytes) => Some(bytes.iter().map(|byte| Value::Uint8(*byte)).collect()),
        Value::Object(object) if object.kind() == "slice" => {
            object.entries().map(|entries| entries.into_iter().map(|(_, item)| item).collect())
        }
        _ => None,
    }
}

pub(crate) fn as_map(value: &Value) -> Option<&Map> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

pub(crate) fn ints(numbers: Vec<i64>) -> Value {
    let items = numbers.into_iter().map(Value::Int).collect();
    Value::List(List::new(Elem::Int, items))
}

/// Go's reflect.DeepEqual.
pub(crate) fn deep_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => {
            a.elem == b.elem
                && a.is_nil() == b.is_nil()
                && a.items.len() == b.items.len()
                && a.items.iter().zip(b.items.iter()).all(|(a, b)| deep_equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.kind != b.kind {
                return false;
            }
            if a.same(b) {
                return true;
            }
            let (a, b) = (a.snapshot(), b.snapshot());
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && deep_equal(&a.1, &b.1))
        }
        (Value::Nil, Value::Nil) => true,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Object(a), Value::Object(b)) => std::sync::Arc::ptr_eq(a, b),
        (Value::String(_) | Value::Raw(_), Value::String(_) | Value::Raw(_)) => a.bytes() == b.bytes(),
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b) && a.as_int().is_some() && a.as_int() == b.as_int(),
    }
}
