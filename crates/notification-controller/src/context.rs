//! What all parts of the controller share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use sluice_api::notification::{Alert, Provider, Receiver};
use sluice_http::{Clients, Limits};
use sluice_runtime::{Cache, Cached, Key, Queue, Runtime, Severity};

use crate::counters::Counters;
use crate::delivery::Engine;
use crate::issuers::Web;
use crate::objects::Objects;
use crate::options::Options;
use crate::origin::Origin;
use crate::recent::Recent;
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
    /// Labels of objects; none of an object that is gone.
    pub labels: Recent<Option<BTreeMap<String, String>>>,
    /// Where objects come from.
    pub origins: Recent<Origin>,
}

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
            labels: Recent::default(),
            origins: Recent::default(),
        })
    }

    /// Records a warning on an object.
    pub fn warn<K: Cached>(&self, object: &K, reason: &str, message: &str) {
        self.runtime.recorder().event(object, Severity::Error, reason, message, BTreeMap::new());
    }
}
