//! A repository somewhere: its references, and the files of its commits.

mod nested;

use crate::access::Access;
use crate::checkout::{Found, Sparse, What, checkout};
use crate::client::{Remembered, Shared};
use crate::commit::{Commit, Tag, peel};
use crate::error::Error;
use crate::history::{newest, reaches};
use crate::listing::Freshness;
use crate::local::LocalRepository;
use crate::objects::{Objects, parse_id};
use crate::pack::{Interrupt, Pack, Spool};
use crate::protocol::{self, Connection, Wants};
use crate::refs::{RefList, Reference, Resolved, not_found, resolve_name};
use crate::url::{RemoteUrl, Scheme};
use gix::ObjectId;
use sluice_tree::{Tree, TreeBuilder};
use sluice_version::{Constraint, Version};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A repository, with who we are to it. Made by [`crate::Client::remote`]; holds no connection.
#[derive(Clone)]
pub struct Remote {
    shared: Arc<Shared>,
    url: RemoteUrl,
    access: Access,
    timeout: Duration,
}

/// What to check out of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchOptions {
    /// Only these directories; everything if empty.
    pub sparse: Vec<String>,
    /// Whether submodules are checked out too; else they are empty directories.
    pub submodules: bool,
}

/// A commit with its files.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Which reference led to it.
    pub resolved: Resolved,
    /// The commit.
    pub commit: Commit,
    /// The annotated tag that led to it, if one did.
    pub tag: Option<Tag>,
    /// Its files.
    pub tree: Tree,
}

impl Remote {
    pub(crate) fn new(shared: Arc<Shared>, url: RemoteUrl, access: Access, timeout: Duration) -> Self {
        Remote { shared, url, access, timeout }
    }

    /// Where it is.
    pub fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// The references whose full names begin with one of `prefixes`, and `HEAD`. More may be listed.
    ///
    /// One round trip, shared with everybody who asks for the same remote with the same identity at the same time.
    ///
    /// # Errors
    /// Connection, authentication and protocol failures; [`Error::Timeout`].
    pub async fn list_refs(&self, prefixes: &[String], freshness: Freshness) -> Result<Arc<RefList>, Error> {
        self.within("listing the references of", self.list(prefixes, freshness)).await
    }

    /// The commit that `reference` means now. For a commit given by id this asks nobody: whether the repository has
    /// it turns out when it is fetched.
    ///
    /// # Errors
    /// As [`Remote::list_refs`], and [`Error::ReferenceNotFound`], [`Error::EmptyRepository`],
    /// [`Error::NoMatchingTag`], [`Error::InvalidReference`].
    pub async fn resolve(&self, reference: &Reference, freshness: Freshness) -> Result<Resolved, Error> {
        self.within("listing the references of", self.find(reference, freshness)).await
    }

    /// The files of the commit that `reference` means now.
    ///
    /// # Errors
    /// As [`Remote::resolve`] and [`Remote::checkout`].
    pub async fn fetch(&self, reference: &Reference, options: &FetchOptions) -> Result<Fetched, Error> {
        let fetched = async {
            let resolved = self.find(reference, Freshness::Recent).await?;
            self.get(reference, &resolved, options).await
        };
        self.within("fetching from", fetched).await
    }

    /// The files of `resolved`, which `reference` was resolved to.
    ///
    /// Fetches that one commit without its history, where the server allows it. Nothing is written to disk but a
    /// nameless temporary file for a large pack. Dropping the future ends everything it does.
    ///
    /// # Errors
    /// As [`Remote::list_refs`], and [`Error::CommitNotFound`], [`Error::CommitNotOnBranch`], [`Error::Corrupt`],
    /// [`Error::RefusedEntry`], [`Error::SparsePathMissing`], [`Error::Limit`], [`Error::Submodule`].
    pub async fn checkout(
        &self,
        reference: &Reference,
        resolved: &Resolved,
        options: &FetchOptions,
    ) -> Result<Fetched, Error> {
        self.within("fetching from", self.get(reference, resolved, options)).await
    }

    async fn within<T>(&self, during: &'static str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let done = tokio::time::timeout(self.timeout, work).await;
        done.unwrap_or_else(|_| Err(Error::Timeout { url: self.url.to_string(), after: self.timeout, during }))
    }

    async fn list(&self, prefixes: &[String], freshness: Freshness) -> Result<Arc<RefList>, Error> {
        let key = (self.access.fingerprint(), self.url.without_credentials().to_string());
        let ask = |prefixes| async move { self.list_now(prefixes).await };
        self.shared.listings.get(key, prefixes, freshness, ask).await
    }

