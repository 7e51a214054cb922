//! What can go wrong with a remote, one variant per case that a caller or a user tells apart.

use std::time::Duration;

pub(crate) use sluice_http::{chain, peer_text};

/// Why an operation on a repository failed.
///
/// URLs in messages are redacted ([`crate::RemoteUrl`]), text of the peer is cut and its control characters escaped.
/// Cheap to clone, because one failure may answer many callers of a shared round trip.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL itself cannot be used.
    #[error("invalid url `{url}`: {reason}")]
    InvalidUrl {
        /// The URL, redacted.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Credentials, keys, certificates or a proxy address that cannot be used as given; nothing was sent.
    #[error("invalid credentials for `{url}`: {reason}")]
    InvalidCredentials {
        /// The URL, redacted.
        url: String,
        /// Which value and what is wrong; never the value.
        reason: String,
    },
    /// The server refused who we are.
    #[error("authentication failed for `{url}`: {reason}")]
    AuthenticationFailed {
        /// The URL, redacted.
        url: String,
        /// What the server said and what to check.
        reason: String,
    },
    /// The server's SSH host key is not one of those in `known_hosts`.
    #[error("host key verification failed for `{host}`: {reason}")]
    HostKey {
        /// Host and port as `known_hosts` spells them.
        host: String,
        /// Unknown, changed, revoked or otherwise; what to do.
        reason: String,
    },
    /// There is no such repository, or these credentials may not see it.
    #[error("repository `{url}` not found; check the url, and that the credentials may read it")]
    RepositoryNotFound {
        /// The URL, redacted.
        url: String,
    },
    /// The repository has no commit yet.
    #[error("git repository `{url}` is empty: push a commit to it first")]
    EmptyRepository {
        /// The URL, redacted.
        url: String,
    },
    /// The remote has no reference of that name.
    #[error("reference `{reference}` not found in `{url}`; check `spec.ref`{hint}")]
    ReferenceNotFound {
        /// The URL, redacted.
        url: String,
        /// Full name of the reference.
        reference: String,
        /// Empty, or a sentence on what there is instead.
        hint: String,
    },
    /// A reference name that Git does not allow.
    #[error("invalid reference `{reference}`: {reason}")]
    InvalidReference {
        /// What was asked for.
        reference: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// No tag satisfies the range.
    #[error("no tag of `{url}` matches semver range `{range}` ({candidates} tags are versions)")]
    NoMatchingTag {
        /// The URL, redacted.
        url: String,
        /// The range.
        range: String,
        /// How many tags were versions at all.
        candidates: usize,
    },
    /// The commit is not in the repository, or the server does not give it out.
    #[error("commit `{commit}` not found in `{url}`: no branch contains it")]
    CommitNotFound {
        /// The URL, redacted.
        url: String,
        /// The commit.
        commit: String,
    },
    /// The commit exists, or not, but it is not part of the branch's history.
    #[error("commit `{commit}` is not on branch `{branch}` of `{url}`")]
    CommitNotOnBranch {
        /// The URL, redacted.
        url: String,
        /// The commit.
        commit: String,
        /// The branch, short.
        branch: String,
    },
    /// A directory asked for by sparse checkout does not exist.
    #[error("sparse checkout: directory `{path}` does not exist in commit `{commit}`")]
    SparsePathMissing {
        /// The directory.
        path: String,
        /// The commit.
        commit: String,
    },
    /// No connection, or it broke.
    #[error("cannot reach `{url}`: {reason}")]
    Connection {
        /// The URL, redacted.
        url: String,
        /// The chain of causes.
        reason: String,
    },
    /// The operation took longer than allowed.
    #[error("timed out after {} while {during} `{url}`; raise `spec.timeout` if the server is slow", seconds(.after))]
    Timeout {
        /// The URL, redacted.
        url: String,
        /// The limit that was reached.
        after: Duration,
        /// `listing references of`, `fetching from`, …
        during: &'static str,
    },
    /// The server answered with a status that is no answer to the question.
    #[error("`{url}` answered HTTP {status}{detail}")]
    Http {
        /// The URL, redacted.
        url: String,
        /// The status code.
        status: u16,
        /// Empty, or `: ` and the start of the body.
        detail: String,
    },
    /// A redirect that must not be followed.
    #[error("`{url}` redirects to `{to}`, which is refused: {reason}")]
    Redirect {
        /// The URL, redacted.
        url: String,
        /// The target, redacted.
        to: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The server said that it cannot do what was asked.
    #[error("`{url}` refused: {message}")]
    Refused {
        /// The URL, redacted.
        url: String,
        /// The server's words, escaped.
        message: String,
    },
    /// What the server sent is not Git's protocol.
    #[error("protocol error from `{url}`: {reason}")]
    Protocol {
        /// The URL, redacted.
        url: String,
        /// What was found, what was expected.
        reason: String,
    },
    /// Objects that are broken or do not belong together.
    #[error("corrupt data from `{url}`: {reason}")]
    Corrupt {
        /// The URL, redacted.
        url: String,
        /// Which object, what is wrong.
        reason: String,
    },
    /// A tree holds an entry that must not be checked out.
    #[error("refused entry `{path}` of commit `{commit}`: {reason}")]
    RefusedEntry {
        /// The path, escaped.
        path: String,
        /// The commit.
        commit: String,
        /// Why.
        reason: String,
    },
    /// A limit was reached.
    #[error("{what} of `{url}` exceeds the limit of {limit} ({found})")]
    Limit {
        /// The URL, redacted, or the path within the repository.
        url: String,
        /// What was counted, with the name of the limit.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What was found, for example `found 12345` or `more were sent`.
        found: String,
    },
    /// Something that Git can do and we do not.
    #[error("`{url}`: {what} is not supported")]
    Unsupported {
        /// The URL, redacted.
        url: String,
        /// The feature.
        what: String,
    },
    /// A submodule could not be checked out.
    #[error("submodule `{path}`: {source}")]
    Submodule {
        /// Its path in the repository.
        path: String,
        /// Why.
        source: Box<Error>,
    },
    /// The local disk failed us.
    #[error("{doing}: {reason}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's words.
        reason: String,
    },
    /// The caller went away.
    #[error("canceled")]
    Canceled,
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>, err: &std::io::Error) -> Self {
        Error::Io { doing: doing.into(), reason: err.to_string() }
    }

    /// Whether the caller must change credentials, keys or `known_hosts` before a retry can help.
    pub fn is_authentication(&self) -> bool {
        match self {
            Error::AuthenticationFailed { .. } | Error::HostKey { .. } | Error::InvalidCredentials { .. } => true,
            Error::Submodule { source, .. } => source.is_authentication(),
            _ => false,
        }
    }
}

fn seconds(duration: &Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
