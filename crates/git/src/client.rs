//! What operations on remotes share: connections, listings, settings.

use crate::access::Access;
use crate::error::Error;
use crate::http;
use crate::limits::Limits;
use crate::listing::{Key, Listings};
use crate::protocol::Connection;
use crate::remote::Remote;
use crate::ssh::{self, SshAlgorithms};
use crate::url::{RemoteUrl, Scheme};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long what a server said about itself is believed.
const HANDSHAKE: Duration = Duration::from_secs(600);
/// Handshakes remembered.
const HANDSHAKES: usize = 10_000;

/// Settings for all remotes.
#[derive(Debug, Clone)]
pub struct Config {
    /// Sent with every HTTP request. Servers tell Git from browsers by its beginning.
    pub user_agent: String,
    /// Limits on what a remote may send.
    pub limits: Limits,
    /// How long a listing of references is shared with those who ask next ([`crate::Freshness::Recent`]).
    pub listing_window: Duration,
    /// SSH algorithms.
    pub ssh: SshAlgorithms,
    /// Whether `file` URLs are allowed.
    pub files: bool,
    /// Whether submodules must be of the host that the repository is of.
    pub same_host_submodules: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            user_agent: concat!("git/2 (sluice/", env!("CARGO_PKG_VERSION"), ")").into(),
            limits: Limits::default(),
            listing_window: Duration::from_secs(5),
            ssh: SshAlgorithms::default(),
            files: false,
            same_host_submodules: false,
        }
    }
}

/// Reaches remotes. One for a process; clones share everything.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

pub(crate) struct Shared {
    pub config: Config,
    clients: sluice_http::Clients,
    pub listings: Listings,
    handshakes: Mutex<HashMap<Key, (Instant, http::Known)>>,
}

impl Client {
    /// A client with nothing open yet.
    pub fn new(config: Config) -> Self {
        Client(Arc::new(Shared {
            clients: sluice_http::Clients::new(config.user_agent.clone(), config.limits.http()),
            listings: Listings::new(config.listing_window),
            handshakes: Mutex::default(),
            config,
        }))
    }

    /// The repository at `url`, each operation on which ends after `timeout`. Opens no connection.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`], [`Error::InvalidCredentials`] for what can be told without a connection.
    pub fn remote(&self, url: &str, access: Access, timeout: Duration) -> Result<Remote, Error> {
        let url = RemoteUrl::parse(url)?;
        if url.scheme() == Scheme::File && !self.0.config.files {
            let reason = "the scheme must be http, https or ssh".to_owned();
            return Err(Error::InvalidUrl { url: url.to_string(), reason });
        }
        let access = access.checked(&url)?;
        Ok(Remote::new(Arc::clone(&self.0), url, access, timeout))
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new(Config::default())
    }
}

impl Shared {
    /// A conversation with the repository at `url`, and whether it goes on from a former handshake.
    pub(crate) async fn connect(
        &self,
        url: &RemoteUrl,
        access: &Access,
        remembered: Remembered,
    ) -> Result<(Connection, Remembered), Error> {
        let limits = &self.config.limits;
        if url.scheme() == Scheme::Ssh {
            let session = ssh::Session::connect(url, access, &self.config.ssh, limits).await?;
            return Ok((Connection::Ssh(Box::new(session)), Remembered::Forget));
        }
        let key = (access.fingerprint(), url.without_credentials().to_string());
        if remembered == Remembered::Use {
            let handshakes = self.handshakes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((made, known)) = handshakes.get(&key).filter(|(made, _)| made.elapsed() < HANDSHAKE) {
                let _ = made;
                let session = http::Session::resume(known.clone(), url, limits);
                return Ok((Connection::Http(Box::new(session)), Remembered::Use));
            }
        }
        let session = http::Session::connect(&self.clients, url, access, limits).await?;
        let mut handshakes = self.handshakes.lock().unwrap_or_else(PoisonError::into_inner);
        // Before version 2 the handshake is the listing, which must be new each time.
        if session.advert().v2 {
            if handshakes.len() >= HANDSHAKES {
                handshakes.clear();
            }
            handshakes.insert(key, (Instant::now(), session.known().clone()));
        } else {
            handshakes.remove(&key);
        }
        drop(handshakes);
        Ok((Connection::Http(Box::new(session)), Remembered::Forget))
    }
}

/// Whether a former handshake may stand in for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remembered {
    Use,
    Forget,
}
