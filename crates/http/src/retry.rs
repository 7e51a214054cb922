//! When to ask again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The first wait where the server names none; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);

/// Whether an answer may be another one soon.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The wait before the next try, the `attempt`th having failed.
pub(crate) fn wait(headers: Option<&HeaderMap>, attempt: u32) -> Duration {
    let own = FIRST.saturating_mul(1 << attempt.min(10));
    headers.and_then(|it| retry_after(it, Timestamp::now())).map_or(own, |asked| asked.max(own))
}

/// What `Retry-After` asks for: seconds, or a date. What is past is now; what is neither is `None`.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!(retry_after(&headers, now), want.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn the_wait_is_seconds_or_a_date() {
        check("7", Some(7));
        check("Sun, 01 Nov 2026 00:00:30 GMT", Some(30));
        check("Wed, 01 Jan 2020 00:00:00 GMT", Some(0));
        check("-5", None);
        check("soon", None);
        check("99999999999999999999", Some(u64::MAX));
    }
}
