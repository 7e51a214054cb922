//! The server without its sockets: everything a request, a controller or the simulator works on.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use crate::audit::Audit;
use crate::auth::{Identity, Signer, Tokens};
use crate::config::{Config, Limits};
use crate::kinds::Kinds;
use crate::metrics::Metrics;
use crate::rbac::Policy;
use crate::request::WriteOptions;
use crate::store::Store;
use crate::tls::Authority;

/// Shared by all requests.
pub struct Core {
    /// All objects.
    pub store: Store,
    kinds: RwLock<Arc<Kinds>>,
    /// Who holds which token.
    pub tokens: Tokens,
    /// Who may do what.
    pub policy: Policy,
    /// What was asked.
    pub metrics: Metrics,
    /// Where requests are logged.
    pub audit: Option<Audit>,
    /// The authority's certificate, PEM.
    pub authority: String,
    /// What requests may take.
    pub limits: Limits,
    /// Held from counting what a quota allows until the object is stored.
    pub quota: std::sync::Mutex<()>,
    /// Faults on purpose.
    pub faults: crate::Faults,
    /// The time that workloads see.
    pub clock: crate::Clock,
    /// Whether workloads run, so that Pods need accounts.
    pub simulates: bool,
}

/// On whose behalf, and how, something is written.
pub struct Context {
    /// Who.
    pub user: Identity,
    /// How.
    pub options: WriteOptions,
    /// What the user is warned of.
    pub warnings: std::cell::RefCell<Vec<String>>,
    /// Where calls of webhooks run; without it none are made.
    pub calls: Option<tokio::runtime::Handle>,
}

impl Context {
    /// A context with these options.
    pub fn new(user: Identity, options: WriteOptions) -> Self {
        Self { user, options, warnings: std::cell::RefCell::default(), calls: None }
    }

    /// Writes of this process itself, as field manager `manager`.
    pub fn internal(manager: &str) -> Self {
        let options = WriteOptions { field_manager: manager.to_owned(), ..WriteOptions::default() };
        Self::new(Identity::internal(manager), options)
    }

    /// Warns the user.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }
}

impl Core {
    /// The core of a server with these settings.
    ///
    /// # Errors
    /// When the data directory or the audit log cannot be used, or no keys can be made.
    pub fn open(config: &Config, authority: &Authority) -> Result<Self, crate::StartError> {
        let keys = config.data_dir.as_deref().map(keys_of);
        let store = match &config.data_dir {
            Some(directory) => Store::open(directory, config.limits.store.clone())?,
            None => Store::in_memory(config.limits.store.clone()),
        };
        let kinds = Kinds::built_in(&store);
        let audit = match &config.audit_log {
            Some(path) => {
                let failed = |source| crate::StartError::AuditLog { path: path.clone(), source };
                Some(Audit::open(path).map_err(failed)?)
            }
            None => None,
        };
        Ok(Self {
            store,
            kinds: RwLock::new(Arc::new(kinds)),
            tokens: Tokens::new(&config.users, Signer::open(keys.as_deref())?),
            policy: Policy::default(),
            metrics: Metrics::default(),
            audit,
            authority: authority.certificate().to_owned(),
            limits: config.limits.clone(),
            quota: std::sync::Mutex::default(),
            faults: config.faults.clone(),
            clock: config.clock.clone(),
            simulates: config.simulate,
        })
    }

    /// Everything served now.
    pub fn kinds(&self) -> Arc<Kinds> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces what is served.
    pub fn serve(&self, kinds: Kinds) {
        *self.kinds.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kinds);
    }
}

/// Where a data directory keeps its keys.
pub fn keys_of(directory: &Path) -> std::path::PathBuf {
    directory.join("pki")
}
