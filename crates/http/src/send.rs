//! One exchange: redirects followed by hand, what may pass tried again.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use tokio::time::Instant;
use tracing::debug;

use crate::clients::Clients;
use crate::error::Error;
use crate::origin::{redact, refused, same_origin};
use crate::retry;
use crate::text::chain;
use crate::transport::Transport;

/// What is asked.
#[derive(Clone)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Headers that may be sent to any server, where a redirect leads too.
    pub headers: HeaderMap,
    /// `Authorization`, for the origin of `url` alone.
    pub authorization: Option<HeaderValue>,
    /// The body; it is not sent to another origin.
    pub body: Option<Bytes>,
    /// Whether trying again does no harm.
    pub repeatable: bool,
}

impl Request {
    /// A `GET` without credentials.
    #[must_use]
    pub fn get(url: Url) -> Self {
        let (headers, authorization, body) = (HeaderMap::new(), None, None);
        Request { method: Method::GET, url, headers, authorization, body, repeatable: true }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: reqwest::header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// The server's last word, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Where it came from.
    pub url: Url,
    /// Whether that is another origin than was asked.
    pub moved: bool,
    /// What is still to be read.
    pub body: Body,
}

/// A body that is read within a limit and a time.
#[derive(Debug)]
pub struct Body {
    response: reqwest::Response,
    at: String,
    deadline: Instant,
}

/// Sends a request and follows where it leads, until `deadline`.
///
/// # Errors
/// When there is no answer. A bad status is an answer.
pub async fn send(
    clients: &Clients,
    transport: &Transport,
    request: &Request,
    deadline: Instant,
) -> Result<Answer, Error> {
    let attempts = if request.repeatable { clients.limits().attempts.max(1) } else { 1 };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let outcome = follow(clients, transport, request, deadline).await;
        let headers = match &outcome {
            Ok(answer) if retry::may_pass(answer.status) => Some(&answer.headers),
            Err(Error::Connection { .. }) => None,
            _ => return outcome,
        };
        let wait = retry::wait(headers, attempt - 1);
        // A wait that outlasts the deadline is an answer, too: the one that asks for it.
        if attempt >= attempts || Instant::now().checked_add(wait).is_none_or(|then| then >= deadline) {
            return outcome;
        }
        debug!(url = %redact(request.url.as_str()), attempt, ?wait, "trying again");
        tokio::time::sleep(wait).await;
    }
}

async fn follow(
    clients: &Clients,
    transport: &Transport,
    request: &Request,
    deadline: Instant,
) -> Result<Answer, Error> {
    let mut url = request.url.clone();
    let mut method = request.method.clone();
    for _ in 0..=clients.limits().redirects {
        let moved = !same_origin(&request.url, &url);
        let at = redact(url.as_str());
        let client = if moved { clients.get(&transport.anonymous())? } else { clients.get(transport)? };
        let mut builder = client.request(method.clone(), url.clone()).headers(request.headers.clone());
        if !moved && let Some(authorization) = &request.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &request.body
            && method == request.method
        {
            builder = builder.body(body.clone());
        }
        // The wait for headers, not for the body: a slow upload must not end by it.
        let idle = if request.body.is_some() { Duration::MAX } else { clients.limits().idle_timeout };
        let sent = within(deadline, idle, &at, builder.send()).await?;
        let response = sent.map_err(|err| {
            let err = err.without_url();
            Error::Connection { at: at.clone(), why: chain(&err) }
        })?;
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            let headers = response.headers().clone();
            return Ok(Answer { status, headers, url, moved, body: Body { response, at, deadline } });
        }
        let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let refuse = |why| Error::Redirect { at: at.clone(), to: redact(location), why };
        if location.is_empty() {
            return Err(refuse("it names no target"));
        }
        let next = url.join(location).map_err(|_| refuse("the target is no url"))?;
        if let Some(why) = refused(&url, &next) {
            return Err(refuse(why));
        }
        if request.body.is_some() && !same_origin(&request.url, &next) && status.as_u16() >= 307 {
            return Err(refuse("what was to be sent is not meant for another server"));
        }
        // As browsers and Go do: after 301, 302 and 303 a body is not sent again.
        if status.as_u16() < 307 && method != Method::HEAD {
            method = Method::GET;
        }
        url = next;
    }
    Err(Error::TooManyRedirects { at: redact(url.as_str()), limit: clients.limits().redirects })
}

async fn within<T>(deadline: Instant, idle: Duration, at: &str, work: impl Future<Output = T>) -> Result<T, Error> {
    let start = Instant::now();
    let end = start.checked_add(idle).map_or(deadline, |end| end.min(deadline));
    let timeout = |_| Error::Timeout { at: at.to_owned(), after: end.saturating_duration_since(start) };
    tokio::time::timeout_at(end, work).await.map_err(timeout)
}

impl Answer {
    /// The media type, without parameters and in lower case; empty when there is none.
    #[must_use]
    pub fn content_type(&self) -> String {
        let text = self.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The announced length of the body.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
    }
}

impl Body {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When it does not come: [`Error::Timeout`], [`Error::Truncated`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = within(self.deadline, Duration::MAX, &self.at, self.response.chunk()).await?;
        piece.map_err(|err| {
            let err = err.without_url();
            Error::Truncated { at: self.at.clone(), why: chain(&err) }
        })
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`Body::chunk`], and [`Error::TooLarge`] as soon as there is more than `limit`.
    pub async fn all(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut data = Vec::new();
        while let Some(piece) = self.chunk().await? {
            if (data.len() + piece.len()) as u64 > limit {
                return Err(Error::TooLarge { at: self.at, limit });
            }
            data.extend_from_slice(&piece);
        }
        Ok(data)
    }

    /// The beginning of it, whatever goes wrong: for messages.
    pub async fn beginning(mut self, limit: usize) -> Vec<u8> {
        let mut data = Vec::new();
        while data.len() < limit {
            match self.chunk().await {
                Ok(Some(piece)) => data.extend_from_slice(&piece[..piece.len().min(limit - data.len())]),
                Ok(None) | Err(_) => break,
            }
        }
        data
    }

    /// Where it comes from, redacted.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }
}