    async fn list_now(&self, prefixes: Vec<String>) -> Result<RefList, Error> {
        if self.url.scheme() == Scheme::File {
            let directory = self.url.directory();
            return blocking(move |_| LocalRepository::open(&directory)?.refs()).await;
        }
        let limits = &self.shared.config.limits;
        let (mut connection, remembered) = self.connect(Remembered::Use).await?;
        let mut listed = protocol::list(&mut connection, &prefixes, limits).await;
        if remembered == Remembered::Use && listed.is_err() {
            // The server may have changed since the handshake.
            (connection, _) = self.connect(Remembered::Forget).await?;
            listed = protocol::list(&mut connection, &prefixes, limits).await;
        }
        connection.close().await;
        listed
    }

    async fn connect(&self, remembered: Remembered) -> Result<(Connection, Remembered), Error> {
        self.shared.connect(&self.url, &self.access, remembered).await
    }

    async fn find(&self, reference: &Reference, freshness: Freshness) -> Result<Resolved, Error> {
        reference.check()?;
        match reference {
            Reference::Commit { id, branch } => {
                let commit = parse_id(id).expect("`check` has parsed it");
                Ok(Resolved { commit, tag: None, name: branch.clone() })
            }
            Reference::Semver(range) => self.find_version(range, freshness).await,
            _ => {
                let refs = self.list(&reference.prefixes(), freshness).await?;
                match resolve_name(&refs, reference, &self.url.to_string()) {
                    Err(Error::ReferenceNotFound { .. } | Error::EmptyRepository { .. }) if !refs.complete => {
                        // An unborn HEAD looks the same in an empty repository and in one with other branches.
                        let all = self.list(&["refs/".to_owned()], freshness).await?;
                        let exists = all.iter().any(|(name, _)| name.starts_with("refs/"));
                        match (exists, resolve_name(&all, reference, &self.url.to_string())) {
                            (_, Ok(resolved)) => Ok(resolved),
                            (false, Err(_)) => Err(Error::EmptyRepository { url: self.url.to_string() }),
                            (true, Err(Error::EmptyRepository { .. })) => Err(Error::ReferenceNotFound {
                                url: self.url.to_string(),
                                reference: crate::error::peer_text(reference.to_string().as_bytes()),
                                hint: String::new(),
                            }),
                            (true, Err(err)) => Err(err),
                        }
                    }
                    other => other,
                }
            }
        }
    }

    /// The tag with the highest version in `range`; of equals, which differ in build metadata alone, the one whose
    /// commit is the newest.
    async fn find_version(&self, range: &str, freshness: Freshness) -> Result<Resolved, Error> {
        let reference = Reference::Semver(range.to_owned());
        let constraint = Constraint::parse(range).map_err(|err| Error::InvalidReference {
            reference: crate::error::peer_text(reference.to_string().as_bytes()),
            reason: crate::error::peer_text(err.to_string().as_bytes()),
        })?;
        let refs = self.list(&reference.prefixes(), freshness).await?;
        let mut candidates = 0;
        let mut best: Vec<(Version, &str)> = Vec::new();
        for (name, _) in refs.below("refs/tags/") {
            let Ok(version) = Version::parse_tag(name) else { continue };
            candidates += 1;
            if !constraint.matches(&version) {
                continue;
            }
            match best.first().map(|(held, _)| version.cmp(held)) {
                Some(std::cmp::Ordering::Less) => continue,
                Some(std::cmp::Ordering::Equal) => {}
                Some(std::cmp::Ordering::Greater) | None => best.clear(),
            }
            best.push((version, name));
        }
        let names: Vec<String> = best.into_iter().map(|(_, name)| name.to_owned()).collect();
        let found = |name: &String| refs.get(&format!("refs/tags/{name}")).map(|it| (name.clone(), it.clone()));
        let found: Vec<_> = names.iter().filter_map(found).collect();
        let chosen = match found.as_slice() {
            [] => {
                let url = self.url.to_string();
                let empty = refs.is_empty().then(|| not_found(&refs, "", &url));
                if let Some(err @ Error::EmptyRepository { .. }) = empty {
                    return Err(err);
                }
                return Err(Error::NoMatchingTag { url, range: range.to_owned(), candidates });
            }
            [only] => only,
            several => {
                let commits: Vec<ObjectId> = several.iter().map(|(_, it)| it.commit()).collect();
                let newest = self.newest(&commits).await?;
                several.iter().rev().find(|(_, it)| Some(it.commit()) == newest).unwrap_or(&several[0])
            }
        };
        let (name, it) = chosen;
        let tag = it.peeled.is_some().then_some(it.id);
        Ok(Resolved { commit: it.commit(), tag, name: Some(name.clone()) })
    }

