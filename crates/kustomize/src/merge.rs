//! kustomize's strategic merge: maps field by field, lists by the schema's merge keys, the patch's elements first.
//!
//! It is neither Kubernetes' strategic merge patch nor quite what one would write down for it: the odd corners
//! (elements without their key, ports that only one side gives a protocol, a second element of one key) are part of
//! what kustomize prints, and are kept.

use std::collections::{HashMap, HashSet};

use sluice_yaml::{Map, Value};

use crate::id::{api_version, kind};
use crate::scalar::{needs_quotes, node_text};
use crate::schema::{Node, Schema};

/// Elements of one list that are compared with each other, at most: lists are searched one by one.
const LIST_WORK: usize = 100_000_000;

/// The key of the instruction to delete or replace, instead of merging.
const DIRECTIVE: &str = "$patch";

/// Merges `patch` into `object`, which becomes null when the patch deletes it.
///
/// # Errors
/// When a field is a map in one and a scalar or a list in the other, or an instruction is unknown.
pub(crate) fn merge(
    object: &mut Value,
    patch: &Value,
    schema: &Schema,
    empty_nulls: &[Vec<String>],
    plain_texts: &mut Vec<Vec<String>>,
) -> Result<(), String> {
    let mut merger = Merger { schema, empty_nulls, plain_texts, path: Vec::new() };
    let kept = merger.walk(object, Patch::Value(patch), None).map_err(|error| {
        let path = crate::errors::dotted(&merger.path);
        if path.is_empty() { error } else { format!("{path}: {error}") }
    })?;
    if !kept {
        *object = Value::Null;
    }
    Ok(())
}

struct Merger<'s> {
    schema: &'s Schema,
    /// Fields of the object that were written without a value (`key:`): unlike a written `null` they do not stay.
    empty_nulls: &'s [Vec<String>],
    /// Texts that took the place of a number or boolean, and with it its lack of quotes.
    plain_texts: &'s mut Vec<Vec<String>>,
    /// Where the walk is; after an error, where it happened.
    path: Vec<String>,
}

/// What is merged into a value.
#[derive(Clone, Copy)]
enum Patch<'p> {
    Nothing,
    Value(&'p Value),
    /// The value itself: it came from the patch whole, and its own instructions and nulls are to be obeyed.
    Same,
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(value: &Value) -> Result<Directive, String> {
    match &*node_text(value) {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        other => Err(format!("unknown patch strategy `{other}` in `{DIRECTIVE}`; use `merge`, `replace` or `delete`")),
    }
}

#[derive(PartialEq, Clone, Copy)]
enum Shape {
    Null,
    Scalar,
    List,
    Map,
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::Null => Shape::Null,
        Value::Array(_) => Shape::List,
        Value::Object(_) => Shape::Map,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Shape::Scalar,
    }
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Scalar => "a scalar",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }
}

impl<'s> Merger<'s> {
    /// Merges into `dest` and says whether anything is left. An absent `dest` is null here: the two differ only in
    /// whether a null stays that no patch touches.
    fn walk(&mut self, dest: &mut Value, patch: Patch<'_>, schema: Option<Node<'s>>) -> Result<bool, String> {
        let other = match patch {
            Patch::Value(value) => shape(value),
            Patch::Nothing | Patch::Same => Shape::Null,
        };
        let own = shape(dest);
        let shape = if own == Shape::Null { other } else { own };
        if own != Shape::Null && other != Shape::Null && own != other {
            return Err(format!("the patch has {} where the object has {}", other.name(), own.name()));
        }
        let schema = schema.or_else(|| self.embedded(dest, patch));
        match shape {
            Shape::Null => Ok(matches!(patch, Patch::Nothing) && !self.empty_nulls.contains(&self.path)),
            Shape::Map => self.map(dest, patch, schema),
            Shape::Scalar => {
                match patch {
                    Patch::Value(Value::Null) => return Ok(false),
                    Patch::Value(value) => self.set_scalar(dest, value),
                    Patch::Nothing | Patch::Same => {}
                }
                Ok(true)
            }
            Shape::List => match schema.and_then(Node::merge_keys) {
                Some(keys) => self.list(dest, patch, schema.and_then(Node::elements), keys),
                None => match patch {
                    Patch::Value(Value::Null) => Ok(false),
                    Patch::Value(value) => {
                        value.clone_into(dest);
                        Ok(true)
                    }
                    Patch::Nothing | Patch::Same => Ok(true),
                },
            },
        }
    }

