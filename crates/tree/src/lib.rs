//! An in-memory file tree: what a source holds, and what a build reads.
//!
//! In: a tar.gz, a folder on disk, or files one by one (from Git objects). Out: a [`Tree`], immutable and cheap to
//! clone, or a byte-for-byte reproducible tar.gz of it. Knows no network and writes nothing to disk.
//!
//! Invariants: a path in a tree is relative, clean and inside the root; every folder on the way to an entry is an
//! entry too; no link is ever followed out of the root; every size is bounded by [`Limits`], and reaching a limit is
//! an error, never a shorter tree.
//!
//! Names are UTF-8. Git and tar allow any bytes; a name that is not UTF-8 is refused with its escaped form
//! ([`path::from_bytes`]) instead of being rewritten onto another name.
//!
//! ```
//! use sluice_tree::{Limits, TreeBuilder, archive};
//!
//! let mut builder = TreeBuilder::new(Limits::default());
//! builder.file("apps/web.yaml", "kind: Service\n", false)?;
//! let mut packed = Vec::new();
//! let written = archive::write_tar_gz(&builder.build(), &mut packed)?;
//! let tree = archive::read_tar_gz(packed.as_slice(), &Limits::default())?;
//! assert_eq!(tree.read("apps/web.yaml")?.as_ref(), b"kind: Service\n");
//! assert_eq!(written.size, packed.len() as u64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod archive;
mod builder;
pub mod disk;
pub mod ignore;
mod limits;
pub mod path;
mod tree;

pub use builder::{BuildError, TreeBuilder};
pub use limits::{LimitExceeded, Limits};
pub use path::PathError;
pub use tree::{Entry, ReadError, Tree, Walk, WeakTree};
