//! What `kubectl apply` computes on the client: a patch from the last applied, the wanted and the live object.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::order::{key_of, places};
use super::strategic::{DELETE_ITEMS, ELEMENT_ORDER, PATCH, RETAIN_KEYS};
use super::{PatchError, check_depth};
use crate::schema::Node;

/// What becomes of fields that somebody else has changed since the last apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflicts {
    /// They are set to what is wanted.
    Overwrite,
    /// They are an error.
    Refuse,
}

/// The strategic merge patch that brings `current` to `modified`, and takes away what `original` (the last applied) had
/// and `modified` has no more. With a schema that knows nothing it is a JSON merge patch.
///
/// # Errors
/// [`PatchError::Conflict`] when conflicts are refused and there are any; [`PatchError::Malformed`] when one of the three
/// is no map; [`PatchError::Unfit`] when an item lacks its merge key.
pub fn three_way(
    original: &Value,
    modified: &Value,
    current: &Value,
    node: Node<'_>,
    conflicts: Conflicts,
) -> Result<Value, PatchError> {
    let none = Map::new();
    let fields = |value: &'_ Value| -> Result<Fields, PatchError> {
        check_depth(value)?;
        match value {
            Value::Null => Ok(none.clone()),
            Value::Object(fields) => Ok(fields.clone()),
            _ => Err(PatchError::Malformed("invalid JSON document".to_owned())),
        }
    };
    let (original, modified, current) = (fields(original)?, fields(modified)?, fields(current)?);
    let delta = diff_maps(&current, &modified, Some(node), Wanted::Changes)?;
    let deletions = diff_maps(&original, &modified, Some(node), Wanted::Deletions)?;
    let patch = join(deletions, delta, Some(node));
    if conflicts == Conflicts::Refuse {
        let changed = diff_maps(&original, &current, Some(node), Wanted::All)?;
        if disagree(&patch, &changed, Some(node)) {
            let (patch, changed) = (Value::Object(patch), Value::Object(changed));
            return Err(PatchError::Conflict(format!(
                "patch:\n{patch}\nconflicts with changes made from original to current:\n{changed}\n"
            )));
        }
    }
    Ok(Value::Object(patch))
}

type Fields = Map<String, Value>;

/// What of a difference goes into the patch.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    All,
    /// Changes and additions.
    Changes,
    Deletions,
}

impl Wanted {
    fn changes(self) -> bool {
        self != Self::Deletions
    }

    fn deletions(self) -> bool {
        self != Self::Changes
    }
}

fn diff_maps(from: &Fields, to: &Fields, node: Option<Node<'_>>, wanted: Wanted) -> Result<Fields, PatchError> {
    let mut patch = Map::new();
    for (name, old) in from {
        match to.get(name) {
            None if wanted.deletions() => {
                patch.insert(name.clone(), Value::Null);
            }
            None => {}
            Some(new) => diff_field(&mut patch, name, (old, new), node, wanted)?,
        }
    }
    if wanted.changes() {
        let added = to.iter().filter(|(name, _)| !from.contains_key(*name));
        patch.extend(added.map(|(name, new)| (name.clone(), new.clone())));
    }
    Ok(patch)
}

fn diff_field(
    patch: &mut Fields,
    name: &str,
    (old, new): (&Value, &Value),
    node: Option<Node<'_>>,
    wanted: Wanted,
) -> Result<(), PatchError> {
    if old == new {
        return Ok(());
    }
    let child = node.and_then(|node| node.child(name));
    let strategy = child.map(Node::patch_strategy).unwrap_or_default();
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if !strategy.replace => {
            let mut inner = diff_maps(old, new, child, wanted)?;
            if !inner.is_empty() {
                if strategy.retain_keys {
                    inner.insert(RETAIN_KEYS.to_owned(), new.keys().cloned().collect());
                }
                patch.insert(name.to_owned(), Value::Object(inner));
            }
        }
        (Value::Array(old), Value::Array(new)) if strategy.merge => {
            diff_lists(patch, name, old, new, child, wanted)?;
        }
        _ if wanted.changes() => {
            patch.insert(name.to_owned(), new.clone());
        }
        _ => {}
    }
    Ok(())
}

fn diff_lists(
    patch: &mut Fields,
    name: &str,
    old: &[Value],
    new: &[Value],
    node: Option<Node<'_>>,
    wanted: Wanted,
) -> Result<(), PatchError> {
    let merge_key = node.and_then(Node::merge_key).unwrap_or("");
    let all_maps = old.iter().chain(new).all(Value::is_object);
    if !all_maps && !merge_key.is_empty() {
        return Err(PatchError::unfit("list element types are not identical"));
    }
    let no_key =
        |item: &Value| PatchError::unfit(format!("map: {item} does not contain declared merge key: {merge_key}"));
    if let Some(item) = old.iter().chain(new).find(|item| key_of(item, merge_key).is_none()) {
        return Err(no_key(item));
    }
    let (old_places, new_places) = (places(old, merge_key), places(new, merge_key));
    let place = |places: &std::collections::HashMap<String, usize>, item: &Value| {
        key_of(item, merge_key).and_then(|key| places.get(&key).copied())
    };
    let mut items = Vec::new();
    for item in new {
        match place(&old_places, item) {
            Some(at) if !merge_key.is_empty() => items.extend(diff_item(&old[at], item, merge_key, node, wanted)?),
            None if wanted.changes() => items.push(item.clone()),
            _ => {}
        }
    }
    let gone: Vec<&Value> =
        old.iter().filter(|item| wanted.deletions() && place(&new_places, item).is_none()).collect();
    let kept_old = old.iter().filter_map(|item| key_of(item, merge_key)).filter(|key| new_places.contains_key(key));
    let kept_new = new.iter().filter_map(|item| key_of(item, merge_key)).filter(|key| old_places.contains_key(key));
    let moved = wanted.changes() && !kept_old.eq(kept_new);
    if items.is_empty() && gone.is_empty() && !moved {
        return Ok(());
    }
    if merge_key.is_empty() && !gone.is_empty() {
        patch.insert(format!("{DELETE_ITEMS}{name}"), gone.into_iter().cloned().collect());
    } else {
        items.extend(gone.into_iter().map(|item| json!({ merge_key: item[merge_key], PATCH: "delete" })));
    }
    if !items.is_empty() {
        patch.insert(name.to_owned(), Value::Array(items));
    }
    let order = new
        .iter()
        .map(|item| if merge_key.is_empty() { item.clone() } else { json!({ merge_key: item[merge_key] }) })
        .collect();
    patch.insert(format!("{ELEMENT_ORDER}{name}"), order);
    Ok(())
}

