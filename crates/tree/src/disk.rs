//! A folder on disk as a tree.
//!
//! Links become [`Entry::Symlink`](crate::Entry) and are not followed. Sockets, pipes and devices are never opened.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::builder::{BuildError, TreeBuilder};
use crate::limits::Limits;
use crate::path;
use crate::tree::Tree;

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system says no.
    #[error("{path}: {source}")]
    Io {
        /// The file on disk.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is there does not fit into a tree.
    #[error(transparent)]
    Entry(#[from] BuildError),
    /// A socket, pipe or device.
    #[error("{0}: neither a file, nor a folder, nor a symbolic link")]
    Special(PathBuf),
    /// The file was replaced by another one between looking and opening.
    #[error("{0}: changed while it was read")]
    Changed(PathBuf),
}

/// Reads all of the folder `root`, hidden files and `.git` included; `root` itself may be a link.
///
/// # Errors
/// When something cannot be read, is no file, folder or link, has a name that is not UTF-8, or a limit is reached.
pub fn read(root: impl AsRef<Path>, limits: &Limits) -> Result<Tree, Error> {
    let root = root.as_ref();
    let mut builder = TreeBuilder::new(limits.clone());
    // Folders still to be read, with their paths in the tree: no recursion, however deep the folders lie.
    let mut todo = vec![(root.to_owned(), String::new())];
    while let Some((dir, at)) = todo.pop() {
        for item in fs::read_dir(&dir).map_err(|e| io_error(&dir, e))? {
            let item = item.map_err(|e| io_error(&dir, e))?;
            let (file, name) = (item.path(), item.file_name());
            let name = path::from_bytes(name.as_bytes()).map_err(BuildError::from)?;
            let path = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
            let seen = fs::symlink_metadata(&file).map_err(|e| io_error(&file, e))?;
            let kind = seen.file_type();
            if kind.is_dir() {
                builder.directory(&path)?;
                todo.push((file, path));
            } else if kind.is_symlink() {
                let target = fs::read_link(&file).map_err(|e| io_error(&file, e))?;
                let target = path::from_bytes(target.as_os_str().as_bytes()).map_err(BuildError::from)?;
                builder.symlink(&path, target)?;
            } else if kind.is_file() {
                builder.fits(&path, seen.len())?;
                let data = content(&file, &seen, limits)?;
                builder.file(&path, data, seen.permissions().mode() & 0o111 != 0)?;
            } else {
                return Err(Error::Special(file));
            }
        }
    }
    Ok(builder.build())
}

/// What the file holds that was `seen` without following links: another one in its place is not read.
fn content(file: &Path, seen: &Metadata, limits: &Limits) -> Result<Vec<u8>, Error> {
    let open = File::open(file).map_err(|e| io_error(file, e))?;
    let now = open.metadata().map_err(|e| io_error(file, e))?;
    if (now.dev(), now.ino()) != (seen.dev(), seen.ino()) {
        return Err(Error::Changed(file.to_owned()));
    }
    let mut data = Vec::with_capacity(usize::try_from(now.len().min(limits.extracted)).unwrap_or(0));
    // A file may grow while it is read: one byte more than allowed is enough to know.
    open.take(limits.extracted.saturating_add(1)).read_to_end(&mut data).map_err(|e| io_error(file, e))?;
    data.shrink_to_fit();
    Ok(data)
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::Entry;

    #[test]
    fn a_folder_is_read_without_following_links() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(dir.path().join("outside"), "secret").unwrap();
        fs::write(root.join("a/b/run.sh"), "x").unwrap();
        fs::set_permissions(root.join("a/b/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("../outside", root.join("link")).unwrap();
        symlink("..", root.join("a/up")).unwrap();
        let tree = read(&root, &Limits::default()).unwrap();
        assert_eq!(format!("{tree:?}"), r#"["a", "a/b", "a/b/run.sh", "a/up", "link"]"#);
        assert_eq!(tree.get("link"), Some(&Entry::Symlink { target: "../outside".to_owned() }));
        assert!(matches!(tree.get("a/b/run.sh"), Some(Entry::File { executable: true, .. })));
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        assert!(matches!(read(dir.path(), &Limits::default()), Err(Error::Special(_))));
    }

    #[test]
    fn limits_and_names_hold_on_disk_too() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("big"), vec![0; 100]).unwrap();
        let error = read(dir.path(), &Limits { extracted: 99, ..Limits::default() }).unwrap_err();
        assert_eq!(error.to_string(), "entry `big`: limit `extracted` is 99, found 100");
        read(dir.path(), &Limits { extracted: 100, ..Limits::default() }).unwrap();
        fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "").unwrap();
        let error = read(dir.path(), &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "entry `caf\\xe9` is not valid UTF-8");
    }
}
