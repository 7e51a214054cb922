//! What all passes share.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_api::source::GitRepository;
use sluice_artifact::Storage;
use sluice_git::{Access, Client, Config, SshAlgorithms};
use sluice_runtime::{Cache, Key, MetadataIndex, Queue, Runtime};
use tokio::sync::Semaphore;

use crate::options::Options;

/// What all passes share; clones share it too.
pub type Context = Arc<Shared>;

/// See [`Context`].
pub struct Shared {
    /// The runtime.
    pub runtime: Runtime,
    /// This controller's flags.
    pub options: Options,
    /// All GitRepositories.
    pub repositories: Cache<GitRepository>,
    /// Who is to be looked at.
    pub queue: Queue,
    /// The folder of artifacts.
    pub storage: Storage,
    /// Talks to remotes.
    pub git: Client,
    /// The versions of all Secrets: one that has not changed is not read again.
    pub secrets: MetadataIndex<()>,
    /// A permit for each pass that makes an artifact.
    pub working: Arc<Semaphore>,
    /// What is remembered of each repository.
    pub memo: Mutex<HashMap<Key, Memo>>,
}

/// What is remembered of a repository between passes.
#[derive(Default)]
pub struct Memo {
    /// The Secrets it names, and their versions when they were read, and what they said.
    pub access: Option<(Vec<(Key, String)>, Access)>,
    /// The repositories it includes.
    pub includes: HashSet<Key>,
    /// The digest that the file in storage was found to have.
    pub verified: Option<String>,
}

impl Shared {
    /// The context of a controller.
    #[must_use]
    pub fn new(
        runtime: &Runtime,
        options: Options,
        storage: Storage,
        repositories: Cache<GitRepository>,
        queue: Queue,
    ) -> Context {
        let ssh =
            SshAlgorithms { key_exchange: options.ssh_kex_algos.clone(), host_key: options.ssh_hostkey_algos.clone() };
        Arc::new(Shared {
            git: Client::new(Config { ssh, ..Config::default() }),
            secrets: MetadataIndex::new(runtime.client(), runtime.stopping()),
            working: Arc::new(Semaphore::new(options.concurrent.max(1))),
            memo: Mutex::default(),
            runtime: runtime.clone(),
            options,
            storage,
            repositories,
            queue,
        })
    }

    /// What is remembered of a repository.
    pub fn memo<T>(&self, key: &Key, with: impl FnOnce(&mut Memo) -> T) -> T {
        with(self.memo.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
    }

    /// The repositories for which `found` holds.
    pub fn those(&self, found: impl Fn(&Memo) -> bool) -> Vec<Key> {
        let memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        memo.iter().filter(|(_, memo)| found(memo)).map(|(key, _)| key.clone()).collect()
    }

    /// An interval, moved a little.
    #[must_use]
    pub fn jittered(&self, interval: Duration) -> Duration {
        sluice_runtime::jittered(interval, self.runtime.flags().interval_jitter_percentage)
    }
}
