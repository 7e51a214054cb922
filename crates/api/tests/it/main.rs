//! The generated CRDs against the real ones, and against what is checked in.
#![allow(missing_docs)]

mod conformance;
mod reading;
