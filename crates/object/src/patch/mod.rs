//! The patches of the API server's PATCH verb, and the patch that `kubectl apply` computes.
//!
//! In: an object, a patch, for strategic ones the schema. Out: the patched object; nothing is defaulted or validated.
//! Behaviour: conformance suite `patches` (what the API server's own calls answer).
//!
//! Invariant: work and result are bounded by the sizes of what comes in, and by the limits named here.

mod json;
mod merge;
mod order;
mod pointer;
mod strategic;
mod three_way;

#[cfg(test)]
mod tests;

pub use json::{COPY_LIMIT, OPERATION_LIMIT, json};
pub use merge::merge;
pub use pointer::{Pointer, PointerError};
pub use strategic::strategic;
pub use three_way::{Conflicts, three_way};

use serde_json::Value;

/// How deep objects and patches may nest.
pub const DEPTH_LIMIT: usize = 256;

/// Why a patch could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is not of the form of its type: the server answers 400.
    #[error("{0}")]
    Malformed(String),
    /// The patch does not fit the object: the server answers 422.
    #[error("{0}")]
    Unfit(String),
    /// A limit of this module was hit: the server answers 413.
    #[error("patch exceeds the limit of {limit} {what}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What is limited, with its unit.
        what: &'static str,
    },
    /// What changes was also changed by somebody else.
    #[error("{0}")]
    Conflict(String),
}

impl PatchError {
    fn unfit(message: impl Into<String>) -> Self {
        Self::Unfit(message.into())
    }
}

/// Refuses values that nest deeper than [`DEPTH_LIMIT`], so that what follows may recurse.
fn check_depth(value: &Value) -> Result<(), PatchError> {
    fn fits(value: &Value, left: usize) -> bool {
        match value {
            Value::Array(items) => left > 0 && items.iter().all(|item| fits(item, left - 1)),
            Value::Object(map) => left > 0 && map.values().all(|item| fits(item, left - 1)),
            _ => true,
        }
    }
    if fits(value, DEPTH_LIMIT) {
        Ok(())
    } else {
        Err(PatchError::TooLarge { limit: DEPTH_LIMIT, what: "levels of nesting" })
    }
}
