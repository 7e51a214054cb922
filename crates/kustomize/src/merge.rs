//! kustomize's strategic merge: maps field by field, lists by the schema's merge keys, the patch's elements first.
//!
//! It is neither Kubernetes' strategic merge patch nor quite what one would write down for it: the odd corners
//! (elements without their key, ports that only one side gives a protocol, a second element of one key) are part of
//! what kustomize prints, and are kept.

mod list;

use sluice_yaml::Value;

use self::list::{Pairs, Work, is_empty_map, is_plain, scalars};
use crate::id::{api_version, kind};
use crate::layout::{Layout, any_element};
use crate::scalar::{needs_quotes, node_text};
use crate::schema::{Field, Node, Schema};
use crate::structured::is_quoted;

/// Elements of one list that are compared with each other, at most: lists are searched one by one.
const LIST_WORK: usize = 400_000_000;

/// The key of the instruction to delete or replace, instead of merging.
const DIRECTIVE: &str = "$patch";

/// Merges `patch` into `object`, which becomes null when the patch deletes it.
///
/// # Errors
/// When a field is a map in one and a scalar or a list in the other, or an instruction is unknown.
pub(crate) fn merge(object: &mut Value, patch: &Value, schema: &Schema, written: Written<'_>) -> Result<(), String> {
    // kustomize throws the new root away, and so leaves the object as it is.
    if let (Some(word), true) = (patch.get(DIRECTIVE), object.is_object())
        && matches!(directive(word)?, Directive::Replace)
    {
        return Ok(());
    }
    let hints = [written.patch_layout, written.layout].into_iter().flatten().flat_map(|layout| &layout.schemas);
    let hints: Vec<_> = hints.map(|(path, hint)| (path.clone(), schema.hint(hint))).collect();
    let mut merger = Merger { schema, written, hints: &hints, path: Vec::new() };
    let kept = merger.walk(object, Patch::Value(patch), None).map_err(|error| {
        let path = crate::errors::dotted(&merger.path);
        if path.is_empty() { error } else { format!("{path}: {error}") }
    })?;
    if !kept {
        *object = Value::Null;
    }
    Ok(())
}

/// How the object's fields are written, where that makes a difference.
pub(crate) struct Written<'w> {
    /// What is to be told of the object's text: a field without a value (`key:`) does not stay, unlike a written `null`.
    pub(crate) layout: Option<&'w Layout>,
    /// What is to be told of the patch's.
    pub(crate) patch_layout: Option<&'w Layout>,
    /// Texts that took the place of a number or boolean, and with it its lack of quotes.
    pub(crate) plain_texts: &'w mut Vec<Vec<String>>,
    /// The text that the object was read from.
    pub(crate) source: Option<&'w str>,
}

