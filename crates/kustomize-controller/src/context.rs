//! What all passes share.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use sluice_api::kustomize::Kustomization;
use sluice_apply::{Allowed, Applier, Clusters, Managers, Mapper, Marks, Memory};
use sluice_artifact::{FetchOptions, Fetcher, Trees};
use sluice_runtime::{Cache, Key, MetadataIndex, Queue, References, Runtime};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::kustomization::build::Built;
use crate::options::Options;
use crate::references::Reference;
use crate::sources::{NewArtifact, Sources};

/// Bytes of trees that are kept though no pass uses them: the next pass over the same source is not far.
const KEPT_TREES: u64 = 16 << 20;
/// What all remote bases of one build may take: meanwhile it holds up the builds of others.
const REMOTE_BASES: Duration = Duration::from_secs(60);
/// Bytes of files whose parsed form is kept.
const KEPT_FILES: usize = 4 << 20;

/// What all passes share; clones share it too.
pub type Context = Arc<Shared>;

/// See [`Context`].
pub struct Shared {
    /// The runtime.
    pub runtime: Runtime,
    /// This controller's flags.
    pub options: Options,
    /// All Kustomizations.
    pub kustomizations: Cache<Kustomization>,
    /// Who is to be looked at.
    pub queue: Queue,
    /// All sources.
    pub sources: Sources,
    /// Who refers to what.
    pub references: References<Reference>,
    /// What is live on the controller's own cluster.
    pub index: MetadataIndex<Marks>,
    /// What was applied there.
    pub memory: Arc<Memory>,
    /// Clients for service accounts and other clusters.
    pub clusters: Clusters,
    /// Artifacts, each read once.
    pub artifacts: Trees,
    /// Files parsed by builds, shared by all of them.
    pub parsed: Arc<sluice_kustomize::Cache>,
    /// A permit for each pass that works rather than waits.
    pub working: Semaphore,
    /// A permit for each build: they keep a core busy.
    pub building: Arc<Semaphore>,
    /// Fetches remote bases; none where they are refused (`--no-remote-bases`).
    pub remote: Option<sluice_remote::Fetcher>,
    /// What is remembered of each Kustomization.
    pub memo: Mutex<HashMap<Key, Memo>>,
    /// Those whose last pass ended waiting for a dependency.
    pub waiting: Mutex<HashSet<Key>>,
    /// Changes of artifacts, for [`crate::wake`].
    pub news: Mutex<Option<mpsc::UnboundedReceiver<NewArtifact>>>,
}

/// What is remembered of a Kustomization between passes. Forgetting it costs a build, never correctness.
#[derive(Default)]
pub struct Memo {
    /// The last build that was applied whole.
    pub built: Option<Arc<Built>>,
    /// Until when the health of which revision is waited for.
    pub health_deadline: Option<(String, Instant)>,
}

impl Shared {
    /// The context of a controller.
    ///
    /// # Errors
    /// When no HTTP client can be set up.
    pub fn new(
        runtime: &Runtime,
        options: Options,
        kustomizations: Cache<Kustomization>,
        queue: Queue,
    ) -> anyhow::Result<Context> {
        let client = runtime.client();
        let (sources, news) = Sources::new(runtime);
        let fetch = FetchOptions { retries: options.http_retry, ..FetchOptions::default() };
        let fetcher = Fetcher::new(fetch).context("setting up the client for artifacts")?;
        let artifacts = Trees::new(fetcher, sluice_tree::Limits::default(), KEPT_TREES);
        // At least two, so that one long build does not hold up all others; fewer than there are threads for what
        // blocks, or the lookups of names for remote bases would wait for the builds that wait for them.
        let builds = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, sluice_runtime::BLOCKING - 1);
        let bases = sluice_remote::Config { total: REMOTE_BASES, ..sluice_remote::Config::default() };
        let remote = (!options.no_remote_bases).then(|| sluice_remote::Fetcher::new(bases, Some(Handle::current())));
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
            artifacts,
            parsed: sluice_kustomize::Cache::new(KEPT_FILES),
            working: Semaphore::new(options.concurrent.max(1)),
            building: Arc::new(Semaphore::new(builds)),
            remote,
            memo: Mutex::default(),
            waiting: Mutex::default(),
            news: Mutex::new(Some(news)),
            runtime: runtime.clone(),
            options,
            kustomizations,
            queue,
        }))
    }

    /// What is remembered of a Kustomization.
    pub fn memo<T>(&self, key: &Key, with: impl FnOnce(&mut Memo) -> T) -> T {
        with(self.memo.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
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
