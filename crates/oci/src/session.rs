//! One request to a registry, signed in as it asks.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use sluice_http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use sluice_http::{Answer, Method, Request, StatusCode, Url, basic, bearer, peer_text, same_origin};

use tokio::time::Instant;

use crate::access::{Credentials, Plain};
use crate::challenge::{Challenge, choose};
use crate::client::{Registry, Repository};
use crate::error::{Error, ErrorKind};
use crate::patience;
use crate::token::{Known, Wanted};

/// How long HTTPS is waited for where HTTP would do.
const SECURE: Duration = Duration::from_secs(5);

/// What is to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pull,
    Push,
}

impl Action {
    /// As scopes have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Action::Pull => "pull",
            Action::Push => "pull,push",
        }
    }
}

/// A request, before it is known who asks.
pub(crate) struct Ask {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
    pub action: Action,
    pub repeatable: bool,
}

impl Ask {
    pub(crate) fn get(url: Url) -> Self {
        let (headers, body) = (HeaderMap::new(), None);
        Ask { method: Method::GET, url, headers, body, action: Action::Pull, repeatable: true }
    }
}

impl Repository {
    /// An address below the repository: `manifests/v1`.
    pub(crate) async fn url(&self, rest: &str) -> Result<Url, Error> {
        let registry = self.registry().await?;
        let path = format!("v2/{}/{rest}", self.name.path());
        registry.base.join(&path).map_err(|error| self.error(ErrorKind::Refused, error.to_string()))
    }

    /// Asks, and signs in where that is asked for. The answer may be any but 401.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Answer, Error> {
        let registry = self.registry().await?;
        let own = same_origin(&registry.base, &ask.url);
        let mut request = Request {
            method: ask.method,
            url: ask.url,
            headers: ask.headers,
            authorization: None,
            body: ask.body,
            repeatable: ask.repeatable,
        };
        if own {
            request.authorization = self.authorization(registry.challenge.as_ref(), ask.action, Known::Use).await?;
        }
        let answer = self.send(&request, own).await?;
        if answer.status != StatusCode::UNAUTHORIZED || answer.moved || !own {
            return Ok(answer);
        }
        // Once more, with what this answer asks for: the first word was none, or the token is no longer good.
        let challenge = challenged(&answer).map_err(|why| self.error(ErrorKind::Authentication, why))?;
        let Some(authorization) = self.authorization(Some(&challenge), ask.action, Known::Replace).await? else {
            return Err(failed(self, answer, "the registry").await);
        };
        if registry.challenge.is_none() {
            self.remember(Registry::new(registry.base, Some(challenge)));
        }
        request.authorization = Some(authorization);
        let answer = self.send(&request, own).await?;
        if answer.status == StatusCode::UNAUTHORIZED && !answer.moved {
            return Err(failed(self, answer, "the registry").await);
        }
        Ok(answer)
    }

    async fn send(&self, request: &Request, own: bool) -> Result<Answer, Error> {
        let transport = self.access.transport();
        let transport = if own { transport } else { transport.anonymous() };
        let sent = sluice_http::send(&self.shared.clients, &transport, request, self.deadline).await;
        sent.map_err(|error| self.exchanged(&error))
    }

    /// What answers a challenge.
    async fn authorization(
        &self,
        challenge: Option<&Challenge>,
        action: Action,
        known: Known,
    ) -> Result<Option<HeaderValue>, Error> {
        match (challenge, &self.access.credentials) {
            (None, _) => Ok(None),
            (Some(_), Credentials::Token(token)) => {
                bearer(token).map(Some).ok_or_else(|| self.unusable("the registry token"))
            }
            (Some(Challenge::Basic), _) => match self.basic()? {
                Some(header) => Ok(Some(header)),
                None => Err(self.error(
                    ErrorKind::Authentication,
                    "the registry asks for user and password, and there are none for it",
                )),
            },
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                // The scope that a registry names at its door may be of another repository, as ghcr.io's is.
                let scope = scope.as_deref().filter(|_| known == Known::Replace);
                let wanted = Wanted { realm, service: service.as_deref(), scope };
                self.token(&wanted, action, known).await.map(Some)
            }
        }
    }

    /// The `Authorization` with user and password, if there are any.
    pub(crate) fn basic(&self) -> Result<Option<HeaderValue>, Error> {
        let header = match &self.access.credentials {
            Credentials::Basic { username, password } => basic(username, password),
            // The older way to use an identity token.
            Credentials::Identity(token) => basic("<token>", token),
            Credentials::Anonymous | Credentials::Token(_) => return Ok(None),
        };
        header.map(Some).ok_or_else(|| self.unusable("user or password"))
    }

    fn unusable(&self, what: &str) -> Error {
        self.error(ErrorKind::Access, format!("{what} holds a character that cannot be sent"))
    }

    /// What the registry says of itself; asked once in a while.
    async fn registry(&self) -> Result<Registry, Error> {
        if let Some(known) = self.remembered() {
            return Ok(known);
        }
        let host = self.name.registry();
        let base = |scheme: &str| {
            let parsed = Url::parse(&format!("{scheme}://{host}/"));
            parsed.map_err(|_| self.error(ErrorKind::Refused, "the registry is no host name"))
        };
        let may_be_plain = self.access.plain == Plain::Allowed || is_this_machine(host);
        let registry = match self.ping(base("https")?, may_be_plain).await {
            Err(error) if may_be_plain && matches!(error.kind, ErrorKind::Connection | ErrorKind::Timeout) => {
                self.ping(base("http")?, false).await.map_err(|plain| match plain.kind {
                    // Both failed: the first word says more about a registry with TLS, the second about one without.
                    ErrorKind::Connection => Error { why: format!("{}; {}", error.why, plain.why), ..plain },
                    _ => plain,
                })?
            }
            outcome => outcome?,
        };
        self.remember(registry.clone());
        Ok(registry)
    }

    /// Asks at the registry's door; `quick` where there is another door to try.
    async fn ping(&self, base: Url, quick: bool) -> Result<Registry, Error> {
        let url = base.join("v2/").map_err(|error| self.error(ErrorKind::Refused, error.to_string()))?;
        let mut asker = self.clone();
        if quick {
            asker.deadline = asker.deadline.min(Instant::now() + SECURE);
        }
        let answer = asker.send(&Request { repeatable: !quick, ..Request::get(url) }, true).await?;
        match answer.status.as_u16() {
            401 => {
                let challenge = challenged(&answer).map_err(|why| self.error(ErrorKind::Authentication, why))?;
                Ok(Registry::new(base, Some(challenge)))
            }
            429 | 500.. => Err(failed(self, answer, "the registry").await),
            // Some have nothing at their door; the repository itself will tell.
            _ => Ok(Registry::new(base, None)),
        }
    }

    pub(crate) fn error(&self, kind: ErrorKind, why: impl Into<String>) -> Error {
        Error::new(kind, &self.name, why)
    }

    pub(crate) fn exchanged(&self, error: &sluice_http::Error) -> Error {
        Error::exchange(&self.name, error)
    }
}

