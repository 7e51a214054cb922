//! Charts rendered as Helm renders them.
#![allow(clippy::unwrap_used)]

mod charts;
mod expressions;
mod flags;
mod functions;
mod hostile;
mod releases;
