//! Finds what a kustomization names: files below its folder, other folders, URLs.

use std::sync::Arc;

use bytes::Bytes;
use sluice_tree::path::join;

use crate::cache::{Digest, digest};
use crate::errors::Error;
use crate::files::{FileError, Files};
use crate::options::{Fetched, LoadRestrictor};
use crate::reads::Seen;
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
        let joined = join(&self.root, path).unwrap_or_else(|_| path.to_owned());
        let repo = self.repo();
        if repo.is_empty() { joined } else { format!("{repo}//{joined}") }
    }

    fn note(&self, path: &str, seen: Seen) {
        if self.repo().is_empty() {
            self.session.note(path, seen);
        }
    }

    /// Reads the file `path`.
    pub(crate) fn load(&self, path: &str) -> Result<File, NoFile> {
        if path.starts_with("https://") || path.starts_with("http://") {
            return match self.fetch(path).map_err(NoFile::Refused)? {
                Fetched::File(bytes) => {
                    self.session.count_load(path, bytes.len()).map_err(|error| NoFile::Refused(error.into()))?;
                    Ok(File { path: path.to_owned(), digest: digest(&bytes), bytes })
                }
                Fetched::Folder { .. } => Err(NoFile::Absent(Error::new(format!("`{path}` is a folder")))),
            };
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
        if self.files().is_dir(&resolved) {
            self.note(&joined, Seen::Folder);
            return Err(NoFile::Absent(Error::new(format!(
                "`{}` is a folder; a file is wanted",
                self.shown_joined(&joined)
            ))));
        }
        if self.restrictor == LoadRestrictor::RootOnly && !is_below(&resolved, &self.root) {
            return Err(refused(format!(
                "security; file `{}` is not in or below `{}`; move it there, make it a base, or build with \
                 `--load-restrictor=LoadRestrictionsNone`",
                self.shown_joined(&resolved),
                self.shown("")
            )));
        }
        let bytes = self.files().read(&resolved).map_err(|error| refused(error.to_string()))?;
        self.session.count_load(&joined, bytes.len()).map_err(refused)?;
        let digest = digest(&bytes);
        self.note(&joined, Seen::File(digest));
        Ok(File { path: self.shown_joined(&joined), bytes, digest })
    }

    fn shown_joined(&self, path: &str) -> String {
        let repo = self.repo();
        if repo.is_empty() { path.to_owned() } else { format!("{repo}//{path}") }
    }

    fn fetch(&self, url: &str) -> Result<Fetched, Error> {
        let Some(remote) = self.session.options.remote else {
            return Err(Error::new(format!(
                "`{url}` is remote, and remote bases are off; copy it into the source, or allow remote bases"
            )));
        };
        self.session.check_cancelled()?;
        remote.fetch(url).map_err(|error| Error::new(format!("`{url}`: {error}")))
    }

    /// The folder `path`, to build there.
    pub(crate) fn enter(&self, path: &str) -> Result<(Self, Option<Repo>), Error> {
        if path.is_empty() {
            return Err(Error::new("the path is empty; name a file or a folder"));
        }
        if is_remote(path) {
            return self.enter_remote(path);
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
            let chain: Vec<&str> = self.visited.iter().map(|visited| name(&visited.root)).collect();
            let (root, seen) = (name(&next.root), name(&seen.root));
            return Err(Error::new(format!(
                "cycle: `{root}` is or contains `{seen}`, which led here ({} → {root}); a base must not be its own overlay",
                chain.join(" → ")
            )));
        }
        Ok((self.child(self.files.clone(), next, self.restrictor)?, None))
    }

    fn enter_remote(&self, url: &str) -> Result<(Self, Option<Repo>), Error> {
        if let Some(reason) = forbidden(url) {
            return Err(Error::new(format!("`{url}`: {reason}")));
        }
        if self.visited.iter().any(|visited| !visited.repo.is_empty() && visited.repo.starts_with(url)) {
            return Err(Error::new(format!("cycle: `{url}` led here")));
        }
        let Fetched::Folder { files, path, repo, reference } = self.fetch(url)? else {
            return Err(Error::new(format!("`{url}` is a file; a folder is wanted")));
        };
        let place = Place::Fetched(files);
        let root = folder(self.session, &place, url, &path)?;
        let origin = Repo { url: repo, reference, path };
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

fn name(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
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
        return Err(Error::new(format!("`{path}` is a file; a folder is wanted")));
    }
    note(Seen::Folder);
    Ok(root)
}

/// Whether `path` lies below the folder `root`.
fn is_below(path: &str, root: &str) -> bool {
    root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether `path` means something outside of the files: a URL, an scp-like address, a known host.
fn is_remote(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let address = || {
        // user@host:path, host:path.git
        let (host, rest) = path.split_once(':').unwrap_or((path, ""));
        !host.contains('/') && !rest.is_empty() && (host.contains('@') || host.contains('.'))
    };
    lower.contains("://")
        || lower.starts_with("git::")
        || lower.contains("?ref=")
        || lower.contains("?version=")
        || ["github.com/", "github.com:", "gh:", "git@"].iter().any(|prefix| lower.starts_with(prefix))
        || address()
}

/// Why a URL is refused before anything is fetched.
fn forbidden(url: &str) -> Option<&'static str> {
    let lower = url.to_ascii_lowercase();
    let bare = lower.strip_prefix("git::").unwrap_or(&lower);
    let query = bare.split_once('?').map_or("", |(_, query)| query);
    if bare.starts_with("ext::") || bare.starts_with("fd::") {
        return Some("such transports run programs; use https or ssh");
    }
    if bare.starts_with("file:") {
        return Some("files of this machine are no remote base; give a path relative to the kustomization");
    }
    if query.split('&').any(|part| part.split_once('=').is_some_and(|(_, value)| value.starts_with('-'))) {
        return Some("a revision cannot begin with `-`");
    }
    let host = bare.split_once("://").map_or(bare, |(_, rest)| rest).rsplit('@').next().unwrap_or("");
    if bare.starts_with('-') || host.starts_with('-') || bare.contains("://-") || bare.contains('\0') {
        return Some("a host cannot begin with `-`");
    }
    let address = host.split(['/', ':', '?']).next().unwrap_or("");
    if address.starts_with("169.254.") || address == "[fe80" {
        return Some("link-local addresses are refused");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_paths() {
        for url in ["https://x.y/z", "git@x.y:z.git", "github.com/a/b", "ssh://x/y", "git::https://x/y", "x?ref=v1"] {
            assert!(is_remote(url), "{url}");
        }
        for path in ["../base", "a.yaml", "github.community/x", "dir:x"] {
            assert!(!is_remote(path), "{path}");
        }
    }

    #[test]
    fn urls_that_run_something_are_forbidden() {
        for url in [
            "git::ext::sh -c x",
            "file:///etc",
            "ssh://-oProxyCommand=x/y",
            "https://x/y?ref=--upload-pack=x",
            "http://169.254.169.254/x",
        ] {
            assert!(forbidden(url).is_some(), "{url}");
        }
        assert!(forbidden("https://github.com/a/b?ref=v1").is_none());
    }
}
