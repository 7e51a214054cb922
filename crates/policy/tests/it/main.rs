//! The crate from outside.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod conformance;
mod properties;
mod setters;
