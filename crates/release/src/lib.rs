//! Helm's actions on a cluster: install, upgrade, roll back, uninstall, test.
//!
//! In: a [`Release`] (which one, on which cluster, as whom), a chart with values, options. Out: the [`Record`] as it is
//! stored, or a [`Failure`] that says what is stored. Knows no HelmRelease: helm-controller and the CLI stand on it.
//! Behaviour: Helm 4.3's, step by step, with server-side apply; records are read and written by the real `helm`.
//!
//! Invariants: a record that says `pending-…` is stored before the first object is written, so a kill leaves a state
//! that says so; each step asks whether it is to stop; what is deleted is read before.
//!
//! [`Record`]: sluice_helm::release::Record

mod capabilities;
mod crds;
mod drift;
mod error;
mod explain;
mod hooks;
mod install;
mod lookup;
mod objects;
mod options;
mod render;
mod rollback;
mod storage;
mod test;
mod uninstall;
mod upgrade;
mod wait;
mod write;

use sluice_apply::{Applier, Checks};
use sluice_runtime::Key;
use tokio_util::sync::CancellationToken;

pub use capabilities::CapabilityCache;
pub use drift::{Drift, DriftKind};
pub use error::Failure;
pub use explain::explain;
pub use objects::{Inventory, Object};
pub use options::{Crds, Install, Rollback, ServerSide, Test, Uninstall, Upgrade, Wait};
pub use render::{Chosen, PostRender};
pub use storage::{Storage, latest};

/// One release: its name, its cluster, and as whom it is worked on.
#[derive(Clone)]
pub struct Release<'a> {
    /// Its name.
    pub name: &'a str,
    /// The namespace of its objects.
    pub namespace: &'a str,
    /// The namespace of its records.
    pub storage_namespace: &'a str,
    /// Records that are kept, 0 for all.
    pub max_history: usize,
    /// Whose objects they are, for [`sluice_apply::Memory`].
    pub owner: &'a Key,
    /// Reads and writes.
    pub applier: &'a Applier,
    /// What the cluster can do.
    pub capabilities: &'a CapabilityCache,
    /// How ready objects are.
    pub checks: &'a Checks,
    /// Ends an action between two steps, or while it waits.
    pub stop: &'a CancellationToken,
}

impl<'a> Release<'a> {
    /// Where its records are.
    #[must_use]
    pub fn storage(&self) -> Storage<'a> {
        Storage { applier: self.applier, namespace: self.storage_namespace, name: self.name }
    }

    fn check_stop(&self) -> Result<(), String> {
        if self.stop.is_cancelled() { Err("interrupted".to_owned()) } else { Ok(()) }
    }
}

/// The time as Helm writes it.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}
