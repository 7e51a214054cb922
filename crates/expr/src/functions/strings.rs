//! Methods of strings. Positions count characters, as in cel-go.

use crate::error::EvalError;
use crate::eval::{Eval, Evaluated};
use crate::functions::format;
use crate::value::Val;

pub(super) fn method<'a>(eval: &mut Eval<'a>, name: &str, args: &[Val<'a>]) -> Evaluated<'a> {
    let Some((text, rest)) = args.split_first().and_then(|(first, rest)| Some((first.text()?, rest))) else {
        return Err(EvalError::no_overload());
    };
    let strings: Vec<Option<&str>> = rest.iter().map(Val::text).collect();
    match (name, strings.as_slice(), rest) {
        ("contains", [Some(part)], _) => {
            // Two-way search is linear in both.
            Ok(Val::Bool(text.contains(part)))
        }
        ("startsWith", [Some(part)], _) => Ok(Val::Bool(text.starts_with(part))),
        ("endsWith", [Some(part)], _) => Ok(Val::Bool(text.ends_with(part))),
        ("charAt", _, [Val::Int(at)]) => char_at(text, *at),
        ("indexOf" | "lastIndexOf", [Some(part), ..], [_]) => position(text, part, name == "lastIndexOf", None),
        ("indexOf" | "lastIndexOf", [Some(part), ..], [_, Val::Int(from)]) => {
            position(text, part, name == "lastIndexOf", Some(*from))
        }
        ("lowerAscii", [], _) => eval.new_string(text.to_ascii_lowercase()),
        ("upperAscii", [], _) => eval.new_string(text.to_ascii_uppercase()),
        ("trim", [], _) => eval.new_string(text.trim().to_owned()),
        ("reverse", [], _) => eval.new_string(text.chars().rev().collect()),
        ("replace", [Some(from), Some(to), ..], [_, _]) => replace(eval, text, from, to, -1),
        ("replace", [Some(from), Some(to), ..], [_, _, Val::Int(n)]) => replace(eval, text, from, to, *n),
        ("split", [Some(by), ..], [_]) => split(eval, text, by, -1),
        ("split", [Some(by), ..], [_, Val::Int(n)]) => split(eval, text, by, *n),
        ("substring", _, [Val::Int(from)]) => substring(eval, text, *from, None),
        ("substring", _, [Val::Int(from), Val::Int(to)]) => substring(eval, text, *from, Some(*to)),
        ("format", _, [list]) if list.is_list() => format::format(eval, text, list),
        _ => Err(EvalError::no_overload()),
    }
}

fn out_of_range<'a>(at: i64) -> Evaluated<'a> {
    Err(EvalError::Invalid(format!("index out of range: {at}")))
}

fn char_at<'a>(text: &str, at: i64) -> Evaluated<'a> {
    let len = text.chars().count();
    match usize::try_from(at) {
        Ok(i) if i == len => Ok(Val::Text("")),
        Ok(i) if i < len => Ok(Val::string(text.chars().nth(i).map(String::from).unwrap_or_default())),
        _ => out_of_range(at),
    }
}

fn position<'a>(text: &str, part: &str, last: bool, from: Option<i64>) -> Evaluated<'a> {
    let chars = text.chars().count();
    let byte = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(i, _)| i);
    let found = match from {
        Some(at) => {
            let Some(at) = usize::try_from(at).ok().filter(|at| *at <= chars) else { return out_of_range(at) };
            if last {
                // The match may begin at `at` and reach beyond it.
                let end = byte(at.saturating_add(part.chars().count()).min(chars));
                text[..end].rfind(part)
            } else {
                let start = byte(at);
                text[start..].find(part).map(|i| start + i)
            }
        }
        None if last => text.rfind(part),
        None => text.find(part),
    };
    Ok(Val::Int(found.map_or(-1, |i| text[..i].chars().count() as i64)))
}

fn replace<'a>(eval: &mut Eval<'a>, text: &str, from: &str, to: &str, count: i64) -> Evaluated<'a> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let hits = text.matches(from).take(count).count();
    eval.allocate(text.len().saturating_add(hits.saturating_mul(to.len())))?;
    Ok(Val::string(text.replacen(from, to, count)))
}

fn split<'a>(eval: &mut Eval<'a>, text: &str, by: &str, count: i64) -> Evaluated<'a> {
    if count == 0 {
        return Ok(Val::list(Vec::new()));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let mut push = |part: &str| -> Result<(), EvalError> {
        eval.allocate(part.len() + 2 * size_of::<Val<'_>>())?;
        out.push(Val::string(part));
        Ok(())
    };
    if by.is_empty() {
        // Character by character, the last part is what is left.
        let last = text.char_indices().nth(count - 1).map_or(text.len(), |(i, _)| i);
        for c in text[..last].chars() {
            push(c.encode_utf8(&mut [0; 4]))?;
        }
        if last < text.len() {
            push(&text[last..])?;
        }
        return Ok(Val::list(out));
    }
    for part in text.splitn(count, by) {
        push(part)?;
    }
    Ok(Val::list(out))
}

fn substring<'a>(eval: &mut Eval<'a>, text: &str, from: i64, to: Option<i64>) -> Evaluated<'a> {
    let len = text.chars().count() as i64;
    let to = to.unwrap_or(len);
    if from < 0 || from > len {
        return out_of_range(from);
    }
    if to < 0 || to > len {
        return out_of_range(to);
    }
    if from > to {
        return Err(EvalError::Invalid(format!("invalid substring range. start: {from}, end: {to}")));
    }
    let part = text.chars().skip(from as usize).take((to - from) as usize).collect();
    eval.new_string(part)
}

/// Text in double quotes with Go's escapes.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A double as Go prints it by default: shortest digits, an exponent below -4 and from 6.
pub(super) fn double(n: f64) -> String {
    if n.is_nan() {
        return "NaN".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{n:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{n}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
