//! Where a build reads from: a tree in memory, a folder on disk, or the caller's own.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use sluice_tree::path::join;
use sluice_tree::{Entry, ReadError, Tree};

/// Files by relative path: joined by `/`, no `.` or `..` in it, the root is the empty path.
pub trait Files: Send + Sync {
    /// The path of what `path` names once links are followed.
    ///
    /// # Errors
    /// When nothing is there, or a link leads out of the root.
    fn resolve(&self, path: &str) -> Result<String, FileError>;

    /// What the file at `path` (resolved) holds.
    ///
    /// # Errors
    /// When nothing is there, no file, or it cannot be read.
    fn read(&self, path: &str) -> Result<Bytes, FileError>;

    /// Names directly in the folder `path`, sorted.
    ///
    /// # Errors
    /// When it is no folder or cannot be read.
    fn list(&self, path: &str) -> Result<Vec<String>, FileError>;

    /// Whether a folder is at `path` (resolved).
    fn is_dir(&self, path: &str) -> bool;

    /// Whether anything is at `path`.
    fn exists(&self, path: &str) -> bool {
        self.resolve(path).is_ok()
    }

    /// How messages name the file or folder at `path`.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }

    /// The relative path of an absolute one; `None` where absolute paths mean nothing.
    fn absolute(&self, _path: &str) -> Option<String> {
        None
    }
}

/// Why a file cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing there.
    #[error("`{0}` not found")]
    NotFound(String),
    /// A folder, where a file is wanted, or the other way round.
    #[error("`{0}` is a directory")]
    IsDirectory(String),
    /// The path, or a link on its way, leads out of the root.
    #[error("`{0}` leads out of the root")]
    Outside(String),
    /// Anything else that the system says.
    #[error("`{path}`: {reason}")]
    Other {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
}

impl Files for Tree {
    fn resolve(&self, path: &str) -> Result<String, FileError> {
        Self::resolve(self, path).map_err(|error| match error {
            ReadError::NotFound(path) => FileError::NotFound(path),
            ReadError::IsDirectory(path) => FileError::IsDirectory(path),
            ReadError::Outside(_) => FileError::Outside(path.to_owned()),
            other => FileError::Other { path: path.to_owned(), reason: other.to_string() },
        })
    }

    fn read(&self, path: &str) -> Result<Bytes, FileError> {
        match self.get(path) {
            Some(Entry::File { data, .. }) => Ok(data.clone()),
            Some(Entry::Directory) => Err(FileError::IsDirectory(path.to_owned())),
            Some(Entry::Symlink { .. }) | None => Err(FileError::NotFound(path.to_owned())),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        if !Self::is_dir(self, path) {
            return Err(FileError::NotFound(path.to_owned()));
        }
        Ok(Self::list(self, path).map(|(name, _)| name.to_owned()).collect())
    }

    fn is_dir(&self, path: &str) -> bool {
        Self::is_dir(self, path)
    }
}

/// Larger files are not read from disk at all, whatever the limits of a build.
const MOST_BYTES: u64 = 256 << 20;

/// A folder on disk; nothing outside of it can be reached, not even by a link. Links of folders are followed once: it is
/// for one build, or for some in a row.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    /// The folder below the root that messages name files from, where it is not the root.
    from: Option<String>,
    /// Where the folders are that were asked for, links followed.
    folders: Mutex<HashMap<String, String>>,
}

impl Disk {
    /// The folder `root` as the root of all paths; `/` for the whole disk.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        Ok(Self { root: fs::canonicalize(root.into())?, from: None, folders: Mutex::default() })
    }

    /// The whole disk, for whoever works in `folder`: messages name what is in it from there, all else from the root.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn seen_from(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let from = fs::canonicalize(folder.into())?;
        let from = from.to_string_lossy().trim_start_matches('/').to_owned();
        Ok(Self { from: Some(from), ..Self::new("/")? })
    }

    fn full(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn fail(&self, path: &str, error: &io::Error) -> FileError {
        let path = self.shown(path);
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::NotFound(path),
            io::ErrorKind::IsADirectory => FileError::IsDirectory(path),
            _ => FileError::Other { path, reason: error.to_string() },
        }
    }
}

impl Disk {
    /// Follows all links on the way to `clean`.
    fn follow(&self, path: &str, clean: &str) -> Result<String, FileError> {
        let full = fs::canonicalize(self.full(clean)).map_err(|error| self.fail(path, &error))?;
        let inside = full.strip_prefix(&self.root).map_err(|_| FileError::Outside(self.shown(path)))?;
        let text = inside
            .to_str()
            .ok_or_else(|| FileError::Other { path: self.shown(path), reason: "the name is not UTF-8".to_owned() })?;
        Ok(text.replace(std::path::MAIN_SEPARATOR, "/"))
    }

    fn folder(&self, path: &str, clean: &str) -> Result<String, FileError> {
        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(clean).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.follow(path, clean)?;
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).insert(clean.to_owned(), found.clone());
        Ok(found)
    }
}

impl Files for Disk {
    fn resolve(&self, path: &str) -> Result<String, FileError> {
        let clean = join("", path).map_err(|_| FileError::Outside(path.to_owned()))?;
        let Some((folder, name)) = clean.rsplit_once('/') else { return self.follow(path, &clean) };
        let folder = self.folder(path, folder)?;
        let found = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let about = fs::symlink_metadata(self.full(&found)).map_err(|error| self.fail(path, &error))?;
        if about.is_symlink() { self.follow(path, &clean) } else { Ok(found) }
    }

    fn read(&self, path: &str) -> Result<Bytes, FileError> {
        let full = self.full(path);
        // A FIFO or device would block or never end.
        let about = fs::metadata(&full).map_err(|error| self.fail(path, &error))?;
        if about.is_dir() {
            return Err(FileError::IsDirectory(self.shown(path)));
        }
        if !about.is_file() {
            return Err(FileError::Other { path: self.shown(path), reason: "not a regular file".to_owned() });
        }
        if about.len() > MOST_BYTES {
            let reason = format!("{} bytes, more than {MOST_BYTES}", about.len());
            return Err(FileError::Other { path: self.shown(path), reason });
        }
        let read = || {
            let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0) + 1);
            fs::File::open(&full)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
            Ok(Bytes::from(bytes))
        };
        read().map_err(|error| self.fail(path, &error))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.full(path)).map_err(|error| self.fail(path, &error))? {
            let entry = entry.map_err(|error| self.fail(path, &error))?;
            if let Some(name) = entry.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn is_dir(&self, path: &str) -> bool {
        self.full(path).is_dir()
    }

    fn shown(&self, path: &str) -> String {
        let Some(from) = &self.from else { return path.to_owned() };
        match path.strip_prefix(from.as_str()) {
            Some("") => ".".to_owned(),
            Some(below) if from.is_empty() || below.starts_with('/') => below.trim_start_matches('/').to_owned(),
            _ => format!("/{path}"),
        }
    }

    fn absolute(&self, path: &str) -> Option<String> {
        let clean = std::path::Path::new(path).strip_prefix(&self.root).ok()?;
        clean.to_str().map(|text| text.replace(std::path::MAIN_SEPARATOR, "/"))
    }
}
