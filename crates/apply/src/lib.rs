//! Applies a set of objects in stages, tells what changed, deletes what is gone, waits until all is ready.
//!
//! In: rendered objects, any order, and who owns them. Out: one [`Change`] per object. Knows an API server, but no
//! Kustomization or HelmRelease: both controllers stand on it. Behaviour: spec/flux/kustomize.md §5–§7.
//!
//! What makes it cheap: a [`sluice_runtime::MetadataIndex`] tells what is live, [`Memory`] what was last applied. An
//! object whose desired state and live state are both as remembered costs no request; one that changed costs a
//! rehearsal (dry run) and an apply; one that somebody else changed costs an apply. Flux spends three on each.
//!
//! Invariants: within a stage every object that the server could refuse is rehearsed before the first is written;
//! nothing is deleted on the word of a cache; a write never reaches a later object of the same name unnoticed.

mod access;
mod change;
mod checks;
mod error;
mod facts;
mod fight;
mod follow;
mod ignore;
pub mod inventory;
mod mapper;
mod marks;
mod memory;
mod normalize;
mod one;
mod prune;
mod stage;
mod takeover;
mod wait;

pub use access::{AccessError, Allowed, Clusters};
pub use change::{Action, Change};
pub use checks::Checks;
pub use error::{ApplyError, Failure, check_names};
pub use facts::{Managers, Marks, fingerprint};
pub use ignore::IgnoreRules;
pub use mapper::{Mapped, Mapper};
pub use marks::{Mark, Owner};
pub use memory::Memory;
pub use normalize::normalize;
pub use one::Located;
pub use prune::{Deleted, Pruned};
pub use stage::{Applier, Request};
pub use wait::{Judge, NotReady, Target, WaitError};
