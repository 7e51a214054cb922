//! What a build read, and from where.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sluice_kustomize::{FileError, Files, Remote, RepoSpec};

/// Files that remember which of them were read.
pub struct Recorder {
    files: Arc<dyn Files>,
    seen: Mutex<Seen>,
}

/// What was read.
#[derive(Default)]
pub struct Seen {
    /// Files, by their paths once links are followed.
    pub files: BTreeMap<String, Bytes>,
    /// Paths that are links, or lead through one, and where they lead.
    pub links: BTreeMap<String, String>,
}

impl Recorder {
    pub fn new(files: Arc<dyn Files>) -> Self {
        Self { files, seen: Mutex::default() }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for Recorder {
    fn resolve(&self, path: &str) -> Result<String, FileError> {
        let found = self.files.resolve(path)?;
        if found != path {
            self.seen().links.insert(path.to_owned(), found.clone());
        }
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<Bytes, FileError> {
        let bytes = self.files.read(path)?;
        self.seen().files.insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        self.files.list(path)
    }

    fn is_dir(&self, path: &str) -> bool {
        self.files.is_dir(path)
    }

    fn shown(&self, path: &str) -> String {
        self.files.shown(path)
    }
}

/// Remote bases that remember what was fetched, by the address that asked for it.
pub struct RemoteRecorder<'a> {
    remote: &'a dyn Remote,
    fetched: Mutex<BTreeMap<String, Fetched>>,
}

/// Something from another host.
#[derive(Clone)]
pub enum Fetched {
    /// A repository.
    Tree(RepoSpec, Arc<Recorder>),
    /// A file.
    File(Bytes),
}

impl<'a> RemoteRecorder<'a> {
    pub fn new(remote: &'a dyn Remote) -> Self {
        Self { remote, fetched: Mutex::default() }
    }

    pub fn fetched(&self) -> MutexGuard<'_, BTreeMap<String, Fetched>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote for RemoteRecorder<'_> {
    fn tree(&self, spec: &RepoSpec) -> Result<Arc<dyn Files>, String> {
        if let Some(Fetched::Tree(_, known)) = self.fetched().get(&spec.raw) {
            return Ok(known.clone());
        }
        let recorder = Arc::new(Recorder::new(self.remote.tree(spec)?));
        self.fetched().insert(spec.raw.clone(), Fetched::Tree(spec.clone(), Arc::clone(&recorder)));
        Ok(recorder)
    }

    fn file(&self, url: &str) -> Result<Bytes, String> {
        let bytes = self.remote.file(url)?;
        self.fetched().insert(url.to_owned(), Fetched::File(bytes.clone()));
        Ok(bytes)
    }

    fn allows_link_local(&self) -> bool {
        self.remote.allows_link_local()
    }
}
