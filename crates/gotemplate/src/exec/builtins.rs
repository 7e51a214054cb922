//! The functions of text/template.

use super::{Call, Typed, compare};
use crate::functions::{Param, Signature};
use crate::{Elem, Error, List, Value};

/// A function that sees the static types of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Or,
    Not,
    Call,
    Len,
    Index,
    Slice,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Print,
    Printf,
    Println,
    Html,
    Js,
    UrlQuery,
}

pub(crate) const ALL: &[(&str, Builtin)] = &[
    ("and", Builtin::And),
    ("or", Builtin::Or),
    ("not", Builtin::Not),
    ("call", Builtin::Call),
    ("len", Builtin::Len),
    ("index", Builtin::Index),
    ("slice", Builtin::Slice),
    ("eq", Builtin::Eq),
    ("ne", Builtin::Ne),
    ("lt", Builtin::Lt),
    ("le", Builtin::Le),
    ("gt", Builtin::Gt),
    ("ge", Builtin::Ge),
    ("print", Builtin::Print),
    ("printf", Builtin::Printf),
    ("println", Builtin::Println),
    ("html", Builtin::Html),
    ("js", Builtin::Js),
    ("urlquery", Builtin::UrlQuery),
];

impl Builtin {
    pub(crate) fn signature(self) -> Signature {
        use Builtin as B;
        let (fixed, rest): (&'static [Param], _) = match self {
            B::And | B::Or | B::Call | B::Index | B::Slice | B::Eq => (&[Param::Any], Some(Param::Any)),
            B::Not | B::Len => (&[Param::Any], None),
            B::Ne | B::Lt | B::Le | B::Gt | B::Ge => (&[Param::Any, Param::Any], None),
            B::Print | B::Println | B::Html | B::Js | B::UrlQuery => (&[], Some(Param::Any)),
            B::Printf => (&[Param::String], Some(Param::Any)),
        };
        Signature { fixed, rest }
    }

    pub(crate) fn call(self, call: &mut Call<'_, '_>, callee: &str, args: Vec<Typed>) -> Result<Typed, Error> {
        use Builtin as B;
        let plain = || args.iter().map(|arg| arg.value.clone()).collect::<Vec<_>>();
        let size: usize = args.iter().map(|arg| arg.value.bytes().map_or(0, <[u8]>::len)).sum();
        let value = match self {
            B::And | B::Or => Value::Nil,
            B::Not => Value::Bool(!args[0].value.truth()),
            B::Call => return Err(not_callable(&args[0].value, callee)),
            B::Len => len(&args[0])?,
            B::Index => return index(&args),
            B::Slice => slice(&args)?,
            B::Eq => {
                let others: Vec<_> = args[1..].iter().map(|arg| &arg.value).collect();
                Value::Bool(compare::eq(&args[0].value, &others)?)
            }
            B::Ne => Value::Bool(!compare::eq(&args[0].value, &[&args[1].value])?),
            B::Lt => Value::Bool(compare::lt(&args[0].value, &args[1].value)?),
            B::Le => Value::Bool(less_or_equal(&args[0].value, &args[1].value)?),
            B::Gt => Value::Bool(!less_or_equal(&args[0].value, &args[1].value)?),
            B::Ge => Value::Bool(!compare::lt(&args[0].value, &args[1].value)?),
            B::Print => {
                call.check_size(size)?;
                Value::from(crate::format::sprint_bytes(&plain()))
            }
            B::Println => {
                call.check_size(size)?;
                Value::from(crate::format::sprintln_bytes(&plain()))
            }
            B::Printf => {
                call.check_size(size)?;
                let values = plain();
                let format = values[0].bytes().unwrap_or_default();
                let limit = call.limits().value_size;
                let text = crate::format::sprintf_bytes(format, &values[1..], limit);
                Value::from(
                    text.ok_or_else(|| Error::new(format!("printf makes too much text (limit: value_size {limit})")))?,
                )
            }
            B::Html => Value::from(html(&joined(&args))),
            B::Js => Value::from(js(&joined(&args))),
            B::UrlQuery => Value::from(url_query(&joined(&args))),
        };
        Ok(Typed::concrete(value))
    }
}

fn less_or_equal(a: &Value, b: &Value) -> Result<bool, Error> {
    Ok(compare::lt(a, b)? || compare::eq(a, &[b])?)
}

fn not_callable(value: &Value, callee: &str) -> Error {
    if value.is_nil() {
        return Error::new("call of nil");
    }
    Error::new(format!("non-function {callee} of type {}", value.type_name()))
}

