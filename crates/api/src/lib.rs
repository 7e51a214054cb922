//! Every custom resource type, by group and version, and the CRDs made from them.
//!
//! In: what an API server stores. Out: typed objects that [`kube::Api`] reads and writes, and [`crds`]. Knows the API
//! of Flux 2.9, but no behaviour: what a field does is written in the controllers.
//!
//! Invariants: a word, duration or time that this version does not understand is kept and fails where it is used,
//! never while reading, so one odd object cannot hide the others; what is not set is not written, and what is not there
//! reads as not set (an API server admits objects without a spec); no schema code runs unless [`crds`] is called.

mod lenient;
mod resource;
mod schema;
mod string_enum;

pub mod meta;

pub mod helm;
pub mod image;
pub mod kustomize;
pub mod notification;
pub mod source;
pub mod source_extensions;

mod crds;
pub use crds::{crds, crds_by_component};
pub use resource::{Column, Kind};
