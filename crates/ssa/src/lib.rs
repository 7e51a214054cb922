//! Server-side apply: merge, field ownership, drift.
//!
//! In: a live object, what a manager applies or writes, and the kind's schema (or none: then types are deduced from
//! the values, lists being atomic). Out: the new object with its `metadata.managedFields`, or the conflicts. Knows no
//! server: defaulting, validation and admission come after [`apply`] and before [`update`], and are the caller's.
//!
//! Invariants: what an apply sets is owned by its manager; a field leaves the object when its last owner by apply
//! drops it; applying the same again changes nothing, not even a time.
//!
//! ```
//! use serde_json::json;
//! use sluice_ssa::{Request, apply};
//!
//! let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}});
//! let request = Request::new("me", "v1", "2026-01-01T00:00:00Z");
//! let first = apply(None, &config, &request)?;
//! assert_eq!(first.object["metadata"]["managedFields"][0]["fieldsV1"], json!({"f:data": {".": {}, "f:a": {}}}));
//! assert!(!apply(Some(&first.object), &config, &request)?.changed);
//! # Ok::<(), sluice_ssa::Error>(())
//! ```

mod apply;
mod compare;
mod conflict;
mod drift;
mod empty;
mod error;
mod fields_v1;
mod last_applied;
mod managed;
mod merge;
mod path;
mod remove;
mod set;
mod typed;
mod update;

pub use apply::{Applied, Request, apply, reset_paths};
pub use conflict::{Conflict, Conflicts};
pub use drift::{Difference, drift};
pub use error::Error;
pub use fields_v1::FieldsError;
pub use managed::{ManagedFields, ManagerEntry, Operation};
pub use path::{Path, PathElement, Scalar};
pub use set::FieldSet;
pub use update::update;
