//! From events to values: anchors, merge keys, repeated keys, and the price of it all.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::events::{Event, Events, Style, Tag};
use crate::scalar::Plain;
use crate::{Dialect, Document, Error, Limits, Mark, folded, number, scalar};

/// The value of the first document, under the default [`Limits`]; text without any is `null`. What follows the first
/// document is not read, as in Go.
///
/// # Errors
/// When the text is no YAML, or is none that Go's reader of this dialect takes, or breaks a limit.
pub fn parse(text: &str, dialect: Dialect) -> Result<Value, Error> {
    let limits = Limits::default();
    let mut composer = Composer::new(text, dialect, &limits)?;
    Ok(composer.document()?.flatten().map_or(Value::Null, |document| document.value))
}

/// The values of all documents. Documents without content (only comments, or nothing) are left out; an explicit
/// `null` is not.
///
/// # Errors
/// When the text is no YAML, or is none that Go's reader of this dialect takes, or breaks a limit.
pub fn parse_all(text: &str, dialect: Dialect, limits: &Limits) -> Result<Vec<Document>, Error> {
    let mut composer = Composer::new(text, dialect, limits)?;
    let (mut documents, mut seen) = (Vec::new(), 0);
    while let Some(next) = composer.document()? {
        seen += 1;
        if seen > limits.documents {
            let message = format!("more documents than the limit `documents` allows ({})", limits.documents);
            return Err(Error::new(composer.at, message));
        }
        documents.extend(next);
    }
    Ok(documents)
}

/// What an anchor names, and what each use of it costs.
struct Anchored {
    value: Value,
    nodes: usize,
    bytes: usize,
}

struct Composer<'a> {
    events: Events<'a>,
    dialect: Dialect,
    limits: Limits,
    /// Anchors of the document whose node is complete; one that is still open is absent.
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    /// String bytes that came in through aliases.
    repeated: usize,
    at: Mark,
}

impl<'a> Composer<'a> {
    fn new(text: &'a str, dialect: Dialect, limits: &Limits) -> Result<Self, Error> {
        Ok(Self {
            events: Events::new(text, limits)?,
            dialect,
            limits: Limits { depth: limits.depth.min(Limits::DEEPEST), ..*limits },
            anchors: HashMap::new(),
            nodes: 0,
            repeated: 0,
            at: Mark { line: 1, column: 1 },
        })
    }

