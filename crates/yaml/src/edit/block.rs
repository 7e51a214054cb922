//! Entries of maps that are written in lines.

use serde_json::{Map, Value};

use super::rewrite::{Edits, RewriteError};
use super::{Change, Content, Entry, Node};
use crate::emit;

/// Where the line of `at` starts.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line of `at` ends, line break included.
pub(super) fn line_after(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// How many characters stand before `at` in its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    text[line_start(text, at)..at].trim_start_matches('\u{feff}').chars().count()
}

/// Whether only blanks stand before `at` in its line.
pub(super) fn is_alone(text: &str, at: usize) -> bool {
    text[line_start(text, at)..at].trim_start_matches('\u{feff}').trim().is_empty()
}

/// Where the line of an entry starts, behind a byte order mark.
fn entry_start(text: &str, entry: &Entry) -> usize {
    let start = line_start(text, entry.key.range.start);
    if text[start..].starts_with('\u{feff}') { start + '\u{feff}'.len_utf8() } else { start }
}

/// Where the lines of a node end that starts (with its key or dash) at `start`.
pub(super) fn lines_end(text: &str, start: usize, node: &Node) -> usize {
    let end = last_byte(text, node).max(start);
    line_after(text, end)
}

/// Where a node's own text ends, without the blank lines that a block scalar has after it.
fn last_byte(text: &str, node: &Node) -> usize {
    match &node.content {
        Content::Scalar { header: Some(header), .. } => {
            let body = &text[node.range.clone()];
            let kept = body.trim_end_matches(['\n', '\r', ' ', '\t']).len();
            if kept == 0 { *header } else { node.range.start + kept }
        }
        Content::Map(entries, false) => {
            entries.last().map_or(node.range.end, |entry| last_byte(text, &entry.value).max(entry.key.range.end))
        }
        Content::List(items, false) => items.last().map_or(node.range.end, |item| last_byte(text, item)),
        _ => node.range.end,
    }
}

/// A value's lines with `columns` blanks before each, lists indented below their keys by `list_indent`.
pub(super) fn lines(value: &Value, columns: usize, list_indent: usize, line_end: &str) -> Result<String, RewriteError> {
    let printed = emit(value)?;
    let mut out = String::with_capacity(printed.len() * 2);
    let margin = " ".repeat(columns);
    if list_indent > 0 && !has_long_text(value) {
        indented(value, &margin, list_indent, &mut out)?;
        let text = out.replace('\n', line_end);
        return Ok(text);
    }
    for line in printed.lines() {
        if !line.is_empty() {
            out.push_str(&margin);
            out.push_str(line);
        }
        out.push_str(line_end);
    }
    Ok(out)
}

/// Text that is printed over several lines: only the printer knows how.
fn has_long_text(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\n') || text.len() > 60,
        Value::Array(list) => list.iter().any(has_long_text),
        Value::Object(map) => map.iter().any(|(key, value)| key.len() > 60 || has_long_text(value)),
        _ => false,
    }
}

/// As the printer, but with lists indented below their keys.
fn indented(value: &Value, margin: &str, list_indent: usize, out: &mut String) -> Result<(), RewriteError> {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let key = emit(&Value::String(key.clone()))?;
                out.push_str(&format!("{margin}{}:", key.trim_end()));
                match value {
                    Value::Object(map) if !map.is_empty() => {
                        out.push('\n');
                        indented(value, &format!("{margin}  "), list_indent, out)?;
                    }
                    Value::Array(list) if !list.is_empty() => {
                        out.push('\n');
                        indented(value, &format!("{margin}{}", " ".repeat(list_indent)), list_indent, out)?;
                    }
                    other => out.push_str(&format!(" {}", emit(other)?)),
                }
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for item in list {
                let mut inner = String::new();
                indented(item, &format!("{margin}  "), list_indent, &mut inner)?;
                // The dash takes the place of the first line's last two blanks.
                out.push_str(&format!("{margin}- {}", inner.get(margin.len() + 2..).unwrap_or_default()));
            }
        }
        other => out.push_str(&format!("{margin}{}", emit(other)?)),
    }
    Ok(())
}

impl Edits<'_> {
    /// An entry's lines, where the value is not on the key's line.
    pub(super) fn entry_lines(&self, key: &str, value: &Value, columns: usize) -> Result<String, RewriteError> {
        let entry = Value::Object(Map::from_iter([(key.to_owned(), value.clone())]));
        lines(&entry, columns, self.list_indent, self.line_end)
    }

    /// Takes an entry out with its lines.
    pub(super) fn remove_entry(&mut self, entry: &Entry) {
        let start = entry_start(self.text, entry);
        let end = lines_end(self.text, entry.key.range.end, &entry.value);
        self.changes.push(Change { range: start..end, with: String::new() });
    }

    /// Puts a new entry below the entry `after`, or above the first.
    pub(super) fn add_entry(
        &mut self,
        first: &Entry,
        after: Option<&Entry>,
        key: &str,
        value: &Value,
    ) -> Result<(), RewriteError> {
        let at = match after {
            Some(after) => lines_end(self.text, after.key.range.end, &after.value),
            None => entry_start(self.text, first),
        };
        let lines = self.entry_lines(key, value, column(self.text, first.key.range.start))?;
        self.insert(at, lines);
        Ok(())
    }

    /// Gives an entry a value that needs lines of its own, or that comes where none was.
    pub(super) fn put_value(&mut self, entry: &Entry, value: &Value) -> Result<(), RewriteError> {
        let start = entry.key.range.start;
        let printed = self.entry_lines("k", value, column(self.text, start))?;
        let printed = printed.trim_start().strip_prefix("k:").unwrap_or_default();
        let colon =
            self.text[entry.key.range.end..].find(':').ok_or(RewriteError::Entangled)? + entry.key.range.end + 1;
        if entry.value.is_absent() && printed.starts_with(['\n', '\r']) {
            // What stands behind the colon is a comment: it stays.
            let at = line_after(self.text, colon);
            self.insert(at, printed.trim_start_matches(['\n', '\r']).to_owned());
            return Ok(());
        }
        let end = if entry.value.is_absent() { colon } else { last_byte(self.text, &entry.value) };
        self.changes.push(Change { range: colon..end, with: printed.trim_end_matches(['\n', '\r']).to_owned() });
        Ok(())
    }

    /// Inserts whole lines, also after a last line without a break.
    pub(super) fn insert(&mut self, at: usize, lines: String) {
        let open = at == self.text.len() && !self.text.is_empty() && !self.text.ends_with('\n');
        let with = if open { format!("{}{}", self.line_end, lines.trim_end_matches(['\n', '\r'])) } else { lines };
        self.changes.push(Change { range: at..at, with });
    }
}
