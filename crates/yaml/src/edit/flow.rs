//! Collections in brackets.

use serde_json::Value;

use super::rewrite::RewriteError;
use super::scalar::quoted;
use super::{Content, Node, Quotes};

/// A value in brackets, or a scalar, on one line.
pub(super) fn of(value: &Value) -> Result<String, RewriteError> {
    Ok(match value {
        Value::String(text) => quoted(text, Quotes::None, true),
        Value::Array(list) => {
            let items: Result<Vec<_>, _> = list.iter().map(of).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Object(map) => {
            let entry =
                |(key, value): (&String, &Value)| Ok(format!("{}: {}", quoted(key, Quotes::None, true), of(value)?));
            let entries: Result<Vec<_>, RewriteError> = map.iter().map(entry).collect();
            format!("{{{}}}", entries?.join(", "))
        }
        other => other.to_string(),
    })
}

/// The text of a bracketed node that says `old`, changed to say `new`: what stays is written as it was.
pub(super) fn rebuilt(text: &str, node: &Node, old: &Value, new: &Value) -> Result<String, RewriteError> {
    let written = &text[node.range.clone()];
    if written.contains('#') && written.contains('\n') {
        // A comment may be in there, and would be lost.
        return appended(text, node, old, new).ok_or(RewriteError::Entangled);
    }
    match (&node.content, old, new) {
        (Content::List(items, true), Value::Array(was), Value::Array(now)) if items.len() == was.len() => {
            let mut rest = items.iter().zip(was);
            let mut parts = Vec::with_capacity(now.len());
            for value in now {
                let mut ahead = rest.clone();
                match ahead.find(|(_, was)| *was == value) {
                    Some((item, _)) if !item.is_absent() => {
                        parts.push(text[item.range.clone()].to_owned());
                        rest = ahead;
                    }
                    _ => parts.push(of(value)?),
                }
            }
            Ok(format!("[{}]", parts.join(", ")))
        }
        (Content::Map(entries, true), Value::Object(was), Value::Object(now)) => {
            let mut parts = Vec::with_capacity(now.len());
            for entry in entries {
                let key = entry.key.text().unwrap_or_default();
                let Some(value) = now.get(key) else { continue };
                if was.get(key) == Some(value) {
                    parts.push(text[entry.key.range.start..entry.value.range.end.max(entry.key.range.end)].to_owned());
                } else {
                    parts.push(format!("{}: {}", &text[entry.key.range.clone()], of(value)?));
                }
            }
            for (key, value) in now.iter().filter(|(key, _)| !was.contains_key(*key)) {
                parts.push(format!("{}: {}", quoted(key, Quotes::None, true), of(value)?));
            }
            Ok(format!("{{{}}}", parts.join(", ")))
        }
        _ => of(new),
    }
}

/// A list that only grows at its end keeps everything, comments too.
fn appended(text: &str, node: &Node, old: &Value, new: &Value) -> Option<String> {
    let (Content::List(items, true), Value::Array(was), Value::Array(now)) = (&node.content, old, new) else {
        return None;
    };
    let last = items.last()?.range.end;
    let added: Result<Vec<_>, _> = now.strip_prefix(was.as_slice())?.iter().map(of).collect();
    let added = added.ok()?.join(", ");
    Some(format!("{}, {added}{}", &text[node.range.start..last], &text[last..node.range.end]))
}
