//! Items of lists that are written in lines.

use serde_json::Value;

use super::block::{column, line_start, lines, lines_end};
use super::rewrite::{Edits, RewriteError};
use super::{Change, Node};

/// Lists beyond this are compared item by item from both ends only.
const MAX_TABLE: usize = 4_000_000;

/// Where the dash stands that comes after `from`.
pub(super) fn dash(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'-' if bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) => return Some(at),
            b'#' => at += bytes[at..].iter().position(|b| *b == b'\n')?,
            b'!' | b'&' => at += bytes[at..].iter().position(u8::is_ascii_whitespace)?,
            _ => at += 1,
        }
    }
    None
}

/// What becomes of the items of a list.
enum Step {
    Keep,
    Remove(usize),
    Insert(usize),
    /// The old item becomes the new one.
    Turn(usize, usize),
}

impl Edits<'_> {
    /// Makes the items say `now`.
    pub(super) fn list(
        &mut self,
        node: &Node,
        items: &[Node],
        was: &[Value],
        now: &[Value],
    ) -> Result<(), RewriteError> {
        if items.len() != was.len() || items.is_empty() {
            return Err(RewriteError::Entangled);
        }
        let dashes = self.dashes(node, items).ok_or(RewriteError::Entangled)?;
        let columns = column(self.text, dashes[0]);
        let own_line = |dash: usize| self.text[line_start(self.text, dash)..dash].trim().is_empty();
        if !dashes.iter().all(|dash| own_line(*dash)) {
            return Err(RewriteError::Entangled);
        }
        let mut at = line_start(self.text, dashes[0]);
        let mut seen = 0;
        for step in steps(was, now) {
            match step {
                Step::Keep => {
                    at = lines_end(self.text, dashes[seen], &items[seen]);
                    seen += 1;
                }
                Step::Remove(old) => {
                    let end = lines_end(self.text, dashes[old], &items[old]);
                    self.changes.push(Change { range: line_start(self.text, dashes[old])..end, with: String::new() });
                    at = end;
                    seen += 1;
                }
                Step::Turn(old, new) => {
                    self.node(&items[old], &was[old], &now[new], &[])?;
                    at = lines_end(self.text, dashes[old], &items[old]);
                    seen += 1;
                }
                Step::Insert(new) => {
                    let item = Value::Array(vec![now[new].clone()]);
                    let lines = lines(&item, columns, self.list_indent, self.line_end)?;
                    self.insert(at, lines);
                }
            }
        }
        Ok(())
    }

    fn dashes(&self, node: &Node, items: &[Node]) -> Option<Vec<usize>> {
        // The list's own place may be behind its first dash; the line before it is not.
        let mut from = line_start(self.text, items[0].range.start.min(node.range.start));
        let mut dashes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let mut found = dash(self.text, from)?;
            if index == 0 {
                // The dash of the first item is the last one before it.
                if found >= item.range.start.max(from + 1) || !self.text[from..found].trim().is_empty() {
                    found = self.text[..item.range.start]
                        .rfind("- ")
                        .or_else(|| self.text[..item.range.start].rfind("-\n"))?;
                }
            }
            dashes.push(found);
            from = item.range.end.max(found + 1);
        }
        Some(dashes)
    }
}

/// The cheapest way from `was` to `now`: what is equal stays, maps of the same name turn into each other.
fn steps(was: &[Value], now: &[Value]) -> Vec<Step> {
    let head = was.iter().zip(now).take_while(|(a, b)| a == b).count();
    let tail = was[head..].iter().rev().zip(now[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (head..was.len() - tail, head..now.len() - tail);
    let mut steps: Vec<Step> = (0..head).map(|_| Step::Keep).collect();
    let (rows, columns) = (old.len(), new.len());
    if rows * columns > MAX_TABLE {
        steps.extend(old.map(Step::Remove));
        steps.extend(new.map(Step::Insert));
    } else {
        let alike = |i: usize, j: usize| was[old.start + i] == now[new.start + j];
        // Longest common subsequence, from the end.
        let mut longest = vec![vec![0u32; columns + 1]; rows + 1];
        for i in (0..rows).rev() {
            for j in (0..columns).rev() {
                longest[i][j] =
                    if alike(i, j) { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
            }
        }
        let (mut i, mut j) = (0, 0);
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        while i < rows || j < columns {
            if i < rows && j < columns && alike(i, j) {
                gap(was, now, &mut gone, &mut come, &mut steps);
                steps.push(Step::Keep);
                (i, j) = (i + 1, j + 1);
            } else if j == columns || (i < rows && longest[i + 1][j] >= longest[i][j + 1]) {
                gone.push(old.start + i);
                i += 1;
            } else {
                come.push(new.start + j);
                j += 1;
            }
        }
        gap(was, now, &mut gone, &mut come, &mut steps);
    }
    steps.extend((0..tail).map(|_| Step::Keep));
    steps
}

/// Between two items that stay: maps that are the same thing turn, the rest goes and comes.
fn gap(was: &[Value], now: &[Value], gone: &mut Vec<usize>, come: &mut Vec<usize>, steps: &mut Vec<Step>) {
    let mut come = come.drain(..).peekable();
    let identity = |value: &Value| ["name", "path", "target"].iter().find_map(|key| value.get(key).cloned());
    for old in gone.drain(..) {
        let turns = come.peek().is_some_and(|new| {
            let (before, after) = (&was[old], &now[*new]);
            before.is_object() && after.is_object() && identity(before).is_some() && identity(before) == identity(after)
        });
        match come.next_if(|_| turns) {
            Some(new) => steps.push(Step::Turn(old, new)),
            None => steps.push(Step::Remove(old)),
        }
    }
    steps.extend(come.map(Step::Insert));
}
