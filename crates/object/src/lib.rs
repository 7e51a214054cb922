//! One Kubernetes object as data: identity, order, selectors, built-in schema, patches.
//!
//! In: objects as [`Value`]s, schemas of custom resources, patches. Out: who an object is, where it stands in the
//! order of applying, whether a selector takes it, what its fields mean, and what a patch makes of it. Knows neither
//! files nor a server: kustomize, server-side apply and the API server all stand on it.
//!
//! Invariant: nothing here panics, recurses or grows without a bound, whatever object, schema or patch comes in.
//!
//! ```
//! use serde_json::json;
//! use sluice_object::{GroupVersionKind, patch, schema};
//!
//! let live = json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}, {"port": 443}]}});
//! let gvk = GroupVersionKind::from_object(&live)?;
//! let node = schema::builtin().node(&gvk).expect("Service is built in");
//! // Ports merge by `port`; a list without a merge key would be replaced.
//! let patch = json!({"spec": {"ports": [{"port": 80, "name": "http"}]}});
//! let patched = patch::strategic(live, &patch, node)?;
//! assert_eq!(patched["spec"]["ports"], json!([{"port": 80, "name": "http"}, {"port": 443}]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod identity;
pub mod order;
pub mod patch;
pub mod schema;
pub mod selector;

pub use access::*;
pub use identity::{GroupVersionKind, IdentityError, ObjectRef};
pub use serde_json::{Map, Value};
