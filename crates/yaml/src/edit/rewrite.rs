//! Edits a text until it says a given value.

use serde_json::{Map, Value};

use super::{Change, Content, Node, Quotes, apply, block, flow, items, read, scalar};
use crate::{Dialect, Error, Limits, emit, parse};

/// Why a text was not edited.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The text is no YAML.
    #[error("{0}")]
    Unreadable(#[from] Error),
    /// The text is written in a way that an edit would do something else to: anchors and merge keys, mostly.
    #[error(
        "the change cannot be made without touching other values (anchors, aliases and merge keys?); make it by hand"
    )]
    Entangled,
    /// The value holds what YAML cannot carry.
    #[error("{0}")]
    Unwritable(#[from] crate::EmitError),
}

/// The first document of `text`, changed to say `new`, with the fewest changes. A new key of the topmost map goes where
/// `order` puts it, after all keys that stand before it there; one that is not in `order` goes last.
///
/// # Errors
/// When the text is no YAML, or the change would change more than was asked for.
pub fn rewrite(text: &str, new: &Value, order: &[&str]) -> Result<String, RewriteError> {
    let old = parse(text, Dialect::V2)?;
    if old == *new {
        return Ok(text.to_owned());
    }
    let source = read(text, &Limits::default())?;
    let Some(root) = source.documents.first().filter(|root| !root.is_absent()) else {
        return Ok(appended(text, &emit(new)?));
    };
    let mut edits = Edits { text, list_indent: list_indent(root, text), line_end: line_end(text), changes: Vec::new() };
    edits.node(root, &old, new, order)?;
    let edited = apply(text, &edits.changes).ok_or(RewriteError::Entangled)?;
    if parse(&edited, Dialect::V2).ok().as_ref() == Some(new) { Ok(edited) } else { Err(RewriteError::Entangled) }
}

/// A text without content gets some.
fn appended(text: &str, content: &str) -> String {
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{gap}{content}")
}

fn line_end(text: &str) -> &'static str {
    let first = text.find('\n').unwrap_or(0);
    if first > 0 && text.as_bytes()[first - 1] == b'\r' { "\r\n" } else { "\n" }
}

/// How far the first list of the text is indented below its key: new lists follow it.
fn list_indent(root: &Node, text: &str) -> usize {
    let Content::Map(entries, false) = &root.content else { return 0 };
    let lists = entries.iter().find_map(|entry| match &entry.value.content {
        Content::List(list, false) if !list.is_empty() => {
            let dash = items::dash(text, entry.key.range.end)?;
            Some(block::column(text, dash).saturating_sub(block::column(text, entry.key.range.start)))
        }
        Content::Map(..) => Some(list_indent(&entry.value, text)).filter(|columns| *columns > 0),
        _ => None,
    });
    lists.unwrap_or(0)
}

/// The changes that were found so far.
pub(super) struct Edits<'a> {
    pub(super) text: &'a str,
    pub(super) list_indent: usize,
    pub(super) line_end: &'static str,
    pub(super) changes: Vec<Change>,
}

