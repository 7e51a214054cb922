//! What an apply makes of the live object, before anything is pruned.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::path::PathElement;
use crate::typed::{Shape, Ty, child_or_any, elements, item, shape};

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Lays `applied` over `live`.
pub(crate) fn merge(live: &mut Value, applied: &Value, ty: Ty<'_>) {
    let how = shape(ty, applied);
    // An untyped value merges only with one of its own form; null is of any form, and takes nothing away from a map.
    let how = if applied.is_null() { shape(ty, live) } else { how };
    match (how, &mut *live, applied) {
        (Shape::Granular, Value::Object(ours), Value::Object(theirs)) if !theirs.is_empty() => {
            for (key, theirs) in theirs {
                match ours.get_mut(key) {
                    Some(ours) => merge(ours, theirs, child_or_any(ty, key).0),
                    None => {
                        ours.insert(key.clone(), theirs.clone());
                    }
                }
            }
        }
        (Shape::Set | Shape::Keyed, Value::Array(ours), Value::Array(theirs)) if !theirs.is_empty() => {
            *ours = merge_lists(std::mem::take(ours), theirs, ty, how);
        }
        (Shape::Granular | Shape::Set | Shape::Keyed, live, applied) if is_empty(applied) && !is_empty(live) => {}
        (_, live, applied) => *live = applied.clone(),
    }
}

/// The applier's items in the applier's order; the others keep their place before the next item that both have.
fn merge_lists(ours: Vec<Value>, theirs: &[Value], ty: Ty<'_>, shape: Shape) -> Vec<Value> {
    let our_elements = elements(ty, shape, &ours);
    let their_elements = elements(ty, shape, theirs);
    let theirs_at: BTreeMap<&PathElement, usize> = their_elements.iter().zip(0..).collect();
    let mut live: BTreeMap<&PathElement, Option<usize>> = BTreeMap::new();
    for (i, element) in our_elements.iter().enumerate() {
        // Of doubles none is merged with.
        live.entry(element).and_modify(|at| *at = None).or_insert(Some(i));
    }
    let mut ours: Vec<Option<Value>> = ours.into_iter().map(Some).collect();
    let mut shared = their_elements.iter().filter(|element| live.contains_key(element)).peekable();
    let mut out = Vec::with_capacity(ours.len().max(theirs.len()));
    let mut at = 0;
    for (value, element) in theirs.iter().zip(&their_elements) {
        while let Some(head) = our_elements.get(at) {
            if !theirs_at.contains_key(head) {
                out.extend(ours[at].take());
                at += 1;
                continue;
            }
            match shared.peek() {
                Some(next) if *next == head => break,
                Some(_) => at += 1,
                None => {
                    at += 1;
                    break;
                }
            }
        }
        if shared.peek() == Some(&element) {
            shared.next();
        }
        if our_elements.get(at) == Some(element) {
            at += 1;
        }
        match live.get(element).copied().flatten().and_then(|i| ours[i].take()) {
            Some(mut merged) => {
                merge(&mut merged, value, item(ty));
                out.push(merged);
            }
            None => out.push(value.clone()),
        }
    }
    for (value, element) in ours.iter_mut().zip(&our_elements).skip(at) {
        if !theirs_at.contains_key(element) {
            out.extend(value.take());
        }
    }
    out
}
