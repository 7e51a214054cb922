//! Strategic merge patches: JSON merge patches whose lists merge by key, with directives.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::order::{arrange, key_of, places, without_repeats};
use super::{PatchError, check_depth};
use crate::schema::Node;

pub(super) const PATCH: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const ELEMENT_ORDER: &str = "$setElementOrder/";
pub(super) const DELETE_ITEMS: &str = "$deleteFromPrimitiveList/";

/// Applies a strategic merge patch to an object of the kind whose schema begins at `node`.
///
/// Where the schema knows nothing, maps merge and lists are replaced.
///
/// # Errors
/// [`PatchError::Malformed`] when the patch is no map, [`PatchError::Unfit`] when a directive is unknown, an item of the
/// patch lacks its merge key, or lists mix types; [`PatchError::TooLarge`] when something nests too deep.
pub fn strategic(original: Value, patch: &Value, node: Node<'_>) -> Result<Value, PatchError> {
    check_depth(&original)?;
    check_depth(patch)?;
    match (original, patch) {
        (original, Value::Null) => Ok(original),
        (Value::Object(original), Value::Object(patch)) => {
            Ok(Value::Object(merge_map(original, patch.clone(), Some(node))?))
        }
        (Value::Null, Value::Object(patch)) => Ok(Value::Object(merge_map(Map::new(), patch.clone(), Some(node))?)),
        _ => Err(PatchError::Malformed("invalid JSON document".to_owned())),
    }
}

type Fields = Map<String, Value>;

fn merge_map(mut original: Fields, mut patch: Fields, node: Option<Node<'_>>) -> Result<Fields, PatchError> {
    if let Some(directive) = patch.remove(PATCH) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Map::new()),
            _ => Err(unknown_directive(&directive, "map")),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    set_element_orders(&mut original, &mut patch, node)?;
    for (name, change) in patch {
        if let Some(list) = name.strip_prefix(DELETE_ITEMS) {
            // The API server deletes before or after it adds, as chance has it; here the patch's own list comes last.
            delete_items(&mut original, list, &change)?;
            continue;
        }
        if change.is_null() {
            original.remove(&name);
            continue;
        }
        let child = node.and_then(|node| node.child(&name));
        let merged = match (original.remove(&name), change) {
            (Some(Value::Object(fields)), Value::Object(changes)) => {
                if child.is_some_and(|child| child.patch_strategy().replace) {
                    Value::Object(changes)
                } else {
                    Value::Object(merge_map(fields, changes, child)?)
                }
            }
            (Some(Value::Array(items)), Value::Array(changes)) => Value::Array(merge_list(items, changes, child)?),
            (_, mut change) => {
                if !clean(&mut change, Nulls::Drop) {
                    continue;
                }
                change
            }
        };
        original.insert(name, merged);
    }
    Ok(original)
}

fn unknown_directive(directive: &Value, place: &str) -> PatchError {
    let directive = directive.as_str().map_or_else(|| directive.to_string(), str::to_owned);
    PatchError::unfit(format!("unknown patch type: {directive} in {place}"))
}

#[derive(Clone, Copy, PartialEq)]
enum Nulls {
    Drop,
    Keep,
}

/// What is new takes no null fields along, and no map that says how to be patched. False when the value is such a map.
fn clean(value: &mut Value, nulls: Nulls) -> bool {
    match value {
        Value::Object(fields) if fields.contains_key(PATCH) => return false,
        Value::Object(fields) => {
            fields.retain(|_, field| !(nulls == Nulls::Drop && field.is_null()) && clean(field, nulls));
        }
        Value::Array(items) => items.retain_mut(|item| clean(item, nulls)),
        _ => {}
    }
    true
}

/// `$retainKeys` clears what it does not name; the patch may set only what it names.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Result<(), PatchError> {
    let Some(names) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let bad = || PatchError::unfit("invalid patch format of retainKeys");
    let names: HashSet<&str> =
        names.as_array().ok_or_else(bad)?.iter().map(|name| name.as_str().ok_or_else(bad)).collect::<Result<_, _>>()?;
    let directive = |name: &str| name.starts_with(ELEMENT_ORDER) || name.starts_with(DELETE_ITEMS);
    if patch.iter().any(|(name, change)| !directive(name) && !change.is_null() && !names.contains(name.as_str())) {
        return Err(bad());
    }
    original.retain(|name, _| names.contains(name.as_str()));
    Ok(())
}

