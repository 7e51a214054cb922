//! Changes a field inside of the JSON or YAML text that a string holds.

use sluice_yaml::{Dialect, Value, locate};

use crate::fieldpath::{OnField, Shape, visit};
use crate::hash::{json_number, json_string};
use crate::scalar::node_text;

/// The text with the fields at `path` changed; `None` when it is no map or list, or has no such field.
pub(crate) fn edit(source: &str, path: &[String], create: Option<Shape>, set: OnField<'_>) -> Option<String> {
    let mut value = sluice_yaml::parse(source, Dialect::V3).ok()?;
    if !matches!(value, Value::Object(_) | Value::Array(_)) {
        return None;
    }
    let before = value.clone();
    if visit(&mut value, path, create, set).ok()? == 0 {
        return None;
    }
    let trimmed = source.trim();
    if trimmed.starts_with(['{', '[']) {
        let pretty = source.contains('\n') && source.contains("  ");
        let mut out = String::new();
        write_json(&value, pretty.then_some(0), &mut out);
        return Some(out);
    }
    // As it is written, but for what changes.
    // Where an anchor's text changes, its aliases do as well.
    let shares = source.contains('&') && source.contains('*');
    let reads = |text: &str| sluice_yaml::parse(text, Dialect::V3).is_ok_and(|now| shares || now == value);
    let rewritten = sluice_yaml::rewrite(source, &before, &value).filter(|new| reads(new));
    Some(match rewritten {
        Some(new) => new.trim().to_owned(),
        None => sluice_yaml::emit(&value).ok()?.trim().to_owned(),
    })
}

/// How long the plain scalar is that a text begins with. In a flow it ends sooner than the line; the text it is known
/// to have, or else the first delimiter, says where.
fn plain_length(rest: &str, known: &str) -> Option<usize> {
    let line = rest.lines().next()?;
    let stop = line.find(" #").unwrap_or(line.len());
    let text = line[..stop].trim_end();
    if known == text {
        return Some(text.len());
    }
    let end = text.find([',', '}', ']']).unwrap_or(text.len());
    Some(text[..end].trim_end().len())
}

/// How a number or date is written, if it still stands in the text that its object was read from.
pub(crate) fn written(source: &str, object: &Value, path: &[String], value: &Value) -> Option<String> {
    let steps = concrete(object, path)?;
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let rest = &source[value_start(source, &steps)?..];
    let written = &rest[..plain_length(rest, "")?];
    let reads =
        matches!(value, Value::Number(_) | Value::String(_)) && !rest.starts_with(['"', '\'', '|', '>', '&', '!', '*']);
    (reads && sluice_yaml::parse(written, Dialect::V3).is_ok_and(|now| now == *value)).then(|| written.to_owned())
}

/// Where the value at a path begins in a YAML text.
fn value_start(source: &str, path: &[&str]) -> Option<usize> {
    let mark = locate(source, 0, path)?;
    let line_start: usize = source.split_inclusive('\n').take(mark.line as usize - 1).map(str::len).sum();
    let found = line_start + source[line_start..].char_indices().nth(mark.column as usize - 1)?.0;
    // A map's entry is found at its key, a list's element at itself.
    Some(found + after_key(&source[found..], path.last()?).unwrap_or(0))
}

/// A scalar's text as it is written at a path of an object's source, where that is known; nothing for maps and lists.
pub(crate) fn scalar_text(source: &str, path: &[String], value: &Value) -> String {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let read = |written: &str| sluice_yaml::parse(written, Dialect::V3).is_ok_and(|now| now == *value);
    let written = || {
        let rest = &source[value_start(source, &steps)?..];
        let written = &rest[..plain_length(rest, "")?];
        (!rest.starts_with(['"', '\'', '|', '>', '&', '!', '*']) && read(written)).then(|| written.to_owned())
    };
    match value {
        Value::Null if source.is_empty() => "null".to_owned(),
        Value::Null => null_text(source.as_bytes(), path).to_owned(),
        Value::Array(_) | Value::Object(_) => String::new(),
        Value::Number(_) | Value::String(_) | Value::Bool(_) => {
            written().unwrap_or_else(|| node_text(value).into_owned())
        }
    }
}

