//! Finds what a kustomization names: files below its folder, other folders, URLs.

use std::sync::Arc;

use bytes::Bytes;
use sluice_tree::path::join;

use crate::cache::{Digest, digest};
use crate::errors::Error;
use crate::files::{FileError, Files};
use crate::options::{LoadRestrictor, Remote};
use crate::reads::Seen;
use crate::repo::{RepoSpec, forbidden};
use crate::session::Session;

/// A folder with a kustomization, and how one came there.
pub(crate) struct Loader<'a> {
    pub(crate) session: &'a Session<'a>,
    files: Place<'a>,
    /// The folder, links followed.
    pub(crate) root: String,
    /// The folders that led here, this one last.
    visited: Vec<Visited>,
    restrictor: LoadRestrictor,
}

#[derive(Clone)]
enum Place<'a> {
    Given(&'a dyn Files),
    Fetched(Arc<dyn Files>),
}

#[derive(Clone, PartialEq)]
struct Visited {
    /// URL of the repository; empty for the files of the build.
    repo: String,
    root: String,
}

/// A file that was read.
pub(crate) struct File {
    /// For messages.
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
    pub(crate) digest: Digest,
}

/// Why there is no file.
pub(crate) enum NoFile {
    /// There is none, or a folder: the name may mean something else.
    Absent(Error),
    /// There is one that may not or cannot be read.
    Refused(Error),
}

impl NoFile {
    pub(crate) fn error(self) -> Error {
        match self {
            Self::Absent(error) | Self::Refused(error) => error,
        }
    }
}

/// Where a folder of another repository came from.
pub(crate) struct Repo {
    pub(crate) url: String,
    pub(crate) reference: String,
    pub(crate) path: String,
}

impl<'a> Loader<'a> {
    /// The folder that a build starts at.
    pub(crate) fn new(session: &'a Session<'a>, files: &'a dyn Files, path: &str) -> Result<Self, Error> {
        let place = Place::Given(files);
        let clean = join("", path).map_err(|error| Error::new(error.to_string()))?;
        let root = folder(session, &place, "", &clean)?;
        let visited = vec![Visited { repo: String::new(), root: root.clone() }];
        Ok(Self { session, files: place, root, visited, restrictor: session.options.load_restrictor })
    }

    pub(crate) fn files(&self) -> &dyn Files {
        match &self.files {
            Place::Given(files) => *files,
            Place::Fetched(files) => &**files,
        }
    }

    fn repo(&self) -> &str {
        self.visited.last().map_or("", |visited| &visited.repo)
    }

    /// The name of the file or folder `path` for messages.
    pub(crate) fn shown(&self, path: &str) -> String {
        self.shown_joined(&join(&self.root, path).unwrap_or_else(|_| path.to_owned()))
    }

    pub(crate) fn note(&self, path: &str, seen: Seen) {
        if self.repo().is_empty() {
            self.session.note(path, seen);
        }
    }

    /// Reads the file `path`.
    pub(crate) fn load(&self, path: &str) -> Result<File, NoFile> {
        if is_web(path) {
            return self.load_web(path);
        }
        let refused = |message: String| NoFile::Refused(Error::new(message));
        let joined = if path.starts_with('/') {
            let inside = self.files().absolute(path);
            inside.ok_or_else(|| {
                refused(format!("`{path}` is an absolute path; give one relative to the kustomization"))
            })?
        } else {
            join(&self.root, path).map_err(|error| refused(format!("{error}; keep to paths inside of the source")))?
        };
        let resolved = self.files().resolve(&joined).map_err(|error| match error {
            FileError::NotFound(_) => {
                self.note(&joined, Seen::Missing);
                let shown = self.shown_joined(&joined);
                NoFile::Absent(Error::new(format!("`{shown}` not found; add it, or correct the path")))
            }
            error => refused(error.to_string()),
        })?;
        let folder = || {
            self.note(&joined, Seen::Folder);
            let shown = self.shown_joined(&joined);
            NoFile::Absent(Error::new(format!("`{shown}` is a folder; a file is wanted")))
        };
        if self.restrictor == LoadRestrictor::RootOnly && !is_below(&resolved, &self.root) {
            if self.files().is_dir(&resolved) {
                return Err(folder());
            }
            return Err(refused(format!(
                "security; file `{}` is not in or below `{}`; move it there, make it a base, or build with \
                 `--load-restrictor=LoadRestrictionsNone`",
                self.shown_joined(&resolved),
                self.shown("")
            )));
        }
        let bytes = self.files().read(&resolved).map_err(|error| match error {
            FileError::IsDirectory(_) => folder(),
            // The root of a tree is no entry of it.
            FileError::NotFound(_) if self.files().is_dir(&resolved) => folder(),
            error => refused(error.to_string()),
        })?;
        self.session.count_load(&joined, bytes.len()).map_err(refused)?;
        let digest = digest(&bytes);
        self.note(&joined, Seen::File(digest));
        Ok(File { path: self.shown_joined(&joined), bytes, digest })
    }

    fn shown_joined(&self, path: &str) -> String {
        let repo = self.repo();
        if repo.is_empty() { self.files().shown(path) } else { format!("{repo}//{path}") }
    }

    /// The fetcher, for an address that may be fetched.
    fn remote(&self, url: &str) -> Result<&dyn Remote, Error> {
        let remote = self.session.options.remote;
        if let Some(reason) = forbidden(url, remote.is_some_and(Remote::allows_link_local)) {
            return Err(Error::new(format!("`{url}`: {reason}")));
        }
        let remote = remote.ok_or_else(|| {
            Error::new(format!(
                "`{url}` is remote, and remote bases are off; copy it into the source, or allow remote bases"
            ))
        })?;
        self.session.check_cancelled()?;
        self.session.reads.borrow_mut().note_remote();
        Ok(remote)
    }