    async fn newest(&self, commits: &[ObjectId]) -> Result<Option<ObjectId>, Error> {
        let commits = commits.to_vec();
        if self.url.scheme() == Scheme::File {
            let directory = self.url.directory();
            return blocking(move |_| newest(&LocalRepository::open(&directory)?.store()?, &commits)).await;
        }
        let wants = Wants { ids: commits.clone(), shallow: true, commits_only: true };
        let (spool, _) = self.receive(wants).await?;
        self.with_pack(spool, move |pack, _| newest(&pack, &commits)).await
    }

    async fn get(&self, reference: &Reference, resolved: &Resolved, options: &FetchOptions) -> Result<Fetched, Error> {
        let builder = TreeBuilder::new(self.shared.config.limits.tree.clone());
        let (mut out, mut builder, found) = self.get_one(reference, resolved, "", &options.sparse, builder).await?;
        if options.submodules {
            builder = self.get_submodules(&found, out.commit.id, builder).await?;
        }
        out.tree = builder.build();
        Ok(out)
    }

    /// Checks out one repository below `prefix`.
    async fn get_one(
        &self,
        reference: &Reference,
        resolved: &Resolved,
        prefix: &str,
        sparse: &[String],
        builder: TreeBuilder,
    ) -> Result<(Fetched, TreeBuilder, Found), Error> {
        let sparse = Sparse::new(sparse, &resolved.commit.to_string())?;
        let plan = Plan { resolved: resolved.clone(), prefix: prefix.to_owned(), sparse, url: self.url.to_string() };
        let limits = self.shared.config.limits.clone();
        if self.url.scheme() == Scheme::File {
            let (directory, reference) = (self.url.directory(), reference.clone());
            return blocking(move |interrupt| {
                let repository = LocalRepository::open(&directory)?;
                let store = repository.store()?;
                if let Reference::Commit { branch, .. } = &reference {
                    let tips = tips(&repository.refs()?, branch.as_deref(), &plan.url)?;
                    if !reaches(&store, &tips, plan.resolved.commit, interrupt)? {
                        return Err(plan.unreachable(branch.as_deref()));
                    }
                }
                plan.run(&store, builder, &limits, interrupt)
            })
            .await;
        }
        let spool = match reference {
            Reference::Commit { branch, .. } => self.receive_commit(resolved.commit, branch.as_deref()).await?,
            _ => {
                let ids = vec![resolved.tag.unwrap_or(resolved.commit)];
                self.receive(Wants { ids, shallow: true, ..Wants::default() }).await?.0
            }
        };
        self.with_pack(spool, move |pack, interrupt| plan.run(&pack, builder, &limits, interrupt)).await
    }

    /// A pack with `commit`, once it is sure that it is on `branch`, or on any branch.
    ///
    /// A server may give out commits that no branch has, such as those of other people's forks; they are not taken.
    async fn receive_commit(&self, commit: ObjectId, branch: Option<&str>) -> Result<Spool, Error> {
        let prefixes = vec![branch.map_or("refs/heads/".to_owned(), |it| format!("refs/heads/{it}"))];
        let refs = self.list(&prefixes, Freshness::Recent).await?;
        let url = self.url.to_string();
        let tips = tips(&refs, branch, &url)?;
        let alone = Wants { ids: vec![commit], shallow: true, ..Wants::default() };
        if tips.contains(&commit) {
            return Ok(self.receive(alone).await?.0);
        }
        let history = Wants { ids: tips.clone(), commits_only: true, ..Wants::default() };
        let (spool, filtered) = self.receive(history).await?;
        let plan = Plan {
            resolved: Resolved { commit, tag: None, name: None },
            prefix: String::new(),
            sparse: Sparse::default(),
            url,
        };
        let branch = branch.map(str::to_owned);
        let wanted = tips.clone();
        let spool = self
            .with_pack(spool, move |pack, interrupt| {
                if reaches(&pack, &wanted, commit, interrupt)? {
                    Ok(pack.into_spool())
                } else {
                    Err(plan.unreachable(branch.as_deref()))
                }
            })
            .await?;
        if !filtered {
            // The server knows no filters, so this is the whole history, with all files.
            return Ok(spool);
        }
        match self.receive(alone).await {
            // Servers may give out only what a reference points to.
            Err(Error::Refused { .. }) => Ok(self.receive(Wants { ids: tips, ..Wants::default() }).await?.0),
            other => Ok(other?.0),
        }
    }

