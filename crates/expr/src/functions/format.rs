//! `string.format`, and Kubernetes' named formats.

use crate::error::EvalError;
use crate::eval::{Eval, Evaluated};
use crate::functions::{strings, time, url};
use crate::value::Val;

/// Digits behind the point that a format may ask for.
const PRECISION: usize = 100;

/// Values nested deeper than this are no longer printed.
const DEPTH: usize = 60;

pub(super) fn format<'a>(eval: &mut Eval<'a>, template: &str, args: &Val<'a>) -> Evaluated<'a> {
    let bad = |what: String| Err(EvalError::Invalid(what));
    let mut out = String::new();
    let mut used = 0;
    let mut rest = template.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            out.push('%');
            continue;
        }
        let mut precision = None;
        if rest.peek() == Some(&'.') {
            rest.next();
            let mut n = 0_usize;
            while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                rest.next();
                n = (n * 10 + digit as usize).min(PRECISION + 1);
            }
            if n > PRECISION {
                return bad(format!("precision above {PRECISION}"));
            }
            precision = Some(n);
        }
        let Some(verb) = rest.next() else { return bad("unexpected end of string".to_owned()) };
        let Some(arg) = args.item(used) else { return bad(format!("index {used} out of range")) };
        used += 1;
        let before = out.len();
        clause(eval, &mut out, verb, precision, &arg)?;
        eval.allocate(out.len() - before)?;
    }
    eval.new_string(out)
}

fn clause<'a>(
    eval: &mut Eval<'a>,
    out: &mut String,
    verb: char,
    precision: Option<usize>,
    arg: &Val<'a>,
) -> Result<(), EvalError> {
    let signed = |magnitude: String, negative: bool| if negative { format!("-{magnitude}") } else { magnitude };
    let text = match (verb, arg) {
        ('s', arg) => return print(eval, out, arg, DEPTH),
        ('d', Val::Int(n)) => n.to_string(),
        ('d', Val::Uint(n)) => n.to_string(),
        ('b', Val::Bool(b)) => u8::from(*b).to_string(),
        ('b', Val::Int(n)) => signed(format!("{:b}", n.unsigned_abs()), *n < 0),
        ('b', Val::Uint(n)) => format!("{n:b}"),
        ('o', Val::Int(n)) => signed(format!("{:o}", n.unsigned_abs()), *n < 0),
        ('o', Val::Uint(n)) => format!("{n:o}"),
        ('x' | 'X', Val::Int(n)) => signed(format!("{:x}", n.unsigned_abs()), *n < 0),
        ('x' | 'X', Val::Uint(n)) => format!("{n:x}"),
        ('x' | 'X', Val::Bytes(bytes)) => hex(eval, bytes)?,
        ('x' | 'X', Val::Text(_) | Val::String(_)) => hex(eval, arg.text().unwrap_or_default().as_bytes())?,
        ('f' | 'e' | 'd', Val::Double(n)) if !n.is_finite() => if n.is_nan() {
            "NaN"
        } else if *n > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned(),
        ('f', Val::Double(n)) => format!("{n:.*}", precision.unwrap_or(6)),
        ('e', Val::Double(n)) => {
            let text = format!("{n:.*e}", precision.unwrap_or(6));
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => {
            let ty = arg.type_name();
            return Err(EvalError::Invalid(format!("error during formatting: %{verb} clause cannot be used on {ty}")));
        }
    };
    out.push_str(&if verb == 'X' { text.to_uppercase() } else { text });
    Ok(())
}

fn hex(eval: &mut Eval<'_>, bytes: &[u8]) -> Result<String, EvalError> {
    eval.allocate(bytes.len() * 2)?;
    Ok(bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|n| char::from_digit(u32::from(n), 16)).collect())
}

