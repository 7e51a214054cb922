//! What makes a controller a controller.
//!
//! A controller crate says which kinds it reconciles and how; everything else is here: flags, the API client, leader
//! election, sharding, watches and caches, the work queue, status patches, events, metrics, probes, logs. Behaviour:
//! spec/flux/source.md §0 and §9, install.md §6–§11.
//!
//! Invariants: one pass at a time over one object; no pass waits for an event, a metric or a log; a panic in one pass
//! is that pass's failure; when the lease is lost the process ends.

mod cache;
mod client;
mod controller;
mod events;
pub mod finalizer;
mod flags;
mod key;
mod leader;
mod logging;
mod metadata;
mod metrics;
mod probes;
mod queue;
mod references;
mod secrets;
pub mod status;

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use kube::runtime::watcher;
use kube::{Client, Config};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub use cache::{Cache, Cached};
pub use client::{Kube, client};
pub use controller::{Controller, REQUESTED_AT, Reconciler, jittered};
pub use events::{Recorder, Severity, shortened};
pub use flags::{FeatureGates, GoDuration, Listen, LogEncoding, LogLevel, SharedFlags, duration_text, listen_address};
pub use key::Key;
pub use logging::init as init_logging;
pub use metadata::{Changed, Facts, GroupKind, Live, MetadataIndex, WatchError};
pub use metrics::Metrics;
pub use probes::serve as serve_text;
pub use queue::{Backoff, Interrupt, Queue, QueueStats, Requeue};
pub use references::References;
pub use secrets::{SecretData, Secrets};

/// What a controller stands on; clones share it.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    name: String,
    flags: SharedFlags,
    config: Config,
    client: Client,
    namespace: String,
    metrics: Metrics,
    recorder: Recorder,
    stop: CancellationToken,
}

impl Runtime {
    /// The runtime of the controller `name`, talking to the API server of `config`, until `stop`.
    ///
    /// # Errors
    /// When no client can be made of `config`.
    pub fn new(name: &str, flags: SharedFlags, mut config: Config, stop: CancellationToken) -> anyhow::Result<Self> {
        let metrics = Metrics::default();
        config.headers.push((http::header::USER_AGENT, user_agent(name)?));
        let client = client(config.clone(), &metrics).context("setting up the API client")?;
        let events = flags.events_addr.clone();
        let recorder = Recorder::start(name, Kube(client.clone()), &events, metrics.clone(), stop.clone());
        let namespace = std::env::var("RUNTIME_NAMESPACE").unwrap_or_else(|_| "flux-system".to_owned());
        let name = name.to_owned();
        Ok(Runtime(Arc::new(Inner { name, flags, config, client, namespace, metrics, recorder, stop })))
    }

    /// The controller's name, for example `source-controller`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The shared flags.
    #[must_use]
    pub fn flags(&self) -> &SharedFlags {
        &self.0.flags
    }

    /// The API client; it acts as the controller itself.
    #[must_use]
    pub fn client(&self) -> Client {
        self.0.client.clone()
    }

    /// What the client was made of, to make others from, for example impersonating ones.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The namespace that this controller runs in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The metrics of the process.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Where events go.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// Fires when the process is to end.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// The field manager of status patches (spec/flux/kustomize.md §3).
    #[must_use]
    pub fn status_manager(&self) -> String {
        format!("gotk-{}", self.0.name)
    }

    /// Narrows a watch of a kind that the controller reconciles to its shard (spec/flux/install.md §6).
    #[must_use]
    pub fn shard(&self, config: watcher::Config) -> watcher::Config {
        match self.0.flags.watch_label_selector.as_str() {
            "" => config,
            selector => config.labels(selector),
        }
    }

    /// The lease of this controller and shard (spec/flux/install.md §6).
    #[must_use]
    pub fn lease_name(&self) -> String {
        let name = format!("{}-leader-election", self.0.name);
        match self.0.flags.watch_label_selector.as_str() {
            "" => name,
            selector => format!("{name}-{}", &hex::encode(Sha256::digest(selector))[..8]),
        }
    }

