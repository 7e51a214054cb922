//! Paths of replacements and variables: dots, brackets, `[field=value]`, `*`, indices; and the walk along them.

use sluice_yaml::{Map, Value};

use crate::fieldspec::split;
use crate::scalar::{node_text, plain};
use crate::selector::Expression;

/// What is made at the end of a path.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Scalar,
    Map,
    List,
}

/// Splits a path at dots; what stands in brackets stays together, `[a.b=c]` as it is, `[a.b]` without them.
pub(crate) fn split_smart(path: &str) -> Vec<String> {
    let mut result = Vec::new();
    let mut parts = split(path, '.').into_iter();
    while let Some(part) = parts.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            result.push(part);
            continue;
        }
        let mut whole = part;
        for next in parts.by_ref() {
            whole.push('.');
            whole.push_str(&next);
            if whole.ends_with(']') {
                break;
            }
        }
        result.push(if whole.contains('=') { whole } else { whole.trim_matches(['[', ']']).to_owned() });
    }
    result
}

fn index_of(part: &str) -> Option<usize> {
    part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

/// `[field=value]` taken apart.
fn condition(part: &str) -> Option<Result<(&str, &str), String>> {
    let inner = part.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.split_once('=').ok_or_else(|| format!("`{part}` must be `[field=value]`")))
}

