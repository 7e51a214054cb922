//! What all passes share.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use sluice_api::helm::HelmRelease;
use sluice_apply::{Allowed, Applier, Clusters, Managers, Mapper, Marks, Memory};
use sluice_artifact::{FetchOptions, Fetcher};
use sluice_release::CapabilityCache;
use sluice_runtime::{Cache, Key, MetadataIndex, Queue, References, Runtime};
use tokio::sync::{Semaphore, mpsc};

use crate::charts::Charts;
use crate::helm_release::Settled;
use crate::options::Options;
use crate::references::Reference;
use crate::sources::{News, Sources};

/// What all passes share; clones share it too.
pub type Context = Arc<Shared>;

/// See [`Context`].
pub struct Shared {
    /// The runtime.
    pub runtime: Runtime,
    /// This controller's flags.
    pub options: Options,
    /// All HelmReleases.
    pub releases: Cache<HelmRelease>,
    /// Who is to be looked at.
    pub queue: Queue,
    /// All sources of charts.
    pub sources: Sources,
    /// Who refers to what.
    pub references: References<Reference>,
    /// What is live on the controller's own cluster.
    pub index: MetadataIndex<Marks>,
    /// What was applied there.
    pub memory: Arc<Memory>,
    /// Clients for service accounts and other clusters.
    pub clusters: Clusters,
    /// What clusters can do, by the kubeconfig that leads to them.
    capabilities: Mutex<HashMap<String, Arc<CapabilityCache>>>,
    /// Charts, each read once.
    pub charts: Charts,
    /// A permit for each pass that works rather than waits.
    pub working: Semaphore,
    /// How the last pass over a HelmRelease left it, if all was as it should be.
    pub settled: Mutex<HashMap<Key, Settled>>,
    /// Those whose last pass ended waiting for a dependency.
    pub waiting: Mutex<HashSet<Key>>,
    /// Changes of sources, for [`crate::wake`].
    pub news: Mutex<Option<mpsc::UnboundedReceiver<News>>>,
}

impl Shared {
    /// The context of a controller.
    ///
    /// # Errors
    /// When no HTTP client can be set up.
    pub fn new(
        runtime: &Runtime,
        options: Options,
        releases: Cache<HelmRelease>,
        queue: Queue,
    ) -> anyhow::Result<Context> {
        let client = runtime.client();
        let (sources, news) = Sources::new(runtime);
        let fetch = FetchOptions { retries: options.http_retry, ..FetchOptions::default() };
        let fetcher = Fetcher::new(fetch).context("setting up the client for artifacts")?;
        let own = Applier {
            client: client.clone(),
            user: String::new(),
            mapper: Arc::new(Mapper::new(client.clone())),
            index: MetadataIndex::new(client, runtime.stopping()),
            memory: Arc::default(),
            manager: crate::NAME.to_owned(),
            overridden: Managers::new(&options.override_manager),
            concurrent: options.concurrent_ssa,
        };
        let allowed = Allowed { exec: options.insecure_kubeconfig_exec, insecure_tls: options.insecure_kubeconfig_tls };
        Ok(Arc::new(Shared {
            sources,
            references: References::default(),
            index: own.index.clone(),
            memory: own.memory.clone(),
            clusters: Clusters::new(runtime, own, allowed),
            capabilities: Mutex::default(),
            charts: Charts::new(fetcher),
            working: Semaphore::new(options.concurrent.max(1)),
            settled: Mutex::default(),
            waiting: Mutex::default(),
            news: Mutex::new(Some(news)),
            runtime: runtime.clone(),
            options,
            releases,
            queue,
        }))
    }

    /// What the cluster behind a kubeconfig can do; the empty name is the controller's own.
    pub fn capabilities(&self, cluster: &str) -> Arc<CapabilityCache> {
        let mut all = self.capabilities.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(cluster.to_owned()).or_default().clone()
    }

    /// How the last passes left their HelmReleases.
    pub fn settled(&self) -> MutexGuard<'_, HashMap<Key, Settled>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that wait for a dependency.
    pub fn waiting(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a feature gate is open.
    #[must_use]
    pub fn gate(&self, name: &str) -> bool {
        let default = crate::GATES.iter().find(|(it, _)| *it == name).is_some_and(|(_, default)| *default);
        self.runtime.flags().feature_gates.enabled(name, default)
    }

    /// An interval, moved a little.
    #[must_use]
    pub fn jittered(&self, interval: Duration) -> Duration {
        sluice_runtime::jittered(interval, self.runtime.flags().interval_jitter_percentage)
    }
}
