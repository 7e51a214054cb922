//! Clients by transport.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::transport::{Limits, Transport};

/// Clients kept: one per set of certificates and proxy.
const CLIENTS: usize = 256;

/// HTTP clients, one for each transport; they keep connections open between exchanges.
pub struct Clients {
    user_agent: String,
    limits: Limits,
    made: Mutex<HashMap<[u8; 32], reqwest::Client>>,
}

impl Clients {
    /// No clients yet.
    #[must_use]
    pub fn new(user_agent: impl Into<String>, limits: Limits) -> Self {
        Clients { user_agent: user_agent.into(), limits, made: Mutex::default() }
    }

    /// The limits of every exchange.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The client of a transport.
    ///
    /// # Errors
    /// [`Error::Transport`]: what cannot be used as given.
    pub fn get(&self, transport: &Transport) -> Result<reqwest::Client, Error> {
        let key = transport.fingerprint();
        if let Some(client) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(client.clone());
        }
        let client = transport.client(&self.limits, &self.user_agent)?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= CLIENTS {
            made.clear();
        }
        made.insert(key, client.clone());
        Ok(client)
    }
}