    /// A patch's scalar takes the quotes of the one it replaces: a number in the place of a quoted string becomes one.
    fn set_scalar(&mut self, dest: &mut Value, value: &Value) {
        *dest = match (&*dest, value) {
            (Value::String(old), Value::Number(_) | Value::Bool(_))
                if needs_quotes(old) && !self.plain_texts.contains(&self.path) =>
            {
                Value::String(node_text(value).into_owned())
            }
            (Value::Number(_) | Value::Bool(_), Value::String(_)) => {
                self.plain_texts.push(self.path.clone());
                value.clone()
            }
            _ => value.clone(),
        };
    }

    /// The schema of an object inside of another, which names its own kind.
    fn embedded(&self, dest: &Value, patch: Patch<'_>) -> Option<Node<'s>> {
        let of = |value: &Value| match (api_version(value), kind(value)) {
            ("", _) | (_, "") => None,
            (api_version, kind) => self.schema.root(api_version, kind),
        };
        of(dest).or_else(|| match patch {
            Patch::Value(value) => of(value),
            Patch::Nothing | Patch::Same => None,
        })
    }

    fn map(&mut self, dest: &mut Value, patch: Patch<'_>, schema: Option<Node<'s>>) -> Result<bool, String> {
        let patch = match self.start_map(dest, patch)? {
            Some(patch) => patch,
            None => return Ok(false),
        };
        let Value::Object(fields) = dest else { return Ok(true) };
        let from = match patch {
            Patch::Value(Value::Object(map)) => Some(map),
            _ => None,
        };
        let rest = if matches!(patch, Patch::Same) { Patch::Same } else { Patch::Nothing };
        let mut gone = Vec::new();
        for (key, value) in fields.iter_mut() {
            let patch = from.and_then(|map| map.get(key)).map_or(rest, Patch::Value);
            self.path.push(key.clone());
            let kept = self.walk(value, patch, schema.and_then(|schema| schema.field(key)))?;
            self.path.pop();
            if !kept {
                gone.push(key.clone());
            }
        }
        for key in &gone {
            fields.remove(key);
        }
        for (key, value) in from.into_iter().flatten().filter(|(key, _)| *key != DIRECTIVE) {
            if fields.contains_key(key) || value.is_null() || gone.contains(key) {
                continue;
            }
            let mut new = Value::Null;
            self.path.push(key.clone());
            let kept = self.walk(&mut new, Patch::Value(value), schema.and_then(|schema| schema.field(key)))?;
            self.path.pop();
            if kept {
                fields.insert(key.clone(), new);
            }
        }
        Ok(true)
    }

    /// Obeys the instruction of a map's patch. What is left to merge; `None` when the map goes.
    fn start_map<'p>(&mut self, dest: &mut Value, patch: Patch<'p>) -> Result<Option<Patch<'p>>, String> {
        match patch {
            Patch::Nothing => Ok(Some(patch)),
            Patch::Value(Value::Null) => Ok(if dest.is_null() { Some(patch) } else { None }),
            Patch::Same => {
                let Value::Object(map) = dest else { return Ok(Some(patch)) };
                match map.remove(DIRECTIVE).as_ref().map(directive).transpose()? {
                    Some(Directive::Delete) => Ok(None),
                    _ => Ok(Some(patch)),
                }
            }
            Patch::Value(value) => {
                let found = value.get(DIRECTIVE).map(directive).transpose();
                if dest.is_null() {
                    // Whole from the patch. A wrong instruction is no error here, it just stays.
                    if let Ok(Some(Directive::Delete)) = found {
                        return Ok(None);
                    }
                    value.clone_into(dest);
                    if let (Ok(Some(_)), Value::Object(map)) = (found, dest) {
                        map.remove(DIRECTIVE);
                    }
                    return Ok(Some(Patch::Same));
                }
                match found? {
                    Some(Directive::Delete) => Ok(None),
                    Some(Directive::Replace) => {
                        value.clone_into(dest);
                        if let Value::Object(map) = dest {
                            map.remove(DIRECTIVE);
                        }
                        Ok(Some(Patch::Same))
                    }
                    Some(Directive::Merge) | None => Ok(Some(patch)),
                }
            }
        }
    }

    /// Merges a list whose elements are told apart by `keys`, or by themselves when there are none.
    fn list(
        &mut self,
        dest: &mut Value,
        patch: Patch<'_>,
        schema: Option<Node<'s>>,
        keys: &[String],
    ) -> Result<bool, String> {
        let mut same = matches!(patch, Patch::Same);
        let mut source: Vec<Value> = match patch {
            Patch::Nothing | Patch::Same => Vec::new(),
            Patch::Value(Value::Array(list)) => list.clone(),
            Patch::Value(_) => return Ok(dest.is_null()),
        };
        if matches!(patch, Patch::Value(_)) {
            if dest.is_null() {
                *dest = Value::Array(std::mem::take(&mut source));
                same = true;
            } else {
                match list_directive(&mut source)? {
                    Directive::Delete => return Ok(false),
                    Directive::Replace => {
                        *dest = Value::Array(std::mem::take(&mut source));
                        same = true;
                    }
                    Directive::Merge => {}
                }
            }
        } else if let (true, Value::Array(list)) = (same, &mut *dest) {
            match list_directive(list)? {
                Directive::Delete => return Ok(false),
                Directive::Replace | Directive::Merge => {}
            }
        }
        let Value::Array(own) = dest else { return Ok(true) };
        let own = std::mem::take(own);
        if !keys.is_empty() && !source.is_empty() && own.len().saturating_mul(own.len() + source.len()) > LIST_WORK {
            return Err(format!("lists of {} and {} elements are too long to merge", own.len(), source.len()));
        }
        let merged = if keys.is_empty() { scalars(own, &source) } else { self.elements(own, source, same, schema, keys)? };
        *dest = Value::Array(merged);
        Ok(true)
    }

    fn elements(
        &mut self,
        mut own: Vec<Value>,
        source: Vec<Value>,
        same: bool,
        schema: Option<Node<'s>>,
        keys: &[String],
    ) -> Result<Vec<Value>, String> {
        let rest = if same { Patch::Same } else { Patch::Nothing };
        if source.is_empty() && is_plain(&own, keys) {
            // Nothing to reorder or to bring together.
            let mut kept = Vec::with_capacity(own.len());
            for (index, mut value) in own.drain(..).enumerate() {
                self.path.push(index.to_string());
                let stays = self.walk(&mut value, rest, schema)? && !is_empty_map(&value);
                self.path.pop();
                if stays {
                    kept.push(value);
                }
            }
            return Ok(kept);
        }
        let mut work = ListWork::new(own, source, keys);
        for values in work.values.clone() {
            let (valid_keys, valid_values) = work.valid(&values, keys);
            let (own_at, from) = work.find(&values, keys);
            let mut value = own_at.map_or(Value::Null, |at| work.take(at));
            let patch = match (from, own_at) {
                (Some(at), _) => Patch::Value(&work.source[at]),
                (None, Some(_)) => rest,
                (None, None) => Patch::Nothing,
            };
            let found = match patch {
                Patch::Value(value) => value.get(DIRECTIVE).map(directive).transpose()?,
                Patch::Nothing | Patch::Same => None,
            };
            self.path.push(own_at.map_or_else(|| values.join(","), |at| at.to_string()));
            // kustomize puts the old element back over a replaced one, so only its place changes.
            let kept = match (found, own_at) {
                (Some(Directive::Replace), Some(_)) => true,
                _ => self.walk(&mut value, patch, schema)?,
            };
            self.path.pop();
            if !kept || value.is_null() || is_empty_map(&value) {
                work.remove(&valid_keys, &valid_values);
                continue;
            }
            if let Value::Object(map) = &mut value {
                for (key, text) in valid_keys.iter().zip(&valid_values) {
                    if !map.contains_key(*key) && !text.is_empty() {
                        map.insert((*key).to_owned(), crate::scalar::plain(text));
                    }
                }
            }
            work.add(value, own_at, &valid_keys, &valid_values);
        }
        Ok(work.finish(keys))
    }
}

