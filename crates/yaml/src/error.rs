//! What can go wrong, and where.

use granit_parser::{Marker, ScanError};

/// A place in a text. Both numbers count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl From<&Marker> for Mark {
    fn from(at: &Marker) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: narrow(at.line().max(1)), column: narrow(at.col().saturating_add(1)) }
    }
}

/// Why a text is no YAML, is none that Go would take, or breaks a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Error {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What is wrong; names the limit when one was hit. Never quotes a value, which may be a secret.
    pub message: String,
}

impl Error {
    pub(crate) fn new(at: Mark, message: impl Into<String>) -> Self {
        Self { line: at.line, column: at.column, message: message.into() }
    }
}

impl From<ScanError> for Error {
    fn from(error: ScanError) -> Self {
        Self::new(error.marker().into(), error.info())
    }
}

/// Why a value cannot be printed: Go's printer refuses it too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// A string or key holds a character that YAML text cannot carry.
    #[error("`{path}`: the control character U+{character:04X} cannot be written as YAML")]
    Control {
        /// Where it stands: keys and list indices joined with dots.
        path: String,
        /// The character's code.
        character: u32,
    },
    /// A key is too long to be read back.
    #[error("`{path}`: the key has {length} characters, YAML allows 1024")]
    LongKey {
        /// The map that holds it.
        path: String,
        /// Its length in characters.
        length: usize,
    },
    /// Maps and lists are nested too deep.
    #[error("`{path}`: nested deeper than {limit} maps and lists")]
    Depth {
        /// Where the limit was hit, shortened.
        path: String,
        /// How deep is allowed.
        limit: usize,
    },
}
