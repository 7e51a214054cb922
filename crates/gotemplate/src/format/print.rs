//! Prints a value by a directive.

use super::verbs::Spec;
use crate::quote::{char_name, quote_bytes, quote_char};
use crate::value::MAX_DEPTH;
use crate::{Value, format_float};

pub(super) fn value(out: &mut Vec<u8>, value: &Value, spec: &Spec, depth: usize) {
    if depth > MAX_DEPTH || out.len() > 1 << 28 {
        return out.extend_from_slice(b"...");
    }
    if spec.verb == 'T' {
        return pad(out, value.type_name().as_bytes(), spec, false);
    }
    if spec.verb == 'p' {
        return bad(out, value, spec, depth);
    }
    match value {
        Value::Nil => match spec.verb {
            'v' => pad(out, b"<nil>", spec, false),
            verb => out.extend_from_slice(format!("%!{verb}(<nil>)").as_bytes()),
        },
        Value::Bool(flag) => match spec.verb {
            't' | 'v' => pad(out, flag.to_string().as_bytes(), spec, false),
            _ => bad(out, value, spec, depth),
        },
        Value::Int(n) | Value::Int64(n) => integer(out, value, n.unsigned_abs(), *n < 0, spec, depth),
        Value::Int32(n) => integer(out, value, u64::from(n.unsigned_abs()), *n < 0, spec, depth),
        Value::Uint64(n) => integer(out, value, *n, false, spec, depth),
        Value::Uint8(n) => integer(out, value, u64::from(*n), false, spec, depth),
        Value::Float(n) => float(out, value, *n, spec, depth),
        Value::String(_) | Value::Raw(_) => string(out, value, value.bytes().unwrap_or_default(), spec, depth),
        Value::Bytes(bytes) => match spec.verb {
            's' | 'q' | 'x' | 'X' => string(out, value, bytes, spec, depth),
            _ => {
                let items = bytes.iter().map(|byte| Value::Uint8(*byte));
                list(out, value, items, spec, depth, "[]byte");
            }
        },
        Value::List(items) if items.is_nil() && spec.sharp_v => {
            out.extend_from_slice(format!("{}(nil)", value.type_name()).as_bytes());
        }
        Value::List(items) => list(out, value, items.items.iter().cloned(), spec, depth, value.type_name()),
        Value::Map(map) => {
            let entries = map.snapshot();
            if spec.sharp_v {
                out.extend_from_slice(value.type_name().as_bytes());
                out.push(b'{');
            } else {
                out.extend_from_slice(b"map[");
            }
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(if spec.sharp_v { b", " } else { b" " });
                }
                self::value(out, &Value::from(key.as_str()), spec, depth + 1);
                out.push(b':');
                element(out, item, spec, depth + 1);
            }
            out.push(if spec.sharp_v { b'}' } else { b']' });
        }
        Value::Duration(n) => match spec.verb {
            'v' | 's' if !spec.sharp_v => string(out, value, super::time::duration(*n).as_bytes(), spec, depth),
            'q' => string(out, value, super::time::duration(*n).as_bytes(), spec, depth),
            _ => integer(out, value, n.unsigned_abs(), *n < 0, spec, depth),
        },
        Value::Time(time) => string(out, value, super::time::full(time).as_bytes(), spec, depth),
        Value::Object(object) => {
            string(out, value, object.print(spec.plus_v).as_bytes(), &Spec { sharp_v: false, ..spec.clone() }, depth)
        }
    }
}

fn element(out: &mut Vec<u8>, item: &Value, spec: &Spec, depth: usize) {
    match item {
        Value::Nil if spec.sharp_v => out.extend_from_slice(b"interface {}(nil)"),
        // An interface that holds nothing prints so for every verb.
        Value::Nil => out.extend_from_slice(b"<nil>"),
        item => value(out, item, spec, depth),
    }
}

fn list(out: &mut Vec<u8>, _: &Value, items: impl Iterator<Item = Value>, spec: &Spec, depth: usize, name: &str) {
    if spec.sharp_v {
        out.extend_from_slice(name.as_bytes());
        out.push(b'{');
    } else {
        out.push(b'[');
    }
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.extend_from_slice(if spec.sharp_v { b", " } else { b" " });
        }
        element(out, &item, spec, depth + 1);
    }
    out.push(if spec.sharp_v { b'}' } else { b']' });
}

/// A verb that does not fit; width, precision and flags still apply to what is shown.
fn bad(out: &mut Vec<u8>, value: &Value, spec: &Spec, depth: usize) {
    out.extend_from_slice(format!("%!{}({}=", spec.verb, value.type_name()).as_bytes());
    self::value(out, value, &Spec { verb: 'v', ..spec.clone() }, depth + 1);
    out.push(b')');
}

/// Pads to the width; with zeros on the left if `zeros` and the flag says so.
fn pad(out: &mut Vec<u8>, text: &[u8], spec: &Spec, zeros: bool) {
    let width = spec.width.unwrap_or(0);
    let length: usize = text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
    let fill = width.saturating_sub(length);
    if spec.minus {
        out.extend_from_slice(text);
        out.extend(std::iter::repeat_n(b' ', fill));
    } else {
        let zero = spec.zero && (zeros || !spec.minus);
        out.extend(std::iter::repeat_n(if zero { b'0' } else { b' ' }, fill));
        out.extend_from_slice(text);
    }
}

