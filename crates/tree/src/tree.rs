//! The tree itself.

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::path::{self, PathError, escape, walk_order};

/// Links followed on the way to one entry; Linux allows as many.
const MAX_LINKS: usize = 40;

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file.
    File {
        /// What it holds.
        data: Bytes,
        /// Whether anybody may run it.
        executable: bool,
    },
    /// A folder.
    Directory,
    /// A symbolic link, as written: nothing says that its target exists or lies inside the tree.
    Symlink {
        /// Where it points to, relative to its own folder.
        target: String,
    },
}

/// An entry with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) path: Box<str>,
    pub(crate) entry: Entry,
    /// A folder that is only there because something in it is: an archive has no entry for it.
    pub(crate) implied: bool,
}

/// An immutable file tree; clones share everything.
///
/// Paths are relative to the root, joined by `/`, clean. The root itself is the empty path.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// In the order of a sorted walk; every entry's folders are there, before it.
    pub(crate) nodes: Arc<[Node]>,
}

/// A tree that others may have, for caches: it does not keep the tree alive.
#[derive(Debug, Clone)]
pub struct WeakTree(Weak<[Node]>);

impl WeakTree {
    /// The tree, while somebody still has it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Tree> {
        self.0.upgrade().map(|nodes| Tree { nodes })
    }
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nothing there.
    #[error("`{0}` not found")]
    NotFound(String),
    /// A folder, where a file is wanted.
    #[error("`{0}` is a directory")]
    IsDirectory(String),
    /// A link; see [`Tree::resolve`].
    #[error("`{0}` is a symbolic link")]
    IsSymlink(String),
    /// A link leads out of the root.
    #[error("a symbolic link leads out of the root: {0}")]
    Outside(#[from] PathError),
    /// Links that lead to each other.
    #[error("`{0}`: more than {MAX_LINKS} symbolic links on the way")]
    TooManyLinks(String),
}