fn len(arg: &Typed) -> Result<Value, Error> {
    let length = match &arg.value {
        Value::Nil if arg.interface => return Err(Error::new("len of nil pointer")),
        Value::Nil => return Err(Error::new("reflect: call of reflect.Value.Type on zero Value")),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.read().len(),
        Value::Object(object) if object.entries().is_some() => object.entries().map_or(0, |entries| entries.len()),
        other => match other.bytes() {
            Some(bytes) => bytes.len(),
            None => return Err(Error::new(format!("len of type {}", other.type_name()))),
        },
    };
    Ok(Value::Int(length as i64))
}

fn index_argument(index: &Value, length: usize) -> Result<usize, Error> {
    let position = match index {
        Value::Nil => return Err(Error::new("cannot index slice/array with nil")),
        Value::Duration(_) => index.as_int(),
        value => value.as_int(),
    };
    let Some(position) = position else {
        return Err(Error::new(format!("cannot index slice/array with type {}", index.type_name())));
    };
    match usize::try_from(position) {
        Ok(at) if at <= length => Ok(at),
        _ => Err(Error::new(format!("index out of range: {position}"))),
    }
}

fn index(args: &[Typed]) -> Result<Typed, Error> {
    let mut item = args[0].clone();
    if item.value.is_nil() {
        return Err(Error::new("index of untyped nil"));
    }
    for step in &args[1..] {
        let key = &step.value;
        let next = match &item.value {
            Value::Nil => return Err(Error::new("index of nil pointer")),
            Value::List(list) => {
                let at = index_argument(key, list.items.len())?;
                match list.items.get(at) {
                    Some(found) => Typed { value: found.clone(), interface: list.elem == Elem::Any },
                    None => return Err(Error::new("reflect: slice index out of range")),
                }
            }
            Value::Map(map) => {
                let text = match key {
                    Value::Nil => return Err(Error::new("value is nil; should be of type string")),
                    _ => key
                        .text()
                        .ok_or_else(|| Error::new(format!("value has type {}; should be string", key.type_name())))?,
                };
                let wrap = map.kind != crate::MapKind::Strings;
                let value = match map.get(&text) {
                    None if !wrap => Value::from(""),
                    found => found.unwrap_or_default(),
                };
                Typed { value, interface: wrap }
            }
            Value::Object(object) if object.is_map() => {
                let text = key
                    .text()
                    .ok_or_else(|| Error::new(format!("value has type {}; should be string", key.type_name())))?;
                Typed::interface(object.field(&text).unwrap_or_default())
            }
            Value::Object(object) if object.entries().is_some() => {
                let entries = object.entries().unwrap_or_default();
                let at = index_argument(key, entries.len())?;
                match entries.into_iter().nth(at) {
                    Some((_, value)) => Typed::concrete(value),
                    None => return Err(Error::new("reflect: slice index out of range")),
                }
            }
            other => match other.bytes() {
                Some(bytes) => {
                    let at = index_argument(key, bytes.len())?;
                    match bytes.get(at) {
                        Some(byte) => Typed::concrete(Value::Uint8(*byte)),
                        None if matches!(other, Value::Bytes(_)) => {
                            return Err(Error::new("reflect: slice index out of range"));
                        }
                        None => return Err(Error::new("reflect: string index out of range")),
                    }
                }
                None => return Err(Error::new(format!("can't index item of type {}", other.type_name()))),
            },
        };
        item = next;
    }
    Ok(item)
}

fn slice(args: &[Typed]) -> Result<Value, Error> {
    let item = &args[0].value;
    if item.is_nil() {
        return Err(Error::new("slice of untyped nil"));
    }
    if args.len() > 4 {
        return Err(Error::new(format!("too many slice indexes: {}", args.len() - 1)));
    }
    let length = match item {
        Value::String(_) | Value::Raw(_) if args.len() == 4 => {
            return Err(Error::new("cannot 3-index slice a string"));
        }
        Value::List(list) => list.items.len(),
        other => match other.bytes() {
            Some(bytes) => bytes.len(),
            None => return Err(Error::new(format!("can't slice item of type {}", other.type_name()))),
        },
    };
    let mut bounds = [0, length, length];
    for (slot, arg) in bounds.iter_mut().zip(&args[1..]) {
        *slot = index_argument(&arg.value, length)?;
    }
    let [from, to, cap] = bounds;
    if from > to {
        return Err(Error::new(format!("invalid slice index: {from} > {to}")));
    }
    if args.len() == 4 && to > cap {
        return Err(Error::new(format!("invalid slice index: {to} > {cap}")));
    }
    Ok(match item {
        Value::List(list) => Value::List(List::new(list.elem, list.items[from..to].to_vec())),
        Value::Bytes(bytes) => Value::Bytes(std::sync::Arc::from(&bytes[from..to])),
        other => Value::from(other.bytes().unwrap_or_default()[from..to].to_vec()),
    })
}

