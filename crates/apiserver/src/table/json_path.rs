//! The part of JSONPath that printer columns use: fields, indices, wildcards and equality filters.

use serde_json::Value;

/// The first value at `path`; `None` when there is none or the path is not understood.
pub fn first<'a>(path: &str, object: &'a Value) -> Option<&'a Value> {
    let mut rest = path.trim().trim_start_matches('{').trim_end_matches('}');
    let mut found = vec![object];
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let (name, left) = field(after);
            rest = left;
            if name.is_empty() {
                continue;
            }
            found = if name == "*" { found.into_iter().flat_map(children).collect() } else { named(found, &name) };
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = closing(after)?;
            found = bracket(&after[..end], found)?;
            rest = &after[end + 1..];
        } else {
            let (name, left) = field(rest);
            found = named(found, &name);
            rest = left;
        }
    }
    found.into_iter().next()
}

fn named<'a>(found: Vec<&'a Value>, name: &str) -> Vec<&'a Value> {
    found.into_iter().filter_map(|value| value.get(name)).collect()
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

/// A name up to the next dot or bracket; a backslash escapes.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (name, &text[at..]),
            c => name.push(c),
        }
    }
    (name, "")
}

/// Where the bracket closes, quotes and nested brackets aside.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('[', None) => depth += 1,
            (']', None) if depth == 0 => return Some(at),
            (']', None) => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket<'a>(text: &str, found: Vec<&'a Value>) -> Option<Vec<&'a Value>> {
    let text = text.trim();
    if text == "*" {
        return Some(found.into_iter().flat_map(children).collect());
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        let (left, equal, right) = match (filter.split_once("=="), filter.split_once("!=")) {
            (Some((left, right)), _) => (left, true, right),
            (None, Some((left, right))) => (left, false, right),
            (None, None) => (filter, false, "null"),
        };
        let left = left.trim().strip_prefix('@')?;
        let right = right.trim();
        let wanted: Value = match right.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
            Some(text) => text.into(),
            None => serde_json::from_str(right).ok()?,
        };
        let keeps = |value: &&Value| {
            first_of_item(left, value) == equal.then_some(&wanted) || {
                !equal && first_of_item(left, value).is_some_and(|v| *v != wanted)
            }
        };
        return Some(found.into_iter().flat_map(children).filter(keeps).collect());
    }
    if let Some(name) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        return Some(named(found, name));
    }
    let index: i64 = text.parse().ok()?;
    let at = |value: &'a Value| {
        let list = value.as_array()?;
        let index = if index < 0 { index + list.len() as i64 } else { index };
        list.get(usize::try_from(index).ok()?)
    };
    Some(found.into_iter().filter_map(at).collect())
}

/// Filters are not nested.
fn first_of_item<'a>(path: &str, value: &'a Value) -> Option<&'a Value> {
    let mut at = value;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        at = at.get(part)?;
    }
    Some(at)
}