    /// Serves metrics and probes, then runs `controllers` while this process leads. Returns when told to stop.
    ///
    /// # Errors
    /// When an address is taken, when `controllers` fails, or when the lease is lost.
    pub async fn run<F>(self, controllers: impl FnOnce(Runtime) -> F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let flags = self.flags();
        let stop = self.stopping();
        if let Listen(Some(address)) = flags.metrics_addr {
            let serving = serve_text(address, probes::metrics(self.metrics().clone()), stop.clone()).await;
            serving.with_context(|| format!("--metrics-addr: cannot listen on {address}"))?;
        }
        if let Listen(Some(address)) = flags.health_addr {
            let serving = serve_text(address, probes::health, stop.clone()).await;
            serving.with_context(|| format!("--health-addr: cannot listen on {address}"))?;
        }
        if !flags.enable_leader_election {
            self.metrics().leads(&self.lease_name(), true);
            return controllers(self.clone()).await;
        }
        let terms = leader::Terms {
            duration: flags.leader_election_lease_duration.0,
            renew_deadline: flags.leader_election_renew_deadline.0,
            retry_period: flags.leader_election_retry_period.0,
            release: flags.leader_election_release_on_cancel,
        };
        let lease = self.lease_name();
        let mut candidate = leader::Candidate::new(self.client(), self.namespace(), &lease, terms);
        self.metrics().leads(&lease, false);
        if !candidate.acquire(&stop).await {
            return Ok(());
        }
        self.metrics().leads(&lease, true);
        // The lease is held until the controllers have ended, so that no successor writes beside them.
        let ended = CancellationToken::new();
        let work = async {
            let outcome = controllers(self.clone()).await;
            ended.cancel();
            outcome
        };
        let held = async {
            candidate.hold(&ended).await;
            if ended.is_cancelled() { Ok(()) } else { Err(anyhow!("leader election: the lease `{lease}` is lost")) }
        };
        let mut held = std::pin::pin!(held);
        tokio::select! {
            // Losing the lease drops the work at once: not one write more (SECURITY I7).
            lost = &mut held => lost,
            outcome = work => {
                held.await?;
                outcome
            }
        }
    }
}

/// Threads for what blocks: builds, archives, files. Their number is that of passes that work at once.
pub const BLOCKING: usize = 4;

/// The whole life of a controller process: logs, signals, client, [`Runtime::run`]. The exit code is 1 on an error.
///
/// `gates` are the feature gates that the controller knows, with their defaults.
pub fn main<F>(
    name: &str,
    flags: SharedFlags,
    gates: &[(&str, bool)],
    controllers: impl FnOnce(Runtime) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    init_logging(flags.log_level, flags.log_encoding);
    let outcome = flags.feature_gates.check(gates).map_err(|why| anyhow!(why)).and_then(|()| {
        install_crypto();
        // glibc keeps an arena a thread and gives little of it back, so threads are few; engines take turns anyway.
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(BLOCKING)
            .enable_all()
            .build()?;
        tokio.block_on(async {
            let stop = CancellationToken::new();
            tokio::spawn(stop_on_signal(stop.clone()));
            let config =
                Config::infer().await.context("finding the API server: set KUBECONFIG, or run in a cluster")?;
            info!(version = env!("CARGO_PKG_VERSION"), "starting {name}");
            Runtime::new(name, flags, config, stop)?.run(controllers).await
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = format!("{error:#}"), "{name} ends");
            ExitCode::FAILURE
        }
    }
}

/// Chooses the one TLS provider of the process; a second call does nothing.
pub fn install_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => info!("told to end"),
            _ = tokio::signal::ctrl_c() => info!("interrupted"),
        },
        Err(error) => {
            error!(%error, "SIGTERM cannot be handled");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
    stop.cancel();
}

fn user_agent(name: &str) -> anyhow::Result<http::HeaderValue> {
    let text = format!("{name}/{}", env!("CARGO_PKG_VERSION"));
    http::HeaderValue::from_str(&text).with_context(|| format!("`{name}` cannot stand in a header"))
}
