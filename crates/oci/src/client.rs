//! What operations on registries share: connections, what registries said, tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_http::{Clients, Url};
use tokio::time::Instant;

use crate::access::{Access, Fingerprint};
use crate::challenge::Challenge;
use crate::limits::Limits;
use crate::reference::RepositoryName;
use crate::token::Tokens;

/// How long what a registry said about itself is believed.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Registries remembered.
const REGISTRIES: usize = 10_000;

/// Reaches registries. One for a process; clones share everything.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

pub(crate) struct Shared {
    pub clients: Clients,
    pub limits: Limits,
    pub tokens: Tokens,
    registries: Mutex<HashMap<(String, Fingerprint), Registry>>,
}

/// What a registry said when it was first asked.
#[derive(Clone)]
pub(crate) struct Registry {
    /// `https://host/`.
    pub base: Url,
    /// How it wants to be signed in to; `None` when it did not say.
    pub challenge: Option<Challenge>,
    asked: Instant,
}

/// A repository, as somebody. All operations on it end at its deadline.
#[derive(Clone)]
pub struct Repository {
    pub(crate) shared: Arc<Shared>,
    pub(crate) name: RepositoryName,
    pub(crate) access: Access,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) deadline: Instant,
}

impl Client {
    /// A client with nothing open yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let clients = Clients::new(concat!("sluice/", env!("CARGO_PKG_VERSION")), limits.http.clone());
        Client(Arc::new(Shared { clients, limits, tokens: Tokens::default(), registries: Mutex::default() }))
    }

    /// The repository `name`; what is done with it ends after `timeout` in all. Opens no connection.
    #[must_use]
    pub fn repository(&self, name: &RepositoryName, access: &Access, timeout: Duration) -> Repository {
        // Ten years are as good as no timeout, and within what clocks can hold.
        let deadline = Instant::now() + timeout.min(Duration::from_secs(10 * 365 * 86_400));
        Repository {
            shared: Arc::clone(&self.0),
            name: name.clone(),
            fingerprint: access.fingerprint(),
            access: access.clone(),
            deadline,
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new(Limits::default())
    }
}

impl Registry {
    pub(crate) fn new(base: Url, challenge: Option<Challenge>) -> Self {
        Registry { base, challenge, asked: Instant::now() }
    }
}

impl Repository {
    /// The repository's name.
    #[must_use]
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(crate) fn remembered(&self) -> Option<Registry> {
        let key = (self.name.registry().to_owned(), self.fingerprint.clone());
        let registries = self.shared.registries.lock().unwrap_or_else(PoisonError::into_inner);
        registries.get(&key).filter(|it| it.asked.elapsed() < REMEMBERED).cloned()
    }

    pub(crate) fn remember(&self, registry: Registry) {
        let key = (self.name.registry().to_owned(), self.fingerprint.clone());
        let mut registries = self.shared.registries.lock().unwrap_or_else(PoisonError::into_inner);
        if registries.len() >= REGISTRIES {
            registries.clear();
        }
        registries.insert(key, registry);
    }
}