/// `$setElementOrder/x` orders `x` after the patch's own `x` has been merged.
fn set_element_orders(original: &mut Fields, patch: &mut Fields, node: Option<Node<'_>>) -> Result<(), PatchError> {
    let orders: Vec<String> = patch.keys().filter(|name| name.starts_with(ELEMENT_ORDER)).cloned().collect();
    for directive in orders {
        let name = &directive[ELEMENT_ORDER.len()..];
        let Some(Value::Array(order)) = patch.remove(&directive) else {
            return Err(PatchError::unfit(format!("invalid patch format of setElementOrder list: {directive}")));
        };
        let child = node.and_then(|node| node.child(name));
        let merge_key = child.and_then(Node::merge_key).unwrap_or("");
        // A patch without the list, with null or with something else leaves the ordering to what it makes of it.
        let changes = match patch.get(name) {
            Some(Value::Array(_)) => patch.remove(name).and_then(into_list),
            Some(_) => continue,
            None => None,
        };
        let live = match original.get(name) {
            Some(Value::Array(_)) => original.remove(name).and_then(into_list),
            _ => None,
        };
        let (before, merged) = match (live, changes) {
            (Some(live), Some(changes)) => {
                check_order(&changes, &order, merge_key)?;
                let places = live.len();
                let merged = merge_items(live, changes, child)?;
                // Items that take the places of deleted ones count as live in the API server; so they do here.
                let before = merged.items.iter().take(places).map(|item| known_by(item, merge_key)).collect();
                (before, merged.in_order())
            }
            (Some(live), None) => (live.clone(), live),
            (None, Some(mut changes)) => {
                changes.retain_mut(|item| clean(item, Nulls::Keep));
                check_order(&changes, &order, merge_key)?;
                (Vec::new(), changes)
            }
            (None, None) => continue,
        };
        original.insert(name.to_owned(), Value::Array(arrange(merged, &order, &before, merge_key)));
    }
    Ok(())
}

fn into_list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

/// The items that a patch sets must stand in its order list, one after the other; directives need not.
fn check_order(changes: &[Value], order: &[Value], merge_key: &str) -> Result<(), PatchError> {
    let mut order_keys = order.iter().map(|item| key_of(item, merge_key));
    for item in changes {
        let key = key_of(item, merge_key);
        let directive = item.get(PATCH).and_then(Value::as_str);
        if directive == Some("delete") || (directive.is_some() && key.is_none()) {
            continue;
        }
        if !order_keys.any(|one| one == key) {
            let list = |items: &[Value]| Value::from(items.to_vec());
            let (changes, order) = (list(changes), list(order));
            return Err(PatchError::unfit(format!(
                "The order in patch list:\n{changes}\n doesn't match $setElementOrder list:\n{order}\n"
            )));
        }
    }
    Ok(())
}

fn delete_items(original: &mut Fields, name: &str, removals: &Value) -> Result<(), PatchError> {
    let Some(removals) = removals.as_array() else {
        return Err(PatchError::unfit(format!("invalid patch format of deleteFromPrimitiveList: {name}")));
    };
    if let Some(Value::Array(items)) = original.get_mut(name) {
        let removals: HashSet<String> = removals.iter().map(Value::to_string).collect();
        items.retain(|item| !removals.contains(&item.to_string()));
    }
    Ok(())
}

fn merge_list(original: Vec<Value>, patch: Vec<Value>, node: Option<Node<'_>>) -> Result<Vec<Value>, PatchError> {
    Ok(merge_items(original, patch, node)?.in_order())
}

/// Merged items before they are put in order: those that were there first, then new ones.
struct Merged<'a> {
    items: Vec<Value>,
    /// What the order comes from: the patch's items, and those that were there. None: it is in order.
    order: Option<(Vec<Value>, Vec<Value>)>,
    merge_key: &'a str,
}

