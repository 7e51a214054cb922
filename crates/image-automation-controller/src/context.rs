//! What all passes share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_api::image::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use sluice_git::SshAlgorithms;
use sluice_runtime::{Cache, Cached, Key, Queue, References, Runtime, Secrets, Severity, shortened};
use tokio::sync::Semaphore;

use crate::options::Options;
use crate::policy::Ages;
use crate::repository::{Listings, Patience, Tags};

/// What all passes share; clones share it too.
pub type Context = Arc<Shared>;

/// See [`Context`].
pub struct Shared {
    /// The runtime.
    pub runtime: Runtime,
    /// This controller's flags.
    pub options: Options,
    /// All ImageRepositories.
    pub repositories: Known<ImageRepository>,
    /// All ImagePolicies.
    pub policies: Known<ImagePolicy>,
    /// All ImageUpdateAutomations.
    pub automations: Known<ImageUpdateAutomation>,
    /// Which ImagePolicies choose from which ImageRepository.
    pub chooses_from: References<Key>,
    /// Secrets that objects name; each kind's [`Known::secrets`] says who is woken.
    pub secrets: Secrets,
    /// The tags that were found.
    pub tags: Tags,
    /// Talks to registries.
    pub oci: sluice_oci::Client,
    /// Talks to Git remotes.
    #[allow(dead_code, reason = "what ImageUpdateAutomations are written with")]
    pub git: sluice_git::Client,
    /// Permits for scans, by registry: one that is slow keeps nobody from another.
    registries: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Which registries asked to be left alone, by whom, until when.
    pub patience: Patience,
    /// The last list of tags of each repository, where the registry lets us ask for what is new.
    pub listings: Listings,
    /// When images were made.
    pub ages: Ages,
}

/// What the process knows of all objects of one kind.
pub struct Known<K> {
    /// The objects.
    pub cache: Cache<K>,
    /// Who is to be looked at.
    pub queue: Queue,
    /// The Secrets that they named in their last pass.
    pub secrets: References<Key>,
    told: Mutex<HashMap<(Key, &'static str), String>>,
}

impl<K> Known<K> {
    /// Nothing known yet.
    pub fn new(cache: Cache<K>, queue: Queue) -> Self {
        Known { cache, queue, secrets: References::default(), told: Mutex::default() }
    }

    /// Whether what others want to know of an object is another than when this was last asked.
    pub fn is_news(&self, key: Key, aspect: &'static str, news: String) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert((key, aspect), news.clone()).is_none_or(|before| before != news)
    }

    /// Drops what is known of an object that is gone.
    pub fn forget(&self, key: &Key) {
        self.secrets.remove(key);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).retain(|(it, _), _| it != key);
    }

    /// Queues whoever names a Secret.
    pub fn wake_for_secret(&self, secret: &Key) {
        self.secrets.to(secret).into_iter().for_each(|key| self.queue.add(key));
    }
}

/// All kinds' objects.
pub struct Kinds {
    /// All ImageRepositories.
    pub repositories: Known<ImageRepository>,
    /// All ImagePolicies.
    pub policies: Known<ImagePolicy>,
    /// All ImageUpdateAutomations.
    pub automations: Known<ImageUpdateAutomation>,
}

impl Shared {
    /// The context of a controller.
    #[must_use]
    pub fn new(runtime: &Runtime, options: Options, tags: Tags, kinds: Kinds) -> Context {
        let ssh =
            SshAlgorithms { key_exchange: options.ssh_kex_algos.clone(), host_key: options.ssh_hostkey_algos.clone() };
        let limits = sluice_oci::Limits {
            tags: options.tags_limit,
            pages: options.tag_pages_limit,
            // The queue tries again, and when the registry says; a request that tries by itself would not wait for that.
            http: sluice_http::Limits { attempts: 1, ..sluice_http::Limits::default() },
            ..sluice_oci::Limits::default()
        };
        Arc::new(Shared {
            secrets: Secrets::new(runtime.client(), runtime.stopping()),
            oci: sluice_oci::Client::new(limits),
            git: sluice_git::Client::new(sluice_git::Config { ssh, ..sluice_git::Config::default() }),
            registries: Mutex::default(),
            chooses_from: References::default(),
            patience: Patience::default(),
            listings: Listings::default(),
            ages: Ages::default(),
            runtime: runtime.clone(),
            repositories: kinds.repositories,
            policies: kinds.policies,
            automations: kinds.automations,
            options,
            tags,
        })
    }

    /// The permits for scans of a registry.
    pub fn registry(&self, host: &str) -> Arc<Semaphore> {
        let mut registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        let permits = || Arc::new(Semaphore::new(self.options.concurrent.max(1)));
        Arc::clone(registries.entry(host.to_owned()).or_insert_with(permits))
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

    /// Tells of an object.
    pub fn event<K: Cached>(&self, object: &K, severity: Severity, reason: &str, message: &str) {
        self.runtime.recorder().event(object, severity, reason, &shortened(message, 30_000), [].into());
    }
}