    /// Fetches `wants`; whether filters were obeyed is told too.
    async fn receive(&self, wants: Wants) -> Result<(Spool, bool), Error> {
        let limits = &self.shared.config.limits;
        let (mut connection, remembered) = self.connect(Remembered::Use).await?;
        let (mut filtered, mut received) = receive_once(&mut connection, &wants, limits).await;
        if remembered == Remembered::Use && matches!(received, Err(Error::Connection { .. } | Error::Http { .. })) {
            (connection, _) = self.connect(Remembered::Forget).await?;
            (filtered, received) = receive_once(&mut connection, &wants, limits).await;
        }
        connection.close().await;
        Ok((received?, filtered))
    }

    /// Reads a pack and works with it, on a thread for such work.
    async fn with_pack<T: Send + 'static>(
        &self,
        spool: Spool,
        work: impl FnOnce(Pack, &Interrupt) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (limits, url) = (self.shared.config.limits.clone(), self.url.to_string());
        blocking(move |interrupt| work(Pack::read(spool, &limits, &url, interrupt)?, interrupt)).await
    }
}

async fn receive_once(
    connection: &mut Connection,
    wants: &Wants,
    limits: &crate::limits::Limits,
) -> (bool, Result<Spool, Error>) {
    let advert = connection.advert();
    let filters = if advert.v2 { advert.has_feature("fetch", "filter") } else { advert.has("filter") };
    let wants = Wants { commits_only: wants.commits_only && filters, ..wants.clone() };
    (wants.commits_only, protocol::fetch(connection, &wants, limits).await)
}

/// Where the branch ends, or all branches.
fn tips(refs: &RefList, branch: Option<&str>, url: &str) -> Result<Vec<ObjectId>, Error> {
    let Some(branch) = branch else {
        let mut tips: Vec<ObjectId> = refs.below("refs/heads/").map(|(_, it)| it.commit()).collect();
        tips.sort_unstable();
        tips.dedup();
        return if tips.is_empty() { Err(Error::EmptyRepository { url: url.to_owned() }) } else { Ok(tips) };
    };
    let full = format!("refs/heads/{branch}");
    let found = refs.get(&full).ok_or_else(|| not_found(refs, &full, url))?;
    Ok(vec![found.commit()])
}

/// One checkout, once its objects are here.
struct Plan {
    resolved: Resolved,
    prefix: String,
    sparse: Sparse,
    url: String,
}

impl Plan {
    fn run(
        self,
        objects: &dyn Objects,
        mut builder: TreeBuilder,
        limits: &crate::limits::Limits,
        interrupt: &Interrupt,
    ) -> Result<(Fetched, TreeBuilder, Found), Error> {
        let (id, tag) = peel(objects, self.resolved.tag.unwrap_or(self.resolved.commit))?;
        if id != self.resolved.commit {
            let reason = format!(
                "tag `{}` leads to `{id}`, not to `{}` as listed",
                self.resolved.tag.unwrap_or(id),
                self.resolved.commit
            );
            return Err(Error::Corrupt { url: self.url, reason });
        }
        let commit = Commit::read(objects, id)?;
        let Plan { resolved, prefix, sparse, .. } = self;
        let name = id.to_string();
        let what = What { prefix: &prefix, sparse: &sparse, commit: &name, limits: &limits.tree };
        let found = checkout(objects, commit.tree, &what, &mut builder, interrupt)?;
        Ok((Fetched { resolved, commit, tag, tree: Tree::default() }, builder, found))
    }

    fn unreachable(&self, branch: Option<&str>) -> Error {
        let (url, commit) = (self.url.clone(), self.resolved.commit.to_string());
        match branch {
            Some(branch) => Error::CommitNotOnBranch { url, commit, branch: branch.to_owned() },
            None => Error::CommitNotFound { url, commit },
        }
    }
}

/// Runs `work` on a thread that may block, and tells it to stop when nobody waits for it any more.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Interrupt) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    struct StopOnDrop(Interrupt);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.set();
        }
    }
    let stop = StopOnDrop(Interrupt::default());
    let interrupt = stop.0.clone();
    let done = tokio::task::spawn_blocking(move || work(&interrupt)).await;
    drop(stop);
    done.unwrap_or_else(|err| Err(Error::Io { doing: "reading objects".into(), reason: err.to_string() }))
}
