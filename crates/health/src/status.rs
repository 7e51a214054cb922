//! What is told about an object.

use std::fmt;

/// How far an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusKind {
    /// As its spec wants it.
    Current,
    /// On its way.
    InProgress,
    /// Stuck: waiting alone will not help.
    Failed,
    /// Being deleted.
    Terminating,
    /// Not there.
    NotFound,
    /// Cannot be told.
    Unknown,
}

impl StatusKind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::InProgress => "InProgress",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
            Self::NotFound => "NotFound",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for StatusKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A condition derived from the state, always of status `True`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `Reconciling` or `Stalled`.
    pub type_: &'static str,
    /// Why, in one word.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

/// How far an object is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How far.
    pub kind: StatusKind,
    /// Why.
    pub message: String,
    /// `Reconciling` while in progress, `Stalled` when failed.
    pub conditions: Vec<Condition>,
}

impl Status {
    /// The object is as it should be.
    pub(crate) fn current(message: impl Into<String>) -> Self {
        Self { kind: StatusKind::Current, message: message.into(), conditions: Vec::new() }
    }

    /// The object is on its way.
    pub(crate) fn in_progress(reason: &str, message: impl Into<String>) -> Self {
        Self::with(StatusKind::InProgress, "Reconciling", reason, message.into())
    }

    /// The object is stuck.
    pub(crate) fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self::with(StatusKind::Failed, "Stalled", reason, message.into())
    }

    fn with(kind: StatusKind, type_: &'static str, reason: &str, message: String) -> Self {
        let condition = Condition { type_, reason: reason.to_owned(), message: message.clone() };
        Self { kind, message, conditions: vec![condition] }
    }

    /// Whether the object is as it should be.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.kind == StatusKind::Current
    }

    /// The object is not there.
    #[must_use]
    pub fn not_found() -> Self {
        Self { kind: StatusKind::NotFound, message: "Resource not found".to_owned(), conditions: Vec::new() }
    }
}
