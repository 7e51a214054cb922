//! A small Git server over HTTP, for `sluice dev` and for tests: read-only, smart protocol versions 0 to 2.
//!
//! Repositories on disk are read in process; a folder that is no repository is offered as a branch `main` with one
//! commit of what is in it right now. For trusted networks: there is neither TLS nor a sign-in.

mod http;
mod request;
mod select;
mod upload;

use crate::error::Error;
use crate::limits::Limits;
use crate::local::LocalRepository;
use crate::objects::Objects;
use crate::refs::{Ref, RefList};
use crate::worktree::Snapshot;
use gix::ObjectId;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// Snapshots of a folder that can still be fetched after it has changed.
const SNAPSHOTS: usize = 8;
/// The branch that a folder is offered as.
const BRANCH: &str = "refs/heads/main";

/// Serves repositories by name.
#[derive(Debug, Clone, Default)]
pub struct Server {
    sources: BTreeMap<String, Arc<Source>>,
}

impl Server {
    /// A server without repositories.
    pub fn new() -> Self {
        Server::default()
    }

    /// Offers `directory` as `/<name>` and `/<name>.git`: a repository if it is one, else a folder.
    ///
    /// # Errors
    /// [`Error::Io`] when `directory` is no directory, and those of opening a repository.
    pub fn with(mut self, name: &str, directory: &Path) -> Result<Self, Error> {
        let source = Arc::new(Source::open(directory)?);
        self.sources.insert(name.trim_matches('/').trim_end_matches(".git").to_owned(), source);
        Ok(self)
    }

    /// Answers on `listener` until `shutdown` is done.
    ///
    /// # Errors
    /// When connections can no longer be accepted.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> std::io::Result<()> {
        http::run(Arc::new(self), listener, shutdown).await
    }

    fn find(&self, path: &str) -> Option<Arc<Source>> {
        let name = path.trim_matches('/');
        self.sources.get(name.trim_end_matches(".git")).cloned()
    }
}

/// What is offered.
enum Source {
    Repository(LocalRepository),
    Folder { directory: PathBuf, recent: Mutex<VecDeque<Arc<Snapshot>>> },
}

impl Source {
    fn open(directory: &Path) -> Result<Self, Error> {
        let looks = |path: &Path| path.join("HEAD").is_file() && path.join("objects").is_dir();
        if directory.join(".git").exists() || looks(directory) {
            return Ok(Source::Repository(LocalRepository::open(directory)?));
        }
        let doing = || format!("opening `{}`", directory.display());
        let found = std::fs::metadata(directory).map_err(|err| Error::io(doing(), &err))?;
        if !found.is_dir() {
            return Err(Error::Io { doing: doing(), reason: "it is no directory".into() });
        }
        Ok(Source::Folder { directory: directory.to_owned(), recent: Mutex::default() })
    }

    /// What there is now.
    fn refs(&self) -> Result<RefList, Error> {
        let (directory, recent) = match self {
            Source::Repository(repository) => return repository.refs(),
            Source::Folder { directory, recent } => (directory, recent),
        };
        let snapshot = Arc::new(Snapshot::read(directory, &Limits::default())?);
        let it = Ref { id: snapshot.id(), peeled: None, target: None };
        let mut refs = RefList { complete: true, ..RefList::default() };
        refs.insert("HEAD".into(), Ref { target: Some(BRANCH.into()), ..it.clone() });
        refs.insert(BRANCH.into(), it);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.front().is_none_or(|it| it.id() != snapshot.id()) {
            recent.push_front(snapshot);
            recent.truncate(SNAPSHOTS);
        }
        Ok(refs)
    }

    /// Calls `work` with the objects that `wants` are among.
    fn objects<T>(&self, wants: &[ObjectId], work: impl FnOnce(&dyn Objects) -> Result<T, Error>) -> Result<T, Error> {
        match self {
            Source::Repository(repository) => work(&repository.store()?),
            Source::Folder { recent, directory } => {
                let recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
                let found = recent.iter().find(|it| wants.contains(&it.id())).cloned();
                drop(recent);
                let missing = || Error::Refused {
                    url: format!("file://{}", directory.display()),
                    message: "the folder has changed since".into(),
                };
                work(&*found.ok_or_else(missing)?)
            }
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Repository(repository) => repository.fmt(f),
            Source::Folder { directory, .. } => f.debug_tuple("Folder").field(directory).finish(),
        }
    }
}
