//! The folder of artifacts.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sluice_tree::archive::{HashingWriter, write_tar_gz};
use sluice_tree::{Limits, Tree, archive};

use crate::digest::{Digest, Hasher};
use crate::location::Location;

/// What temporary files begin with: no artifact begins with a dot.
const TEMPORARY: &str = ".sluice-";

/// Artifacts on disk. One process writes: call [`Storage::open`] once leadership is won.
#[derive(Debug, Clone)]
pub struct Storage {
    pub(crate) root: PathBuf,
    /// What URLs begin with, without a slash at the end.
    base: String,
}

/// An artifact that is whole and on disk for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where.
    pub location: Location,
    /// Where consumers find it.
    pub url: String,
    /// The digest of all its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

/// An operation that the disk refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{path}`: {source}")]
pub struct StorageError {
    /// What was tried.
    pub doing: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What is wrong with an artifact that should be there.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Gone, as after the loss of the volume.
    #[error("artifact `{0}` is not in storage")]
    Missing(Location),
    /// Other bytes than were stored.
    #[error("artifact `{location}` has digest {found}, expected {expected}")]
    Digest {
        /// The artifact.
        location: Location,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// It cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is no archive.
    #[error("artifact `{0}`: {1}")]
    Archive(Location, archive::Error),
}

impl Storage {
    /// Opens the folder `root`, makes it where needed, and takes away what a killed process left half-written.
    ///
    /// `advertised` is the address that consumers use, `host:port` or a URL.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(root: impl Into<PathBuf>, advertised: &str) -> Result<Self, StorageError> {
        let root = root.into();
        make_folder(&root)?;
        let base = advertised.trim_end_matches('/');
        let has_scheme = base.starts_with("http://") || base.starts_with("https://");
        let base = if has_scheme { base.to_owned() } else { format!("http://{base}") };
        sweep(&root)?;
        Ok(Self { root, base })
    }

    /// The URL of `location`.
    #[must_use]
    pub fn url(&self, location: &Location) -> String {
        format!("{}/{location}", self.base)
    }

    /// Where the file lies on disk.
    #[must_use]
    pub fn path(&self, location: &Location) -> PathBuf {
        self.root.join(location.folder()).join(location.file())
    }

    /// Stores what `write` writes. The file is there whole, or not at all; an old one of this name stays until then.
    ///
    /// # Errors
    /// When the disk refuses, or `write` fails. Nothing is left behind then.
    pub fn publish(
        &self,
        location: &Location,
        write: impl FnOnce(&mut HashingWriter<&mut File>) -> io::Result<()>,
    ) -> Result<Stored, StorageError> {
        self.store(location, |file| {
            let mut out = HashingWriter::new(file);
            write(&mut out)?;
            out.finish()
        })
    }

    /// Stores `tree` as tar.gz.
    ///
    /// # Errors
    /// As [`Storage::publish`].
    pub fn publish_tree(&self, location: &Location, tree: &Tree) -> Result<Stored, StorageError> {
        self.store(location, |file| write_tar_gz(tree, file))
    }

