//! What all passes share.

use std::sync::Arc;
use std::time::Duration;

use sluice_api::source::{GitRepository, HelmChart, HelmRepository, OciRepository};
use sluice_artifact::Storage;
use sluice_git::SshAlgorithms;
use sluice_http::Clients;
use sluice_runtime::{Runtime, Secrets};
use tokio::sync::Semaphore;

use crate::helm_repository::Indexes;
use crate::options::Options;
use crate::source::Known;

/// What all passes share; clones share it too.
pub type Context = Arc<Shared>;

/// See [`Context`].
pub struct Shared {
    /// The runtime.
    pub runtime: Runtime,
    /// This controller's flags.
    pub options: Options,
    /// All GitRepositories.
    pub git_repositories: Known<GitRepository>,
    /// All OCIRepositories.
    pub oci_repositories: Known<OciRepository>,
    /// All HelmRepositories.
    pub helm_repositories: Known<HelmRepository>,
    /// All HelmCharts.
    pub helm_charts: Known<HelmChart>,
    /// The folder of artifacts.
    pub storage: Storage,
    /// Talks to Git remotes.
    pub git: sluice_git::Client,
    /// Talks to registries.
    pub oci: sluice_oci::Client,
    /// Talks to chart repositories.
    pub http: Clients,
    /// What is known of the indexes of chart repositories.
    pub indexes: Indexes,
    /// The Secrets that sources name.
    pub secrets: Secrets,
    /// A permit for each pass that makes an artifact.
    pub working: Arc<Semaphore>,
}

/// All kinds' objects.
pub struct Kinds {
    /// All GitRepositories.
    pub git: Known<GitRepository>,
    /// All OCIRepositories.
    pub oci: Known<OciRepository>,
    /// All HelmRepositories.
    pub helm: Known<HelmRepository>,
    /// All HelmCharts.
    pub charts: Known<HelmChart>,
}

impl Shared {
    /// The context of a controller.
    #[must_use]
    pub fn new(runtime: &Runtime, options: Options, storage: Storage, kinds: Kinds) -> Context {
        let ssh =
            SshAlgorithms { key_exchange: options.ssh_kex_algos.clone(), host_key: options.ssh_hostkey_algos.clone() };
        let user_agent = concat!("sluice/", env!("CARGO_PKG_VERSION"));
        Arc::new(Shared {
            git: sluice_git::Client::new(sluice_git::Config { ssh, ..sluice_git::Config::default() }),
            oci: sluice_oci::Client::default(),
            http: Clients::new(user_agent, sluice_http::Limits::default()),
            indexes: Indexes::default(),
            secrets: Secrets::new(runtime.client(), runtime.stopping()),
            working: Arc::new(Semaphore::new(options.concurrent.max(1))),
            runtime: runtime.clone(),
            options,
            git_repositories: kinds.git,
            oci_repositories: kinds.oci,
            helm_repositories: kinds.helm,
            helm_charts: kinds.charts,
            storage,
        })
    }

    /// An interval, moved a little.
    #[must_use]
    pub fn jittered(&self, interval: Duration) -> Duration {
        sluice_runtime::jittered(interval, self.runtime.flags().interval_jitter_percentage)
    }
}
