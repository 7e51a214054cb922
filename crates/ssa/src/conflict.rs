//! Fields that others own.

use std::fmt;

use crate::managed::{ManagerEntry, Operation};
use crate::path::Path;

/// One field that an apply would change and another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager, as the message names it.
    pub manager: String,
    /// The field.
    pub path: Path,
}

impl Conflict {
    /// The message of the cause (`reason` FieldManagerConflict) of the API's error.
    #[must_use]
    pub fn message(&self) -> String {
        format!("conflict with {}", self.manager)
    }
}

/// All conflicts of an apply, by manager and path: never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts(pub Vec<Conflict>);

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return write!(f, "Apply failed with 1 conflict: {}: {}", only.message(), only.path);
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut before: Option<&str> = None;
        for conflict in &self.0 {
            if before != Some(&conflict.manager) {
                write!(f, "{}conflicts with {}:", if before.is_some() { "\n" } else { "" }, conflict.manager)?;
                before = Some(&conflict.manager);
            }
            write!(f, "\n- {}", conflict.path)?;
        }
        Ok(())
    }
}

/// `"m" with subresource "status" using apps/v1`
pub(crate) fn describe(entry: &ManagerEntry) -> String {
    let mut text = format!("{:?}", entry.manager);
    if !entry.subresource.is_empty() {
        text.push_str(&format!(" with subresource {:?}", entry.subresource));
    }
    if entry.operation == Operation::Update {
        text.push_str(&format!(" using {}", entry.api_version));
    }
    text
}
