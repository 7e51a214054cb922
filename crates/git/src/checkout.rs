//! The files of a commit as a tree in memory.
//!
//! Nothing is written to disk and no link is followed; links are kept as links. Filters, LFS pointers, `ident` and
//! `export-subst` of `.gitattributes` are data like any other: files come out as they were committed.

use crate::error::{Error, peer_text};
use crate::objects::{HASH, Objects};
use crate::pack::Interrupt;
use bytes::Bytes;
use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice};
use gix::objs::tree::EntryKind;
use gix::objs::{Kind, TreeRefIter};
use gix::validate::path::component;
use sluice_tree::{BuildError, TreeBuilder};
use std::collections::HashSet;

/// Bytes of a link's target.
const LINK_BYTES: usize = 4096;

/// Names that some system takes for `.git` are refused everywhere; names that are merely odd on Windows are not.
const NAMES: component::Options = component::Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };

/// Which paths are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sparse {
    /// Directories; everything if there are none.
    directories: Vec<String>,
}

impl Sparse {
    /// Takes directories as users write them: `./a/b/`, `a/b`.
    ///
    /// # Errors
    /// [`Error::SparsePathMissing`]-like refusal for what leads out of the tree.
    pub(crate) fn new(directories: &[String], commit: &str) -> Result<Self, Error> {
        let mut cleaned = Vec::new();
        for directory in directories {
            let path =
                sluice_tree::path::join("", directory.trim_start_matches("./")).map_err(|err| Error::RefusedEntry {
                    path: peer_text(directory.as_bytes()),
                    commit: commit.to_owned(),
                    reason: err.to_string(),
                })?;
            if path.is_empty() {
                return Ok(Sparse::default());
            }
            cleaned.push(path);
        }
        Ok(Sparse { directories: cleaned })
    }

    /// Whether the content of `directory` is wanted, or something further down on the way.
    fn enters(&self, directory: &str) -> bool {
        self.directories.is_empty() || self.directories.iter().any(|it| within(directory, it) || within(it, directory))
    }

    fn wants(&self, path: &str) -> bool {
        self.directories.is_empty() || self.directories.iter().any(|it| path != it && within(path, it))
    }
}

/// Whether `path` is `directory` or below it.
fn within(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A commit of another repository within the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gitlink {
    pub path: String,
    pub commit: ObjectId,
}

/// What a checkout found besides files.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub gitlinks: Vec<Gitlink>,
    /// The content of `.gitmodules`.
    pub gitmodules: Option<Bytes>,
}

/// What to check out, and as what.
pub(crate) struct What<'a> {
    /// Where in the tree; empty, or a path.
    pub prefix: &'a str,
    pub sparse: &'a Sparse,
    /// The commit, for messages.
    pub commit: &'a str,
    pub limits: &'a sluice_tree::Limits,
}

/// Adds the files of `tree` to `builder`.
///
/// # Errors
/// [`Error::RefusedEntry`] for names, modes and duplicates that must not be checked out, [`Error::Limit`],
/// [`Error::SparsePathMissing`], [`Error::Corrupt`].
pub(crate) fn checkout(
    objects: &dyn Objects,
    tree: ObjectId,
    what: &What<'_>,
    builder: &mut TreeBuilder,
    interrupt: &Interrupt,
) -> Result<Found, Error> {
    let What { prefix, sparse, commit, limits } = *what;
    let mut walk = Walk { objects, prefix, sparse, commit, builder, found: Found::default(), visited: 0, limits };
    // Wanted directories that the walk has come by; what remains does not exist.
    let mut missing: HashSet<&str> = sparse.directories.iter().map(String::as_str).collect();
    let mut open = vec![(tree, String::new())];
    while let Some((id, path)) = open.pop() {
        interrupt.check()?;
        missing.remove(path.as_str());
        walk.directory(id, &path, &mut open)?;
    }
    if let Some(path) = sparse.directories.iter().find(|it| missing.contains(it.as_str())) {
        return Err(Error::SparsePathMissing { path: peer_text(path.as_bytes()), commit: commit.to_owned() });
    }
    Ok(walk.found)
}

struct Walk<'a> {
    objects: &'a dyn Objects,
    prefix: &'a str,
    sparse: &'a Sparse,
    commit: &'a str,
    builder: &'a mut TreeBuilder,
    found: Found,
    /// Entries looked at. A tree may name one and the same subtree ten times, and that one again.
    visited: u64,
    limits: &'a sluice_tree::Limits,
}