fn integer(out: &mut Vec<u8>, value: &Value, magnitude: u64, negative: bool, spec: &Spec, depth: usize) {
    let unsigned = matches!(value, Value::Uint64(_) | Value::Uint8(_));
    let digits = match spec.verb {
        'v' if spec.sharp_v && unsigned => format!("{magnitude:#x}"),
        'v' | 'd' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' | 'O' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        'c' | 'q' | 'U' => {
            let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
            let c = u32::try_from(bits).ok().and_then(char::from_u32);
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            let text = match spec.verb {
                'c' => c.to_string(),
                'q' => quote_char(c, spec.plus),
                _ if spec.sharp => char_name(c),
                _ => format!("U+{bits:0>4X}"),
            };
            return pad(out, text.as_bytes(), &Spec { zero: false, ..spec.clone() }, false);
        }
        _ => return bad(out, value, spec, depth),
    };
    if spec.precision == Some(0) && magnitude == 0 {
        return pad(out, b"", &Spec { zero: false, ..spec.clone() }, false);
    }
    let sign = match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    let prefix = match spec.verb {
        'b' if spec.sharp => "0b",
        'o' if spec.sharp && !digits.starts_with('0') => "0",
        'O' => "0o",
        'x' if spec.sharp => "0x",
        'X' if spec.sharp => "0X",
        _ => "",
    };
    let mut least = spec.precision.unwrap_or(0);
    let zeros = spec.zero && spec.precision.is_none() && !spec.minus;
    if zeros {
        least = spec.width.unwrap_or(0).saturating_sub(sign.len());
    }
    let text = format!("{sign}{prefix}{digits:0>least$}");
    pad(out, text.as_bytes(), &Spec { zero: false, ..spec.clone() }, false);
}

fn float(out: &mut Vec<u8>, value: &Value, number: f64, spec: &Spec, depth: usize) {
    let (verb, precision) = match spec.verb {
        'v' => ('g', spec.precision),
        'e' | 'E' | 'f' => (spec.verb, spec.precision.or(Some(6))),
        'F' => ('f', spec.precision.or(Some(6))),
        'g' | 'G' => (spec.verb, spec.precision),
        'b' | 'x' | 'X' => (spec.verb, spec.precision),
        _ => return bad(out, value, spec, depth),
    };
    let mut text = format_float(number, verb, precision);
    if spec.sharp && number.is_finite() && verb == 'g' {
        text = sharp(&text, precision.unwrap_or(6));
    }
    if spec.plus {
        if !text.starts_with(['-', '+']) {
            text.insert(0, '+');
        }
    } else if let Some(rest) = text.strip_prefix('+') {
        // The sign of +Inf shows by the flag alone when formatted with %f and its like, but always for infinity.
        text = format!("+{rest}");
    }
    if spec.space && !spec.plus && !text.starts_with(['-', '+']) {
        text.insert(0, ' ');
    }
    if spec.zero && !spec.minus && number.is_finite() {
        let (sign, digits) = match text.strip_prefix(['-', '+', ' ']) {
            Some(digits) => (&text[..1], digits),
            None => ("", text.as_str()),
        };
        let least = spec.width.unwrap_or(0).saturating_sub(sign.len());
        let padded = format!("{sign}{digits:0>least$}");
        return out.extend_from_slice(padded.as_bytes());
    }
    pad(out, text.as_bytes(), &Spec { zero: false, ..spec.clone() }, false);
}

/// `%#g` keeps trailing zeros up to the precision.
fn sharp(text: &str, precision: usize) -> String {
    let (mantissa, exponent) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count()
        - usize::from(mantissa.trim_start_matches('-').starts_with("0."));
    let point = if mantissa.contains('.') { "" } else { "." };
    format!("{mantissa}{point}{}{exponent}", "0".repeat(precision.saturating_sub(digits)))
}

fn string(out: &mut Vec<u8>, value: &Value, bytes: &[u8], spec: &Spec, depth: usize) {
    let cut = |bytes: &[u8]| -> Vec<u8> {
        match spec.precision {
            Some(precision) => String::from_utf8_lossy(bytes).chars().take(precision).collect::<String>().into_bytes(),
            None => bytes.to_vec(),
        }
    };
    match spec.verb {
        'v' if spec.sharp_v => pad(out, quote_bytes(bytes, false).as_bytes(), spec, false),
        'v' | 's' => pad(out, &cut(bytes), spec, false),
        'q' => {
            let text = cut(bytes);
            let plain = std::str::from_utf8(&text)
                .is_ok_and(|text| text.chars().all(|c| c != '`' && c != '\u{feff}' && (c == '\t' || !c.is_control())));
            let quoted = if spec.sharp && plain {
                format!("`{}`", String::from_utf8_lossy(&text))
            } else {
                quote_bytes(&text, spec.plus)
            };
            pad(out, quoted.as_bytes(), spec, false);
        }
        'x' | 'X' => {
            let bytes = &bytes[..spec.precision.unwrap_or(bytes.len()).min(bytes.len())];
            let mut text = String::new();
            for (index, byte) in bytes.iter().enumerate() {
                if spec.space && index > 0 {
                    text.push(' ');
                }
                if spec.sharp && (index == 0 || spec.space) {
                    text.push_str(if spec.verb == 'x' { "0x" } else { "0X" });
                }
                text.push_str(&if spec.verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
            }
            pad(out, text.as_bytes(), spec, false);
        }
        verb => match value {
            Value::String(_) | Value::Raw(_) | Value::Bytes(_) => bad(out, value, spec, depth),
            other => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                out.extend_from_slice(format!("%!{verb}({}={text})", other.type_name()).as_bytes());
            }
        },
    }
}
