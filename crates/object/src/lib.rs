//! One Kubernetes object as data: identity, order, selectors, built-in schema, patches.
//!
//! In: objects as [`Value`]s, schemas of custom resources, patches. Out: who an object is, where it stands in the
//! order of applying, whether a selector takes it, what its fields mean, and what a patch makes of it. Knows neither
//! files nor a server: kustomize, server-side apply and the API server all stand on it.
//!
//! Invariant: nothing here panics, recurses or grows without a bound, whatever object, schema or patch comes in.

mod access;
mod identity;
pub mod order;
pub mod patch;
pub mod schema;
pub mod selector;

pub use access::*;
pub use identity::{GroupVersionKind, IdentityError, ObjectRef};
pub use serde_json::{Map, Value};
