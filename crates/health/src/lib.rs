//! Is an object ready yet.
//!
//! In: an object as the API server has it, or an object and expressions of a user. Out: a [`Status`]. Knows no cluster
//! and no waiting. Behaviour: kstatus as Flux 2.9 links it, for the kinds it knows and by conditions for all others
//! ([`status`]); Flux's own rule for Jobs ([`job`]); `healthCheckExprs` ([`HealthCheck`]) and `readyExpr`
//! ([`ReadyCheck`]).
//!
//! Invariant: what cannot be told is an error or not ready, never ready.
//!
//! ```
//! use serde_json::json;
//! use sluice_health::{StatusKind, status};
//!
//! let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"type": "ClusterIP"}});
//! assert_eq!(status(&service)?.kind, StatusKind::Current);
//! # Ok::<(), sluice_health::Error>(())
//! ```

mod custom;
mod error;
mod fields;
mod generic;
mod rules;
mod status;

pub use custom::{CheckError, HealthCheck, ReadyCheck};
pub use error::Error;
pub use generic::{status, status_at};
pub use rules::job::flux as job;
pub use status::{Condition, Status, StatusKind};
