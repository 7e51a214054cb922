//! The fetcher of a process, and the bases of one build.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_git::{Access, Client, Credentials, FetchOptions, Freshness, Reference, RemoteUrl, Scheme};
use sluice_kustomize::{Files, Remote, RepoSpec};
use sluice_tree::Tree;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::address::Resolver;
use crate::config::Config;
use crate::file;

/// Fetches for a process; clones share connections.
#[derive(Clone)]
pub struct Fetcher(Arc<Shared>);

struct Shared {
    config: Config,
    handle: Option<Handle>,
    /// Where no runtime is given: one of our own, once something is fetched.
    own: OnceLock<Result<Runtime, String>>,
    git: OnceLock<Client>,
    http: OnceLock<Result<reqwest::Client, String>>,
}

impl Fetcher {
    /// A fetcher that works on `handle`, from threads that may block; without one it starts a runtime of its own when it
    /// first fetches, and may not be used from within another. Opens no connection.
    #[must_use]
    pub fn new(config: Config, handle: Option<Handle>) -> Self {
        Self(Arc::new(Shared { config, handle, own: OnceLock::new(), git: OnceLock::new(), http: OnceLock::new() }))
    }

    /// The bases of one build.
    #[must_use]
    pub fn bases(&self) -> Bases {
        Bases { shared: Arc::clone(&self.0), known: Mutex::default() }
    }
}

impl Shared {
    fn git(&self) -> &Client {
        self.git.get_or_init(|| {
            let mut config = sluice_git::Config { same_host_submodules: true, ..sluice_git::Config::default() };
            config.limits.pack_bytes = self.config.pack_bytes;
            Client::new(config)
        })
    }

    /// Runs `work` to its end, or to that of its time.
    fn wait<T>(&self, within: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let timed = async {
            let late = || Err(format!("not done within {} seconds (limit `timeout`)", within.as_secs_f64().round()));
            tokio::time::timeout(within, work).await.unwrap_or_else(|_| late())
        };
        match &self.handle {
            Some(handle) => handle.block_on(timed),
            None => {
                let make = || Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string());
                self.own.get_or_init(make).as_ref().map_err(Clone::clone)?.block_on(timed)
            }
        }
    }

    async fn fetch(&self, spec: &RepoSpec) -> Result<Tree, String> {
        let text = |error: sluice_git::Error| error.to_string();
        let url = spec.url();
        let parsed = RemoteUrl::parse(&url).map_err(text)?;
        // The connection looks the name up once more; a name server that lies the second time is not found out.
        Resolver { link_local: self.config.link_local }.look_up(parsed.host(), parsed.port()).await?;
        let credentials = match (&self.config.ssh, parsed.scheme()) {
            (Some(ssh), Scheme::Ssh) => {
                Credentials::Ssh { identity: ssh.key.clone(), passphrase: None, known_hosts: ssh.known_hosts.clone() }
            }
            _ => Credentials::Anonymous,
        };
        let access = Access { credentials, ..Access::default() };
        let remote = self.git().remote(&url, access, spec.timeout).map_err(text)?;
        let reference = match spec.reference.as_str() {
            "" | "HEAD" => Reference::Head,
            id if id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Reference::Commit { id: id.to_owned(), branch: None }
            }
            name => {
                // In the order in which Git tries them.
                let tried: Vec<String> =
                    ["", "refs/", "refs/tags/", "refs/heads/"].iter().map(|start| format!("{start}{name}")).collect();
                let prefixes: Vec<String> = tried.iter().filter(|it| it.starts_with("refs/")).cloned().collect();
                let listed = remote.list_refs(&prefixes, Freshness::Recent).await.map_err(text)?;
                let found = tried.into_iter().find(|it| it.starts_with("refs/") && listed.get(it).is_some());
                Reference::Name(found.ok_or_else(|| format!("it has no branch or tag `{name}`"))?)
            }
        };
        let options = FetchOptions { submodules: spec.submodules, ..FetchOptions::default() };
        Ok(remote.fetch(&reference, &options).await.map_err(text)?.tree)
    }
}

/// What one build has fetched: each repository and file once.
pub struct Bases {
    shared: Arc<Shared>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    trees: HashMap<(String, String, bool), Tree>,
    files: HashMap<String, Result<Bytes, String>>,
    fetches: usize,
    spent: Duration,
}

impl Bases {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches, within what is left to the build.
    fn count<T>(&self, timeout: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let config = &self.shared.config;
        let left = {
            let mut known = self.known();
            known.fetches += 1;
            if known.fetches > config.fetches {
                return Err(format!("more than {} repositories and files fetched (limit `fetches`)", config.fetches));
            }
            config.total.saturating_sub(known.spent)
        };
        if left.is_zero() {
            return Err(format!("fetches take more than {} seconds (limit `total`)", config.total.as_secs()));
        }
        let begun = Instant::now();
        let done = self.shared.wait(timeout.min(left), work);
        self.known().spent += begun.elapsed();
        done
    }
}

impl Remote for Bases {
    fn tree(&self, spec: &RepoSpec) -> Result<Arc<dyn Files>, String> {
        let key = (spec.url(), spec.reference.clone(), spec.submodules);
        let known = self.known().trees.get(&key).cloned();
        let tree = match known {
            Some(tree) => tree,
            None => {
                let tree = self.count(spec.timeout, self.shared.fetch(spec))?;
                self.known().trees.insert(key, tree.clone());
                tree
            }
        };
        Ok(Arc::new(tree))
    }

    fn file(&self, url: &str) -> Result<Bytes, String> {
        if let Some(known) = self.known().files.get(url) {
            return known.clone();
        }
        let config = &self.shared.config;
        let client = self.shared.http.get_or_init(|| file::client(config)).as_ref().map_err(Clone::clone)?;
        let got = self.count(config.timeout, file::get(client, url, config.file_bytes));
        self.known().files.insert(url.to_owned(), got.clone());
        got
    }

    fn allows_link_local(&self) -> bool {
        self.shared.config.link_local
    }
}