/// The value at a path without wildcards.
pub(crate) fn look_up<'a>(mut value: &'a Value, path: &[String]) -> Result<Option<&'a Value>, String> {
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let next = if let Some(index) = index_of(part) {
            list(value)?.and_then(|list| list.get(index))
        } else if part == "-" {
            list(value)?.and_then(<[Value]>::last)
        } else if part == "*" {
            return Err("a wildcard cannot be used here".to_owned());
        } else if let Some(condition) = condition(part) {
            let (field, want) = condition?;
            let fits = |element: &&Value| match field {
                "" => node_text(element) == want,
                field => element.get(field).is_some_and(|value| node_text(value) == want),
            };
            list(value)?.and_then(|list| list.iter().find(fits))
        } else {
            match value {
                Value::Object(map) => map.get(part),
                Value::Null => None,
                _ => return Err(format!("expected a map to find `{part}` in, found a list or a scalar")),
            }
        };
        match next {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

fn list(value: &Value) -> Result<Option<&[Value]>, String> {
    match value {
        Value::Array(list) => Ok(Some(list)),
        Value::Null => Ok(None),
        _ => Err("expected a list, found a map or a scalar".to_owned()),
    }
}

/// What happens to each field that a path leads to; the flag says whether it was just made.
pub(crate) type OnField<'a> = &'a mut dyn FnMut(&mut Value, bool) -> Result<(), String>;

/// Calls `set` on all fields that `path` leads to, and counts them. With `create` missing ones are made.
pub(crate) fn visit(
    value: &mut Value,
    path: &[String],
    create: Option<Shape>,
    set: OnField<'_>,
) -> Result<usize, String> {
    walk(value, path, create, false, set)
}

/// A new value for what `next` leads into.
fn empty(next: Option<&String>, create: Shape) -> Value {
    match next {
        Some(part) if condition(part).is_some() || index_of(part).is_some() => Value::Array(Vec::new()),
        Some(_) => Value::Object(Map::new()),
        None => match create {
            Shape::Scalar => Value::Null,
            Shape::Map => Value::Object(Map::new()),
            Shape::List => Value::Array(Vec::new()),
        },
    }
}

fn walk(
    value: &mut Value,
    path: &[String],
    create: Option<Shape>,
    fresh: bool,
    set: OnField<'_>,
) -> Result<usize, String> {
    let Some((part, rest)) = path.split_first() else {
        set(value, fresh)?;
        return Ok(1);
    };
    if let Some(index) = index_of(part) {
        let Some(list) = list_mut(value, create)? else { return Err(too_short(index, 0)) };
        let mut fresh = false;
        if let (true, Some(create)) = (list.len() == index, create) {
            list.push(empty(rest.first(), create));
            fresh = true;
        }
        let length = list.len();
        let element = list.get_mut(index).ok_or_else(|| too_short(index, length))?;
        return walk(element, rest, create, fresh, set);
    }
    if let Some(condition) = condition(part) {
        return walk_matching(value, condition?, rest, create, set);
    }
    if part == "*" {
        let mut count = 0;
        for element in list_mut(value, None)?.into_iter().flatten() {
            count += walk(element, rest, create, false, set)?;
        }
        return Ok(count);
    }
    if let (Value::Null, Some(_)) = (&*value, create) {
        *value = Value::Object(Map::new());
    }
    let map = match value {
        Value::Object(map) => map,
        Value::Null => return Ok(0),
        _ => return Err(format!("expected a map to find `{part}` in, found a list or a scalar")),
    };
    let mut fresh = false;
    if let (false, Some(create)) = (map.contains_key(part), create) {
        map.insert(part.clone(), empty(rest.first(), create));
        fresh = true;
    }
    match map.get_mut(part) {
        None => Ok(0),
        Some(Value::String(_) | Value::Number(_) | Value::Bool(_)) if !rest.is_empty() => Ok(0),
        Some(field) => walk(field, rest, create, fresh, set),
    }
}

fn too_short(index: usize, length: usize) -> String {
    format!("index {index} specified but only {length} elements found")
}

fn list_mut(value: &mut Value, create: Option<Shape>) -> Result<Option<&mut Vec<Value>>, String> {
    if let (Value::Null, Some(_)) = (&*value, create) {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(list) => Ok(Some(list)),
        Value::Null => Ok(None),
        _ => Err("expected a list, found a map or a scalar".to_owned()),
    }
}

/// The elements whose field matches an expression; one is made when none does.
fn walk_matching(
    value: &mut Value,
    (field, pattern): (&str, &str),
    rest: &[String],
    create: Option<Shape>,
    set: OnField<'_>,
) -> Result<usize, String> {
    let regex = Expression::new(pattern)?;
    let Some(list) = list_mut(value, create)? else { return Ok(0) };
    let mut count = 0;
    let mut try_all = |list: &mut [Value], set: OnField<'_>| -> Result<(), String> {
        for element in list {
            if field.is_empty() {
                if regex.is_match(node_text(element).trim()) {
                    set(element, false)?;
                    count += 1;
                }
                continue;
            }
            let fits = element.get(field).is_some_and(|value| regex.is_match(node_text(value).trim()));
            if fits {
                count += walk(element, rest, create, false, set)?;
            }
        }
        Ok(())
    };
    try_all(list, set)?;
    if count > 0 || create.is_none() {
        return Ok(count);
    }
    let mut element = plain(pattern);
    if !field.is_empty() {
        element = Value::Object(Map::from_iter([(field.to_owned(), element)]));
    }
    list.push(element);
    let last = list.len() - 1;
    if field.is_empty() {
        set(&mut list[last], false)?;
        return Ok(1);
    }
    walk(&mut list[last], rest, create, false, set)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_keep_dots_together() {
        assert_eq!(split_smart("metadata.annotations.[a.b/c]"), ["metadata", "annotations", "a.b/c"]);
        assert_eq!(split_smart("spec.[name=a.b].x"), ["spec", "[name=a.b]", "x"]);
        assert_eq!(split_smart(r"data.a\.b"), ["data", "a.b"]);
    }

    #[test]
    fn missing_elements_are_made() {
        let mut object = json!({"spec": {}});
        let path = split_smart("spec.containers.[name=a].image");
        let count = visit(&mut object, &path, Some(Shape::Scalar), &mut |target, fresh| {
            assert!(fresh);
            *target = json!("i");
            Ok(())
        });
        assert_eq!(count, Ok(1));
        assert_eq!(object, json!({"spec": {"containers": [{"name": "a", "image": "i"}]}}));
    }

    proptest::proptest! {
        /// What a path made is what it finds again, and no path panics. A `-` is left out: it finds the last of a list and
        /// makes a field of a map; and so is a
        /// condition at the end, whose element becomes the text.
        #[test]
        fn what_is_made_is_found(
            path in r"([a-z]{1,3}|[0-3]|\[[a-z]=[a-z]\]|\[a\.b\])(\.([a-z]{1,3}|[0-3]|\[[a-z]=[a-z]\]|\[a\.b\])){0,4}",
            any in r"\PC{0,40}",
        ) {
            let path = split_smart(&path);
            let mut object = Value::Null;
            let made = visit(&mut object, &path, Some(Shape::Scalar), &mut |target, _| {
                *target = json!("made");
                Ok(())
            });
            if made == Ok(1) && !path.last().is_some_and(|part| part.starts_with('[')) {
                assert_eq!(look_up(&object, &path), Ok(Some(&json!("made"))), "{path:?} of {object}");
            }
            let any = split_smart(&any);
            let _ = look_up(&object, &any);
            let _ = visit(&mut object, &any, Some(Shape::Map), &mut |_, _| Ok(()));
        }
    }
}
