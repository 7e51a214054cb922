//! The functions, one file a library.

pub(crate) mod format;
mod lists;
mod net;
pub(crate) mod quantity;
mod strings;
pub(crate) mod time;
pub(crate) mod url;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use regex::{Regex, RegexBuilder};

use crate::ast::Call;
use crate::error::EvalError;
use crate::eval::{Eval, Evaluated};
use crate::parser::REGEX_SIZE;
use crate::value::Val;

/// Calls a function or method; the receiver is the first argument.
pub(crate) fn call<'a>(eval: &mut Eval<'a>, call: &'a Call) -> Evaluated<'a> {
    let mut args = Vec::with_capacity(call.args.len() + 1);
    for node in call.target.iter().chain(&call.args) {
        args.push(eval.node(node)?);
    }
    if !call.known {
        return Err(EvalError::NoSuchOverload(format!(": {}", call.function)));
    }
    let name = call.function.as_str();
    if matches!(name, "matches" | "find" | "findAll") {
        return regex(eval, name, &args, call.pattern.as_ref());
    }
    let read: usize = args.iter().filter_map(Val::text).map(str::len).sum();
    eval.spend(1 + read / 10)?;
    if call.target.is_some() { method(eval, name, &args) } else { function(eval, name, &args) }
}

fn function<'a>(eval: &mut Eval<'a>, name: &str, args: &[Val<'a>]) -> Evaluated<'a> {
    match (name, args) {
        ("size", [value]) => size(value),
        ("dyn", [value]) => Ok(value.clone()),
        ("type", [value]) => Ok(Val::Type(value.type_name())),
        ("int" | "uint" | "double" | "string" | "bytes" | "bool" | "timestamp" | "duration", [value]) => {
            convert(eval, name, value)
        }
        ("optional.of", [value]) => Ok(Val::Optional(Some(value.clone().into()))),
        ("optional.none", []) => Ok(Val::Optional(None)),
        ("optional.ofNonZeroValue", [value]) => Ok(Val::Optional((!is_zero(value)).then(|| Arc::new(value.clone())))),
        ("strings.quote", [value]) => {
            let text = value.text().ok_or_else(EvalError::no_overload)?;
            eval.new_string(strings::quote(text))
        }
        ("sets.contains" | "sets.equivalent" | "sets.intersects", [a, b]) => lists::sets(eval, name, a, b),
        ("base64.encode", [Val::Bytes(bytes)]) => eval.new_string(STANDARD.encode(bytes)),
        ("base64.decode", [value]) => {
            let text = value.text().ok_or_else(EvalError::no_overload)?;
            eval.allocate(text.len())?;
            let bytes = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
            bytes.map(|b| Val::Bytes(b.into())).map_err(|e| EvalError::Invalid(format!("illegal base64 data: {e}")))
        }
        ("url" | "isURL", [value]) => url::parse(name, value),
        ("quantity" | "isQuantity", [value]) => quantity::parse(name, value),
        ("ip" | "isIP" | "cidr" | "isCIDR" | "ip.isCanonical", [value]) => net::parse(name, value),
        _ if name.starts_with("format.") => format::named(name, args),
        _ => Err(EvalError::no_overload()),
    }
}

fn method<'a>(eval: &mut Eval<'a>, name: &str, args: &[Val<'a>]) -> Evaluated<'a> {
    match args {
        [value] if name == "size" => size(value),
        [Val::Text(_) | Val::String(_), ..] => strings::method(eval, name, args),
        [Val::Items(_) | Val::List(_), ..] => lists::method(eval, name, args),
        [Val::Timestamp(_) | Val::Duration(_), ..] => time::method(name, args),
        [Val::Optional(inner), rest @ ..] => optional(name, inner.as_ref(), rest),
        [Val::Url(url)] => url::method(eval, name, url),
        [Val::Quantity(of), rest @ ..] => quantity::method(name, *of, rest),
        [Val::Ip(_) | Val::Cidr(..), ..] => net::method(name, args),
        [Val::Format(format), text] if name == "validate" => format::validate(*format, text),
        _ => Err(EvalError::no_overload()),
    }
}

fn size<'a>(value: &Val<'_>) -> Evaluated<'a> {
    value.len().map(|n| Val::Int(i64::try_from(n).unwrap_or(i64::MAX))).ok_or_else(EvalError::no_overload)
}

