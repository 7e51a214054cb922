//! What all parts of the controller share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_api::notification::{Alert, Provider, Receiver};
use sluice_http::{Clients, Limits};
use sluice_runtime::{Cache, Cached, Key, Queue, Runtime, Severity};
use tokio::time::Instant;

use crate::counters::Counters;
use crate::delivery::Engine;
use crate::issuers::Web;
use crate::objects::Objects;
use crate::options::Options;
use crate::secrets::Secrets;

/// What all parts share; clones share it too.
pub type Context = Arc<Shared>;

/// See [`Context`].
pub struct Shared {
    /// The runtime.
    pub runtime: Runtime,
    /// This controller's flags.
    pub options: Options,
    /// All Alerts.
    pub alerts: Cache<Alert>,
    /// All Providers.
    pub providers: Cache<Provider>,
    /// All Receivers.
    pub receivers: Cache<Receiver>,
    /// Receivers to look at.
    pub queue: Queue,
    /// Who answers at which path.
    pub paths: Mutex<HashMap<String, Key>>,
    /// Secrets that Providers and Receivers name.
    pub secrets: Secrets,
    /// Objects of the kinds that events and webhooks are about.
    pub objects: Objects,
    /// Events under way.
    pub engine: Engine,
    /// Connections to services.
    pub clients: Clients,
    /// Keys of issuers of tokens.
    pub issuers: Web,
    /// What is counted.
    pub counters: Counters,
    labels: Mutex<Labels>,
}

/// When they were read, and what they were; none of an object that is gone.
type Labels = HashMap<String, (Instant, Option<BTreeMap<String, String>>)>;

/// Objects whose labels are remembered for a moment.
const LABELS: usize = 4096;

impl Shared {
    /// The context of a controller.
    pub fn new(
        runtime: &Runtime,
        options: Options,
        engine: Engine,
        receivers: Cache<Receiver>,
        queue: Queue,
    ) -> Context {
        let client = runtime.client();
        // One try at a time: the queue tries again.
        let limits = Limits { redirects: 0, attempts: 1, ..Limits::default() };
        let agent = concat!("notification-controller/", env!("CARGO_PKG_VERSION"));
        Arc::new(Shared {
            secrets: Secrets::new(client.clone(), runtime.stopping()),
            objects: Objects::new(client),
            counters: Counters::register(runtime.metrics()),
            clients: Clients::new(agent, limits),
            issuers: Web::new(agent),
            runtime: runtime.clone(),
            options,
            alerts: Cache::default(),
            providers: Cache::default(),
            receivers,
            queue,
            paths: Mutex::default(),
            engine,
            labels: Mutex::default(),
        })
    }

    /// Records a warning on an object.
    pub fn warn<K: Cached>(&self, object: &K, reason: &str, message: &str) {
        self.runtime.recorder().event(object, Severity::Error, reason, message, BTreeMap::new());
    }

    /// Labels that were read no longer than `age` ago.
    pub fn fresh_labels(&self, key: &str, age: Duration) -> Option<Option<BTreeMap<String, String>>> {
        let labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.get(key).filter(|(then, _)| then.elapsed() < age).map(|(_, labels)| labels.clone())
    }

    /// Remembers labels for a moment.
    pub fn remember_labels(&self, key: String, found: Option<BTreeMap<String, String>>) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if labels.len() >= LABELS {
            labels.clear();
        }
        labels.insert(key, (Instant::now(), found));
    }
}
