//! The index of a chart repository: from YAML or JSON of any size to JSON in a file, and from that file to one entry.
//!
//! In: the bytes a repository serves. Out: a file in which each entry lies in one piece, newest version first. What is
//! in memory at any time is one entry, and of the others version and place. Behaviour: spec/flux/source.md §4.

mod convert;
mod find;
mod json;
mod split;

pub use convert::{IndexError, convert};
pub use find::{Candidate, Entry, candidates, entry};