fn is_zero(value: &Val<'_>) -> bool {
    match value {
        Val::Null | Val::Bool(false) | Val::Int(0) | Val::Uint(0) | Val::Optional(None) => true,
        Val::Double(n) => *n == 0.0,
        Val::Duration(span) => span.is_zero(),
        other => other.len() == Some(0),
    }
}

fn optional<'a>(name: &str, inner: Option<&Arc<Val<'a>>>, rest: &[Val<'a>]) -> Evaluated<'a> {
    match (name, inner, rest) {
        ("hasValue", inner, []) => Ok(Val::Bool(inner.is_some())),
        ("value", Some(inner), []) | ("orValue", Some(inner), [_]) => Ok(Val::clone(inner)),
        ("value", None, []) => Err(EvalError::Invalid("optional.none() dereference".to_owned())),
        ("orValue", None, [other]) => Ok(other.clone()),
        ("or", Some(inner), [Val::Optional(_)]) => Ok(Val::Optional(Some(Arc::clone(inner)))),
        ("or", None, [other @ Val::Optional(_)]) => Ok(other.clone()),
        _ => Err(EvalError::no_overload()),
    }
}

fn regex<'a>(eval: &mut Eval<'a>, name: &str, args: &[Val<'a>], compiled: Option<&Regex>) -> Evaluated<'a> {
    let [text, pattern, rest @ ..] = args else { return Err(EvalError::no_overload()) };
    let (Some(text), Some(source)) = (text.text(), pattern.text()) else { return Err(EvalError::no_overload()) };
    // Linear in the text, by a factor that the pattern decides.
    eval.spend(1 + text.len() / 10 * (1 + source.len() / 40))?;
    let fresh;
    let regex = match compiled {
        Some(regex) => regex,
        None => {
            eval.spend(200 + source.len())?;
            let built = RegexBuilder::new(source).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).build();
            fresh = built.map_err(|_| EvalError::Invalid(format!("error parsing regexp: `{source}`")))?;
            &fresh
        }
    };
    match (name, rest) {
        ("matches", []) => Ok(Val::Bool(regex.is_match(text))),
        ("find", []) => eval.new_string(regex.find(text).map_or("", |m| m.as_str()).to_owned()),
        ("findAll", [] | [Val::Int(_)]) => {
            let limit = match rest {
                [Val::Int(n)] => usize::try_from(*n).unwrap_or(usize::MAX),
                _ => usize::MAX,
            };
            let mut found = Vec::new();
            for hit in regex.find_iter(text).take(limit) {
                found.push(eval.new_string(hit.as_str().to_owned())?);
                eval.allocate(32)?;
            }
            eval.new_list(found)
        }
        _ => Err(EvalError::no_overload()),
    }
}

/// `+ - * / %`
pub(crate) fn arithmetic<'a>(eval: &mut Eval<'a>, operator: &str, left: Val<'a>, right: Val<'a>) -> Evaluated<'a> {
    match (&left, &right) {
        (Val::Int(a), Val::Int(b)) => {
            let result = match operator {
                "+" => a.checked_add(*b),
                "-" => a.checked_sub(*b),
                "*" => a.checked_mul(*b),
                "/" if *b == 0 => return Err(EvalError::DivisionByZero),
                "%" if *b == 0 => return Err(EvalError::ModulusByZero),
                "/" => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(Val::Int).ok_or(EvalError::Overflow("integer"))
        }
        (Val::Uint(a), Val::Uint(b)) => {
            let result = match operator {
                "+" => a.checked_add(*b),
                "-" => a.checked_sub(*b),
                "*" => a.checked_mul(*b),
                "/" if *b == 0 => return Err(EvalError::DivisionByZero),
                "%" if *b == 0 => return Err(EvalError::ModulusByZero),
                "/" => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(Val::Uint).ok_or(EvalError::Overflow("unsigned integer"))
        }
        (Val::Double(a), Val::Double(b)) => Ok(Val::Double(match operator {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            _ => return Err(EvalError::no_overload()),
        })),
        (Val::Timestamp(_) | Val::Duration(_), Val::Timestamp(_) | Val::Duration(_)) => {
            time::arithmetic(operator, &left, &right)
        }
        _ if operator == "+" => join(eval, &left, &right),
        _ => Err(EvalError::no_overload()),
    }
}

/// `+` of strings, bytes and lists.
fn join<'a>(eval: &mut Eval<'a>, left: &Val<'a>, right: &Val<'a>) -> Evaluated<'a> {
    if let (Some(a), Some(b)) = (left.text(), right.text()) {
        eval.allocate(a.len() + b.len())?;
        return Ok(Val::string([a, b].concat()));
    }
    if let (Val::Bytes(a), Val::Bytes(b)) = (left, right) {
        eval.allocate(a.len() + b.len())?;
        return Ok(Val::Bytes([&a[..], &b[..]].concat().into()));
    }
    if !left.is_list() || !right.is_list() {
        return Err(EvalError::no_overload());
    }
    let len = left.len().unwrap_or(0) + right.len().unwrap_or(0);
    eval.allocate(len * size_of::<Val<'_>>())?;
    Ok(Val::list(left.items().chain(right.items()).collect()))
}