    fn next(&mut self) -> Result<Event<'a>, Error> {
        let (event, at) = self.events.next()?;
        self.at = at;
        Ok(event)
    }

    /// The next document; `Some(None)` for one without content.
    fn document(&mut self) -> Result<Option<Option<Document>>, Error> {
        if matches!(self.next()?, Event::StreamEnd) {
            return Ok(None);
        }
        self.anchors.clear();
        let root = self.next()?;
        let line = self.at.line;
        let empty =
            matches!(&root, Event::Scalar { text, style: Style::Plain, tag: Tag::None, anchor: 0 } if text.is_empty());
        let value = self.node(root, 0, false)?;
        self.next()?;
        Ok(Some((!empty).then_some(Document { value, line })))
    }

    /// The value that starts with `event`; `in_flow`: right inside brackets or braces.
    fn node(&mut self, event: Event<'a>, depth: usize, in_flow: bool) -> Result<Value, Error> {
        self.spend(1)?;
        let before = (self.nodes, self.repeated);
        match event {
            Event::Alias { anchor } => self.alias(anchor),
            Event::Scalar { text, style, tag, anchor } => {
                let style = if in_flow { self.style_in_flow(&text, style, tag) } else { style };
                let value = scalar::value(text, style, tag, self.dialect).map_err(|why| Error::new(self.at, why))?;
                self.keep(anchor, &value, before);
                Ok(value)
            }
            Event::ListStart { anchor, flow } => {
                self.check_depth(depth)?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::ListEnd => break,
                        event => items.push(self.node(event, depth + 1, flow)?),
                    }
                }
                let value = Value::Array(items);
                self.keep(anchor, &value, before);
                Ok(value)
            }
            Event::MapStart { anchor, flow } => {
                self.check_depth(depth)?;
                let value = Value::Object(self.map(depth, flow)?);
                self.keep(anchor, &value, before);
                Ok(value)
            }
            Event::DocumentStart | Event::DocumentEnd | Event::ListEnd | Event::MapEnd | Event::StreamEnd => {
                Err(Error::new(self.at, "a value is missing"))
            }
        }
    }

    fn map(&mut self, depth: usize, flow: bool) -> Result<Map<String, Value>, Error> {
        let mut map = Map::new();
        let mut merged = None;
        loop {
            let event = self.next()?;
            let at = self.at;
            let key = match event {
                Event::MapEnd => break,
                event => self.key(event, depth, flow)?,
            };
            let event = self.next()?;
            match key {
                Key::Merge => {
                    let source = self.node(event, depth + 1, flow)?;
                    let source = merge_source(source, at)?;
                    match self.dialect {
                        Dialect::V2 => map.extend(source),
                        Dialect::V3 if merged.is_some() => return Err(Error::new(at, "duplicate merge key")),
                        Dialect::V3 => merged = Some(source),
                    }
                }
                Key::Dropped => {
                    self.node(event, depth + 1, false)?;
                }
                Key::Text(key) => {
                    let value = self.node(event, depth + 1, flow)?;
                    match map.entry(key) {
                        serde_json::map::Entry::Vacant(entry) => {
                            entry.insert(value);
                        }
                        serde_json::map::Entry::Occupied(mut entry) if self.dialect == Dialect::V2 => {
                            entry.insert(value);
                        }
                        serde_json::map::Entry::Occupied(entry) => {
                            let message = format!("mapping key \"{}\" already defined", entry.key());
                            return Err(Error::new(at, message));
                        }
                    }
                }
            }
        }
        for (key, value) in merged.into_iter().flatten() {
            map.entry(key).or_insert(value);
        }
        Ok(map)
    }

    /// Reads a key. kustomize takes a key of the outermost map as it is written; further in, a key that is no string
    /// fails when it prints. The others read the value and write it as text.
    fn key(&mut self, event: Event<'a>, depth: usize, flow: bool) -> Result<Key, Error> {
        self.spend(1)?;
        let at = self.at;
        let value = match event {
            Event::Scalar { text, style, tag, .. } if text == "<<" && is_merge(style, tag, self.dialect) => {
                return Ok(Key::Merge);
            }
            Event::Scalar { text, tag, .. } if text == "<<" && self.dialect == Dialect::V3 && tag != Tag::Other => {
                return Ok(Key::Dropped);
            }
            Event::Scalar { text, style: Style::Plain, tag: Tag::None, anchor: 0 }
                if flow && self.style_in_flow(&text, Style::Plain, Tag::None) == Style::Quoted && !text.is_empty() =>
            {
                return Ok(Key::Text(text.into_owned()));
            }
            Event::Scalar { text, style: Style::Folded, tag: Tag::None, anchor: 0 } if self.dialect == Dialect::V3 => {
                return Ok(Key::Text(folded::rewritten(text)));
            }
            Event::Scalar { text, style, tag: Tag::None, anchor: 0 } if is_text(&text, style, depth, self.dialect) => {
                return Ok(Key::Text(text.into_owned()));
            }
            Event::Scalar { tag: Tag::Binary | Tag::Timestamp | Tag::Other, .. }
                if self.dialect == Dialect::V3 && depth > 0 =>
            {
                return Err(Error::new(at, NO_STRING));
            }
            Event::Scalar { text, style, tag, anchor } => {
                let bare = tag == Tag::None && style == Style::Plain;
                if bare && let Some(spelled) = infinite(&text, self.dialect) {
                    return Ok(Key::Text(spelled));
                }
                let time = bare && matches!(scalar::plain(&text, self.dialect, true), Plain::Timestamp(_));
                if time && depth > 0 && self.dialect == Dialect::V3 {
                    return Err(Error::new(at, NO_STRING));
                }
                let value = scalar::value(text, style, tag, self.dialect).map_err(|why| Error::new(at, why))?;
                self.keep(anchor, &value, (self.nodes, self.repeated));
                value
            }
            Event::Alias { anchor } => self.alias(anchor)?,
            Event::ListStart { .. } | Event::MapStart { .. } => {
                return Err(Error::new(at, "a key cannot be a map or list"));
            }
            Event::DocumentStart | Event::DocumentEnd | Event::ListEnd | Event::MapEnd | Event::StreamEnd => {
                return Err(Error::new(at, "a key is missing"));
            }
        };
        if self.dialect == Dialect::V3 && depth > 0 && matches!(value, Value::Bool(_) | Value::Number(_)) {
            return Err(Error::new(at, NO_STRING));
        }
        text_of_key(value).map(Key::Text).map_err(|why| Error::new(at, why))
    }

    /// kustomize writes what it read and reads it again. Inside brackets its writer quotes what is empty or has a colon,
    /// so that `{a: }` becomes `{a: ''}`, and a time of day becomes text.
    fn style_in_flow(&self, text: &str, style: Style, tag: Tag) -> Style {
        let quoted = self.dialect == Dialect::V3 && tag == Tag::None && (text.is_empty() || text.contains(':'));
        if quoted && style == Style::Plain { Style::Quoted } else { style }
    }

    fn alias(&mut self, anchor: usize) -> Result<Value, Error> {
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(Error::new(self.at, "an anchor's value contains itself"));
        };
        let (nodes, bytes) = (target.nodes, target.bytes);
        self.spend(nodes)?;
        self.repeated = self.repeated.saturating_add(bytes);
        if self.repeated > self.limits.bytes {
            let message = format!("aliases repeat more text than the limit `bytes` allows ({})", self.limits.bytes);
            return Err(Error::new(self.at, message));
        }
        Ok(self.anchors[&anchor].value.clone())
    }

    /// Remembers an anchored node, at the price of one copy of it.
    fn keep(&mut self, anchor: usize, value: &Value, before: (usize, usize)) {
        if anchor == 0 {
            return;
        }
        let nodes = self.nodes - before.0;
        self.anchors.insert(anchor, Anchored { value: value.clone(), nodes, bytes: weight(value) });
    }

    fn spend(&mut self, nodes: usize) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            let message =
                format!("more values than the limit `nodes` allows ({}), aliases expanded", self.limits.nodes);
            return Err(Error::new(self.at, message));
        }
        Ok(())
    }

    fn check_depth(&self, depth: usize) -> Result<(), Error> {
        if depth < self.limits.depth {
            return Ok(());
        }
        Err(Error::new(self.at, format!("nested deeper than the limit `depth` allows ({})", self.limits.depth)))
    }
}

