//! Whose address it is.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Url;

use crate::text::peer_text;

/// Whether two addresses are of one server: scheme, host and port.
#[must_use]
pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// `text`, which may be no URL at all, without what may be a secret and fit for a message.
///
/// User and password go, and the query, where presigned URLs have theirs. Idempotent.
#[must_use]
pub fn redact(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    // A slash may stand in a password that was not encoded: then the `@` comes later.
    let last_at =
        text[start..end].rfind('@').map(|at| start + at).or_else(|| text[start..].rfind('@').map(|at| start + at));
    let mut out = text[..start].to_owned();
    out.push_str(last_at.map_or(&text[start..], |at| &text[at + 1..]));
    if let Some(query) = out.find(['?', '#']) {
        out.truncate(query);
    }
    peer_text(out.as_bytes())
}

/// Why `to`, which an answer of `from` leads to, is not asked: less safe, with credentials in it, or an address of this
/// machine or its link, as cloud metadata services have.
#[must_use]
pub fn refused(from: &Url, to: &Url) -> Option<&'static str> {
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => {}
        ("https", "http") => return Some("it leads from https to http"),
        _ => return Some("it leads to another scheme"),
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Some("the target holds credentials");
    }
    if is_own(to) && !is_own(from) {
        return Some("it leads to an address of this machine or its link");
    }
    None
}

/// Whether a host is this machine or link-local, as cloud metadata services are. Names other than `localhost` are not
/// looked up.
fn is_own(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        Ok(IpAddr::V6(ip)) => is_own_v6(ip),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn is_own_v6(ip: Ipv6Addr) -> bool {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return ip.is_loopback() || ip.is_link_local() || ip.is_unspecified();
    }
    ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, want: bool) {
        assert_eq!(refused(&from.parse().unwrap(), &to.parse().unwrap()).is_some(), want, "{from} > {to}");
    }

    #[test]
    fn a_redirect_leads_nowhere_dangerous() {
        check("https://a/x", "https://b/x", false);
        check("http://a/x", "https://b/x", false);
        check("https://a/x", "http://a/x", true);
        check("https://a/x", "file:///etc/passwd", true);
        check("https://a/x", "https://u:p@b/x", true);
        for own in ["169.254.169.254", "127.0.0.1", "2130706433", "[::1]", "[::ffff:169.254.169.254]", "localhost"] {
            check("http://a/x", &format!("http://{own}/x"), true);
            check("http://127.0.0.1:1/x", &format!("http://{own}/x"), false);
        }
    }

    #[test]
    fn secrets_leave_an_address() {
        assert_eq!(redact("https://u:p@h/x?sig=1"), "https://h/x");
        assert_eq!(redact("https://u:p/q@h/x"), "https://h/x");
        assert_eq!(redact("no url"), "no url");
    }
}
