//! Server-side apply, measured and examined.
#![allow(missing_docs, clippy::unwrap_used)]

mod conformance;
mod facts;
mod properties;
mod sequences;