impl Merged<'_> {
    fn in_order(self) -> Vec<Value> {
        match self.order {
            Some((wanted, before)) => arrange(self.items, &wanted, &before, self.merge_key),
            None => self.items,
        }
    }
}

fn merge_items(original: Vec<Value>, patch: Vec<Value>, node: Option<Node<'_>>) -> Result<Merged<'_>, PatchError> {
    let as_it_is = |items| Merged { items, order: None, merge_key: "" };
    let Some(node) = node.filter(|node| node.patch_strategy().merge) else { return Ok(as_it_is(patch)) };
    if original.is_empty() && patch.is_empty() {
        return Ok(as_it_is(original));
    }
    check_types(&original, &patch)?;
    if !original.iter().chain(&patch).all(Value::is_object) {
        let items = without_repeats(original.iter().chain(&patch).cloned().collect());
        return Ok(Merged { items, order: Some((patch, original)), merge_key: "" });
    }
    let Some(merge_key) = node.merge_key() else {
        return Err(PatchError::unfit("cannot merge lists without merge key"));
    };
    let Directed { original, patch, replace } = item_directives(original, patch, merge_key)?;
    let kept = if replace { &[] } else { original.as_slice() };
    if let Some(item) = kept.iter().chain(&patch).find(|item| item.get(merge_key).is_none()) {
        return Err(no_merge_key(item, merge_key));
    }
    if replace {
        return Ok(as_it_is(patch));
    }
    let before: Vec<Value> = original.iter().map(|item| known_by(item, merge_key)).collect();
    let wanted: Vec<Value> = patch.iter().map(|item| known_by(item, merge_key)).collect();
    let mut merged = original;
    let mut known = places(&merged, merge_key);
    for item in patch {
        let key = key_of(&item, merge_key).ok_or_else(|| no_merge_key(&item, merge_key))?;
        match known.get(&key) {
            Some(at) => {
                let (Value::Object(fields), Value::Object(changes)) = (merged[*at].take(), item) else {
                    return Err(PatchError::unfit("list element types are not identical"));
                };
                merged[*at] = Value::Object(merge_map(fields, changes, node.items())?);
            }
            None => {
                known.insert(key, merged.len());
                merged.push(item);
            }
        }
    }
    Ok(Merged { items: merged, order: Some((wanted, before)), merge_key })
}

/// What an item is known by, for ordering: itself, or its merge key alone.
fn known_by(item: &Value, merge_key: &str) -> Value {
    if merge_key.is_empty() {
        return item.clone();
    }
    let key = item.get(merge_key).map(|key| (merge_key.to_owned(), key.clone()));
    Value::Object(key.into_iter().collect())
}

fn no_merge_key(item: &Value, merge_key: &str) -> PatchError {
    PatchError::unfit(format!("map: {item} does not contain declared merge key: {merge_key}"))
}

/// A list is of one type, and the patch's too.
fn check_types(original: &[Value], patch: &[Value]) -> Result<(), PatchError> {
    let mut types = original.iter().chain(patch).map(std::mem::discriminant);
    let first = types.next();
    if types.all(|one| Some(one) == first) {
        Ok(())
    } else {
        Err(PatchError::unfit("list element types are not identical"))
    }
}

/// What remains of both lists when the items that are directives have done their work.
struct Directed {
    original: Vec<Value>,
    patch: Vec<Value>,
    replace: bool,
}

fn item_directives(original: Vec<Value>, patch: Vec<Value>, merge_key: &str) -> Result<Directed, PatchError> {
    let mut directed = Directed { original, patch: Vec::with_capacity(patch.len()), replace: false };
    let mut deleted = HashSet::new();
    for item in patch {
        let Some(directive) = item.get(PATCH) else {
            directed.patch.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                deleted.insert(key_of(&item, merge_key).ok_or_else(|| no_merge_key(&item, merge_key))?);
            }
            Some("replace") => directed.replace = true,
            Some("merge") => return Err(PatchError::unfit("merging lists cannot yet be specified in the patch")),
            _ => return Err(unknown_directive(directive, "map of a list")),
        }
    }
    if !deleted.is_empty() {
        directed.original.retain(|item| key_of(item, merge_key).is_none_or(|key| !deleted.contains(&key)));
    }
    Ok(directed)
}