    /// Reads a file by its URL. What says itself that it is a repository is none.
    fn load_web(&self, url: &str) -> Result<File, NoFile> {
        let remote = self.remote(url).map_err(NoFile::Refused)?;
        let spec = RepoSpec::parse(url);
        if spec.as_ref().is_ok_and(|spec| spec.marked) {
            return Err(NoFile::Absent(Error::new(format!("`{url}` is a repository; a file is wanted"))));
        }
        self.session.count_load(url, 0).map_err(|error| NoFile::Refused(error.into()))?;
        let bytes = remote.file(url).map_err(|error| {
            let error = Error::new(format!("`{url}`: {error}"));
            if spec.is_ok() { NoFile::Absent(error) } else { NoFile::Refused(error) }
        })?;
        self.session.count_load(url, bytes.len()).map_err(|error| NoFile::Refused(error.into()))?;
        Ok(File { path: url.to_owned(), digest: digest(&bytes), bytes })
    }

    /// The folder `path`, to build there.
    pub(crate) fn enter(&self, path: &str) -> Result<(Self, Option<Repo>), Error> {
        if path.is_empty() {
            return Err(Error::new("the path is empty; name a file or a folder"));
        }
        match RepoSpec::parse(path) {
            Ok(spec) => return self.enter_remote(&spec),
            Err(reason) if looks_remote(path) => {
                // What is forbidden, or off, is said first.
                self.remote(path)?;
                return Err(Error::new(format!("`{path}` names no repository: {reason}")));
            }
            Err(_) => {}
        }
        if path.starts_with('/') {
            return Err(Error::new(format!("`{path}` is an absolute path; give one relative to the kustomization")));
        }
        let joined = join(&self.root, path).map_err(|error| Error::new(error.to_string()))?;
        let root = folder(self.session, &self.files, self.repo(), &joined)?;
        let next = Visited { repo: self.repo().to_owned(), root };
        let cycle =
            |seen: &&Visited| seen.repo == next.repo && (seen.root == next.root || is_below(&seen.root, &next.root));
        if let Some(seen) = self.visited.iter().find(cycle) {
            let shown = |root: &str| match self.shown_joined(root) {
                top if top.is_empty() => ".".to_owned(),
                shown => shown,
            };
            let chain: Vec<String> = self.visited.iter().map(|visited| shown(&visited.root)).collect();
            let (root, seen) = (shown(&next.root), shown(&seen.root));
            return Err(Error::new(format!(
                "cycle: `{root}` is or contains `{seen}`, which led here ({} → {root}); a base must not be its own overlay",
                chain.join(" → ")
            )));
        }
        Ok((self.child(self.files.clone(), next, self.restrictor)?, None))
    }

    fn enter_remote(&self, spec: &RepoSpec) -> Result<(Self, Option<Repo>), Error> {
        let url = &spec.raw;
        let remote = self.remote(url)?;
        if self.visited.iter().any(|visited| !visited.repo.is_empty() && visited.repo.starts_with(url)) {
            return Err(Error::new(format!("cycle: `{url}` led here")));
        }
        self.session.count_load(url, 0)?;
        let files = remote.tree(spec).map_err(|error| Error::new(format!("`{url}`: {error}")))?;
        let place = Place::Fetched(files);
        let root = folder(self.session, &place, url, &spec.folder)?;
        let origin = Repo { url: spec.clone_spec(), reference: spec.reference.clone(), path: spec.folder.clone() };
        let next = Visited { repo: url.to_owned(), root };
        Ok((self.child(place, next, LoadRestrictor::RootOnly)?, Some(origin)))
    }

    fn child(&self, files: Place<'a>, next: Visited, restrictor: LoadRestrictor) -> Result<Self, Error> {
        let limit = self.session.options.limits.depth;
        if self.visited.len() >= limit {
            return Err(Error::new(format!("bases nested deeper than {limit} folders (limit `depth`)")));
        }
        let mut visited = self.visited.clone();
        let root = next.root.clone();
        visited.push(next);
        Ok(Self { session: self.session, files, root, visited, restrictor })
    }
}

fn folder(session: &Session<'_>, place: &Place<'_>, repo: &str, path: &str) -> Result<String, Error> {
    let files: &dyn Files = match place {
        Place::Given(files) => *files,
        Place::Fetched(files) => &**files,
    };
    session.count_load(path, 0)?;
    let note = |seen| {
        if repo.is_empty() {
            session.note(path, seen);
        }
    };
    let root = files.resolve(path).map_err(|error| {
        if matches!(error, FileError::NotFound(_)) {
            note(Seen::Missing);
        }
        Error::new(format!("{error}; add it, or correct the path"))
    })?;
    if !files.is_dir(&root) {
        return Err(Error::new(format!("`{}` is a file; a folder is wanted", files.shown(path))));
    }
    note(Seen::Folder);
    Ok(root)
}

/// Whether `path` lies below the folder `root`.
fn is_below(path: &str, root: &str) -> bool {
    root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether `path` is a file's URL, if it is a file's at all.
pub(crate) fn is_web(path: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        path.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && path.len() > scheme.len()
    })
}

/// Whether `path`, which is no address of a repository, was meant as one.
fn looks_remote(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["://", "::", "?ref=", "?version="].iter().any(|mark| lower.contains(mark)) || lower.starts_with("git@")
}