fn challenged(answer: &Answer) -> Result<Challenge, &'static str> {
    choose(answer.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|it| it.to_str().ok()))
}

fn is_this_machine(registry: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{registry}/")) else { return false };
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// The failure that an answer is, with the beginning of what it says.
pub(crate) async fn failed(repository: &Repository, answer: Answer, who: &str) -> Error {
    let status = answer.status;
    let (asked, told) = (patience::asked(&answer.headers, Timestamp::now()), patience::told(&answer.headers));
    let moved = answer.moved;
    let at = sluice_http::redact(answer.url.as_str());
    let detail = detail(&answer.body.beginning(repository.limits().error_bytes).await);
    let http = format!("HTTP {}{}{detail}", status.as_u16(), if detail.is_empty() { "" } else { ": " });
    if moved {
        return repository.error(ErrorKind::BlobRefused, format!("`{at}`, where {who} leads to, refuses it ({http})"));
    }
    let anonymous = repository.access.credentials == Credentials::Anonymous;
    let (kind, why) = match status.as_u16() {
        401 if anonymous => (ErrorKind::Authentication, format!("{who} asks for credentials ({http})")),
        401 => (ErrorKind::Authentication, format!("{who} refuses these credentials ({http})")),
        403 => (ErrorKind::Authentication, format!("{who} forbids it ({http}); check what the credentials may do")),
        404 => (ErrorKind::NotFound, format!("not found ({http})")),
        429 => {
            (ErrorKind::RateLimited, format!("{who} answers too many requests ({http}){told}; reconcile less often"))
        }
        500.. => (ErrorKind::Server, format!("{who} failed ({http})")),
        _ => (ErrorKind::Refused, format!("{who} refuses it ({http})")),
    };
    let retry_after = asked.filter(|_| matches!(status.as_u16(), 429 | 503));
    Error { retry_after, ..repository.error(kind, why) }
}

/// What a registry's error says: `MANIFEST_UNKNOWN: manifest unknown`.
fn detail(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    match serde_json::from_slice::<Errors>(body) {
        Ok(Errors { errors }) => {
            let each = errors.iter().map(|it| match it.message.as_str() {
                "" => it.code.clone(),
                message => format!("{}: {message}", it.code),
            });
            peer_text(each.collect::<Vec<_>>().join("; ").as_bytes())
        }
        // A page of HTML helps nobody.
        Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
        Err(_) => peer_text(body),
    }
}