fn print<'a>(eval: &mut Eval<'a>, out: &mut String, value: &Val<'a>, depth: usize) -> Result<(), EvalError> {
    eval.spend(1)?;
    let Some(depth) = depth.checked_sub(1) else {
        return Err(EvalError::Limit { what: "nesting of a formatted value", limit: DEPTH as u64 });
    };
    match value {
        Val::Null => out.push_str("null"),
        Val::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Val::Int(n) => out.push_str(&n.to_string()),
        Val::Uint(n) => out.push_str(&n.to_string()),
        Val::Double(n) if n.is_infinite() => out.push_str(if *n > 0.0 { "Infinity" } else { "-Infinity" }),
        Val::Double(n) => out.push_str(&strings::double(*n)),
        Val::Bytes(bytes) => {
            eval.allocate(bytes.len())?;
            out.push_str(&String::from_utf8_lossy(bytes));
        }
        Val::Timestamp(at) => out.push_str(&time::timestamp_text(*at)),
        Val::Duration(span) => out.push_str(&time::duration_text(*span)),
        Val::Type(name) => out.push_str(name),
        list if list.is_list() => {
            out.push('[');
            for (i, item) in list.items().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                print(eval, out, &item, depth)?;
            }
            out.push(']');
        }
        map if map.is_map() => {
            out.push('{');
            for (i, key) in map.keys().iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                print(eval, out, key, depth)?;
                out.push_str(": ");
                print(eval, out, &map.get(key).unwrap_or(Val::Null), depth)?;
            }
            out.push('}');
        }
        other => match other.text() {
            Some(text) => {
                eval.allocate(text.len())?;
                out.push_str(text);
            }
            None => {
                let ty = other.type_name();
                return Err(EvalError::Invalid(format!(
                    "error during formatting: string clause cannot be used on {ty}"
                )));
            }
        },
    }
    Ok(())
}

/// A format that Kubernetes knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedFormat {
    Dns1123Label,
    Dns1123Subdomain,
    Dns1035Label,
    QualifiedName,
    LabelValue,
    Uri,
    Uuid,
    Byte,
    Date,
    Datetime,
}

const NAMES: &[(&str, NamedFormat)] = &[
    ("dns1123Label", NamedFormat::Dns1123Label),
    ("dns1123Subdomain", NamedFormat::Dns1123Subdomain),
    ("dns1035Label", NamedFormat::Dns1035Label),
    ("qualifiedName", NamedFormat::QualifiedName),
    ("labelValue", NamedFormat::LabelValue),
    ("uri", NamedFormat::Uri),
    ("uuid", NamedFormat::Uuid),
    ("byte", NamedFormat::Byte),
    ("date", NamedFormat::Date),
    ("datetime", NamedFormat::Datetime),
];

impl NamedFormat {
    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

/// `format.named('x')` and `format.x()`.
pub(super) fn named<'a>(function: &str, args: &[Val<'a>]) -> Evaluated<'a> {
    let find = |name: &str| NAMES.iter().find(|(n, _)| *n == name).map(|(_, format)| Val::Format(*format));
    match args {
        [] => find(function.trim_start_matches("format.")).ok_or_else(EvalError::no_overload),
        [name] => Ok(Val::Optional(find(name.text().ok_or_else(EvalError::no_overload)?).map(Into::into))),
        _ => Err(EvalError::no_overload()),
    }
}

/// Absent when the text is fine, otherwise what is wrong with it.
pub(super) fn validate<'a>(format: NamedFormat, text: &Val<'a>) -> Evaluated<'a> {
    let text = text.text().ok_or_else(EvalError::no_overload)?;
    let fine = match format {
        NamedFormat::Dns1123Label => label(text, false),
        NamedFormat::Dns1035Label => label(text, true),
        NamedFormat::Dns1123Subdomain => {
            text.len() <= 253 && text.split('.').all(|part| !part.is_empty() && label_of(part, usize::MAX, false))
        }
        NamedFormat::LabelValue => text.is_empty() || name_part(text),
        NamedFormat::QualifiedName => match text.split_once('/') {
            Some((prefix, name)) => {
                !prefix.is_empty()
                    && prefix.len() <= 253
                    && prefix.split('.').all(|p| label(p, false))
                    && name_part(name)
            }
            None => name_part(text),
        },
        NamedFormat::Uri => url::is_url(text),
        NamedFormat::Uuid => {
            let parts: Vec<usize> = text.split('-').map(str::len).collect();
            parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
        }
        NamedFormat::Byte => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.decode(text).is_ok()
        }
        NamedFormat::Date => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        NamedFormat::Datetime => time::parse_timestamp(text).is_some(),
    };
    if fine {
        return Ok(Val::Optional(None));
    }
    let message = format!("must be a valid {}", format.name());
    Ok(Val::Optional(Some(Val::list(vec![Val::string(message)]).into())))
}

fn label(text: &str, starts_with_letter: bool) -> bool {
    label_of(text, 63, starts_with_letter)
}

fn label_of(text: &str, longest: usize, starts_with_letter: bool) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= longest
        && text.bytes().all(inside)
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || (!starts_with_letter && b.is_ascii_digit()))
        && !text.ends_with('-')
}

fn name_part(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && edge(text.bytes().next())
        && edge(text.bytes().next_back())
}
