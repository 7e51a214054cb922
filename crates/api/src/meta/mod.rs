//! What all groups share: conditions, references, artifacts, durations, times, annotations and finalizers.

pub mod annotation;
mod artifact;
mod condition;
mod duration;
mod reference;
mod time;

pub use artifact::Artifact;
pub use condition::{Condition, ConditionStatus, find, is_false, is_true, printable, remove, set};
pub use duration::{Duration, InvalidDuration};
pub(crate) use duration::{INTERVAL, TIMEOUT};
pub use reference::{
    AccessFrom, CommonMetadata, CustomHealthCheck, DependencyReference, DriftIgnoreRule, Image, Inventory,
    KubeConfigReference, LocalObjectReference, NamespaceSelector, NamespacedObjectKindReference,
    NamespacedObjectReference, Patch, ResourceRef, SecretKeyReference, Selector,
};
pub use time::Time;

/// Keeps an object until its controller has cleaned up after it. All Flux kinds use it but ArtifactGenerator.
pub const FINALIZER: &str = "finalizers.fluxcd.io";

/// The finalizer of ArtifactGenerator.
pub const ARTIFACT_GENERATOR_FINALIZER: &str = "source.extensions.fluxcd.io/finalizer";

/// The status fields that every reconciled kind has; written once for all of them in the runtime.
pub trait Status: Default {
    /// What the user reads about the object.
    fn conditions(&self) -> &[Condition];
    /// The conditions, to be changed with [`set`] and [`remove`].
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// The generation of the spec that the status speaks of; -1 before the first reconcile, 0 where a kind has none.
    fn observed_generation(&self) -> i64 {
        0
    }
    /// Records the generation; kinds without the field ignore it.
    fn set_observed_generation(&mut self, _generation: i64) {}
    /// The last value of [`annotation::REQUESTED_AT`] that was acted upon; empty where a kind has none.
    fn last_handled_reconcile_at(&self) -> &str {
        ""
    }
    /// Records a handled request; kinds without the field ignore it.
    fn set_last_handled_reconcile_at(&mut self, _value: &str) {}
}

/// Implements [`Status`] for a status with the usual three fields.
macro_rules! impl_status {
    ($($status:ty),+) => {$(
        impl crate::meta::Status for $status {
            fn conditions(&self) -> &[crate::meta::Condition] {
                &self.conditions
            }
            fn conditions_mut(&mut self) -> &mut Vec<crate::meta::Condition> {
                &mut self.conditions
            }
            fn observed_generation(&self) -> i64 {
                self.observed_generation
            }
            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = generation;
            }
            fn last_handled_reconcile_at(&self) -> &str {
                &self.last_handled_reconcile_at
            }
            fn set_last_handled_reconcile_at(&mut self, value: &str) {
                value.clone_into(&mut self.last_handled_reconcile_at);
            }
        }
    )+};
}
pub(crate) use impl_status;