    fn store(
        &self,
        location: &Location,
        write: impl FnOnce(&mut File) -> io::Result<archive::Written>,
    ) -> Result<Stored, StorageError> {
        let folder = self.root.join(location.folder());
        make_folder(&folder)?;
        let path = self.path(location);
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&folder)
            .map_err(|e| error("create", &path, e))?;
        let written = write(file.as_file_mut()).map_err(|e| error("write", &path, e))?;
        file.as_file().sync_all().map_err(|e| error("sync", &path, e))?;
        file.persist(&path).map_err(|e| error("rename", &path, e.error))?;
        sync_folder(&folder).map_err(|e| error("sync the folder of", &path, e))?;
        let digest = written.digest.parse().expect("the writer makes SHA-256 digests");
        Ok(Stored { location: location.clone(), url: self.url(location), digest, size: written.size })
    }

    /// Points the name `link` (`latest.tar.gz`, `index.yaml`) in the artifact's folder to it.
    ///
    /// # Errors
    /// When the disk refuses; the old link stays then.
    pub fn link(&self, location: &Location, link: &Location) -> Result<String, StorageError> {
        let path = self.path(link);
        let temporary = path.with_file_name(format!("{TEMPORARY}link-{}", link.file()));
        let replace = || {
            match fs::remove_file(&temporary) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            symlink(location.file(), &temporary)?;
            fs::rename(&temporary, &path)?;
            sync_folder(&self.root.join(location.folder()))
        };
        replace().map_err(|e| error("link", &path, e))?;
        Ok(self.url(link))
    }

    /// Whether the artifact's file is there.
    #[must_use]
    pub fn exists(&self, location: &Location) -> bool {
        fs::symlink_metadata(self.path(location)).is_ok_and(|metadata| metadata.is_file())
    }

    /// Whether the artifact's file is there and has this digest; all of it is read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, location: &Location, digest: &Digest) -> Result<(), Problem> {
        let mut hasher = Hasher::new(digest.algorithm());
        let mut file = self.open_file(location)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => hasher.update(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(error("read", &self.path(location), e).into()),
            }
        }
        let found = hasher.finish();
        if found == *digest {
            return Ok(());
        }
        Err(Problem::Digest { location: location.clone(), expected: digest.clone(), found })
    }

    /// The bytes of an artifact, checked against `digest`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, location: &Location, digest: &Digest) -> Result<Bytes, Problem> {
        let mut data = Vec::new();
        let read = self.open_file(location)?.read_to_end(&mut data);
        read.map_err(|e| error("read", &self.path(location), e))?;
        let mut hasher = Hasher::new(digest.algorithm());
        hasher.update(&data);
        let found = hasher.finish();
        if found != *digest {
            return Err(Problem::Digest { location: location.clone(), expected: digest.clone(), found });
        }
        Ok(data.into())
    }

    /// The tree of an artifact, checked against `digest`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_tree(&self, location: &Location, digest: &Digest, limits: &Limits) -> Result<Tree, Problem> {
        let data = self.read(location, digest)?;
        archive::read_tar_gz(&*data, limits).map_err(|e| Problem::Archive(location.clone(), e))
    }

    /// Takes one artifact away, such as one whose digest is wrong. None there is no error.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, location: &Location) -> Result<(), StorageError> {
        let path = self.path(location);
        gone(fs::remove_file(&path)).map_err(|e| error("remove", &path, e))
    }

    /// Takes all artifacts of a source away, whose object is deleted; `location` is any of them.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove_all(&self, location: &Location) -> Result<(), StorageError> {
        let path = self.root.join(location.folder());
        gone(fs::remove_dir_all(&path)).map_err(|e| error("remove", &path, e))
    }

    /// A link is not opened: only files are artifacts.
    fn open_file(&self, location: &Location) -> Result<File, Problem> {
        let path = self.path(location);
        if !self.exists(location) {
            return Err(Problem::Missing(location.clone()));
        }
        match File::open(&path) {
            Ok(file) => Ok(file),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Problem::Missing(location.clone())),
            Err(e) => Err(error("open", &path, e).into()),
        }
    }
}

/// Makes a folder and those above it, each on disk for good.
fn make_folder(path: &Path) -> Result<(), StorageError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(error("create", path, e)),
        _ => {}
    }
    path.parent().map_or(Ok(()), sync_folder).map_err(|e| error("sync the folder of", path, e))
}

/// A rename is for good once the folder is synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(if path.as_os_str().is_empty() { Path::new(".") } else { path })?.sync_all()
}

/// Takes away temporary files and locks, which only a killed process leaves. Locks are Flux's: the folder may be one
/// that it wrote.
fn sweep(root: &Path) -> Result<(), StorageError> {
    // Kinds, namespaces, sources, files: no deeper.
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| error("list", &folder, e))? {
            let entry = entry.map_err(|e| error("list", &folder, e))?;
            let kind = entry.file_type().map_err(|e| error("look at", &entry.path(), e))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_dir() && depth < 3 {
                folders.push((entry.path(), depth + 1));
            } else if !kind.is_dir() && (name.starts_with(TEMPORARY) || name.ends_with(".lock")) {
                gone(fs::remove_file(entry.path())).map_err(|e| error("remove", &entry.path(), e))?;
            }
        }
    }
    Ok(())
}

pub(crate) fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(crate) fn error(doing: &'static str, path: &Path, source: io::Error) -> StorageError {
    StorageError { doing, path: path.to_owned(), source }
}
