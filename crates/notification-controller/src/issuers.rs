//! The keys of issuers of tokens, from the web (OpenID Connect Discovery 1.0).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use sluice_http::{Clients, Limits, Request, Transport, Url, peer_text, send};
use tokio::time::Instant;

use crate::receiver::{Issuers, Keys, Refused};

/// How long keys are good, and how long a failure is.
const FRESH: Duration = Duration::from_secs(300);
const FAILED: Duration = Duration::from_secs(10);
/// Issuers remembered.
const ISSUERS: usize = 256;
/// No document may be larger.
const DOCUMENT: u64 = 1 << 20;
/// No issuer may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// When an issuer was asked, and what it said.
type Known = (Instant, Result<Keys, Refused>);

/// Asks issuers for their keys, each at most once in a while, whatever comes in.
pub struct Web {
    clients: Clients,
    known: Mutex<HashMap<String, Known>>,
}

impl Web {
    /// Nothing known yet.
    pub fn new(user_agent: &str) -> Web {
        Web { clients: Clients::new(user_agent, Limits { attempts: 1, ..Limits::default() }), known: Mutex::default() }
    }

    async fn discover(&self, issuer: &str) -> Result<Keys, Refused> {
        let deadline = Instant::now() + PATIENCE;
        let base = issuer.trim_end_matches('/');
        let found = self.document(&format!("{base}/.well-known/openid-configuration"), deadline).await?;
        let named = found["issuer"].as_str().unwrap_or_default();
        if named != issuer {
            let named = peer_text(named.as_bytes());
            return Err(Refused(format!("oidc: the discovery document is of another issuer, \"{named}\"")));
        }
        let keys = found["jwks_uri"].as_str().ok_or_else(|| Refused("oidc: the issuer names no keys".to_owned()))?;
        let algorithms = found["id_token_signing_alg_values_supported"].as_array().into_iter().flatten();
        let algorithms = algorithms.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Keys::new(&self.document(keys, deadline).await?, algorithms))
    }

    async fn document(&self, url: &str, deadline: Instant) -> Result<Value, Refused> {
        let url = Url::parse(url).map_err(|_| Refused("oidc: the issuer's address is no URL".to_owned()))?;
        let failed = |error: sluice_http::Error| Refused(format!("oidc: {error}"));
        let answer = send(&self.clients, &Transport::default(), &Request::get(url), deadline).await.map_err(failed)?;
        if !answer.status.is_success() {
            return Err(Refused(format!("oidc: the issuer answered {}", answer.status)));
        }
        let body = answer.body.all(DOCUMENT).await.map_err(failed)?;
        serde_json::from_slice(&body).map_err(|_| Refused("oidc: the issuer's document is no JSON".to_owned()))
    }
}

impl Issuers for Web {
    async fn keys(&self, issuer: &str) -> Result<Keys, Refused> {
        if let Some((then, known)) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(issuer) {
            let good = if known.is_ok() { FRESH } else { FAILED };
            if then.elapsed() < good {
                return known.clone();
            }
        }
        let found = self.discover(issuer).await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ISSUERS {
            known.clear();
        }
        known.insert(issuer.to_owned(), (Instant::now(), found.clone()));
        found
    }
}
