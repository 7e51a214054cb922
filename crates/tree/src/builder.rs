//! Building a tree entry by entry.

use std::collections::HashMap;

use bytes::Bytes;

use crate::limits::{LimitExceeded, Limits};
use crate::path::{self, PathError, escape, walk_order};
use crate::tree::{Entry, Node, Tree};

/// Why an entry cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The path is none inside a tree.
    #[error("entry {0}")]
    Path(#[from] PathError),
    /// The tree would grow beyond a limit.
    #[error("entry `{entry}`: {source}")]
    Limit {
        /// The entry that reached it.
        entry: String,
        /// Which limit.
        source: LimitExceeded,
    },
    /// Something else is there already, or a file or link is where a folder would have to be.
    #[error("entry `{entry}`: `{at}` is a {is} already")]
    Conflict {
        /// The new entry.
        entry: String,
        /// Where the other one is: the same path, or a folder on the way.
        at: String,
        /// What the other one is.
        is: &'static str,
    },
}

/// Collects entries; folders on the way to an entry come by themselves.
#[derive(Debug)]
pub struct TreeBuilder {
    limits: Limits,
    entries: HashMap<Box<str>, Entry>,
    bytes: u64,
}

impl TreeBuilder {
    /// An empty tree that may grow up to `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, entries: HashMap::new(), bytes: 0 }
    }

    /// Adds a file, or replaces the one at `path`: the last one wins, as it does when an archive is unpacked.
    ///
    /// # Errors
    /// When the path is not clean, a limit is reached, or something that is no file is there.
    pub fn file(&mut self, path: &str, data: impl Into<Bytes>, executable: bool) -> Result<(), BuildError> {
        let data = data.into();
        self.room(path, data.len() as u64)?;
        self.insert(path, Entry::File { data, executable })
    }

    /// Adds a folder; one that is there already stays as it is.
    ///
    /// # Errors
    /// As [`TreeBuilder::file`].
    pub fn directory(&mut self, path: &str) -> Result<(), BuildError> {
        self.insert(path, Entry::Directory)
    }

    /// Adds a link; `target` is kept as written and not looked at.
    ///
    /// # Errors
    /// As [`TreeBuilder::file`]. A link replaces nothing.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<(), BuildError> {
        self.room(path, target.len() as u64)?;
        self.insert(path, Entry::Symlink { target: target.to_owned() })
    }

    /// Adds all of `tree` into the folder `at` (the root for an empty path); files that are there are replaced.
    ///
    /// # Errors
    /// As [`TreeBuilder::file`].
    pub fn graft(&mut self, at: &str, tree: &Tree) -> Result<(), BuildError> {
        if !at.is_empty() {
            self.directory(at)?;
        }
        for (path, entry) in tree.walk() {
            let path = if at.is_empty() { path.to_owned() } else { format!("{at}/{path}") };
            match entry {
                Entry::File { data, executable } => self.file(&path, data.clone(), *executable)?,
                Entry::Directory => self.directory(&path)?,
                Entry::Symlink { target } => self.symlink(&path, target)?,
            }
        }
        Ok(())
    }

    /// Takes away what is at `path`, with everything in it.
    pub fn remove(&mut self, path: &str) {
        self.entries.retain(|name, _| {
            name.strip_prefix(path).is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/') && !path.is_empty())
        });
    }

    /// Whether `more` bytes of the entry `path` still fit; counts them.
    pub(crate) fn room(&mut self, path: &str, more: u64) -> Result<(), BuildError> {
        self.fits(path, more)?;
        self.bytes += more;
        Ok(())
    }

    /// Whether `more` bytes of the entry `path` would still fit.
    pub(crate) fn fits(&self, path: &str, more: u64) -> Result<(), BuildError> {
        limit(path, "extracted", self.bytes.saturating_add(more), self.limits.extracted)
    }

    /// The tree of what was added.
    #[must_use]
    pub fn build(self) -> Tree {
        let node = |(path, entry)| Node { path, entry, implied: false };
        let mut nodes: Vec<Node> = self.entries.into_iter().map(node).collect();
        nodes.sort_unstable_by(|a, b| walk_order(&a.path, &b.path));
        Tree { nodes: nodes.into() }
    }

    fn insert(&mut self, path: &str, entry: Entry) -> Result<(), BuildError> {
        limit(path, "path", path.len() as u64, self.limits.path)?;
        path::check(path)?;
        limit(path, "depth", path.split('/').count() as u64, self.limits.depth)?;
        let longest = path.split('/').map(str::len).max().unwrap_or(0);
        limit(path, "segment", longest as u64, self.limits.segment)?;
        self.parents(path)?;
        match (self.entries.get_mut(path), &entry) {
            (Some(old @ Entry::File { .. }), Entry::File { .. }) => *old = entry,
            (Some(Entry::Directory), Entry::Directory) => {}
            (Some(other), _) => return Err(conflict(path, path, other)),
            (None, _) => self.add(path, path, entry)?,
        }
        Ok(())
    }

    /// Makes the folders that `path` lies in.
    fn parents(&mut self, path: &str) -> Result<(), BuildError> {
        let mut missing = Vec::new();
        let mut dir = path::parent(path);
        while !dir.is_empty() {
            match self.entries.get(dir) {
                Some(Entry::Directory) => break,
                Some(other) => return Err(conflict(path, dir, other)),
                None => missing.push(dir),
            }
            dir = path::parent(dir);
        }
        missing.into_iter().rev().try_for_each(|dir| self.add(path, dir, Entry::Directory))
    }

    fn add(&mut self, wanted: &str, path: &str, entry: Entry) -> Result<(), BuildError> {
        limit(wanted, "entries", self.entries.len() as u64 + 1, self.limits.entries)?;
        self.entries.insert(path.into(), entry);
        Ok(())
    }
}

