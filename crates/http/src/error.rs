//! Why there is no answer. What the answer says is the caller's to judge.

use std::time::Duration;

/// Why there is no answer. Addresses in messages are redacted ([`crate::redact`]).
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Certificates, keys or a proxy address that cannot be used as given; nothing was sent.
    #[error("{what}: {why}")]
    Transport {
        /// Which value.
        what: &'static str,
        /// What is wrong with it; never the value.
        why: String,
    },
    /// No connection, or one that broke before the answer.
    #[error("{at}: {why}")]
    Connection {
        /// The address.
        at: String,
        /// What the system said.
        why: String,
    },
    /// Time is up.
    #[error("{at}: no answer within {}", seconds(*.after))]
    Timeout {
        /// The address.
        at: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// A redirect that is not followed.
    #[error("{at}: the redirect to `{to}` is not followed: {why}")]
    Redirect {
        /// Where from.
        at: String,
        /// Where to.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// More redirects than the limit.
    #[error("{at}: more than {limit} redirects")]
    TooManyRedirects {
        /// Where the last one led.
        at: String,
        /// How many there may be.
        limit: usize,
    },
    /// The body ended before its announced length, or the connection broke.
    #[error("{at}: the answer is cut short: {why}")]
    Truncated {
        /// The address.
        at: String,
        /// What the system said.
        why: String,
    },
    /// The body is larger than it may be.
    #[error("{at}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        at: String,
        /// How many bytes it may have.
        limit: u64,
    },
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