fn joined(args: &[Typed]) -> Vec<u8> {
    match args {
        [only] if only.value.text().is_some() => only.value.bytes().unwrap_or_default().to_vec(),
        _ => {
            let printable = |arg: &Typed| if arg.value.is_nil() { "<no value>".into() } else { arg.value.clone() };
            crate::format::sprint_bytes(&args.iter().map(printable).collect::<Vec<_>>())
        }
    }
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            byte => out.push(*byte),
        }
    }
    out
}

fn js(text: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            c if (c as u32) < 0x20 || (!c.is_ascii() && !crate::quote::is_print(c)) => {
                out.push_str(&format!("\\u{:04X}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}

fn url_query(text: &[u8]) -> String {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte as char),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

pub(crate) type TimeMethod = fn(&Value, &[Value]) -> Result<Value, Error>;

/// Methods of times and durations that templates call.
pub(crate) fn time_method(value: &Value, name: &str) -> Option<(Signature, TimeMethod)> {
    const NONE: Signature = Signature { fixed: &[], rest: None };
    let body: TimeMethod = match (value, name) {
        (Value::Duration(_), "Hours") => |value, _| Ok(Value::Float(seconds(value) / 3600.0)),
        (Value::Duration(_), "Minutes") => |value, _| Ok(Value::Float(seconds(value) / 60.0)),
        (Value::Duration(_), "Seconds") => |value, _| Ok(Value::Float(seconds(value))),
        (Value::Duration(_), "Milliseconds") => |value, _| Ok(Value::Int64(value.as_int().unwrap_or(0) / 1_000_000)),
        (Value::Duration(_), "Nanoseconds") => |value, _| Ok(Value::Int64(value.as_int().unwrap_or(0))),
        (Value::Duration(_), "String") => |value, _| Ok(Value::from(crate::sprint(std::slice::from_ref(value)))),
        (Value::Time(_), "Unix") => |value, _| Ok(Value::Int64(zoned(value).timestamp().as_second())),
        (Value::Time(_), "UnixNano") => |value, _| Ok(Value::Int64(zoned(value).timestamp().as_nanosecond() as i64)),
        (Value::Time(_), "UnixMilli") => |value, _| Ok(Value::Int64(zoned(value).timestamp().as_millisecond())),
        (Value::Time(_), "Year") => |value, _| Ok(Value::Int(i64::from(zoned(value).year()))),
        (Value::Time(_), "Day") => |value, _| Ok(Value::Int(i64::from(zoned(value).day()))),
        (Value::Time(_), "YearDay") => |value, _| Ok(Value::Int(i64::from(zoned(value).day_of_year()))),
        (Value::Time(_), "Hour") => |value, _| Ok(Value::Int(i64::from(zoned(value).hour()))),
        (Value::Time(_), "Minute") => |value, _| Ok(Value::Int(i64::from(zoned(value).minute()))),
        (Value::Time(_), "Second") => |value, _| Ok(Value::Int(i64::from(zoned(value).second()))),
        (Value::Time(_), "Nanosecond") => |value, _| Ok(Value::Int(i64::from(zoned(value).subsec_nanosecond()))),
        (Value::Time(_), "Month") => |value, _| Ok(Value::from(crate::format::time::month_name(&zoned(value)))),
        (Value::Time(_), "Weekday") => |value, _| Ok(Value::from(crate::format::time::day_name(&zoned(value)))),
        (Value::Time(_), "AddDate") => {
            const DATE: &[Param] = &[Param::Int, Param::Int, Param::Int];
            return Some((Signature { fixed: DATE, rest: None }, |value, args| {
                let count = |at: usize| args.get(at).and_then(Value::as_int).unwrap_or(0);
                let moved = crate::format::time::add_date(&zoned(value), count(0), count(1), count(2));
                moved.map(|time| Value::Time(Box::new(time))).ok_or_else(|| Error::new("time out of range"))
            }));
        }
        (Value::Time(_), "IsZero") => {
            |value, _| Ok(Value::Bool(zoned(value).timestamp().as_second() == -62_135_596_800))
        }
        (Value::Time(_), "UTC") => {
            |value, _| Ok(Value::Time(Box::new(zoned(value).with_time_zone(jiff::tz::TimeZone::UTC))))
        }
        (Value::Time(_), "String") => |value, _| Ok(Value::from(crate::sprint(std::slice::from_ref(value)))),
        (Value::Time(_), "Format") => {
            return Some((Signature { fixed: &[Param::String], rest: None }, |value, args| {
                Ok(Value::from(crate::format::time::layout(&zoned(value), &args[0].text().unwrap_or_default())))
            }));
        }
        _ => return None,
    };
    Some((NONE, body))
}

fn seconds(value: &Value) -> f64 {
    value.as_int().unwrap_or(0) as f64 / 1e9
}

fn zoned(value: &Value) -> jiff::Zoned {
    match value {
        Value::Time(time) => (**time).clone(),
        _ => jiff::Zoned::default(),
    }
}
