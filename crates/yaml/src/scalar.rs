//! What a scalar means: Go's resolution rules, in both dialects.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use crate::events::{Style, Tag};
use crate::{Dialect, folded, number, timestamp};

/// What an untagged plain scalar is.
#[derive(Debug, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    /// A date or time, in the form Go prints it as JSON.
    Timestamp(String),
    Str,
}

/// 2^63: whole floats below it fit an `i64`.
const I64_RANGE: f64 = 9_223_372_036_854_775_808.0;

/// What a scalar's text means, or why it means nothing.
pub(crate) fn value(text: Cow<'_, str>, style: Style, tag: Tag, dialect: Dialect) -> Result<Value, String> {
    let plain = match tag {
        Tag::None | Tag::Bare if style == Style::Folded && dialect == Dialect::V3 => {
            return Ok(Value::String(folded::rewritten(text)));
        }
        Tag::None | Tag::Bare if style != Style::Plain => return Ok(Value::String(text.into_owned())),
        Tag::Bare if dialect == Dialect::V2 => return Ok(Value::String(text.into_owned())),
        Tag::None | Tag::Bare => plain(&text, dialect, true),
        Tag::Str | Tag::Other | Tag::Merge => return Ok(Value::String(text.into_owned())),
        Tag::Binary => return binary(&text),
        Tag::Bool | Tag::Int | Tag::Float | Tag::Null | Tag::Timestamp => {
            tagged(plain(&text, dialect, tag == Tag::Timestamp), tag)?
        }
    };
    Ok(match plain {
        Plain::Null => Value::Null,
        Plain::Bool(b) => Value::Bool(b),
        Plain::Int(n) => Value::Number(n.into()),
        Plain::Unsigned(n) => Value::Number(n.into()),
        // Go goes through JSON here, where a whole number has neither point nor exponent, and is then an integer.
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within range")]
        Plain::Float(n) if dialect == Dialect::V2 && n.fract() == 0.0 && n.abs() < I64_RANGE && !is_minus_zero(n) => {
            Value::Number((n as i64).into())
        }
        Plain::Float(n) => Value::Number(Number::from_f64(n).ok_or_else(|| unsupported(n))?),
        Plain::Timestamp(printed) if dialect == Dialect::V3 => Value::String(printed),
        Plain::Timestamp(_) | Plain::Str => Value::String(text.into_owned()),
    })
}

fn unsupported(n: f64) -> String {
    let shown = if n.is_nan() {
        "NaN"
    } else if n > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    format!("infinity and NaN cannot be JSON values: {shown}")
}

/// Zero with a sign, which no integer has.
fn is_minus_zero(n: f64) -> bool {
    n == 0.0 && n.is_sign_negative()
}

fn tagged(plain: Plain, tag: Tag) -> Result<Plain, String> {
    let fits = match (&plain, tag) {
        (Plain::Bool(_), Tag::Bool)
        | (Plain::Int(_) | Plain::Unsigned(_), Tag::Int)
        | (Plain::Float(_), Tag::Float)
        | (Plain::Null, Tag::Null)
        | (Plain::Timestamp(_), Tag::Timestamp) => true,
        // As Go: an integer may be tagged a float, unless it needs the 64th bit.
        #[expect(clippy::cast_precision_loss, reason = "a float is what the tag asks for")]
        (Plain::Int(n), Tag::Float) => return Ok(Plain::Float(*n as f64)),
        _ => false,
    };
    if fits { Ok(plain) } else { Err(format!("the value is no {}", tag.name())) }
}

impl Tag {
    fn name(self) -> &'static str {
        match self {
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Null => "!!null",
            Self::Timestamp => "!!timestamp",
            Self::Binary => "!!binary",
            Self::None | Self::Bare | Self::Str | Self::Merge | Self::Other => "!!str",
        }
    }
}

/// Base64 text as the string it stands for; what is not UTF-8 becomes U+FFFD byte by byte, as in Go's JSON.
fn binary(text: &str) -> Result<Value, String> {
    let packed: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let bytes = STANDARD.decode(packed).map_err(|_| "!!binary value contains invalid base64 data")?;
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| decoded.push('\u{fffd}'));
    }
    Ok(Value::String(decoded))
}

/// Resolves plain text. `times`: whether a timestamp may be one.
pub(crate) fn plain(text: &str, dialect: Dialect, times: bool) -> Plain {
    let Some(first) = text.bytes().next() else { return Plain::Null };
    match first {
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'y' | b'Y' | b'o' | b'O' => word(text, dialect),
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Plain::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Plain::Float(f64::INFINITY),
            _ => number::float(text).map_or(Plain::Str, Plain::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => numeric(text, times),
        _ => Plain::Str,
    }
}

fn word(text: &str, dialect: Dialect) -> Plain {
    if text.len() > 5 {
        return Plain::Str;
    }
    match text {
        "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" if dialect == Dialect::V2 => Plain::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" if dialect == Dialect::V2 => Plain::Bool(false),
        _ => Plain::Str,
    }
}

fn numeric(text: &str, times: bool) -> Plain {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Plain::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Plain::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if times && let Some(printed) = timestamp::parse(text) {
        return Plain::Timestamp(printed);
    }
    let bare;
    let digits = if text.contains('_') {
        bare = text.replace('_', "");
        bare.as_str()
    } else {
        text
    };
    match number::integer(digits) {
        Some(number::Integer::Signed(n)) => return Plain::Int(n),
        Some(number::Integer::Unsigned(n)) => return Plain::Unsigned(n),
        None => {}
    }
    if number::is_yaml_float(digits)
        && let Some(n) = number::float(digits)
    {
        return Plain::Float(n);
    }
    Plain::Str
}
