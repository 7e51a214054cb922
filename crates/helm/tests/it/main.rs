//! Charts rendered as Helm renders them.

mod charts;
mod hostile;
