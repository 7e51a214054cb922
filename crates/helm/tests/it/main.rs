//! Charts rendered as Helm renders them.
#![allow(clippy::unwrap_used)]

mod charts;
mod hostile;