const NO_STRING: &str = "a key must be a string; put it in quotes, without a tag";

enum Key {
    Text(String),
    /// `<<`: the value's entries belong to this map.
    Merge,
    /// `'<<'` in kustomize, which drops it with its value.
    Dropped,
}

fn is_merge(style: Style, tag: Tag, dialect: Dialect) -> bool {
    match tag {
        Tag::None => style == Style::Plain,
        Tag::Merge => true,
        Tag::Bare => style == Style::Plain && dialect == Dialect::V3,
        _ => false,
    }
}

/// Whether an untagged key means what it says, the common case.
fn is_text(text: &str, style: Style, depth: usize, dialect: Dialect) -> bool {
    if style != Style::Plain {
        return true;
    }
    match scalar::plain(text, dialect, true) {
        Plain::Str => true,
        Plain::Null => false,
        Plain::Timestamp(_) => dialect == Dialect::V2 || depth == 0,
        Plain::Bool(_) | Plain::Int(_) | Plain::Unsigned(_) | Plain::Float(_) => dialect == Dialect::V3 && depth == 0,
    }
}

/// Go's spelling of what is no JSON number as a key.
fn infinite(text: &str, dialect: Dialect) -> Option<String> {
    match scalar::plain(text, dialect, false) {
        Plain::Float(n) if dialect == Dialect::V2 && n.is_nan() => Some(".nan".to_owned()),
        Plain::Float(n) if dialect == Dialect::V2 && n.is_infinite() => Some(number::format_key(n)),
        _ => None,
    }
}

/// The entries that a merge key brings; in a list of maps the earlier ones win.
fn merge_source(source: Value, at: Mark) -> Result<Map<String, Value>, Error> {
    match source {
        Value::Object(map) => Ok(map),
        Value::Array(items) => {
            let mut all = Map::new();
            for item in items.into_iter().rev() {
                let Value::Object(map) = item else {
                    return Err(Error::new(at, "map merge requires map or sequence of maps as the value"));
                };
                all.extend(map);
            }
            Ok(all)
        }
        _ => Err(Error::new(at, "map merge requires map or sequence of maps as the value")),
    }
}

/// A resolved key as sigs.k8s.io/yaml writes it into JSON.
fn text_of_key(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(b) => Ok(if b { "true" } else { "false" }.to_owned()),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => Ok(n.to_string()),
            (None, Some(float)) if n.is_f64() => Ok(number::format_key(float)),
            _ => Err("a key cannot be a number above 2^63"),
        },
        Value::Null => Err("a key cannot be null"),
        Value::Array(_) | Value::Object(_) => Err("a key cannot be a map or list"),
    }
}

/// Bytes of all strings and keys of a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
