//! The generated CRDs against the real ones, and against what is checked in.
#![allow(clippy::unwrap_used, reason = "a broken suite should stop its test")]

mod conformance;
mod fresh;
mod reading;
