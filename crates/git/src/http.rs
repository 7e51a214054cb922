//! Smart HTTP.

use crate::access::{Access, Credentials, Redirects};
use crate::error::{Error, chain, peer_text};
use crate::limits::Limits;
use crate::protocol::{Advert, BoxRead, Packets};
use crate::url::{RemoteUrl, Scheme};
use base64::Engine;
use futures::TryStreamExt;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use sluice_http::Clients;
use sluice_http::redact;
use std::sync::Arc;
use tokio_util::io::StreamReader;

const SERVICE: &str = "git-upload-pack";
/// Bytes read of the body of an error.
const ERROR_BODY: usize = 4 << 10;

/// The client for `access`, whose credentials are not part of it.
fn client(clients: &Clients, access: &Access, url: &RemoteUrl) -> Result<reqwest::Client, Error> {
    let invalid =
        |error: sluice_http::Error| Error::InvalidCredentials { url: url.to_string(), reason: error.to_string() };
    clients.get(&access.transport()).map_err(invalid)
}

/// What a handshake found, for the next conversation to begin with.
#[derive(Clone)]
pub(crate) struct Known {
    client: reqwest::Client,
    base: Url,
    authorization: Option<HeaderValue>,
    pub(crate) advert: Arc<Advert>,
}

/// A conversation over HTTP: each request on its own.
pub(crate) struct Session {
    url: RemoteUrl,
    known: Known,
    limits: Limits,
    answer: Option<Packets>,
}

impl Session {
    /// Asks the server what it can do.
    pub(crate) async fn connect(
        clients: &Clients,
        url: &RemoteUrl,
        access: &Access,
        limits: &Limits,
    ) -> Result<Session, Error> {
        let mut access = access.clone();
        let mut at = url.clone();
        for _ in 0..=limits.redirects {
            let client = client(clients, &access, &at)?;
            let authorization = authorization(&access.credentials);
            let base = base(&at);
            let mut request = client.get(format!("{base}/info/refs?service={SERVICE}")).header(ACCEPT, "*/*");
            if let Some(value) = &authorization {
                request = request.header(AUTHORIZATION, value);
            }
            let response = send(request, &at, limits).await?;
            if response.status().is_redirection() {
                let next = redirected(&response, url, &at, &access)?;
                access = access.narrowed(&at, &next);
                at = next;
                continue;
            }
            let moved = !url.same_origin(&at);
            let response = checked(response, &at, authorization.is_some(), moved).await?;
            expect_type(&response, "advertisement", &at)?;
            let mut packets = packets(response, &at, limits);
            let advert = Arc::new(Advert::read(&mut packets, limits).await?);
            let known = Known { client, base, authorization, advert };
            return Ok(Session { url: at, known, limits: limits.clone(), answer: None });
        }
        Err(Error::Redirect { url: url.to_string(), to: at.to_string(), reason: "too many redirects" })
    }

    /// Goes on where a former conversation ended, without asking again.
    pub(crate) fn resume(known: Known, url: &RemoteUrl, limits: &Limits) -> Session {
        Session { url: url.clone(), known, limits: limits.clone(), answer: None }
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    pub(crate) fn advert(&self) -> &Advert {
        &self.known.advert
    }

    pub(crate) fn url(&self) -> &RemoteUrl {
        &self.url
    }

    pub(crate) async fn request(&mut self, body: Vec<u8>) -> Result<&mut Packets, Error> {
        let Known { client, base, authorization, .. } = &self.known;
        let mut request = client
            .post(format!("{base}/{SERVICE}"))
            .header(CONTENT_TYPE, format!("application/x-{SERVICE}-request"))
            .header(ACCEPT, format!("application/x-{SERVICE}-result"))
            .body(body);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let response = send(request, &self.url, &self.limits).await?;
        if response.status().is_redirection() {
            // The way was found in the handshake; a redirect of the question itself is somebody playing.
            let to = response.headers().get(LOCATION).and_then(|it| it.to_str().ok()).map(redact).unwrap_or_default();
            return Err(Error::Redirect {
                url: self.url.to_string(),
                to,
                reason: "only the first request may be redirected",
            });
        }
        let response = checked(response, &self.url, authorization.is_some(), false).await?;
        expect_type(&response, "result", &self.url)?;
        Ok(self.answer.insert(packets(response, &self.url, &self.limits)))
    }
}

/// The URL that requests are made below.
fn base(url: &RemoteUrl) -> Url {
    let mut base = url.without_credentials();
    let path = base.path().trim_end_matches('/').to_owned();
    base.set_path(&path);
    base
}

fn authorization(credentials: &Credentials) -> Option<HeaderValue> {
    let text = match credentials {
        Credentials::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
        Credentials::Bearer(token) => format!("Bearer {}", token.expose()),
        Credentials::Anonymous | Credentials::Ssh { .. } => return None,
    };
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn send(request: RequestBuilder, url: &RemoteUrl, limits: &Limits) -> Result<Response, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("git-protocol"), HeaderValue::from_static("version=2"));
    let sent = tokio::time::timeout(limits.idle_timeout, request.headers(headers).send()).await;
    let timeout =
        || Error::Timeout { url: url.to_string(), after: limits.idle_timeout, during: "waiting for an answer of" };
    let response = sent.map_err(|_| timeout())?.map_err(|err| {
        if err.is_timeout() && !err.is_connect() {
            return timeout();
        }
        let err = err.without_url();
        Error::Connection { url: url.to_string(), reason: chain(&err) }
    })?;
    Ok(response)
}

