//! Changes to a text that leave everything else as it is: comments, quotes, indents, line ends, the order of keys.
//!
//! In: a text, and what it should say. Out: the same text with the fewest bytes changed. [`read`] gives the nodes with
//! their places; [`scalar`] how one scalar is replaced; [`rewrite`] edits until the text says a given value. Knows
//! nothing of what the text is about.
//!
//! Invariant: what [`rewrite`] returns reads as exactly the value that was asked for, or it is an error.

mod block;
mod flow;
mod items;
mod rewrite;
mod scalar;
mod source;

pub use rewrite::{RewriteError, rewrite};
pub use scalar::scalar;
pub use source::{Content, Entry, Node, Quotes, Source, read};

use std::ops::Range;

/// A range of bytes of a text and what comes in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The bytes that go; an empty range inserts.
    pub range: Range<usize>,
    /// What comes.
    pub with: String,
}

/// The text with all changes made, or `None` where two of them overlap or one lies outside. Insertions at one place
/// come in the order given.
#[must_use]
pub fn apply(text: &str, changes: &[Change]) -> Option<String> {
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by_key(|change| (change.range.start, change.range.end));
    let added: usize = changes.iter().map(|change| change.with.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut at = 0;
    for change in sorted {
        out.push_str(text.get(at..change.range.start)?);
        out.push_str(&change.with);
        text.get(change.range.clone())?;
        at = change.range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}
