//! Kubernetes' URL library: absolute URLs and absolute paths.

use crate::error::EvalError;
use crate::eval::{Eval, Evaluated};
use crate::value::{Key, Val};

/// The parts of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub text: String,
    scheme: String,
    /// With the port, without user information.
    host: String,
    path: String,
    query: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return None;
        }
        let without_fragment = text.split_once('#').map_or(text, |(head, _)| head);
        let (head, query) = without_fragment.split_once('?').unwrap_or((without_fragment, ""));
        let (scheme, rest) = match head.split_once(':') {
            Some((scheme, rest)) if !head.starts_with('/') => (scheme, rest),
            _ if head.starts_with('/') => ("", head),
            _ => return None,
        };
        let scheme_fine = scheme
            .bytes()
            .enumerate()
            .all(|(i, b)| b.is_ascii_alphabetic() || (i > 0 && (b.is_ascii_digit() || b"+-.".contains(&b))));
        if !scheme_fine || (scheme.is_empty() && !rest.starts_with('/')) {
            return None;
        }
        let (host, path) = match rest.strip_prefix("//") {
            Some(authority) => {
                let end = authority.find('/').unwrap_or(authority.len());
                let host = authority[..end].rsplit_once('@').map_or(&authority[..end], |(_, host)| host);
                (host, &authority[end..])
            }
            None => ("", rest),
        };
        if !host_fine(host) || !escapes_fine(path) {
            return None;
        }
        Some(Self {
            text: text.to_owned(),
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    fn hostname(&self) -> &str {
        if let Some(end) = self.host.find(']') {
            return self.host[..end].trim_start_matches('[');
        }
        self.host.split_once(':').map_or(&self.host, |(name, _)| name)
    }

    fn port(&self) -> &str {
        let after = self.host.rfind(']').map_or(self.host.as_str(), |end| &self.host[end..]);
        after.split_once(':').map_or("", |(_, port)| port)
    }
}

fn host_fine(host: &str) -> bool {
    let port = match (host.starts_with('['), host.rfind(']')) {
        (true, Some(end)) => &host[end + 1..],
        (true, None) | (false, Some(_)) => return false,
        (false, None) => host.find(':').map_or("", |i| &host[i..]),
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit())))
        && !host.bytes().any(|b| b"<>\"\\^`{|}".contains(&b))
}

fn escapes_fine(path: &str) -> bool {
    path.split('%').skip(1).all(|tail| {
        let bytes = tail.as_bytes();
        bytes.len() >= 2 && bytes[..2].iter().all(u8::is_ascii_hexdigit)
    })
}

pub(super) fn is_url(text: &str) -> bool {
    Url::parse(text).is_some()
}

pub(super) fn parse<'a>(name: &str, value: &Val<'_>) -> Evaluated<'a> {
    let text = value.text().ok_or_else(EvalError::no_overload)?;
    let parsed = Url::parse(text);
    if name == "isURL" {
        return Ok(Val::Bool(parsed.is_some()));
    }
    let message =
        || format!("URL parse error during conversion from string: parse \"{text}\": invalid URI for request");
    parsed.map(|url| Val::Url(url.into())).ok_or_else(|| EvalError::Invalid(message()))
}

pub(super) fn method<'a>(eval: &mut Eval<'a>, name: &str, url: &Url) -> Evaluated<'a> {
    match name {
        "getScheme" => eval.new_string(url.scheme.clone()),
        "getHost" => eval.new_string(url.host.clone()),
        "getHostname" => eval.new_string(url.hostname().to_owned()),
        "getPort" => eval.new_string(url.port().to_owned()),
        "getEscapedPath" => eval.new_string(url.path.clone()),
        "getQuery" => query(eval, &url.query),
        _ => Err(EvalError::no_overload()),
    }
}

fn query<'a>(eval: &mut Eval<'a>, text: &str) -> Evaluated<'a> {
    let mut map: std::collections::BTreeMap<Key, Vec<Val<'a>>> = std::collections::BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        eval.allocate(pair.len() + 100)?;
        map.entry(Key::String(decode(key).into())).or_default().push(Val::string(decode(value)));
    }
    Ok(Val::Map(
        map.into_iter()
            .map(|(key, values)| (key, Val::list(values)))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into(),
    ))
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let hex = text.get(i + 1..i + 3).and_then(|h| u8::from_str_radix(h, 16).ok());
        match (bytes[i], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
