//! The formats that older drafts check.

/// Why a text is not of a format. None if it is, or if the format is not checked.
pub(super) fn check(format: &str, text: &str) -> Option<&'static str> {
    match format {
        "email" => email(text),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().err().map(|_| "expected four decimals"),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().err().map(|_| "not an IPv6 address"),
        "hostname" => hostname(text),
        "uri" => (!text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))).then_some("relative url"),
        "regex" => regex::Regex::new(text).err().map(|_| "not a regular expression"),
        _ => None,
    }
}

fn email(text: &str) -> Option<&'static str> {
    match text.rsplit_once('@') {
        None => Some("missing @"),
        Some((local, _)) if local.len() > 64 => Some("local part more than 64 characters long"),
        Some(("", _)) => Some("local part empty"),
        Some((_, domain)) => hostname(domain),
    }
}

fn hostname(text: &str) -> Option<&'static str> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    (name.len() > 253 || !name.split('.').all(label)).then_some("not a host name")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}