fn packets(response: Response, url: &RemoteUrl, limits: &Limits) -> Packets {
    let stream = response.bytes_stream().map_err(|err| std::io::Error::other(err.without_url()));
    let input: BoxRead = Box::new(StreamReader::new(Box::pin(stream)));
    Packets::new(input, limits.idle_timeout, url.to_string())
}

/// The URL of the repository that a redirect of its handshake leads to.
fn redirected(response: &Response, origin: &RemoteUrl, at: &RemoteUrl, access: &Access) -> Result<RemoteUrl, Error> {
    let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let refuse = |reason| Error::Redirect { url: at.to_string(), to: redact(location), reason };
    let target = base(at).join(location).map_err(|_| refuse("the target is no url"))?;
    let suffix = "/info/refs";
    let path = target.path().strip_suffix(suffix).ok_or_else(|| refuse("the target is no Git repository"))?.to_owned();
    let mut next = target.clone();
    next.set_path(&path);
    next.set_query(None);
    next.set_fragment(None);
    if !next.username().is_empty() || next.password().is_some() {
        return Err(refuse("the target holds credentials"));
    }
    let next = RemoteUrl::parse(next.as_str()).map_err(|_| refuse("the target is no url of a repository"))?;
    match (at.scheme(), next.scheme()) {
        (Scheme::Http | Scheme::Https, Scheme::Https) | (Scheme::Http, Scheme::Http) => {}
        (_, Scheme::Http) => return Err(refuse("it leads from https to http")),
        _ => return Err(refuse("it leads to another scheme")),
    }
    if next.host() != origin.host() && access.redirects == Redirects::SameHost {
        return Err(refuse("it leads to another host; if that is right, set the url to it"));
    }
    Ok(next)
}

/// The response, if it is a good one.
async fn checked(response: Response, url: &RemoteUrl, authorized: bool, moved: bool) -> Result<Response, Error> {
    let status = response.status();
    // Azure DevOps answers a bad token with 203 and a page to sign in.
    if status.is_success() && status != StatusCode::NON_AUTHORITATIVE_INFORMATION {
        return Ok(response);
    }
    let failed = |reason: &str| Error::AuthenticationFailed { url: url.to_string(), reason: reason.to_owned() };
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::NON_AUTHORITATIVE_INFORMATION => failed(match (authorized, moved) {
            (true, _) => "the server refused these credentials (HTTP 401); check username, password or token",
            (false, true) => "credentials are not sent to the host that the url redirects to; set the url to it",
            (false, false) => "the server asks for credentials (HTTP 401); set `spec.secretRef`",
        }),
        StatusCode::FORBIDDEN => failed("the server forbids access (HTTP 403); check what the credentials may read"),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => failed("the proxy asks for credentials (HTTP 407)"),
        StatusCode::NOT_FOUND | StatusCode::GONE => Error::RepositoryNotFound { url: url.to_string() },
        _ => {
            let detail = error_body(response).await;
            Error::Http { url: url.to_string(), status: status.as_u16(), detail }
        }
    })
}

/// The start of a plain-text body.
async fn error_body(mut response: Response) -> String {
    let plain = response.headers().get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/plain"));
    let mut body = Vec::new();
    while plain && body.len() < ERROR_BODY {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(ERROR_BODY)]),
            Ok(None) | Err(_) => break,
        }
    }
    if body.is_empty() { String::new() } else { format!(": {}", peer_text(&body)) }
}

fn expect_type(response: &Response, kind: &str, url: &RemoteUrl) -> Result<(), Error> {
    let wanted = format!("application/x-{SERVICE}-{kind}");
    let found = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if found == wanted.as_bytes() {
        return Ok(());
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { format!("`{}`", peer_text(found)) };
    let reason = format!("expected `{wanted}`, got {found}: this is no Git repository over smart HTTP");
    Err(Error::Protocol { url: url.to_string(), reason })
}
