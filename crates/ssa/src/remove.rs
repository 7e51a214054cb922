//! Taking fields out of an object, and what of it goes when an applier drops fields.

use serde_json::Value;

use crate::managed::{ManagedFields, ManagerId};
use crate::path::PathElement;
use crate::set::FieldSet;
use crate::typed::{Shape, Ty, child_or_any, elements, item, shape, to_set};

/// Takes the members of `set` out of `value`. What gets empty by that becomes null.
pub(crate) fn remove(value: &mut Value, set: &FieldSet, ty: Ty<'_>) {
    if set.is_empty() {
        return;
    }
    match (shape(ty, value), &mut *value) {
        (Shape::Granular, Value::Object(map)) => {
            for (element, entry) in set.entries() {
                let PathElement::Field(name) = element else { continue };
                if entry.member {
                    map.remove(name.as_ref());
                } else if let Some(value) = map.get_mut(name.as_ref()) {
                    remove(value, &entry.children, child_or_any(ty, name).0);
                }
            }
            if map.is_empty() {
                *value = Value::Null;
            }
        }
        (how @ (Shape::Set | Shape::Keyed), Value::Array(items)) => {
            let mut names = elements(ty, how, items).into_iter();
            items.retain_mut(|value| match names.next().and_then(|element| set.entry(&element)) {
                Some(entry) if entry.member => false,
                Some(entry) => {
                    remove(value, &entry.children, item(ty));
                    true
                }
                None => true,
            });
            if items.is_empty() {
                *value = Value::Null;
            }
        }
        // The schema has become atomic here since the fields were owned.
        _ => *value = Value::Null,
    }
}

/// Takes out of `merged` what `applier` owned (`last`) and no longer sets, unless another manager owns it. What hangs
/// below such a field without any owner stays.
pub(crate) fn prune(merged: &mut Value, last: &FieldSet, managers: &ManagedFields, applier: &ManagerId, ty: Ty<'_>) {
    let mut owned = FieldSet::new();
    for entry in managers.entries() {
        owned.extend(&entry.fields);
    }
    debug_assert!(managers.get(applier).is_some(), "the applier's new fields are among the owned ones");
    if last.is_subset(&owned) {
        return;
    }
    let last = last.with_named_parents(ty);
    let all = to_set(merged, ty).with_named_parents(ty);

    let mut without_last = merged.clone();
    remove(&mut without_last, &last, ty);
    let mut keep = to_set(&without_last, ty).with_named_parents(ty);
    keep.extend(&owned.with_named_parents(ty));

    let mut with_owned = merged.clone();
    remove(&mut with_owned, &all.difference(&keep), ty);
    let kept = to_set(&with_owned, ty).with_named_parents(ty);

    remove(merged, &all.difference(&kept).intersection(&last), ty);
}