impl Walk<'_> {
    fn directory(&mut self, id: ObjectId, directory: &str, open: &mut Vec<(ObjectId, String)>) -> Result<(), Error> {
        let data = self.objects.get(&id, Kind::Tree)?;
        let mut names: HashSet<&BStr> = HashSet::new();
        for entry in TreeRefIter::from_bytes(&data, HASH) {
            let entry = entry.map_err(|err| Error::Corrupt {
                url: self.objects.origin().to_owned(),
                reason: format!("tree `{id}`: {err}"),
            })?;
            self.visited += 1;
            if self.visited > self.limits.entries {
                return Err(Error::Limit {
                    url: self.objects.origin().to_owned(),
                    what: "entries (limit `entries`)",
                    limit: self.limits.entries,
                    found: format!("more in commit `{}`", self.commit),
                });
            }
            let path = self.checked_path(directory, entry.filename, entry.mode.kind())?;
            // `a` as a link and `a` as a directory would be one way out of the tree.
            if !names.insert(entry.filename) {
                return Err(self.refused(path.as_bytes(), "the name is there twice"));
            }
            match entry.mode.kind() {
                EntryKind::Tree => {
                    if path.split('/').count() as u64 > self.limits.depth {
                        return Err(Error::Limit {
                            url: self.objects.origin().to_owned(),
                            what: "depth of directories (limit `depth`)",
                            limit: self.limits.depth,
                            found: format!("more in commit `{}`", self.commit),
                        });
                    }
                    if self.sparse.enters(&path) {
                        open.push((entry.oid.to_owned(), path));
                    }
                }
                EntryKind::Commit => {
                    if self.sparse.wants(&path) || self.sparse.directories.contains(&path) {
                        // Git leaves an empty directory where a submodule belongs.
                        let full = joined(self.prefix, &path);
                        self.builder.directory(&full).map_err(|err| self.not_added(&path, &err))?;
                        self.found.gitlinks.push(Gitlink { path, commit: entry.oid.to_owned() });
                    }
                }
                kind => self.file(&path, entry.oid.to_owned(), kind)?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str, id: ObjectId, kind: EntryKind) -> Result<(), Error> {
        let modules = path == ".gitmodules";
        if !modules && !self.sparse.wants(path) {
            return Ok(());
        }
        let data = self.objects.get(&id, Kind::Blob)?;
        if modules {
            self.found.gitmodules = Some(data.clone());
            if !self.sparse.wants(path) {
                return Ok(());
            }
        }
        let full = joined(self.prefix, path);
        let added = match kind {
            EntryKind::Link => {
                let target = std::str::from_utf8(&data).ok().filter(|it| it.len() <= LINK_BYTES && !it.contains('\0'));
                let target =
                    target.ok_or_else(|| self.refused(path.as_bytes(), "the target of the link is no path"))?;
                self.builder.symlink(&full, target)
            }
            kind => self.builder.file(&full, data, kind == EntryKind::BlobExecutable),
        };
        added.map_err(|err| self.not_added(path, &err))
    }

    fn checked_path(&self, directory: &str, name: &BStr, kind: EntryKind) -> Result<String, Error> {
        let shown = || joined(directory, &String::from_utf8_lossy(name));
        let mode = (kind == EntryKind::Link).then_some(component::Mode::Symlink);
        // Windows takes a backslash for a separator, so what is between two of them is a name as well.
        let parts = std::iter::once(name).chain(name.split_str("\\").map(BStr::new).filter(|it| !it.is_empty()));
        for part in parts {
            component(part, mode, NAMES).map_err(|err| self.refused(shown().as_bytes(), &err.to_string()))?;
        }
        let text = std::str::from_utf8(name).map_err(|_| {
            let shown = joined(directory, &name.escape_ascii().to_string());
            self.refused(shown.as_bytes(), "the name is not UTF-8")
        })?;
        Ok(joined(directory, text))
    }

    fn not_added(&self, path: &str, err: &BuildError) -> Error {
        match err {
            BuildError::Path(err) => self.refused(path.as_bytes(), &err.to_string()),
            BuildError::Limit { .. } | BuildError::Conflict { .. } => self.refused(path.as_bytes(), &err.to_string()),
        }
    }

    fn refused(&self, path: &[u8], reason: &str) -> Error {
        Error::RefusedEntry { path: peer_text(path), commit: self.commit.to_owned(), reason: reason.to_owned() }
    }
}

fn joined(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

#[cfg(test)]
mod tests;
