//! What goes in and out of the crate's door, against Go's answers.

mod dialects;
mod edited;
mod emitted;
mod hostile;
mod located;
mod properties;
mod roundtrip;
