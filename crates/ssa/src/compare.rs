//! Which fields differ between two objects.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::path::{Here, PathElement};
use crate::set::FieldSet;
use crate::typed::{Shape, Ty, child_or_any, elements, item, shape};

/// The difference of two objects.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

pub(crate) fn compare(old: &Value, new: &Value, ty: Ty<'_>) -> Comparison {
    let mut out = Comparison::default();
    walk(Some(old), Some(new), ty, Here::Root, &mut out);
    out
}

fn walk(old: Option<&Value>, new: Option<&Value>, ty: Ty<'_>, here: Here<'_>, out: &mut Comparison) {
    let how = match (old, new) {
        (None, None) => return,
        (Some(one), None) | (None, Some(one)) => shape(ty, one),
        // Null takes the form of the other one.
        (Some(old), Some(new)) if old.is_null() => shape(ty, new),
        (Some(old), Some(new)) if new.is_null() => shape(ty, old),
        (Some(old), Some(new)) => match (shape(ty, old), shape(ty, new)) {
            (a, b) if a == b => a,
            _ => Shape::Leaf,
        },
    };
    let fits = |value: Option<&Value>| match (how, value) {
        (_, None | Some(Value::Null)) => true,
        (Shape::Granular, Some(value)) => value.is_object(),
        (Shape::Set | Shape::Keyed, Some(value)) => value.is_array(),
        (Shape::Leaf, _) => false,
    };
    let empty = |value: Option<&Value>| match value {
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => true,
    };
    if !fits(old) || !fits(new) || (empty(old) && empty(new)) {
        match (old, new) {
            (None, _) => out.added.insert(here.elements()),
            (_, None) => out.removed.insert(here.elements()),
            (Some(old), Some(new)) => {
                if !equal(old, new) {
                    out.modified.insert(here.elements());
                }
            }
        }
        return;
    }
    if how == Shape::Granular {
        let (old, new) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
        for (key, value) in old.into_iter().flatten() {
            let other = new.and_then(|new| new.get(key));
            walk(Some(value), other, child_or_any(ty, key).0, Here::Field(&here, key), out);
        }
        for (key, value) in new.into_iter().flatten() {
            if !old.is_some_and(|old| old.contains_key(key)) {
                walk(None, Some(value), child_or_any(ty, key).0, Here::Field(&here, key), out);
            }
        }
    } else {
        if old != new {
            walk_lists(items(old), items(new), ty, how, here, out);
        }
    }
    match (old, new) {
        (None, _) => out.added.insert(here.elements()),
        (_, None) => out.removed.insert(here.elements()),
        _ => {}
    }
}

fn walk_lists(old: &[Value], new: &[Value], ty: Ty<'_>, how: Shape, here: Here<'_>, out: &mut Comparison) {
    let mut all: BTreeMap<PathElement, [Vec<&Value>; 2]> = BTreeMap::new();
    for (side, list) in [old, new].into_iter().enumerate() {
        for (value, element) in list.iter().zip(elements(ty, how, list)) {
            all.entry(element).or_default()[side].push(value);
        }
    }
    for (element, [old, new]) in &all {
        let here = Here::Item(&here, element);
        if old.len() > 1 || new.len() > 1 {
            // Doubles, which only an older schema can have let in, count as one value.
            if old != new {
                let set = if old.is_empty() { &mut out.added } else { &mut out.modified };
                if new.is_empty() {
                    out.removed.insert(here.elements());
                } else {
                    set.insert(here.elements());
                }
            }
            continue;
        }
        walk(old.first().copied(), new.first().copied(), item(ty), here, out);
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether two values are the same; `1` and `1.0` are.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && equal(a, b))
        }
        _ => a == b,
    }
}
