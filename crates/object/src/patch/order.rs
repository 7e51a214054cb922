//! Lists whose items are known by a key: finding items, and the order that a patch asks for.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// What an item is known by: the value of its merge key, or itself in a list of scalars (`merge_key` empty). As text, so
/// that it can be hashed; `1` and `"1"` differ.
pub(super) fn key_of(item: &Value, merge_key: &str) -> Option<String> {
    if merge_key.is_empty() { Some(item.to_string()) } else { item.get(merge_key).map(Value::to_string) }
}

/// The first place of every key.
pub(super) fn places(items: &[Value], merge_key: &str) -> HashMap<String, usize> {
    let mut places = HashMap::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        if let Some(key) = key_of(item, merge_key) {
            places.entry(key).or_insert(at);
        }
    }
    places
}

/// Orders merged items: those that `wanted` names stand in its order; the others keep theirs and are put in between
/// where the list had them before.
pub(super) fn arrange(merged: Vec<Value>, wanted: &[Value], before: &[Value], merge_key: &str) -> Vec<Value> {
    let wanted = places(wanted, merge_key);
    let before = places(before, merge_key);
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for item in merged {
        let key = key_of(&item, merge_key).unwrap_or_default();
        let at = before.get(&key).copied();
        match wanted.get(&key) {
            Some(place) => named.push((*place, at, item)),
            None => others.push((at, item)),
        }
    }
    named.sort_by_key(|(place, _, _)| *place);
    others.sort_by_key(|(at, _)| *at);

    let mut result = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (_, at, item) in named {
        // An item that is new has no place in between: it does not let others pass.
        while let (Some(at), Some((Some(other), _))) = (at, others.peek())
            && *other < at
        {
            result.extend(others.next().map(|(_, item)| item));
        }
        result.push(item);
    }
    result.extend(others.map(|(_, item)| item));
    result
}

/// A list without the items that stand in it before.
pub(super) fn without_repeats(items: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(item.to_string())).collect()
}