fn limit(entry: &str, name: &'static str, value: u64, max: u64) -> Result<(), BuildError> {
    Limits::check(name, value, max).map_err(|source| BuildError::Limit { entry: escape(entry.as_bytes()), source })
}

fn conflict(entry: &str, at: &str, other: &Entry) -> BuildError {
    let is = match other {
        Entry::File { .. } => "file",
        Entry::Directory => "folder",
        Entry::Symlink { .. } => "symbolic link",
    };
    BuildError::Conflict { entry: escape(entry.as_bytes()), at: escape(at.as_bytes()), is }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_exact() {
        let limits = Limits { extracted: 10, entries: 4, depth: 3, path: 12, segment: 5, ..Limits::default() };
        let add = |files: &[(&str, usize)]| {
            let mut builder = TreeBuilder::new(limits.clone());
            files.iter().try_for_each(|(path, size)| builder.file(path, vec![0; *size], false))
        };
        for (at, beyond, name) in [
            (vec![("a", 4), ("b", 6)], vec![("a", 4), ("b", 7)], "extracted"),
            (vec![("a/b", 0), ("c", 0), ("d", 0)], vec![("a/b", 0), ("c/d", 0), ("e", 0)], "entries"),
            (vec![("a/b/c", 0)], vec![("a/b/c/d", 0)], "depth"),
            (vec![("abcde/abcdef", 0)], vec![("abcde/abcdefg", 0)], "path"),
            (vec![("abcde", 0)], vec![("abcdef", 0)], "segment"),
        ] {
            if name != "path" {
                add(&at).unwrap();
            }
            let error = add(&beyond).unwrap_err().to_string();
            assert!(error.contains(&format!("limit `{name}` is ")), "{error}");
        }
    }

    #[test]
    fn nothing_is_written_through_a_file_or_a_link() {
        let mut builder = TreeBuilder::new(Limits::default());
        builder.symlink("link", "/tmp").unwrap();
        builder.file("file", "x", false).unwrap();
        builder.directory("dir").unwrap();
        for path in ["link/x", "file/x", "link", "dir"] {
            assert!(matches!(builder.file(path, "y", false), Err(BuildError::Conflict { .. })), "{path}");
        }
        assert!(builder.directory("link").is_err() && builder.directory("file").is_err());
        assert!(builder.symlink("dir", "x").is_err() && builder.symlink("file", "x").is_err());
        builder.file("file", "last", true).unwrap();
        assert_eq!(builder.build().read("file").unwrap().as_ref(), b"last");
    }

    #[test]
    fn unclean_paths_are_refused() {
        let mut builder = TreeBuilder::new(Limits::default());
        for path in ["", ".", "..", "a/..", "../a", "/a", "a//b", "a/", "./a", "a\0"] {
            assert!(matches!(builder.file(path, "", false), Err(BuildError::Path(_))), "`{path}`");
        }
        builder.file("a../..b/...", "", false).unwrap();
    }

    #[test]
    fn removing_and_grafting_keep_the_rest() {
        let mut builder = TreeBuilder::new(Limits::default());
        for path in ["a/b", "a/c/d", "ab"] {
            builder.file(path, "x", false).unwrap();
        }
        builder.remove("a");
        let tree = builder.build();
        assert_eq!(format!("{tree:?}"), r#"["ab"]"#);
        let mut builder = TreeBuilder::new(Limits::default());
        builder.graft("x/y", &tree).unwrap();
        assert_eq!(format!("{:?}", builder.build()), r#"["x", "x/y", "x/y/ab"]"#);
    }
}