/// The change of one item, with the merge key that it is known by.
fn diff_item(
    old: &Value,
    new: &Value,
    merge_key: &str,
    node: Option<Node<'_>>,
    wanted: Wanted,
) -> Result<Option<Value>, PatchError> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return Ok(None) };
    let mut inner = diff_maps(old, new, node.and_then(Node::items), wanted)?;
    if inner.is_empty() {
        return Ok(None);
    }
    if node.is_some_and(|node| node.patch_strategy().retain_keys) {
        inner.insert(RETAIN_KEYS.to_owned(), new.keys().cloned().collect());
    }
    inner.insert(merge_key.to_owned(), new[merge_key].clone());
    Ok(Some(Value::Object(inner)))
}

/// One patch of two: what is deleted, and what changes. Where both speak, changes win.
fn join(mut deletions: Fields, delta: Fields, node: Option<Node<'_>>) -> Fields {
    for (name, change) in delta {
        let child = node.and_then(|node| node.child(&name));
        let joined = match (deletions.remove(&name), change) {
            (Some(Value::Object(deleted)), Value::Object(change)) => Value::Object(join(deleted, change, child)),
            (Some(Value::Array(deleted)), Value::Array(change)) => Value::Array(join_lists(deleted, change, child)),
            (_, change) => change,
        };
        deletions.insert(name, joined);
    }
    // The joined lists stand in the order that the patch itself gives.
    let orders: Vec<String> = deletions.keys().filter(|name| name.starts_with(ELEMENT_ORDER)).cloned().collect();
    for directive in orders {
        let name = &directive[ELEMENT_ORDER.len()..];
        let merge_key = node.and_then(|node| node.child(name)).and_then(Node::merge_key).unwrap_or("");
        let order = deletions[&directive].as_array().map(|order| places(order, merge_key)).unwrap_or_default();
        if let Some(Value::Array(items)) = deletions.get_mut(name) {
            let place = |item: &Value| key_of(item, merge_key).and_then(|key| order.get(&key).copied());
            items.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
        }
    }
    deletions
}

fn join_lists(deleted: Vec<Value>, change: Vec<Value>, node: Option<Node<'_>>) -> Vec<Value> {
    // Lists of directives, and lists that are replaced: the later one holds.
    let Some((node, merge_key)) =
        node.filter(|node| node.patch_strategy().merge).and_then(|node| Some((node, node.merge_key()?)))
    else {
        return change;
    };
    let mut joined = deleted;
    let known = places(&joined, merge_key);
    for item in change {
        match key_of(&item, merge_key).and_then(|key| known.get(&key).copied()) {
            Some(at) => {
                if let (Value::Object(old), Value::Object(new)) = (joined[at].take(), item) {
                    joined[at] = Value::Object(join(old, new, node.items()));
                }
            }
            None => joined.push(item),
        }
    }
    joined
}

/// Whether two patches set the same field to different values.
fn disagree(a: &Fields, b: &Fields, node: Option<Node<'_>>) -> bool {
    let directive = |name: &str| name.starts_with(ELEMENT_ORDER) || name == RETAIN_KEYS;
    a.iter().filter(|(name, _)| !directive(name)).any(|(name, left)| {
        let Some(right) = b.get(name) else { return false };
        let child = node.and_then(|node| node.child(name));
        match (left, right) {
            (Value::Object(left), Value::Object(right)) => disagree(left, right, child),
            (Value::Array(left), Value::Array(right)) => lists_disagree(left, right, child),
            (left, right) => left != right,
        }
    })
}

fn lists_disagree(a: &[Value], b: &[Value], node: Option<Node<'_>>) -> bool {
    let Some(node) = node.filter(|node| node.patch_strategy().merge) else { return a != b };
    let Some(merge_key) = node.merge_key() else {
        // Sets of scalars: additions never disagree.
        return false;
    };
    let known = places(b, merge_key);
    let mut seen = HashSet::new();
    a.iter().any(|left| {
        let at = key_of(left, merge_key).filter(|key| seen.insert(key.clone())).and_then(|key| known.get(&key));
        match (left, at.map(|at| &b[*at])) {
            (Value::Object(left), Some(Value::Object(right))) => disagree(left, right, node.items()),
            _ => false,
        }
    })
}