fn convert<'a>(eval: &mut Eval<'a>, to: &str, value: &Val<'a>) -> Evaluated<'a> {
    let range = |what: &'static str| EvalError::Overflow(what);
    let bad = |text: &str| {
        let cut: String = text.chars().take(60).collect();
        EvalError::Invalid(format!("type conversion error from '{cut}' to '{to}'"))
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranges are checked first")]
    Ok(match (to, value) {
        ("int", Val::Int(_))
        | ("uint", Val::Uint(_))
        | ("double", Val::Double(_))
        | ("bool", Val::Bool(_))
        | ("bytes", Val::Bytes(_))
        | ("timestamp", Val::Timestamp(_))
        | ("duration", Val::Duration(_)) => value.clone(),
        ("int", Val::Uint(n)) => Val::Int(i64::try_from(*n).map_err(|_| range("integer"))?),
        ("int", Val::Double(n)) if n.abs() < 9_223_372_036_854_775_808.0 => Val::Int(*n as i64),
        ("uint", Val::Double(n)) if *n > -1.0 && *n < 18_446_744_073_709_551_616.0 => Val::Uint(*n as u64),
        ("int" | "uint", Val::Double(_)) => return Err(range("integer")),
        ("int", Val::Timestamp(at)) => Val::Int(at.as_second()),
        ("int", Val::Duration(span)) => Val::Int(i64::try_from(span.as_nanos()).map_err(|_| range("integer"))?),
        ("uint", Val::Int(n)) => Val::Uint(u64::try_from(*n).map_err(|_| range("unsigned integer"))?),
        ("double", Val::Int(n)) => Val::Double(*n as f64),
        ("double", Val::Uint(n)) => Val::Double(*n as f64),
        ("timestamp", Val::Int(seconds)) => time::timestamp_of(*seconds)?,
        ("string", Val::Bool(b)) => Val::string(b.to_string()),
        ("string", Val::Int(n)) => Val::string(n.to_string()),
        ("string", Val::Uint(n)) => Val::string(n.to_string()),
        ("string", Val::Double(n)) => Val::string(strings::double(*n)),
        ("string", Val::Timestamp(at)) => Val::string(time::timestamp_text(*at)),
        ("string", Val::Duration(span)) => Val::string(time::duration_text(*span)),
        ("string", Val::Ip(ip)) => Val::string(ip.to_string()),
        ("string", Val::Cidr(ip, prefix)) => Val::string(format!("{ip}/{prefix}")),
        ("string", Val::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes);
            let text =
                text.map_err(|_| EvalError::Invalid("invalid UTF-8 in bytes, cannot convert to string".to_owned()))?;
            eval.new_string(text.to_owned())?
        }
        (_, value) => match (to, value.text()) {
            ("string", Some(_)) => value.clone(),
            ("int", Some(text)) => Val::Int(text.parse().map_err(|_| bad(text))?),
            ("uint", Some(text)) => Val::Uint(text.parse().map_err(|_| bad(text))?),
            ("double", Some(text)) => Val::Double(text.parse().map_err(|_| bad(text))?),
            ("bool", Some("true" | "TRUE" | "True" | "t" | "1")) => Val::Bool(true),
            ("bool", Some("false" | "FALSE" | "False" | "f" | "0")) => Val::Bool(false),
            ("bool", Some(text)) => return Err(bad(text)),
            ("bytes", Some(text)) => {
                eval.allocate(text.len())?;
                Val::Bytes(text.as_bytes().into())
            }
            ("timestamp", Some(text)) => Val::Timestamp(time::parse_timestamp(text).ok_or_else(|| bad(text))?),
            ("duration", Some(text)) => Val::Duration(time::parse_duration(text).ok_or_else(|| bad(text))?),
            _ => return Err(EvalError::no_overload()),
        },
    })
}