struct Merger<'s> {
    schema: &'s Schema,
    written: Written<'s>,
    /// Schemas from comments, by the path of their field.
    hints: &'s [(Vec<String>, Field)],
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
        let schema = self.hinted().or(schema).or_else(|| self.embedded(dest, patch));
        match shape {
            Shape::Null => {
                let empty = self.written.layout.is_some_and(|layout| layout.empty_nulls.contains(&self.path));
                Ok(matches!(patch, Patch::Nothing) && !empty)
            }
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
            (Value::String(old), Value::Number(_) | Value::Bool(_)) if self.is_quoted(old) => {
                Value::String(node_text(value).into_owned())
            }
            (Value::Number(_) | Value::Bool(_), Value::String(_)) => {
                self.written.plain_texts.push(self.path.clone());
                value.clone()
            }
            _ => value.clone(),
        };
    }

    fn is_quoted(&self, text: &str) -> bool {
        if self.written.plain_texts.contains(&self.path) {
            return false;
        }
        needs_quotes(text) || self.written.source.is_some_and(|source| is_quoted(source, &self.path))
    }

    /// The schema from a comment at this place.
    fn hinted(&self) -> Option<Node<'s>> {
        if self.hints.is_empty() {
            return None;
        }
        let path = any_element(&self.path);
        let (_, hint) = self.hints.iter().find(|(at, _)| *at == path)?;
        self.schema.node(hint)
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
                if keys.is_empty() {
                    list_directive(&mut source.clone())?;
                }
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
        let merged =
            if keys.is_empty() { scalars(own, &source)? } else { self.elements(own, source, same, schema, keys)? };
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
                if self.element(Some(index), &mut value, rest, schema)? && !is_empty_map(&value) {
                    kept.push(value);
                }
            }
            return Ok(kept);
        }
        match Pairs::of(&own, &source, keys) {
            Some(pairs) if !same => self.paired(own, &source, &pairs, schema),
            _ => self.step_by_step(own, source, same, schema, keys),
        }
    }

    /// Merges elements that have their keys, and each once.
    fn paired(
        &mut self,
        own: Vec<Value>,
        source: &[Value],
        pairs: &Pairs,
        schema: Option<Node<'s>>,
    ) -> Result<Vec<Value>, String> {
        let mut own: Vec<Option<Value>> = own.into_iter().map(Some).collect();
        let mut first = Vec::with_capacity(own.len() + source.len());
        let mut touched = vec![false; own.len()];
        for (element, counterpart) in source.iter().zip(&pairs.counterparts) {
            let mut value = counterpart.and_then(|at| own[at].take()).unwrap_or(Value::Null);
            // kustomize puts the old element back over a replaced one, so only its place changes.
            let replaced = counterpart.is_some()
                && matches!(element.get(DIRECTIVE).map(directive).transpose()?, Some(Directive::Replace));
            let kept = replaced || self.element(*counterpart, &mut value, Patch::Value(element), schema)?;
            let kept = kept && !is_empty_map(&value);
            match *counterpart {
                Some(at) if pairs.own_order => {
                    touched[at] = true;
                    own[at] = kept.then_some(value);
                }
                _ => first.extend(kept.then_some(value)),
            }
        }
        for (at, value) in own.into_iter().enumerate() {
            let Some(mut value) = value else { continue };
            if touched[at] || self.element(Some(at), &mut value, Patch::Nothing, schema)? && !is_empty_map(&value) {
                first.push(value);
            }
        }
        Ok(first)
    }

    fn step_by_step(
        &mut self,
        own: Vec<Value>,
        source: Vec<Value>,
        same: bool,
        schema: Option<Node<'s>>,
        keys: &[String],
    ) -> Result<Vec<Value>, String> {
        if (own.len() + source.len()).saturating_mul(own.len() + source.len()) > LIST_WORK {
            return Err(format!("lists of {} and {} elements are too long to merge", own.len(), source.len()));
        }
        let mut work = Work::new(own, source, same, keys);
        for values in std::mem::take(&mut work.values) {
            let (own_at, from) = work.find(&values);
            let patch_element = from.filter(|_| !same).map(|at| work.elements[at].clone());
            let patch = match (&patch_element, own_at) {
                (Some(element), _) => Patch::Value(element),
                (None, Some(_)) if same => Patch::Same,
                (None, _) => Patch::Nothing,
            };
            let replaced = match patch {
                Patch::Value(element) => {
                    matches!(element.get(DIRECTIVE).map(directive).transpose()?, Some(Directive::Replace))
                }
                Patch::Nothing | Patch::Same => false,
            };
            // What is replaced or new is the patch's element, what is merged the object's.
            let at = if replaced { from } else { own_at.or(from) };
            let kept = match at {
                None => false,
                Some(at) => {
                    let mut value = if own_at.is_some() && !replaced { work.elements[at].take() } else { Value::Null };
                    let kept =
                        self.element(own_at, &mut value, patch, schema)? && !value.is_null() && !is_empty_map(&value);
                    work.elements[at] = value;
                    kept
                }
            };
            let Some(at) = at.filter(|_| kept) else {
                work.remove(&values)?;
                continue;
            };
            if let Value::Object(map) = &mut work.elements[at] {
                for (key, text) in work.keys.iter().zip(&values) {
                    if !map.contains_key(*key) && !text.is_empty() {
                        map.insert((*key).clone(), crate::scalar::plain(text));
                    }
                }
            }
            work.place(at, &values)?;
        }
        work.finish()
    }

    /// Merges one element of a list.
    fn element(
        &mut self,
        at: Option<usize>,
        value: &mut Value,
        patch: Patch<'_>,
        schema: Option<Node<'s>>,
    ) -> Result<bool, String> {
        self.path.push(at.map_or_else(|| "-".to_owned(), |at| at.to_string()));
        let kept = self.walk(value, patch, schema)?;
        self.path.pop();
        Ok(kept)
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(object: Value, patch: Value, want: Value) {
        let wrap = |spec: Value| json!({"apiVersion": "v1", "kind": "Pod", "spec": spec});
        let mut object = wrap(object);
        let written = Written { layout: None, patch_layout: None, plain_texts: &mut Vec::new(), source: None };
        merge(&mut object, &wrap(patch), &Schema::builtin(), written).unwrap();
        assert_eq!(object["spec"], want);
    }

    #[test]
    fn the_elements_of_the_patch_come_first() {
        check(
            json!({"containers": [{"name": "a", "image": "a"}, {"name": "b", "image": "b"}]}),
            json!({"containers": [{"name": "c"}, {"name": "b", "image": "x"}]}),
            json!({"containers": [{"name": "c"}, {"name": "b", "image": "x"}, {"name": "a", "image": "a"}]}),
        );
    }

    #[test]
    fn instructions_delete_and_replace() {
        check(json!({"a": {"b": 1, "c": 2}}), json!({"a": {"$patch": "replace", "d": 3}}), json!({"a": {"d": 3}}));
        check(json!({"a": {"b": 1}, "c": 1}), json!({"a": {"$patch": "delete"}, "c": null}), json!({}));
        check(
            json!({"containers": [{"name": "a"}, {"name": "b"}]}),
            json!({"containers": [{"name": "a", "$patch": "delete"}]}),
            json!({"containers": [{"name": "b"}]}),
        );
        check(json!({"containers": [{"name": "a"}]}), json!({"containers": [{"$patch": "delete"}]}), json!({}));
    }

    #[test]
    fn a_protocol_tells_ports_apart() {
        let port = |name: &str, protocol: Option<&str>| match protocol {
            Some(protocol) => json!({"containerPort": 80, "name": name, "protocol": protocol}),
            None => json!({"containerPort": 80, "name": name}),
        };
        let pod = |ports: Vec<Value>| json!({"containers": [{"name": "a", "ports": ports}]});
        check(
            pod(vec![port("a", Some("TCP")), port("b", Some("UDP"))]),
            pod(vec![port("c", Some("UDP"))]),
            pod(vec![port("a", Some("TCP")), port("c", Some("UDP"))]),
        );
        // Only one side says a protocol: the patch's port is lost, as in kustomize.
        check(
            pod(vec![port("a", None), port("b", Some("UDP"))]),
            pod(vec![]),
            pod(vec![port("a", None), port("b", Some("UDP"))]),
        );
    }

    #[test]
    fn a_list_without_keys_is_replaced() {
        check(json!({"unknown": [1, 2]}), json!({"unknown": [3]}), json!({"unknown": [3]}));
    }
}
