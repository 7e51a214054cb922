//! The objects of a build, in order, with look-ups that stay fast when there are many.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::id::{Id, Key};
use crate::resource::{Behavior, Resource};
use crate::scalar::node_text;
use sluice_yaml::Value;

/// Objects in order; no two with the same id, except where a transformer made it so.
#[derive(Debug, Default)]
pub(crate) struct ResMap {
    list: Vec<Resource>,
    /// Ids in use; `None` after a change that may have renamed something.
    ids: Option<HashSet<Key>>,
    /// Positions by current and earlier ids, likewise.
    any_ids: Option<HashMap<Key, Vec<usize>>>,
    /// Positions by current and original names, likewise.
    names: Option<HashMap<String, Vec<usize>>>,
}

impl ResMap {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.list.iter()
    }

    pub(crate) fn get(&self, index: usize) -> &Resource {
        &self.list[index]
    }

    /// All objects, to change as one likes.
    pub(crate) fn all_mut(&mut self) -> &mut [Resource] {
        self.forget();
        &mut self.list
    }

    /// All objects, for changes that leave every id as it is.
    pub(crate) fn contents_mut(&mut self) -> &mut [Resource] {
        &mut self.list
    }

    /// One object, for a change that leaves its id as it is.
    pub(crate) fn content_mut(&mut self, index: usize) -> &mut Resource {
        &mut self.list[index]
    }

    pub(crate) fn into_list(self) -> Vec<Resource> {
        self.list
    }

    /// Ids may have changed.
    pub(crate) fn forget(&mut self) {
        self.ids = None;
        self.any_ids = None;
        self.names = None;
    }

    fn ids(&mut self) -> &mut HashSet<Key> {
        let list = &self.list;
        self.ids.get_or_insert_with(|| list.iter().map(|resource| resource.id().key()).collect())
    }

    /// Adds an object at the end.
    ///
    /// # Errors
    /// When one with its id is there.
    pub(crate) fn append(&mut self, resource: Resource) -> Result<(), String> {
        let key = resource.id().key();
        if !self.ids().insert(key) {
            return Err(format!(
                "may not add resource with an already registered id: {}; rename one of them or leave one out",
                resource.id()
            ));
        }
        let index = self.list.len();
        if let Some(any_ids) = &mut self.any_ids {
            for key in resource.any_keys() {
                any_ids.entry(key).or_default().push(index);
            }
        }
        self.names = None;
        self.list.push(resource);
        Ok(())
    }

    pub(crate) fn append_all(&mut self, other: Self) -> Result<(), String> {
        if self.list.is_empty() {
            let duplicate = other.first_duplicate();
            *self = other;
            return duplicate.map_or(Ok(()), Err);
        }
        other.list.into_iter().try_for_each(|resource| self.append(resource))
    }

    fn first_duplicate(&self) -> Option<String> {
        let mut seen = HashSet::with_capacity(self.list.len());
        let twice = self.list.iter().find(|resource| !seen.insert(resource.id().key()))?;
        Some(format!("may not add resource with an already registered id: {}", twice.id()))
    }

    /// Refuses two objects with one id.
    pub(crate) fn check_unique(&self) -> Result<(), String> {
        self.first_duplicate().map_or(Ok(()), Err)
    }

    /// Refuses objects that a patch or a replacement has left without kind or name, or with labels that are none.
    pub(crate) fn check_named(&self) -> Result<(), String> {
        self.list.iter().filter(|resource| !resource.is_gone()).try_for_each(Resource::check_named)
    }

    /// Puts the objects into the order `order` (a permutation).
    pub(crate) fn permute(&mut self, order: Vec<usize>) -> Result<(), String> {
        self.check_unique()?;
        let mut from: Vec<Option<Resource>> = std::mem::take(&mut self.list).into_iter().map(Some).collect();
        self.list = order.into_iter().filter_map(|index| from[index].take()).collect();
        self.forget();
        Ok(())
    }

    /// Leaves objects out.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Resource) -> bool) {
        let before = self.list.len();
        self.list.retain(keep);
        if self.list.len() != before {
            self.forget();
        }
    }

    pub(crate) fn drop_empties(&mut self) {
        self.retain(|resource| !resource.is_gone());
    }

    /// Positions of the objects that have or had `id`.
    pub(crate) fn with_any_id(&mut self, id: &Id<'_>) -> &[usize] {
        let list = &self.list;
        let index = self.any_ids.get_or_insert_with(|| {
            let mut index: HashMap<Key, Vec<usize>> = HashMap::with_capacity(list.len());
            for (position, resource) in list.iter().enumerate().filter(|(_, resource)| !resource.is_gone()) {
                for key in resource.any_keys() {
                    index.entry(key).or_default().push(position);
                }
            }
            index
        });
        index.get(&id.key()).map_or(&[], Vec::as_slice)
    }

    /// Positions of the objects whose current or original name is `name`.
    pub(crate) fn with_name(&mut self, name: &str) -> &[usize] {
        let list = &self.list;
        let index = self.names.get_or_insert_with(|| {
            let mut index: HashMap<String, Vec<usize>> = HashMap::with_capacity(list.len());
            for (position, resource) in list.iter().enumerate() {
                let (now, first) = (resource.name(), resource.original_id().name.clone());
                if now != first {
                    index.entry(first.into_owned()).or_default().push(position);
                }
                index.entry(now.into_owned()).or_default().push(position);
            }
            index
        });
        index.get(name).map_or(&[], Vec::as_slice)
    }

    /// The one object that a patch for `id` is meant for.
    pub(crate) fn patch_target(&mut self, id: &Id<'_>) -> Result<usize, String> {
        match *self.with_any_id(id) {
            [index] => Ok(index),
            [] => Err(format!("no matches for Id {id}; failed to find unique target for patch {id}")),
            _ => Err(format!("multiple matches for Id {id}; failed to find unique target for patch {id}")),
        }
    }

    /// Adds a generated object, or merges it into the one that it names.
    ///
    /// # Errors
    /// When its behaviour does not fit what is there.
    pub(crate) fn absorb(&mut self, mut resource: Resource) -> Result<(), String> {
        let found = match *self.with_any_id(&resource.id()) {
            [] => None,
            [index] => Some(index),
            _ => return Err(format!("found multiple objects that could accept a merge of {}", resource.id())),
        };
        match (found, resource.behavior) {
            (None, Behavior::Merge | Behavior::Replace) => Err(format!(
                "{} does not exist; cannot merge or replace it; set `behavior: create` or leave `behavior` out",
                resource.id()
            )),
            (None, _) => self.append(resource),
            (Some(index), Behavior::Replace) => {
                take_metadata(&mut resource, &self.list[index]);
                self.replace(index, resource);
                Ok(())
            }
            (Some(index), Behavior::Merge) => {
                let old = &self.list[index];
                take_metadata(&mut resource, old);
                merge_data(&mut resource, old, "data");
                merge_data(&mut resource, old, "binaryData");
                if old.origin.is_some() {
                    resource.origin.clone_from(&old.origin);
                }
                self.replace(index, resource);
                Ok(())
            }
            (Some(_), _) => {
                Err(format!("{} exists; `behavior` must be `merge` or `replace` to change it", resource.id()))
            }
        }
    }

    fn replace(&mut self, index: usize, resource: Resource) {
        self.list[index] = resource;
        self.forget();
    }

    /// Current ids, counted.
    pub(crate) fn id_counts(&self) -> HashMap<Key, usize> {
        let mut counts = HashMap::with_capacity(self.list.len());
        for resource in &self.list {
            match counts.entry(resource.id().key()) {
                Entry::Occupied(mut entry) => *entry.get_mut() += 1,
                Entry::Vacant(entry) => {
                    entry.insert(1);
                }
            }
        }
        counts
    }
}

