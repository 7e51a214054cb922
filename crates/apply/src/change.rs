use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use sluice_object::ObjectRef;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there before.
    Created,
    /// The server changed it.
    Configured,
    /// It was as it should be.
    Unchanged,
    /// It was deleted.
    Deleted,
    /// An annotation says to leave it alone.
    Skipped,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Created => "created",
            Action::Configured => "configured",
            Action::Unchanged => "unchanged",
            Action::Deleted => "deleted",
            Action::Skipped => "skipped",
        })
    }
}

/// One object, and what became of it; prints as Flux's events list it: `Deployment/default/web configured`.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which object.
    pub object: ObjectRef,
    /// What became of it.
    pub action: Action,
    /// What the server answered, if it was asked.
    pub live: Option<Arc<Value>>,
    /// Who keeps changing the object, if somebody does.
    pub contested: Option<String>,
}

impl Change {
    /// What became of an object without asking the server.
    #[must_use]
    pub fn of(object: ObjectRef, action: Action) -> Self {
        Change { object, action, live: None, contested: None }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.action)
    }
}
