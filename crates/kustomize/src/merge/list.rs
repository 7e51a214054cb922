//! Merges of lists whose elements are told apart by keys: who is whom, and who comes where.

use std::collections::{HashMap, HashSet};

use sluice_yaml::{Map, Value};

use crate::scalar::node_text;

pub(super) fn is_empty_map(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// A set of scalars: the patch's first, in its order, then the others.
pub(super) fn scalars(own: Vec<Value>, source: &[Value]) -> Vec<Value> {
    let mut seen = HashSet::new();
    let mut merged = Vec::with_capacity(own.len() + source.len());
    for value in source.iter().cloned().chain(own) {
        if !value.is_null() && !is_empty_map(&value) && seen.insert(node_text(&value).into_owned()) {
            merged.push(value);
        }
    }
    merged
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

/// Both lists while they are merged.
pub(super) struct ListWork {
    /// The object's elements; one that is being merged, or is placed, is null here.
    own: Vec<Value>,
    pub(super) source: Vec<Value>,
    own_texts: Vec<Vec<String>>,
    source_texts: Vec<Vec<String>>,
    /// Key values of all elements, the patch's first, each once.
    pub(super) values: Vec<Vec<String>>,
    /// Keys that some element has.
    used: Vec<bool>,
    /// Whether every element has every used key: then look-ups need no search.
    index: Option<Index>,
    /// What is merged or new, in order.
    placed: Vec<Placed>,
    /// Slots of `own` that are still in the list.
    in_list: Vec<bool>,
}

/// The first elements by their key values.
#[derive(Default)]
struct Index {
    own: HashMap<Vec<String>, Vec<usize>>,
    source: HashMap<Vec<String>, usize>,
}

struct Placed {
    value: Value,
    /// The slot that it is the merged content of.
    slot: Option<usize>,
}

impl ListWork {
    pub(super) fn new(own: Vec<Value>, source: Vec<Value>, keys: &[String]) -> Self {
        let own_texts: Vec<_> = own.iter().map(|element| key_texts(element, keys)).collect();
        let source_texts: Vec<_> = source.iter().map(|element| key_texts(element, keys)).collect();
        let mut seen = HashSet::new();
        let all = source_texts.iter().chain(&own_texts);
        let mut values: Vec<Vec<String>> = all.filter(|texts| seen.insert((*texts).clone())).cloned().collect();
        let used = (0..keys.len()).map(|at| values.iter().any(|texts| !texts[at].is_empty())).collect::<Vec<_>>();
        let complete = values.iter().all(|texts| texts.iter().zip(&used).all(|(text, used)| !used || !text.is_empty()));
        if keys.len() > 1 && !complete {
            bring_together(&mut values);
        }
        let index = (complete && used.contains(&true)).then(|| {
            let mut index = Index::default();
            for (at, texts) in own_texts.iter().enumerate() {
                index.own.entry(texts.clone()).or_default().push(at);
            }
            for (at, texts) in source_texts.iter().enumerate().rev() {
                index.source.insert(texts.clone(), at);
            }
            index
        });
        let in_list = vec![true; own.len()];
        Self { own, source, own_texts, source_texts, values, used, index, placed: Vec::new(), in_list }
    }

    /// The keys that tell elements apart in this list, and the values of one element for them: a key that no element
    /// has does not count.
    pub(super) fn valid<'k>(&self, values: &[String], keys: &'k [String]) -> (Vec<&'k String>, Vec<String>) {
        if !self.used.contains(&true) {
            return (keys.iter().collect(), values.to_vec());
        }
        let kept = (0..keys.len()).filter(|&at| self.used[at]);
        kept.map(|at| (&keys[at], values[at].clone())).unzip()
    }

    /// The first elements with these values; a key without value is not compared.
    pub(super) fn find(&self, values: &[String], keys: &[String]) -> (Option<usize>, Option<usize>) {
        if let Some(index) = &self.index {
            return (index.own.get(values).map(|slots| slots[0]), index.source.get(values).copied());
        }
        let none = values.iter().all(String::is_empty);
        let fits = |element: &Value, texts: &[String]| {
            element.is_object()
                && (0..keys.len()).all(|at| {
                    if values[at].is_empty() {
                        !none || element.get(&keys[at]).is_some()
                    } else {
                        texts[at] == values[at]
                    }
                })
        };
        let own = (0..self.own.len()).find(|&at| fits(self.slot(at), &self.own_texts[at]));
        (own, (0..self.source.len()).find(|&at| fits(&self.source[at], &self.source_texts[at])))
    }

    /// What is in a slot, wherever it is now.
    fn slot(&self, at: usize) -> &Value {
        if !self.own[at].is_null() {
            return &self.own[at];
        }
        self.placed.iter().find(|placed| placed.slot == Some(at)).map_or(&Value::Null, |placed| &placed.value)
    }

    pub(super) fn take(&mut self, at: usize) -> Value {
        if !self.own[at].is_null() {
            return self.own[at].take();
        }
        let placed = self.placed.iter().position(|placed| placed.slot == Some(at));
        placed.map_or(Value::Null, |placed| self.placed.remove(placed).value)
    }

    pub(super) fn remove(&mut self, keys: &[&String], values: &[String]) {
        if let Some(index) = &self.index {
            let full: Vec<String> = full(values, &self.used);
            for &at in index.own.get(&full).into_iter().flatten() {
                self.in_list[at] = false;
            }
            return;
        }
        for at in 0..self.own.len() {
            let element = self.slot(at);
            if element.is_null() || is_empty_map(element) || has(element, keys, values) {
                self.in_list[at] = false;
            }
        }
    }

    /// Puts an element in the place of those with its key values, or at the end.
    pub(super) fn add(&mut self, value: Value, slot: Option<usize>, keys: &[&String], values: &[String]) {
        let new = Placed { value, slot };
        let same = if self.index.is_some() {
            None
        } else {
            self.placed.iter().position(|placed| has(&placed.value, keys, values))
        };
        match same {
            Some(at) => self.placed[at] = new,
            None => self.placed.push(new),
        }
    }

    /// The patch's elements, then those of the object that are left. Where elements have several keys, all of the
    /// object's come after those that are only the patch's.
    pub(super) fn finish(mut self, keys: &[String]) -> Vec<Value> {
        let used: Vec<&String> = match self.used.contains(&true) {
            true => keys.iter().zip(&self.used).filter(|(_, used)| **used).map(|(key, _)| key).collect(),
            false => keys.iter().collect(),
        };
        // Merged elements go back to their slots; the list holds slots and what only the patch has.
        let mut list: Vec<Option<Item>> = Vec::with_capacity(self.placed.len() + self.own.len());
        let mut places: Vec<Option<usize>> = vec![None; self.own.len()];
        for placed in std::mem::take(&mut self.placed) {
            match placed.slot {
                Some(slot) => {
                    places[slot] = Some(list.len());
                    self.own[slot] = placed.value;
                    list.push(Some(Item::Slot(slot)));
                }
                None => list.push(Some(Item::New(placed.value))),
            }
        }
        for at in (0..self.own.len()).filter(|&at| self.in_list[at]) {
            let element = &self.own[at];
            let has_key = |key: &&&String| element.get(key.as_str()).is_some_and(|value| !value.is_null());
            let present: Vec<&String> = used.iter().filter(has_key).copied().collect();
            let texts: Vec<String> = present.iter().map(|key| key_text(element, key)).collect();
            let same = |item: &Option<Item>| match item {
                Some(Item::Slot(slot)) => has(&self.own[*slot], &present, &texts),
                Some(Item::New(value)) => has(value, &present, &texts),
                None => false,
            };
            if used.len() == 1 && present.len() == 1 {
                // In its place among the patch's, if it is there; otherwise in that of the one it repeats, or at the end.
                if places[at].is_none() {
                    match list.iter().position(same) {
                        Some(index) => list[index] = Some(Item::Slot(at)),
                        None => list.push(Some(Item::Slot(at))),
                    }
                }
                continue;
            }
            if present.is_empty() {
                // An element without any key sweeps away what was gathered before it.
                list.clear();
                places.fill(None);
            } else if self.index.is_some() && places[at].is_some() {
                if let Some(index) = places[at] {
                    list[index] = None;
                }
            } else {
                list.iter_mut().filter(|item| same(item)).for_each(|item| *item = None);
            }
            list.push(Some(Item::Slot(at)));
        }
        let mut merged = Vec::with_capacity(list.len());
        for item in list.into_iter().flatten() {
            match item {
                Item::Slot(slot) if self.in_list[slot] => merged.push(self.own[slot].take()),
                Item::Slot(_) => {}
                Item::New(value) => merged.push(value),
            }
        }
        merged.retain(|value| !value.is_null());
        merged
    }
}

/// An element of the merged list: one of the object's, or the patch's alone.
enum Item {
    Slot(usize),
    New(Value),
}

/// The values of used keys with the empty ones of the others between them.
fn full(values: &[String], used: &[bool]) -> Vec<String> {
    let mut values = values.iter();
    if !used.contains(&true) {
        return values.cloned().collect();
    }
    used.iter().map(|used| if *used { values.next().cloned().unwrap_or_default() } else { String::new() }).collect()
}

fn has(element: &Value, keys: &[&String], values: &[String]) -> bool {
    element.is_object()
        && keys.iter().zip(values).all(|(key, text)| match element.get(key.as_str()) {
            None | Some(Value::Null) if text.is_empty() => element.get(key.as_str()).is_some(),
            None | Some(Value::Null) => false,
            Some(value) => text.is_empty() || node_text(value) == *text,
        })
}

/// Values that agree where both have one are the same element.
fn bring_together(values: &mut [Vec<String>]) {
    if values.iter().all(|texts| texts.iter().all(|text| !text.is_empty())) {
        return;
    }
    for a in 0..values.len() {
        for b in 0..values.len() {
            if let Some(both) = agree(&values[a], &values[b]) {
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
