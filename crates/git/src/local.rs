//! A repository on this disk, read in process.
//!
//! Opened without the system's and the user's configuration and environment. Replacement objects are ignored: what an
//! id names is what is read.

use crate::checkout::{Sparse, What, checkout};
use crate::commit::{Commit, peel};
use crate::error::{Error, peer_text};
use crate::limits::Limits;
use crate::objects::{HASH, Object, Objects};
use crate::pack::Interrupt;
use crate::refs::{Ref, RefList};
use bytes::Bytes;
use gix::{ObjectId, oid};
use sluice_tree::{Tree, TreeBuilder};
use std::path::{Path, PathBuf};

/// A repository on this disk, bare or with a work tree (which is never looked at).
///
/// Holds where it is and no open file: every operation opens it anew, and so sees what others have written since.
#[derive(Debug, Clone)]
pub struct LocalRepository {
    directory: PathBuf,
}

impl LocalRepository {
    /// The repository at `directory`: a work tree's root, a `.git` folder or a bare repository.
    ///
    /// # Errors
    /// [`Error::RepositoryNotFound`], or [`Error::Unsupported`] for one that does not use SHA-1.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let it = LocalRepository { directory: directory.to_owned() };
        it.store()?;
        Ok(it)
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The commit that `spec` means: `HEAD`, a branch, a tag, an id or its beginning, `main~2`.
    ///
    /// # Errors
    /// [`Error::ReferenceNotFound`], [`Error::EmptyRepository`].
    pub fn resolve(&self, spec: &str) -> Result<ObjectId, Error> {
        let store = self.store()?;
        let url = store.url.clone();
        if store.repository.head().is_ok_and(|head| head.is_unborn()) && spec.starts_with("HEAD") {
            return Err(Error::EmptyRepository { url });
        }
        let missing = |err: &dyn std::fmt::Display| Error::ReferenceNotFound {
            url: url.clone(),
            reference: peer_text(spec.as_bytes()),
            hint: format!(" ({})", peer_text(err.to_string().as_bytes())),
        };
        let id = store.repository.rev_parse_single(spec).map_err(|err| missing(&err))?.detach();
        Ok(peel(&store, id)?.0)
    }

    /// The commit of that id.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is no such commit.
    pub fn commit(&self, id: ObjectId) -> Result<Commit, Error> {
        Commit::read(&self.store()?, id)
    }

    /// The files of the commit that `spec` means. Submodules are left empty directories.
    ///
    /// # Errors
    /// As [`LocalRepository::resolve`], and those of a checkout.
    pub fn tree(&self, spec: &str, limits: &Limits) -> Result<(Commit, Tree), Error> {
        let store = self.store()?;
        let commit = Commit::read(&store, self.resolve(spec)?)?;
        let mut builder = TreeBuilder::new(limits.tree.clone());
        let name = commit.id.to_string();
        let sparse = Sparse::default();
        let what = What { prefix: "", sparse: &sparse, commit: &name, limits: &limits.tree };
        checkout(&store, commit.tree, &what, &mut builder, &Interrupt::default())?;
        Ok((commit, builder.build()))
    }

    /// All references, and `HEAD`.
    ///
    /// # Errors
    /// [`Error::Io`] when they cannot be read.
    pub fn refs(&self) -> Result<RefList, Error> {
        let store = self.store()?;
        let failed = |err: &dyn std::fmt::Display| Error::Io {
            doing: format!("reading the references of `{}`", store.url),
            reason: peer_text(err.to_string().as_bytes()),
        };
        let mut refs = RefList { complete: true, ..RefList::default() };
        let platform = store.repository.references().map_err(|err| failed(&err))?;
        for reference in platform.all().map_err(|err| failed(&err))? {
            let mut reference = reference.map_err(|err| failed(&err))?;
            let Ok(name) = std::str::from_utf8(reference.name().as_bstr()).map(str::to_owned) else { continue };
            let target = match reference.target() {
                gix::refs::TargetRef::Symbolic(name) => Some(name.as_bstr().to_string()),
                gix::refs::TargetRef::Object(_) => None,
            };
            // A symbolic reference to nothing is as good as none.
            let Ok(id) = reference.follow_to_object() else { continue };
            refs.insert(name, store.listed(id.detach(), target));
        }
        if let Ok(head) = store.repository.head() {
            let target = head.referent_name().map(|it| it.as_bstr().to_string());
            match head.id() {
                Some(id) => refs.insert("HEAD".into(), store.listed(id.detach(), target)),
                None => refs.unborn = target,
            }
        }
        Ok(refs)
    }

    pub(crate) fn store(&self) -> Result<Store, Error> {
        let url = format!("file://{}", self.directory.display());
        let unsupported = || Error::Unsupported { url: url.clone(), what: "an object format other than sha1".into() };
        let options = gix::open::Options::isolated().config_overrides(["core.useReplaceRefs=false"]);
        let repository = gix::open_opts(&self.directory, options).map_err(|err| {
            let text = format!("{err:?}");
            if text.contains("sha256") || text.to_ascii_lowercase().contains("objectformat") {
                return unsupported();
            }
            tracing::debug!(url, error = text, "no repository");
            Error::RepositoryNotFound { url: url.clone() }
        })?;
        if repository.object_hash() != HASH {
            return Err(unsupported());
        }
        Ok(Store { repository, url })
    }
}

/// The objects of a repository on this disk, for one thread.
pub(crate) struct Store {
    repository: gix::Repository,
    url: String,
}

impl Store {
    fn listed(&self, id: ObjectId, target: Option<String>) -> Ref {
        let tagged = self.repository.find_header(id).is_ok_and(|it| it.kind() == gix::objs::Kind::Tag);
        let peeled = if tagged { peel(self, id).ok().map(|(commit, _)| commit) } else { None };
        Ref { id, peeled, target }
    }
}

impl Objects for Store {
    fn find(&self, id: &oid) -> Result<Option<Object>, Error> {
        let corrupt = |reason: String| Error::Corrupt { url: self.url.clone(), reason };
        let found = self.repository.try_find_object(id).map_err(|err| corrupt(format!("object `{id}`: {err}")))?;
        let Some(found) = found.map(gix::Object::detach) else { return Ok(None) };
        let name = gix::objs::compute_hash(HASH, found.kind, &found.data).map_err(|err| corrupt(err.to_string()))?;
        if *name != *id {
            return Err(corrupt(format!("object `{id}` holds what belongs to `{name}`")));
        }
        Ok(Some(Object { kind: found.kind, data: Bytes::from(found.data) }))
    }

    fn origin(&self) -> &str {
        &self.url
    }
}
