//! URLs. Name lookups give nothing: a rendering must not depend on the network.

use sluice_gotemplate::{Functions, Map, Value, quote};

use crate::convert::{MAP, Outcome, STR, as_map, fail, ok, text};

pub(crate) fn add(f: &mut Functions) {
    f.add("getHostByName", &[STR], None, |_, _| ok(""));
    f.add("urlParse", &[STR], None, |_, a| parse(&text(&a[0])));
    f.add("urlJoin", &[MAP], None, |_, a| join(as_map(&a[0])));
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn parse(whole: &str) -> Outcome {
    let bad = |why: String| fail(format!("unable to parse url: parse {}: {why}", quote(whole)));
    if whole.chars().any(char::is_control) {
        return bad("net/url: invalid control character in URL".into());
    }
    let (rest, fragment) = whole.split_once('#').unwrap_or((whole, ""));
    let (scheme, rest) = match rest.find(':') {
        Some(0) => return bad("missing protocol scheme".into()),
        Some(at)
            if rest[..at].starts_with(|c: char| c.is_ascii_alphabetic())
                && rest[..at].chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
        {
            (rest[..at].to_ascii_lowercase(), &rest[at + 1..])
        }
        Some(at) if !rest[..at].contains('/') && !rest.starts_with('/') => {
            return bad("first path segment in URL cannot contain colon".into());
        }
        _ => (String::new(), rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut host, mut userinfo, mut path, mut opaque) = (String::new(), String::new(), rest.to_owned(), String::new());
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find('/').unwrap_or(after.len());
        let mut authority = &after[..end];
        path = after[end..].to_owned();
        if let Some((user, rest)) = authority.rsplit_once('@') {
            userinfo = user.to_owned();
            authority = rest;
        }
        if let Some(c) = authority.chars().find(|c| matches!(c, ' ' | '"' | '<' | '>' | '^' | '`' | '{' | '}' | '\\')) {
            return bad(format!("invalid character {} in host name", quote(&c.to_string())));
        }
        let port = match authority.rfind(']') {
            Some(at) => &authority[at + 1..],
            None => authority.find(':').map_or("", |at| &authority[at..]),
        };
        if !(port.is_empty() || port.starts_with(':') && port[1..].bytes().all(|b| b.is_ascii_digit())) {
            return bad(format!("invalid port {} after host", quote(port)));
        }
        host = unescape(authority);
    } else if !scheme.is_empty() && !rest.starts_with('/') {
        opaque = std::mem::take(&mut path);
    }
    let bytes = path.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'%' && !bytes.get(at + 1..at + 3).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) {
            return bad(format!("invalid URL escape {}", quote(path.get(at..(at + 3).min(path.len())).unwrap_or("%"))));
        }
    }
    let hostname = if host.starts_with('[') {
        host.split(']').next().unwrap_or("").trim_start_matches('[').to_owned()
    } else {
        host.split(':').next().unwrap_or("").to_owned()
    };
    Ok(Value::map([
        ("scheme", Value::from(scheme)),
        ("host", Value::from(host)),
        ("hostname", Value::from(hostname)),
        ("path", Value::from(unescape(&path))),
        ("query", Value::from(query)),
        ("opaque", Value::from(opaque)),
        ("fragment", Value::from(unescape(fragment))),
        ("userinfo", Value::from(userinfo)),
    ]))
}

fn escape(text: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || keep.as_bytes().contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn join(map: Option<&Map>) -> Outcome {
    let part = |key: &str| match map.and_then(|map| map.get(key)) {
        None => Ok(String::new()),
        Some(value) => match value.text() {
            Some(text) => Ok(text.into_owned()),
            None => fail(format!("unable to parse {key} key, must be of type string, but {} found", value.kind_name())),
        },
    };
    let (scheme, host, path, query) = (part("scheme")?, part("host")?, part("path")?, part("query")?);
    let (opaque, fragment, userinfo) = (part("opaque")?, part("fragment")?, part("userinfo")?);
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !userinfo.is_empty() {
            if !host.is_empty() || !path.is_empty() || !userinfo.is_empty() {
                out.push_str("//");
            }
            if !userinfo.is_empty() {
                out.push_str(&userinfo);
                out.push('@');
            }
            out.push_str(&escape(&host, "-._~!$&'()*+,;=:[]<>\""));
        }
        let path = escape(&path, "-._~$&+,/:;=@!'()*");
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&path);
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push('?');
        out.push_str(&query);
    }
    if !fragment.is_empty() {
        out.push('#');
        out.push_str(&escape(&fragment, "-._~$&+,/:;=?@!'()*"));
    }
    ok(out)
}
