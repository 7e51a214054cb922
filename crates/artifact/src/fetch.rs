//! Downloading an artifact.

use std::error::Error as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, StatusCode, Url, redirect};
use tracing::debug;

use crate::digest::{Digest, Hasher};

/// How a download goes; the defaults are those of Flux's controllers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOptions {
    /// Attempts after the first.
    pub retries: u32,
    /// Before the second attempt; doubled from then on.
    pub wait_min: Duration,
    /// The most between two attempts.
    pub wait_max: Duration,
    /// Bytes of one artifact.
    pub max_bytes: u64,
    /// For the connection and the response's head together.
    pub header_timeout: Duration,
    /// For the next bytes of the body.
    pub idle_timeout: Duration,
    /// For one whole attempt.
    pub timeout: Duration,
    /// Redirects followed, all to the same host.
    pub redirects: usize,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            retries: 9,
            wait_min: Duration::from_secs(5),
            wait_max: Duration::from_secs(30),
            max_bytes: 512 << 20,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(600),
            redirects: 10,
        }
    }
}

/// Why there is no artifact. URLs are shown without query.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A URL that is not fetched at all.
    #[error("artifact URL `{url}`: {why}")]
    Url {
        /// The URL, as far as it can be shown.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The server has no such file (any more): the source's status will soon name another.
    #[error("artifact `{0}` not found")]
    NotFound(String),
    /// Another answer than the file.
    #[error("artifact `{url}`: the server answers {status}")]
    Status {
        /// The URL.
        url: String,
        /// What it answers.
        status: StatusCode,
    },
    /// More bytes than allowed.
    #[error("artifact `{url}` is too big: limit `download` is {max} bytes")]
    TooBig {
        /// The URL.
        url: String,
        /// What is allowed.
        max: u64,
    },
    /// Other bytes than were announced.
    #[error("artifact `{url}` has digest {found}, expected {expected}")]
    Digest {
        /// The URL.
        url: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A redirect to another host, or one too many.
    #[error("artifact `{url}`: {why}")]
    Redirect {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The connection failed, or was too slow.
    #[error("cannot download artifact `{url}`: {why}")]
    Connection {
        /// The URL.
        url: String,
        /// What happened.
        why: String,
    },
    /// No HTTP client can be made on this machine.
    #[error("cannot make an HTTP client: {0}")]
    Client(String),
}

impl FetchError {
    /// Whether another attempt may go better.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Digest { .. } | Self::Connection { .. } => true,
            Self::Url { .. } | Self::NotFound(_) | Self::TooBig { .. } | Self::Redirect { .. } | Self::Client(_) => {
                false
            }
        }
    }
}

/// Downloads artifacts. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    options: FetchOptions,
}

impl Fetcher {
    /// A fetcher; proxies are taken from the environment.
    ///
    /// # Errors
    /// When the TLS library cannot start.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let redirects = options.redirects;
        let policy = redirect::Policy::custom(move |attempt| {
            let origin =
                |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
            if attempt.previous().len() > redirects {
                attempt.error("too many redirects")
            } else if attempt.previous().first().map(origin) != Some(origin(attempt.url())) {
                attempt.error("redirect to another host")
            } else {
                attempt.follow()
            }
        });
        let client = Client::builder()
            .redirect(policy)
            .referer(false)
            .connect_timeout(options.header_timeout)
            .read_timeout(options.idle_timeout)
            .timeout(options.timeout)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| FetchError::Client(chain(&e)))?;
        Ok(Self { client, options })
    }

    /// The bytes at `url`, all of them checked against `digest`.
    ///
    /// # Errors
    /// See [`FetchError`]; of several attempts the last one's.
    pub async fn fetch(&self, url: &str, digest: &Digest) -> Result<Bytes, FetchError> {
        let url = parse(url)?;
        let mut wait = self.options.wait_min;
        for attempt in 0.. {
            match self.attempt(&url, digest).await {
                Err(error) if error.is_temporary() && attempt < self.options.retries => {
                    debug!(%error, attempt, wait_ms = wait.as_millis(), "artifact download failed, trying again");
                }
                outcome => return outcome,
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(self.options.wait_max);
        }
        unreachable!("the loop ends with the last attempt")
    }

    async fn attempt(&self, url: &Url, digest: &Digest) -> Result<Bytes, FetchError> {
        let failed = |why| FetchError::Connection { url: shown(url), why };
        let max = self.options.max_bytes;
        let too_big = || FetchError::TooBig { url: shown(url), max };
        let head = tokio::time::timeout(self.options.header_timeout, self.client.get(url.clone()).send());
        let mut response = match head.await {
            Ok(Err(e)) if e.is_redirect() => {
                return Err(FetchError::Redirect { url: shown(url), why: chain(&e.without_url()) });
            }
            Ok(response) => response.map_err(|e| failed(chain(&e.without_url())))?,
            Err(_) => return Err(failed("no answer in time".to_owned())),
        };
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(FetchError::NotFound(shown(url))),
            status => return Err(FetchError::Status { url: shown(url), status }),
        }
        if response.content_length().is_some_and(|length| length > max) {
            return Err(too_big());
        }
        let mut hasher = Hasher::new(digest.algorithm());
        // Memory grows with what arrives, not with what was announced.
        let mut data = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failed(chain(&e.without_url())))? {
            if (data.len() + chunk.len()) as u64 > max {
                return Err(too_big());
            }
            hasher.update(&chunk);
            data.extend_from_slice(&chunk);
        }
        let found = hasher.finish();
        if found != *digest {
            return Err(FetchError::Digest { url: shown(url), expected: digest.clone(), found });
        }
        Ok(data.freeze())
    }
}

fn parse(text: &str) -> Result<Url, FetchError> {
    let Ok(url) = Url::parse(text) else {
        // It may hold a password in a place where nobody looks for one.
        return Err(FetchError::Url { url: "…".to_owned(), why: "not a URL" });
    };
    let refuse = |why| Err(FetchError::Url { url: shown(&url), why });
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("only http and https are allowed");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("user and password are not allowed in it");
    }
    Ok(url)
}

/// Scheme, host and path: no user, no query, not too long.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    sluice_tree::path::escape(format!("{}://{host}{port}{}", url.scheme(), url.path()).as_bytes())
}

/// The error with its causes, of which the outermost says little.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    sluice_tree::path::escape(text.as_bytes())
}
