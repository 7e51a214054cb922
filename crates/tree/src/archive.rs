//! Trees as tar.gz: what source-controller publishes and the other controllers read.
//!
//! The reader is strict, because a shorter tree would mean that objects are pruned: one odd entry, a cut stream, a
//! wrong checksum or bytes after the end refuse the whole archive. The writer is reproducible: equal trees make equal
//! bytes.

mod gzip;
mod header;
mod pax;
mod read;
mod write;

use std::io;

use crate::builder::BuildError;
use crate::limits::LimitExceeded;

pub use read::{Archive, Links, Skipped, read_tar, read_tar_gz, read_with};
pub use write::{HashingWriter, Written, write_tar, write_tar_gz};

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes could not be read, or are not what gzip wrote (checksum and length included).
    #[error("cannot read the archive: {0}")]
    Io(#[from] io::Error),
    /// Not what tar wrote, or not all of it.
    #[error("broken tar at byte {offset}: {what}")]
    Broken {
        /// Where, counted in unpacked bytes.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// An entry that a tree cannot have.
    #[error(transparent)]
    Entry(#[from] BuildError),
    /// An entry that is neither file nor folder.
    #[error("entry `{entry}` is a {kind}; only files and folders are allowed")]
    Kind {
        /// The entry.
        entry: String,
        /// What it is.
        kind: &'static str,
    },
    /// The archive as a whole is too big.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
