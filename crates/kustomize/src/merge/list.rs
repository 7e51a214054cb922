//! Merges of lists whose elements are told apart by keys: who is whom, and who comes where.

use std::collections::{HashMap, HashSet};

use sluice_yaml::{Map, Value};

use super::DIRECTIVE;
use crate::scalar::{node_text, text};

pub(super) fn is_empty_map(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// A set of scalars: the patch's first, in its order, then the others.
///
/// # Errors
/// When an element is a map: kustomize compares scalars.
pub(super) fn scalars(own: Vec<Value>, source: &[Value]) -> Result<Vec<Value>, String> {
    let mut seen = HashSet::new();
    let mut merged = Vec::with_capacity(own.len() + source.len());
    for value in source.iter().cloned().chain(own) {
        if value.is_null() || is_empty_map(&value) || value.get(DIRECTIVE).is_some() {
            continue;
        }
        if value.is_object() {
            return Err("the list is a set of scalars, and an element is a map".to_owned());
        }
        if seen.insert(node_text(&value).into_owned()) {
            merged.push(value);
        }
    }
    Ok(merged)
}

fn key_text(element: &Value, key: &str) -> String {
    element.get(key).map_or_else(String::new, |value| node_text(value).into_owned())
}

fn key_texts(element: &Value, keys: &[String]) -> Vec<String> {
    keys.iter().map(|key| key_text(element, key)).collect()
}

/// Whether all elements have all keys, or none has one, and no two are the same.
pub(super) fn is_plain(list: &[Value], keys: &[String]) -> bool {
    let mut seen = HashSet::with_capacity(list.len());
    let mut present: Option<Vec<bool>> = None;
    list.iter().all(|element| {
        let texts = key_texts(element, keys);
        let has: Vec<bool> = texts.iter().map(|text| !text.is_empty()).collect();
        let alike = present.get_or_insert_with(|| has.clone()) == &has && has[0];
        alike && seen.insert(texts)
    })
}

/// The elements of both lists by their key values, where every element has every key that any has, and no two of a list
/// are the same: the common case.
pub(super) struct Pairs {
    /// For each element of the patch, its counterpart.
    pub(super) counterparts: Vec<Option<usize>>,
    /// Whether elements have several keys: then those of the object keep their order, behind what only the patch has.
    pub(super) own_order: bool,
}

impl Pairs {
    pub(super) fn of(own: &[Value], source: &[Value], keys: &[String]) -> Option<Self> {
        let mut used: Option<Vec<bool>> = None;
        let mut index = |list: &[Value]| {
            let mut index = HashMap::with_capacity(list.len());
            for (at, element) in list.iter().enumerate() {
                if !element.is_object() {
                    return None;
                }
                let texts = key_texts(element, keys);
                let has: Vec<bool> = texts.iter().map(|text| !text.is_empty()).collect();
                let alike = used.get_or_insert_with(|| has.clone()) == &has && has.contains(&true);
                if !alike || index.insert(texts, at).is_some() {
                    return None;
                }
            }
            Some(index)
        };
        let (own_index, source_index) = (index(own)?, index(source)?);
        let mut counterparts = vec![None; source.len()];
        for (texts, at) in source_index {
            counterparts[at] = own_index.get(&texts).copied();
        }
        let own_order = used.is_some_and(|used| used.into_iter().filter(|used| *used).count() > 1);
        Some(Self { counterparts, own_order })
    }
}

/// The lists while they are merged the long way, step by step as kustomize does it: it looks elements up by the keys
/// that any element has, and removes what comes to nothing. Where elements lack keys that leads to odd results, which are
/// part of what it prints.
pub(super) struct Work<'k> {
    /// All elements of both. One may be in several lists, or in one list several times.
    pub(super) elements: Vec<Value>,
    own: Vec<usize>,
    source: Vec<usize>,
    /// Whether the object's list is the patch's own.
    same: bool,
    /// What is merged or new, in order.
    placed: Vec<usize>,
    /// The keys that some element has; all of them where none has any.
    pub(super) keys: Vec<&'k String>,
    /// Key values of all elements, the patch's first, each once.
    pub(super) values: Vec<Vec<String>>,
}

impl<'k> Work<'k> {
    pub(super) fn new(own: Vec<Value>, source: Vec<Value>, same: bool, keys: &'k [String]) -> Self {
        let (own_at, source_at) = (0..own.len(), own.len()..own.len() + source.len());
        let mut elements = own;
        elements.extend(source);
        let mut seen = HashSet::new();
        let order = source_at.clone().chain(own_at.clone());
        let texts = order.map(|at| key_texts(&elements[at], keys));
        let mut values: Vec<Vec<String>> = texts.filter(|texts| seen.insert(texts.clone())).collect();
        if keys.len() > 1 {
            bring_together(&mut values);
        }
        let mut used: Vec<bool> = (0..keys.len()).map(|at| values.iter().any(|texts| !texts[at].is_empty())).collect();
        if !used.contains(&true) {
            used.fill(true);
        }
        for texts in &mut values {
            let mut used = used.iter();
            texts.retain(|_| used.next() == Some(&true));
        }
        let keys = keys.iter().zip(used).filter_map(|(key, used)| used.then_some(key)).collect();
        Self { elements, own: own_at.collect(), source: source_at.collect(), same, placed: Vec::new(), keys, values }
    }

