//! What a registry says of the requests that it still takes: `Retry-After`, and the headers of Docker Hub.

use std::time::Duration;

use jiff::Timestamp;
use sluice_http::header::HeaderMap;

/// How long the registry asks to be left alone: `Retry-After`, or the second at which its count begins anew.
pub(crate) fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(asked) = sluice_http::retry_after(headers, now) {
        return Some(asked);
    }
    let second: i64 = text(headers, "x-ratelimit-reset")?.trim().parse().ok()?;
    let at = Timestamp::from_second(second).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// What is left, in words: `; 0 of 100 requests in 21600s are left`. Empty where the registry says nothing.
pub(crate) fn told(headers: &HeaderMap) -> String {
    let limit = text(headers, "ratelimit-limit").and_then(count);
    let left = text(headers, "ratelimit-remaining").and_then(count);
    match (limit, left) {
        (Some((limit, Some(window))), Some((left, _))) => {
            format!("; {left} of {limit} requests in {window}s are left")
        }
        (Some((limit, None)), Some((left, _))) => format!("; {left} of {limit} requests are left"),
        _ => String::new(),
    }
}

/// `100;w=21600`: a number, and the seconds it is for.
fn count(text: &str) -> Option<(u64, Option<u64>)> {
    let mut parts = text.split(';').map(str::trim);
    let number = parts.next()?.parse().ok()?;
    Some((number, parts.find_map(|it| it.strip_prefix("w=")?.parse().ok())))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_hub_says_is_understood() {
        let mut headers = HeaderMap::new();
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!((asked(&headers, now), told(&headers)), (None, String::new()));
        headers.insert("ratelimit-limit", "100;w=21600".parse().unwrap());
        headers.insert("ratelimit-remaining", "0;w=21600".parse().unwrap());
        headers.insert("x-ratelimit-reset", "1060".parse().unwrap());
        assert_eq!(asked(&headers, now), Some(Duration::from_secs(60)));
        assert_eq!(told(&headers), "; 0 of 100 requests in 21600s are left");
        headers.insert("retry-after", "7".parse().unwrap());
        headers.insert("ratelimit-limit", "junk".parse().unwrap());
        assert_eq!((asked(&headers, now), told(&headers)), (Some(Duration::from_secs(7)), String::new()));
    }
}