fn is_empty_map(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// The instruction in a list: an element that is nothing but it. It is taken out.
fn list_directive(list: &mut Vec<Value>) -> Result<Directive, String> {
    let Some(first) = list.iter().find(|element| element.get(DIRECTIVE).is_some()) else { return Ok(Directive::Merge) };
    if first.as_object().is_none_or(|map| map.len() > 1) {
        return Ok(Directive::Merge);
    }
    let word = first.get(DIRECTIVE).cloned().unwrap_or(Value::Null);
    let found = directive(&word)?;
    list.retain(|element| element.get(DIRECTIVE) != Some(&word) && !element.is_null() && !is_empty_map(element));
    Ok(found)
}

/// A set of scalars: the patch's first, in its order, then the others.
fn scalars(own: Vec<Value>, source: &[Value]) -> Vec<Value> {
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
fn is_plain(list: &[Value], keys: &[String]) -> bool {
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
struct ListWork {
    /// The object's elements; one that is being merged, or is placed, is null here.
    own: Vec<Value>,
    source: Vec<Value>,
    own_texts: Vec<Vec<String>>,
    source_texts: Vec<Vec<String>>,
    /// Key values of all elements, the patch's first, each once.
    values: Vec<Vec<String>>,
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
    fn new(own: Vec<Value>, source: Vec<Value>, keys: &[String]) -> Self {
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
    fn valid<'k>(&self, values: &[String], keys: &'k [String]) -> (Vec<&'k String>, Vec<String>) {
        if !self.used.contains(&true) {
            return (keys.iter().collect(), values.to_vec());
        }
        let kept = (0..keys.len()).filter(|&at| self.used[at]);
        kept.map(|at| (&keys[at], values[at].clone())).unzip()
    }

    /// The first elements with these values; a key without value is not compared.
    fn find(&self, values: &[String], keys: &[String]) -> (Option<usize>, Option<usize>) {
        if let Some(index) = &self.index {
            return (index.own.get(values).map(|slots| slots[0]), index.source.get(values).copied());
        }
        let none = values.iter().all(String::is_empty);
        let fits = |element: &Value, texts: &[String]| {
            element.is_object()
                && (0..keys.len()).all(|at| {
                    if values[at].is_empty() { !none || element.get(&keys[at]).is_some() } else { texts[at] == values[at] }
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

    fn take(&mut self, at: usize) -> Value {
        if !self.own[at].is_null() {
            return self.own[at].take();
        }
        let placed = self.placed.iter().position(|placed| placed.slot == Some(at));
        placed.map_or(Value::Null, |placed| self.placed.remove(placed).value)
    }

    fn remove(&mut self, keys: &[&String], values: &[String]) {
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
    fn add(&mut self, value: Value, slot: Option<usize>, keys: &[&String], values: &[String]) {
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
    fn finish(mut self, keys: &[String]) -> Vec<Value> {
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
                for index in 0..list.len() {
                    if same(&list[index]) {
                        list[index] = None;
                    }
                }
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
