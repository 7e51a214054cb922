//! Why an operation on a registry failed.

use std::fmt;
use std::time::Duration;

/// Why an operation failed: what kind of failure, of what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {why}")]
pub struct Error {
    /// What callers tell apart.
    pub kind: ErrorKind,
    /// The registry, repository and reference; never a secret.
    pub at: String,
    /// What is wrong.
    pub why: String,
    /// How long the registry asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// What callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Certificates, keys, credentials or a proxy address that cannot be used as given; nothing was sent.
    Access,
    /// The registry or its token server refuses who we are.
    Authentication,
    /// There is no such repository, tag, manifest or blob.
    NotFound,
    /// Other bytes than the digest or the size says.
    DigestMismatch,
    /// The connection broke within an answer.
    Truncated,
    /// No manifest, or none that can be pulled.
    BadManifest,
    /// An answer that is not what was asked for.
    BadBody,
    /// A next page that is not to be followed.
    BadLink,
    /// A listing without end.
    TooManyPages,
    /// An index without an entry for the platform.
    NoPlatform,
    /// A redirect that is not to be followed.
    BadRedirect,
    /// Redirects without end.
    TooManyRedirects,
    /// The store that a blob's redirect leads to refuses it.
    BlobRefused,
    /// Too many requests (HTTP 429).
    RateLimited,
    /// Another refusal (HTTP 4xx).
    Refused,
    /// The registry failed (HTTP 5xx).
    Server,
    /// No connection.
    Connection,
    /// Time is up.
    Timeout,
    /// A limit was hit.
    Limit,
    /// What was to be written to refused.
    Sink,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, at: impl fmt::Display, why: impl Into<String>) -> Self {
        Error { kind, at: at.to_string(), why: why.into(), retry_after: None }
    }

    /// The failure of an exchange with `at`.
    pub(crate) fn exchange(at: impl fmt::Display, error: &sluice_http::Error) -> Self {
        use sluice_http::Error as Http;
        let kind = match error {
            Http::Transport { .. } => ErrorKind::Access,
            Http::Connection { .. } => ErrorKind::Connection,
            Http::Timeout { .. } => ErrorKind::Timeout,
            Http::Redirect { .. } => ErrorKind::BadRedirect,
            Http::TooManyRedirects { .. } => ErrorKind::TooManyRedirects,
            Http::Truncated { .. } => ErrorKind::Truncated,
            Http::TooLarge { .. } => ErrorKind::Limit,
        };
        Error::new(kind, at, error.to_string())
    }

    /// Whether other credentials or certificates could help.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        matches!(self.kind, ErrorKind::Access | ErrorKind::Authentication)
    }
}