/// Name, namespace, labels, annotations and history of `old`; its own labels and annotations win.
pub(crate) fn take_metadata(resource: &mut Resource, old: &Resource) {
    for field in ["labels", "annotations"] {
        let mut map = old.metadata_map(field).cloned().unwrap_or_default();
        map.extend(resource.metadata_map(field).cloned().unwrap_or_default());
        for value in map.values_mut() {
            *value = node_text(value).into_owned().into();
        }
        if let Some(metadata) = crate::resource::child_map(&mut resource.value, "metadata") {
            metadata.remove(field);
            if !map.is_empty() {
                metadata.insert(field.to_owned(), map.into());
            }
        }
    }
    resource.set_name(&old.name());
    let namespace = old.namespace().into_owned();
    if let Some(metadata) = crate::resource::child_map(&mut resource.value, "metadata") {
        metadata.remove("namespace");
        if !namespace.is_empty() {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
    }
    resource.needs_hash = resource.needs_hash && old.needs_hash;
    resource.previous.clone_from(&old.previous);
    resource.prefixes.clone_from(&old.prefixes);
    resource.suffixes.clone_from(&old.suffixes);
    resource.behavior = old.behavior;
    resource.allow_name_change = old.allow_name_change;
    resource.allow_kind_change = old.allow_kind_change;
    resource.vars.clone_from(&old.vars);
    if resource.transformations.is_empty() {
        resource.transformations.clone_from(&old.transformations);
    }
}

fn merge_data(resource: &mut Resource, old: &Resource, field: &str) {
    let part = |of: &Resource| of.value.get(field).and_then(|value| value.as_object().cloned()).unwrap_or_default();
    let mut data = part(old);
    data.extend(part(resource));
    for value in data.values_mut() {
        *value = node_text(value).into_owned().into();
    }
    if let Value::Object(map) = &mut resource.value {
        map.remove(field);
        if !data.is_empty() {
            map.insert(field.to_owned(), data.into());
        }
    }
}