/// Entries in the order of a sorted walk.
pub struct Walk<'a>(std::slice::Iter<'a, Node>);

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a str, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|node| (&*node.path, &node.entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Walk<'_> {}

impl Tree {
    /// The entry at `path`, links not followed; `None` for the root, which is always a folder.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.index(path).map(|i| &self.nodes[i].entry)
    }

    /// What the file at `path` holds.
    ///
    /// # Errors
    /// When nothing is there, or no regular file.
    pub fn read(&self, path: &str) -> Result<&Bytes, ReadError> {
        let shown = || escape(path.as_bytes());
        match self.get(path) {
            Some(Entry::File { data, .. }) => Ok(data),
            Some(Entry::Directory) => Err(ReadError::IsDirectory(shown())),
            Some(Entry::Symlink { .. }) => Err(ReadError::IsSymlink(shown())),
            None if path.is_empty() => Err(ReadError::IsDirectory(shown())),
            None => Err(ReadError::NotFound(shown())),
        }
    }

    /// Names and entries directly in the folder `dir`, by name; nothing when there is no such folder.
    pub fn list<'a>(&'a self, dir: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> + use<'a> {
        let (mut at, end) = self.content(dir);
        let skip = if dir.is_empty() { 0 } else { dir.len() + 1 };
        std::iter::from_fn(move || {
            let node = self.nodes.get(at).filter(|_| at < end)?;
            at = if matches!(node.entry, Entry::Directory) { self.end_of(at) } else { at + 1 };
            Some((&node.path[skip..], &node.entry))
        })
    }

    /// Whether a folder is at `path`; the root is one.
    #[must_use]
    pub fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || matches!(self.get(path), Some(Entry::Directory))
    }

    /// Whether a regular file is at `path`.
    #[must_use]
    pub fn is_file(&self, path: &str) -> bool {
        matches!(self.get(path), Some(Entry::File { .. }))
    }

    /// All entries, each folder before its content, names in byte order; the root is left out.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk(self.nodes.iter())
    }

    /// Everything below the folder `dir`, with paths from the root, as [`Tree::walk`] orders it.
    #[must_use]
    pub fn walk_in(&self, dir: &str) -> Walk<'_> {
        let (start, end) = self.content(dir);
        Walk(self.nodes[start..end].iter())
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the root is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.walk().map(|(_, entry)| if let Entry::File { data, .. } = entry { data.len() as u64 } else { 0 }).sum()
    }

    /// The folder `dir` as a tree of its own; `None` when there is no such folder.
    #[must_use]
    pub fn subtree(&self, dir: &str) -> Option<Self> {
        if dir.is_empty() {
            return Some(self.clone());
        }
        self.is_dir(dir).then(|| {
            let (start, end) = self.content(dir);
            let cut = |node: &Node| Node { path: node.path[dir.len() + 1..].into(), ..node.clone() };
            Self { nodes: self.nodes[start..end].iter().map(cut).collect() }
        })
    }

    /// The path of what `path` names once all links on the way and at its end are followed.
    ///
    /// # Errors
    /// When nothing is there, when a link leads out of the root (an absolute target does), or in a circle.
    pub fn resolve(&self, path: &str) -> Result<String, ReadError> {
        let not_found = || ReadError::NotFound(escape(path.as_bytes()));
        let mut done = String::new();
        let mut todo: Vec<String> = path::join("", path)?.rsplit('/').map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part.is_empty() || part == "." {
                continue;
            }
            let next = path::join(&done, &part)?;
            match self.get(&next) {
                Some(Entry::Symlink { target }) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(ReadError::TooManyLinks(escape(path.as_bytes())));
                    }
                    path::join("", if target.starts_with('/') { target } else { "" })?;
                    todo.extend(target.rsplit('/').map(str::to_owned));
                }
                Some(Entry::Directory) => done = next,
                Some(Entry::File { .. }) if todo.is_empty() => done = next,
                None if next.is_empty() => done = next,
                _ => return Err(not_found()),
            }
        }
        Ok(done)
    }

    /// The tree without keeping it alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakTree {
        WeakTree(Arc::downgrade(&self.nodes))
    }

    fn index(&self, path: &str) -> Option<usize> {
        self.nodes.binary_search_by(|node| walk_order(&node.path, path)).ok()
    }

    /// The range of what lies in the folder `dir`, at any depth.
    fn content(&self, dir: &str) -> (usize, usize) {
        if dir.is_empty() {
            return (0, self.nodes.len());
        }
        match self.index(dir).filter(|i| matches!(self.nodes[*i].entry, Entry::Directory)) {
            Some(at) => (at + 1, self.end_of(at)),
            None => (0, 0),
        }
    }

    /// Where the content of the folder at `at` ends.
    fn end_of(&self, at: usize) -> usize {
        let dir = &*self.nodes[at].path;
        let inside = |node: &Node| node.path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
        at + 1 + self.nodes[at + 1..].partition_point(inside)
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|node| &node.path)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, TreeBuilder};

    fn tree() -> Tree {
        let mut b = TreeBuilder::new(Limits::default());
        for path in ["a/b/c", "a/b/d", "a-b", "a.b/x", "a/z", "top"] {
            b.file(path, path.to_owned(), false).unwrap();
        }
        b.symlink("a/link", "../a.b").unwrap();
        b.symlink("a/up", "../../etc").unwrap();
        b.symlink("root", "/etc").unwrap();
        b.symlink("loop", "loop").unwrap();
        b.symlink("chain", "a/link/x").unwrap();
        b.build()
    }

    #[test]
    fn a_listing_has_the_direct_children_by_name() {
        let tree = tree();
        let names = |dir: &str| tree.list(dir).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(""), ["a", "a-b", "a.b", "chain", "loop", "root", "top"]);
        assert_eq!(names("a"), ["b", "link", "up", "z"]);
        assert_eq!(names("a/b"), ["c", "d"]);
        assert!(names("top").is_empty() && names("none").is_empty());
    }

    #[test]
    fn reading_tells_apart_what_is_there() {
        let tree = tree();
        assert_eq!(tree.read("a/b/c").unwrap().as_ref(), b"a/b/c");
        assert!(matches!(tree.read("a"), Err(ReadError::IsDirectory(_))));
        assert!(matches!(tree.read(""), Err(ReadError::IsDirectory(_))));
        assert!(matches!(tree.read("a/link"), Err(ReadError::IsSymlink(_))));
        assert!(matches!(tree.read("a/b/c/d"), Err(ReadError::NotFound(_))));
    }

    #[test]
    fn links_are_followed_inside_the_root_only() {
        let tree = tree();
        assert_eq!(tree.resolve("a/link/x").unwrap(), "a.b/x");
        assert_eq!(tree.resolve("chain").unwrap(), "a.b/x");
        assert_eq!(tree.resolve("").unwrap(), "");
        assert!(matches!(tree.resolve("a/up"), Err(ReadError::Outside(_))));
        assert!(matches!(tree.resolve("root"), Err(ReadError::Outside(_))));
        assert!(matches!(tree.resolve("loop"), Err(ReadError::TooManyLinks(_))));
        assert!(matches!(tree.resolve("top/x"), Err(ReadError::NotFound(_))));
    }

    #[test]
    fn a_subtree_shares_the_bytes() {
        let tree = tree();
        let sub = tree.subtree("a/b").unwrap();
        assert_eq!(sub.walk().map(|(path, _)| path).collect::<Vec<_>>(), ["c", "d"]);
        assert_eq!(sub.read("c").unwrap().as_ptr(), tree.read("a/b/c").unwrap().as_ptr());
        assert!(tree.subtree("top").is_none());
    }
}
