//! Any folder as a commit, though it is no repository.

use crate::commit::Commit;
use crate::error::Error;
use crate::limits::Limits;
use crate::objects::{HASH, Object, Objects};
use bytes::Bytes;
use gix::objs::Kind;
use gix::{ObjectId, oid};
use sluice_tree::{Entry, Tree};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// Entries of a tree, each with what it is sorted by.
type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// A folder's content at one moment, as Git objects in memory.
///
/// Equal content has an equal id, whenever and wherever it is read: author, time and message are always the same.
pub struct Snapshot {
    commit: ObjectId,
    objects: HashMap<ObjectId, Object>,
    url: String,
}

impl Snapshot {
    /// Reads the folder `directory`, `.git` aside.
    ///
    /// # Errors
    /// [`Error::Io`] when something cannot be read, is no file or link, or a limit is reached.
    pub fn read(directory: &Path, limits: &Limits) -> Result<Self, Error> {
        let tree = sluice_tree::disk::read(directory, &limits.tree).map_err(|err| Error::Io {
            doing: format!("reading `{}`", directory.display()),
            reason: err.to_string(),
        })?;
        Snapshot::of(&tree, &format!("file://{}", directory.display()))
    }

    /// The commit of `tree`, called `url` in messages.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for content that is an attack on SHA-1.
    pub fn of(tree: &Tree, url: &str) -> Result<Self, Error> {
        let mut it = Snapshot { commit: ObjectId::null(HASH), objects: HashMap::new(), url: url.to_owned() };
        // Entries of each directory; filled from the innermost out.
        let mut open: HashMap<&str, Lines> = HashMap::from([("", Vec::new())]);
        let entries: Vec<(&str, &Entry)> =
            tree.walk().filter(|(path, _)| !path.split('/').any(|it| it == ".git")).collect();
        for (path, entry) in entries.into_iter().rev() {
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
            let (mode, id) = match entry {
                Entry::File { data, executable } => {
                    (if *executable { "100755" } else { "100644" }, it.add(Kind::Blob, data.clone())?)
                }
                Entry::Symlink { target } => ("120000", it.add(Kind::Blob, Bytes::from(target.clone()))?),
                // Git knows no empty directories.
                Entry::Directory => match open.remove(path) {
                    None => continue,
                    Some(children) => ("40000", it.add_tree(children)?),
                },
            };
            // Git sorts directories as if their names ended with a slash.
            let mut key = name.as_bytes().to_vec();
            key.extend_from_slice(if mode == "40000" { b"/" } else { b"" });
            let mut line = format!("{mode} {name}\0").into_bytes();
            line.extend_from_slice(id.as_slice());
            open.entry(directory).or_default().push((key, line));
        }
        let root = it.add_tree(open.remove("").unwrap_or_default())?;
        let mut text = format!("tree {root}\n");
        for role in ["author", "committer"] {
            let _ = writeln!(text, "{role} Sluice <sluice@localhost> 0 +0000");
        }
        text.push_str("\nThe folder as it is\n");
        it.commit = it.add(Kind::Commit, Bytes::from(text))?;
        Ok(it)
    }

    /// Its id.
    pub fn id(&self) -> ObjectId {
        self.commit
    }

    /// Its commit.
    ///
    /// # Errors
    /// None that can happen to a snapshot.
    pub fn commit(&self) -> Result<Commit, Error> {
        Commit::read(self, self.commit)
    }

    fn add_tree(&mut self, mut entries: Lines) -> Result<ObjectId, Error> {
        entries.sort_unstable();
        self.add(Kind::Tree, entries.into_iter().flat_map(|(_, line)| line).collect::<Vec<u8>>().into())
    }

    fn add(&mut self, kind: Kind, data: Bytes) -> Result<ObjectId, Error> {
        let id = gix::objs::compute_hash(HASH, kind, &data)
            .map_err(|err| Error::Corrupt { url: self.url.clone(), reason: err.to_string() })?;
        self.objects.insert(id, Object { kind, data });
        Ok(id)
    }
}

impl Objects for Snapshot {
    fn find(&self, id: &oid) -> Result<Option<Object>, Error> {
        Ok(self.objects.get(id).cloned())
    }

    fn origin(&self) -> &str {
        &self.url
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("commit", &self.commit).field("objects", &self.objects.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::{Sparse, What, checkout};
    use crate::pack::Interrupt;
    use sluice_tree::TreeBuilder;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut builder = TreeBuilder::new(sluice_tree::Limits::default());
        for (path, data) in files {
            builder.file(path, data.to_string(), false).unwrap();
        }
        builder.build()
    }

    #[test]
    fn equal_content_has_an_equal_id() {
        let of = |files| Snapshot::of(&tree(files), "u").unwrap().id();
        assert_eq!(of(&[("a", "x"), ("b/c", "y")]), of(&[("b/c", "y"), ("a", "x")]));
        assert_ne!(of(&[("a", "x")]), of(&[("a", "y")]));
        assert_eq!(of(&[("a", "x"), (".git/HEAD", "y")]), of(&[("a", "x")]));
    }

    #[test]
    fn what_goes_in_comes_out() {
        let files = [("a", "1"), ("a-b", "2"), ("a.b/c", "3"), ("a0/d/e", "4"), ("ab", "5")];
        let snapshot = Snapshot::of(&tree(&files), "u").unwrap();
        let mut builder = TreeBuilder::new(sluice_tree::Limits::default());
        let limits = sluice_tree::Limits::default();
        let root = snapshot.commit().unwrap().tree;
        let what = What { prefix: "", sparse: &Sparse::default(), commit: "c", limits: &limits };
        checkout(&snapshot, root, &what, &mut builder, &Interrupt::default()).unwrap();
        assert_eq!(builder.build(), tree(&files));
    }
}
