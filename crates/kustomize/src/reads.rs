//! What a build looked at, so that a caller can tell whether a new revision changes anything for it.

use std::collections::BTreeMap;

use crate::cache::{Digest, digest};
use crate::files::Files;

/// What was at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A file with this SHA-256.
    File(Digest),
    /// A folder.
    Folder,
    /// A folder whose entries all count; the SHA-256 of their names and kinds.
    Listing(Digest),
    /// Nothing; something there would have changed the build.
    Missing,
}

/// Every path that a build read, or looked for in vain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    seen: BTreeMap<String, Seen>,
    /// Whether anything was fetched, which may be another thing the next time.
    remote: bool,
}

impl Reads {
    pub(crate) fn note(&mut self, path: &str, seen: Seen) {
        self.seen.insert(path.to_owned(), seen);
    }

    pub(crate) fn note_remote(&mut self) {
        self.remote = true;
    }

    /// Whether something was fetched from elsewhere: only another build can tell whether it is still the same.
    #[must_use]
    pub fn remote(&self) -> bool {
        self.remote
    }

    /// Adds what another step of the same build looked at.
    pub fn extend(&mut self, others: Self) {
        self.seen.extend(others.seen);
        self.remote |= others.remote;
    }

    /// Paths, sorted, and what was there.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Seen)> {
        self.seen.iter().map(|(path, &seen)| (path.as_str(), seen))
    }

    /// Whether `files` has the same at all of the paths, so that a build of it with the same options gives the
    /// same. Never once something was fetched from elsewhere.
    #[must_use]
    pub fn same_in(&self, files: &dyn Files) -> bool {
        !self.remote
            && self.seen.iter().all(|(path, &seen)| match files.resolve(path) {
                Err(_) => seen == Seen::Missing,
                Ok(resolved) if files.is_dir(&resolved) => match seen {
                    Seen::Folder => true,
                    Seen::Listing(_) => listing(files, &resolved) == Some(seen),
                    Seen::File(_) | Seen::Missing => false,
                },
                Ok(resolved) => files.read(&resolved).is_ok_and(|bytes| seen == Seen::File(digest(&bytes))),
            })
    }
}

/// What a folder holds, by names and kinds.
pub(crate) fn listing(files: &dyn Files, folder: &str) -> Option<Seen> {
    let mut text = String::new();
    for name in files.list(folder).ok()? {
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        text.push_str(&name);
        text.push(if files.is_dir(&path) { '/' } else { '\0' });
    }
    Some(Seen::Listing(digest(text.as_bytes())))
}
