//! Why an apply or update cannot be made.

use crate::conflict::Conflicts;
use crate::fields_v1::FieldsError;
use crate::typed::DEPTH_LIMIT;

/// Why an apply or update cannot be made. The texts are the API server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Others own fields that would change (409 Conflict).
    #[error("{0}")]
    Conflicts(Conflicts),
    /// The applied object does not fit its schema (500, without reason).
    #[error("failed to create typed patch object ({object}): {problems}")]
    Typed {
        /// Which object: `namespace/name; group/version, Kind=kind`.
        object: String,
        /// What does not fit; several are on lines of their own.
        problems: String,
    },
    /// The applied object has managed fields (400 BadRequest).
    #[error("metadata.managedFields must be nil")]
    ManagedFieldsInApply,
    /// Apply without a manager's name (422 Invalid).
    #[error("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch")]
    NoManager,
    /// The live object's managed fields cannot be read.
    #[error("failed to decode managed fields: {0}")]
    ManagedFields(#[from] FieldsError),
    /// An object is nested too deep.
    #[error("object is nested deeper than {DEPTH_LIMIT}")]
    TooDeep,
}
