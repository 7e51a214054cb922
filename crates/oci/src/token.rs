//! Tokens from token servers (distribution's token and OAuth2 specifications).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sluice_http::header::{CONTENT_TYPE, HeaderValue};
use sluice_http::{Answer, Method, Request, Secret, StatusCode, Url, bearer};
use tokio::time::Instant;

use crate::access::{Credentials, Fingerprint};
use crate::client::Repository;
use crate::error::{Error, ErrorKind};
use crate::session::{Action, failed};

/// A token without an expiry, or with a shorter one, is good for this long (distribution's token specification).
const SHORTEST: Duration = Duration::from_secs(60);
/// Tokens kept.
const TOKENS: usize = 10_000;

/// Tokens by realm, scope and who asked.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, (HeaderValue, Instant)>>);

type Key = (Fingerprint, String, Vec<String>);

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<i64>,
}

/// What a registry asked for.
pub(crate) struct Wanted<'a> {
    pub realm: &'a str,
    pub service: Option<&'a str>,
    pub scope: Option<&'a str>,
}

/// Whether a token that was got before will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Use,
    Replace,
}

impl Repository {
    /// The `Authorization` with a token for `action`.
    pub(crate) async fn token(&self, wanted: &Wanted<'_>, action: Action, known: Known) -> Result<HeaderValue, Error> {
        let own = format!("repository:{}:{}", self.name.path(), action.word());
        let mut scopes = vec![own];
        scopes.extend(wanted.scope.filter(|it| !it.is_empty() && *it != scopes[0]).map(str::to_owned));
        let key = (self.fingerprint.clone(), wanted.realm.to_owned(), scopes.clone());
        if known == Known::Use {
            let tokens = self.shared.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((token, _)) = tokens.get(&key).filter(|(_, until)| *until > Instant::now()) {
                return Ok(token.clone());
            }
        }
        let answered = self.fetch(wanted, &scopes).await?;
        let refuse = |why: &str| self.error(ErrorKind::Authentication, why);
        let token = answered.token.filter(|it| !it.is_empty()).or(answered.access_token).unwrap_or_default();
        let token = bearer(&Secret::from(token)).ok_or_else(|| refuse("the token server gave no token"))?;
        let lifetime = Duration::from_secs(answered.expires_in.and_then(|it| u64::try_from(it).ok()).unwrap_or(0));
        let lifetime = lifetime.clamp(SHORTEST, Duration::from_secs(86_400));
        let mut tokens = self.shared.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS {
            tokens.clear();
        }
        // Not to the last second: clocks differ, and a request takes a while.
        tokens.insert(key, (token.clone(), Instant::now() + lifetime * 9 / 10));
        Ok(token)
    }

    async fn fetch(&self, wanted: &Wanted<'_>, scopes: &[String]) -> Result<Answered, Error> {
        let refuse = |why: String| self.error(ErrorKind::Authentication, why);
        let realm = self.realm(wanted.realm)?;
        let mut answer = None;
        if let Credentials::Identity(token) = &self.access.credentials {
            let refreshed = self.exchange(refresh(&realm, wanted, scopes, token)).await?;
            // Not every token server has the newer way; the older one takes the token as a password.
            answer = (refreshed.status != StatusCode::NOT_FOUND).then_some(refreshed);
        }
        let answer = match answer {
            Some(answer) => answer,
            None => {
                let url = with_query(realm, wanted, scopes);
                self.exchange(Request { authorization: self.basic()?, ..Request::get(url) }).await?
            }
        };
        if !answer.status.is_success() {
            let mut error = failed(self, answer, "the token server").await;
            if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Refused) {
                error.kind = ErrorKind::Authentication;
            }
            return Err(error);
        }
        let data = answer.body.all(self.limits().token_bytes).await.map_err(|error| self.exchanged(&error))?;
        serde_json::from_slice(&data)
            .map_err(|_| refuse("the token server gave something else than a token".to_owned()))
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Error> {
        let transport = self.access.transport();
        // A client certificate says who we are; it is for the registry alone.
        let elsewhere = request.url.host_str() != self.remembered().as_ref().and_then(|it| it.base.host_str());
        let transport = if elsewhere { transport.anonymous() } else { transport };
        let sent = sluice_http::send(&self.shared.clients, &transport, &request, self.deadline).await;
        sent.map_err(|error| self.exchanged(&error))
    }

    /// The address of the token server. The registry chose it, so it is looked at before credentials go there.
    fn realm(&self, text: &str) -> Result<Url, Error> {
        let shown = sluice_http::redact(text);
        let refuse = |why: &str| self.error(ErrorKind::Authentication, format!("the token server `{shown}` {why}"));
        let url = Url::parse(text).map_err(|_| refuse("is no address"))?;
        let Some(registry) = self.remembered() else { return Ok(url) };
        match sluice_http::refused(&registry.base, &url) {
            Some(why) => Err(refuse(&format!("is not asked: {why}"))),
            None if is_private(&url) && !is_private(&registry.base) => {
                Err(refuse("is not asked: it has a private address, and the registry has not"))
            }
            None => Ok(url),
        }
    }
}

fn with_query(mut url: Url, wanted: &Wanted<'_>, scopes: &[String]) -> Url {
    let mut query = url.query_pairs_mut();
    query.extend_pairs(wanted.service.map(|it| ("service", it)));
    query.extend_pairs(scopes.iter().map(|it| ("scope", it)));
    drop(query);
    url
}

/// Whether a host is written as an address that is not routed in the internet.
fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_private() || ip.is_loopback(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_loopback(),
        // A name is trusted as far as the name of the registry is.
        Err(_) => false,
    }
}

fn refresh(realm: &Url, wanted: &Wanted<'_>, scopes: &[String], token: &Secret) -> Request {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let body = format!(
        "grant_type=refresh_token&client_id=sluice&service={}&scope={}&refresh_token={}",
        encoded(wanted.service.unwrap_or_default()),
        encoded(&scopes.join(" ")),
        encoded(token.expose()),
    );
    let request = Request { method: Method::POST, body: Some(Bytes::from(body)), ..Request::get(realm.clone()) };
    request.header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
}
