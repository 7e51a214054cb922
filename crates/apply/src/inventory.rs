//! What an owner has applied, as its status lists it (spec/flux/kustomize.md §2).

use std::collections::BTreeMap;

use sluice_api::meta::{Inventory, ResourceRef};
use sluice_object::{ObjectRef, order};

/// The objects of an inventory. An entry that is no id is left out: nothing can be done with it, least of all delete.
#[must_use]
pub fn objects(inventory: Option<&Inventory>) -> Vec<ObjectRef> {
    let entries = inventory.into_iter().flat_map(|it| &it.entries);
    entries.filter_map(|entry| ObjectRef::from_inventory(&entry.id, &entry.version).ok()).collect()
}

/// The inventory of objects, in the order in which they are applied.
#[must_use]
pub fn of(mut objects: Vec<ObjectRef>) -> Inventory {
    objects.sort_by(order::compare_refs);
    let entries =
        objects.into_iter().map(|object| ResourceRef { id: object.inventory_id(), version: object.gvk.version });
    Inventory { entries: entries.collect() }
}

/// Those of `old` that are not in `new`; a change of version alone is the same object.
#[must_use]
pub fn stale(old: &[ObjectRef], new: &[ObjectRef]) -> Vec<ObjectRef> {
    let new: BTreeMap<String, ()> = new.iter().map(|it| (it.inventory_id(), ())).collect();
    old.iter().filter(|it| !new.contains_key(&it.inventory_id())).cloned().collect()
}

/// Both, each object once, with the version of `new` where it is in both.
#[must_use]
pub fn union(old: &[ObjectRef], new: &[ObjectRef]) -> Vec<ObjectRef> {
    let mut all = new.to_vec();
    all.extend(stale(old, new));
    all
}

#[cfg(test)]
mod tests {
    use sluice_object::GroupVersionKind;

    use super::*;

    fn object(version: &str, name: &str) -> ObjectRef {
        ObjectRef {
            gvk: GroupVersionKind::new("apps", version, "Deployment"),
            namespace: "ns".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn an_inventory_survives_being_stored() {
        let objects = vec![object("v1", "a"), object("v1", "b")];
        let stored = of(objects.clone());
        assert_eq!(stored.entries[0].id, "ns_a_apps_Deployment");
        assert_eq!(super::objects(Some(&stored)), objects);
        assert_eq!(super::objects(None), []);
    }

    #[test]
    fn a_new_version_is_the_same_object() {
        let (old, new) = ([object("v1beta1", "a"), object("v1", "b")], [object("v1", "a")]);
        assert_eq!(stale(&old, &new), [object("v1", "b")]);
        assert_eq!(union(&old, &new), [object("v1", "a"), object("v1", "b")]);
    }
}