impl Edits<'_> {
    /// Makes `node`, which says `old`, say `new`.
    pub(super) fn node(&mut self, node: &Node, old: &Value, new: &Value, order: &[&str]) -> Result<(), RewriteError> {
        if old == new {
            return Ok(());
        }
        match (&node.content, old, new) {
            (Content::Map(entries, false), Value::Object(was), Value::Object(now)) if !now.is_empty() => {
                self.map(entries, was, now, order)
            }
            (Content::List(list, false), Value::Array(was), Value::Array(now)) if !now.is_empty() => {
                self.list(node, list, was, now)
            }
            (Content::Map(..) | Content::List(..), _, _)
                if node.flow || matches!(node.content, Content::Map(_, true) | Content::List(_, true)) =>
            {
                let with = flow::rebuilt(self.text, node, old, new)?;
                self.replace(node, with);
                Ok(())
            }
            (Content::Scalar { .. }, Value::String(_), Value::String(now)) => {
                self.changes.extend(scalar(self.text, node, now));
                Ok(())
            }
            (Content::Scalar { header: None, .. }, _, Value::Bool(_) | Value::Number(_) | Value::Null) => {
                self.replace(node, new.to_string());
                Ok(())
            }
            (Content::Scalar { header: None, .. } | Content::Alias, _, Value::String(now)) => {
                self.replace(node, scalar::quoted(now, Quotes::None, node.flow));
                Ok(())
            }
            _ => {
                let with = flow::of(new)?;
                self.replace(node, with);
                Ok(())
            }
        }
    }

    pub(super) fn replace(&mut self, node: &Node, with: String) {
        self.changes.push(Change { range: node.range.clone(), with });
    }

    fn map(
        &mut self,
        entries: &[super::Entry],
        was: &Map<String, Value>,
        now: &Map<String, Value>,
        order: &[&str],
    ) -> Result<(), RewriteError> {
        let name = |entry: &super::Entry| entry.key.text().unwrap_or_default().to_owned();
        let stays = |entry: &super::Entry| now.contains_key(&name(entry)) || !was.contains_key(&name(entry));
        let mut gone = 0;
        if !block::is_alone(self.text, entries[0].key.range.start) {
            // The first key stands behind a dash, and the first one that stays must stand there then.
            gone = entries.iter().position(stays).ok_or(RewriteError::Entangled)?;
            let range = entries[0].key.range.start..entries[gone].key.range.start;
            self.changes.push(Change { range, with: String::new() });
        }
        for (index, entry) in entries.iter().enumerate() {
            let key = name(entry);
            // Of a repeated key the last counts.
            let counts = !entries[index + 1..].iter().any(|later| name(later) == key);
            match (was.get(&key), now.get(&key)) {
                (Some(_), None) if index >= gone => self.remove_entry(entry),
                (Some(before), Some(after)) if counts && before != after => {
                    if self.needs_lines(&entry.value, after) {
                        self.put_value(entry, after)?;
                    } else {
                        self.node(&entry.value, before, after, &[])?;
                    }
                }
                _ => {}
            }
        }
        let added: Vec<&String> = now.keys().filter(|key| !was.contains_key(*key)).collect();
        let rank = |key: &str| order.iter().position(|it| *it == key).unwrap_or(usize::MAX);
        let mut added = added;
        added.sort_by_key(|key| rank(key));
        for key in added {
            // An entry that goes takes its own lines along: what comes after it comes after them.
            let after = match entries.iter().rposition(|entry| rank(&name(entry)) < rank(key)) {
                Some(index) => Some(&entries[index]),
                None if order.contains(&key.as_str()) && block::is_alone(self.text, entries[0].key.range.start) => None,
                None => entries.last(),
            };
            self.add_entry(&entries[0], after, key, &now[key])?;
        }
        Ok(())
    }

    /// Whether a value cannot simply take the old one's place: a list or map of more than one line, or anything where
    /// nothing was.
    fn needs_lines(&self, node: &Node, new: &Value) -> bool {
        if node.flow {
            return false;
        }
        let is_collection = matches!(new, Value::Array(list) if !list.is_empty())
            || matches!(new, Value::Object(map) if !map.is_empty());
        let empty_brackets = matches!(&node.content, Content::Map(entries, true) if entries.is_empty())
            || matches!(&node.content, Content::List(list, true) if list.is_empty());
        let same_kind =
            matches!((&node.content, new), (Content::Map(..), Value::Object(_)) | (Content::List(..), Value::Array(_)));
        let was_block = matches!(node.content, Content::Map(_, false) | Content::List(_, false));
        let block_scalar = matches!(node.content, Content::Scalar { header: Some(_), .. }) && !new.is_string();
        node.is_absent()
            || block_scalar
            || (is_collection && (empty_brackets || !same_kind))
            || (was_block && (!same_kind || !is_collection))
    }
}
