//! Scalars as text, and text as scalars: kustomize works on YAML nodes, where a number is its digits.

use std::borrow::Cow;

use serde_json::Number;
use sluice_yaml::{Dialect, Value, parse};

/// The text of a scalar; `None` for a map, a list or null.
pub(crate) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number_text(number))),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As [`text`]; maps, lists and null have the empty text, as in a YAML node.
pub(crate) fn node_text(value: &Value) -> Cow<'_, str> {
    text(value).unwrap_or(Cow::Borrowed(""))
}

/// Whether an object has the name that everything goes by.
pub(crate) fn is_named(object: &Value) -> bool {
    object.pointer("/metadata/name").and_then(text).is_some_and(|name| !name.is_empty())
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => go_float(float),
        _ => number.to_string(),
    }
}

/// A float as Go's shortest `%g` has it.
fn go_float(float: f64) -> String {
    let text = format!("{float:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) || float == 0.0 {
        return float.to_string();
    }
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// What `text` is as a plain scalar.
pub(crate) fn plain(text: &str) -> Value {
    let first = text.as_bytes().first().copied().unwrap_or(b' ');
    let special = first.is_ascii_digit() || b"+-.~".contains(&first) || b"tTfFnN".contains(&first) || text.is_empty();
    if special
        && text.trim() == text
        && !text.contains(['#', ':', '\n', '\t', ' '])
        && text != "-"
        && !text.starts_with("...")
        && !text.starts_with("---")
        && let Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) = parse(text, Dialect::V3)
    {
        return value;
    }
    Value::String(text.to_owned())
}

/// The time that a plain scalar would stand for, as it is printed.
pub(crate) fn time(text: &str) -> Option<String> {
    if text.len() < 8 || text.as_bytes()[4] != b'-' || text.contains(['\n', '#']) {
        return None;
    }
    match parse(&format!("!!timestamp {text}"), Dialect::V3) {
        Ok(Value::String(printed)) => Some(printed),
        _ => None,
    }
}

/// Gives `target` a new text and keeps its type, as when the value of a YAML node changes and its tag stays.
pub(crate) fn set_text(target: &mut Value, new: String) -> Result<(), String> {
    let value = match target {
        Value::Number(_) | Value::Bool(_) | Value::Null => {
            let value = plain(&new);
            let same = match (&*target, &value) {
                (Value::Number(old), Value::Number(new)) => old.is_f64() || !new.is_f64(),
                (Value::Bool(_), Value::Bool(_)) | (Value::Null, Value::Null) => true,
                _ => false,
            };
            if !same {
                return Err(format!("cannot put `{new}` where {target} is; change the type of the field first"));
            }
            value
        }
        Value::String(_) | Value::Array(_) | Value::Object(_) => Value::String(new),
    };
    *target = value;
    Ok(())
}

/// Whether a string would be read as something else without quotes.
pub(crate) fn needs_quotes(text: &str) -> bool {
    !matches!(plain(text), Value::String(_))
}

/// kustomize prints through JSON read as YAML, where U+0085 is the end of a line inside of quotes: one becomes a space,
/// more of them one line end fewer, and spaces around them go.
pub(crate) fn fold_next_lines(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(fold_next_lines),
        Value::Array(list) => list.iter_mut().for_each(fold_next_lines),
        Value::String(text) if text.contains('\u{85}') => *text = folded(text),
        _ => {}
    }
}

fn folded(text: &str) -> String {
    let is_gap = |c: char| c == ' ' || c == '\u{85}';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\u{85}') {
        out.push_str(rest[..start].trim_end_matches(' '));
        let end = rest[start..].find(|c| !is_gap(c)).map_or(rest.len(), |length| start + length);
        let breaks = rest[start..end].matches('\u{85}').count();
        out.push_str(if breaks == 1 { " " } else { "" });
        out.extend(std::iter::repeat_n('\n', breaks - 1));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_line_characters_fold() {
        assert_eq!(folded("a \u{85} b"), "a b");
        assert_eq!(folded("a\u{85}\u{85}b"), "a\nb");
        assert_eq!(folded("x\n\u{85}y"), "x\n y");
    }

    #[test]
    fn a_plain_scalar_is_what_yaml_makes_of_it() {
        assert_eq!(plain("017"), Value::from(15));
        assert_eq!(plain("true"), Value::Bool(true));
        assert_eq!(plain("yes"), Value::from("yes"));
        assert_eq!(plain("a: b"), Value::from("a: b"));
        assert_eq!(plain("~"), Value::Null);
    }

    #[test]
    fn a_number_stays_a_number() {
        let mut value = Value::from(80);
        set_text(&mut value, "9090".to_owned()).unwrap();
        assert_eq!(value, Value::from(9090));
        assert!(set_text(&mut value, "http".to_owned()).is_err());
    }
}