    /// The first elements of the object's list and of the patch's with these values; a key without value is not compared.
    pub(super) fn find(&self, values: &[String]) -> (Option<usize>, Option<usize>) {
        if values.iter().all(String::is_empty) {
            return (None, None);
        }
        let fits = |at: &&usize| {
            let element = &self.elements[**at];
            let same = |key: &str, want: &str| element.get(key).and_then(text).is_some_and(|text| text == want);
            element.is_object() && self.keys.iter().zip(values).all(|(key, want)| want.is_empty() || same(key, want))
        };
        let own = self.own.iter().find(fits).copied();
        (own, if self.same { own } else { self.source.iter().find(fits).copied() })
    }

    /// Takes the elements with these values out of the object's list.
    pub(super) fn remove(&mut self, values: &[String]) -> Result<(), String> {
        self.own = set(&self.elements, &self.own, None, &self.keys, values)?;
        Ok(())
    }

    /// Puts an element in the place of those with its values, or at the end.
    pub(super) fn place(&mut self, at: usize, values: &[String]) -> Result<(), String> {
        self.placed = set(&self.elements, &self.placed, Some(at), &self.keys, values)?;
        Ok(())
    }

    /// What was placed, and what is left of the object's list after it.
    pub(super) fn finish(mut self) -> Result<Vec<Value>, String> {
        for &at in &self.own {
            let mut texts = Vec::with_capacity(self.keys.len());
            for key in &self.keys {
                match self.elements[at].get(key.as_str()) {
                    Some(Value::Null) => texts.push("null".to_owned()),
                    Some(value) => texts.push(node_text(value).into_owned()),
                    // One more for each key that it lacks.
                    None => self.placed.push(at),
                }
            }
            if self.keys.len() > 1 {
                self.placed = set(&self.elements, &self.placed, None, &self.keys, &texts)?;
            }
            self.placed = set(&self.elements, &self.placed, Some(at), &self.keys, &texts)?;
        }
        let mut times = vec![0usize; self.elements.len()];
        self.placed.iter().for_each(|&at| times[at] += 1);
        let take = |at: usize| {
            times[at] -= 1;
            if times[at] == 0 { self.elements[at].take() } else { self.elements[at].clone() }
        };
        Ok(self.placed.iter().copied().map(take).collect())
    }
}

/// kustomize's setter of list elements: `new` instead of those with the values, or at the end; without `new` they go.
/// Fewer values than keys are compared with the first keys alone; without any, nothing stays.
fn set(
    elements: &[Value],
    list: &[usize],
    new: Option<usize>,
    keys: &[&String],
    values: &[String],
) -> Result<Vec<usize>, String> {
    let mut kept = Vec::with_capacity(list.len() + 1);
    let mut matched = false;
    for &at in list {
        let element = &elements[at];
        if element.is_null() || is_empty_map(element) {
            continue;
        }
        if !values.is_empty() && !element.is_object() {
            return Err("an element of a list of maps is none".to_owned());
        }
        let is_same = |(key, want): (&&String, &String)| {
            element.get(key.as_str()).is_some_and(|value| {
                !value.is_null() && (want.is_empty() || text(value).is_some_and(|text| text == *want))
            })
        };
        if values.is_empty() {
            continue;
        }
        if keys.iter().zip(values).all(is_same) {
            matched = true;
            kept.extend(new);
        } else {
            kept.push(at);
        }
    }
    if let (false, Some(new)) = (matched, new) {
        kept.push(new);
    }
    Ok(kept)
}

/// Values that agree where both have one are the same element.
fn bring_together(values: &mut [Vec<String>]) {
    if values.iter().all(|texts| texts.iter().all(|text| !text.is_empty())) {
        return;
    }
    for a in 0..values.len() {
        // As it was at first, whatever it has been made since.
        let first = values[a].clone();
        for b in 0..values.len() {
            if let Some(both) = agree(&first, &values[b]) {
                values[a].clone_from(&both);
                values[b] = both;
            }
        }
    }
}

fn agree(a: &[String], b: &[String]) -> Option<Vec<String>> {
    let mut common = false;
    let mut both = Vec::with_capacity(a.len());
    for (a, b) in a.iter().zip(b) {
        if a == b {
            common = true;
        } else if !a.is_empty() && !b.is_empty() {
            return None;
        }
        both.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    common.then_some(both)
}
