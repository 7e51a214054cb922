//! Errors with Go's texts, and the chain behind them.

use std::fmt;

/// A template that does not parse or does not execute. Displays as Go's text/template prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub(crate) message: String,
    pub(crate) source: Option<Box<Error>>,
    pub(crate) executing: bool,
}

impl Error {
    /// An error of a function, without a place yet.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None, executing: false }
    }

    /// An error whose text is `prefix` followed by that of `source`.
    #[must_use]
    pub fn wrap(prefix: impl Into<String>, source: Error) -> Self {
        Self { message: prefix.into(), source: Some(Box::new(source)), executing: false }
    }

    /// True if it arose while executing, in this template or in one that it called.
    #[must_use]
    pub fn is_execution(&self) -> bool {
        self.chain().any(|error| error.executing)
    }

    /// This error, then what it wraps, innermost last.
    pub fn chain(&self) -> impl Iterator<Item = &Error> {
        std::iter::successors(Some(self), |error| error.source.as_deref())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chain().try_for_each(|error| f.write_str(&error.message))
    }
}

impl std::error::Error for Error {}