/// Whether a text may be what is left of a date that was written without quotes.
pub(crate) fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[..4].iter().all(u8::is_ascii_digit)
}

/// How a null is written: `null`, `~` or nothing at all.
pub(crate) fn null_text<'s>(source: &'s [u8], path: &[String]) -> &'s str {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let found = std::str::from_utf8(source).ok().and_then(|source| {
        let rest = &source[value_start(source, &path)?..];
        ["null", "Null", "NULL", "~"].into_iter().find(|word| rest.starts_with(word)).map(|word| &rest[..word.len()])
    });
    found.unwrap_or("")
}

/// Whether nothing is written for the value at a path, which stands in brackets.
pub(crate) fn is_bare(source: &str, path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    value_start(source, &path).is_some_and(|at| {
        let rest = source[at..].trim_start();
        let key = path.last().map_or("", |key| key);
        let rest = after_empty_key(rest, key).unwrap_or(rest);
        rest.starts_with([',', '}', ']'])
    })
}

/// What follows `key:`.
fn after_empty_key<'s>(text: &'s str, key: &str) -> Option<&'s str> {
    let bare = text.trim_start_matches(['"', '\'']);
    let rest = bare.strip_prefix(key)?.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?;
    Some(rest.trim_start())
}

/// Whether the text at a path is written in quotes, or as a block.
pub(crate) fn is_quoted(source: &str, path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    value_start(source, &path).is_some_and(|at| source[at..].starts_with(['"', '\'', '|', '>']))
}

/// Where the value begins in a text that begins with `key:`, if it does on that line.
fn after_key(text: &str, key: &str) -> Option<usize> {
    let bare = text.trim_start_matches(['"', '\'']);
    let rest = bare.strip_prefix(key)?.trim_start_matches(['"', '\'']).trim_start_matches(' ').strip_prefix(':')?;
    let value = rest.trim_start_matches(' ');
    (!value.starts_with('\n') && !value.is_empty()).then(|| text.len() - value.len())
}

/// The path with conditions turned into indices; `None` with wildcards.
fn concrete(value: &Value, path: &[String]) -> Option<Vec<String>> {
    let mut steps = Vec::with_capacity(path.len());
    let mut at = value;
    for part in path {
        if let Some((field, want)) = part.strip_prefix('[').and_then(|part| part.strip_suffix(']')?.split_once('=')) {
            let list = at.as_array()?;
            let index = list.iter().position(|element| match field {
                "" => node_text(element) == want,
                field => element.get(field).is_some_and(|value| node_text(value) == want),
            })?;
            steps.push(index.to_string());
            at = &list[index];
        } else {
            at = match at {
                Value::Object(map) => map.get(part)?,
                Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
            steps.push(part.clone());
        }
    }
    Some(steps)
}

/// JSON as Go writes it, indented by two when asked.
fn write_json(value: &Value, indent: Option<usize>, out: &mut String) {
    let line = |out: &mut String, depth: usize| {
        if indent.is_some() {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
    };
    let depth = indent.unwrap_or(0) + 1;
    let inner = indent.map(|indent| indent + 1);
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                line(out, depth);
                out.push_str(&json_string(key));
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write_json(value, inner, out);
            }
            line(out, depth - 1);
            out.push('}');
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('[');
            for (index, value) in list.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                line(out, depth);
                write_json(value, inner, out);
            }
            line(out, depth - 1);
            out.push(']');
        }
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) => out.push_str(&json_string(text)),
        Value::Null => out.push_str("null"),
        Value::Number(number) => out.push_str(&json_number(number)),
        Value::Bool(_) => out.push_str(&node_text(value)),
    }
}
