//! `WWW-Authenticate` (RFC 9110 §11): how a registry wants to be signed in to.

/// Longest header that is read.
const HEADER: usize = 8 << 10;

/// How a registry wants to be signed in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from `realm`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// The challenge to answer: a token where there is a choice, for it is worth less to who sees it.
pub(crate) fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Result<Challenge, &'static str> {
    let mut basic = false;
    let mut realmless = false;
    for header in headers {
        if header.len() > HEADER {
            return Err("the registry's challenge is longer than 8 KiB");
        }
        for (scheme, parameters) in parse(header) {
            let get = |name: &str| {
                parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer") {
                match get("realm").filter(|realm| !realm.is_empty()) {
                    Some(realm) => {
                        return Ok(Challenge::Bearer { realm, service: get("service"), scope: get("scope") });
                    }
                    None => realmless = true,
                }
            }
            basic |= scheme.eq_ignore_ascii_case("basic");
        }
    }
    match (basic, realmless) {
        (true, _) => Ok(Challenge::Basic),
        (false, true) => Err("the registry asks for a token but names no token server"),
        (false, false) => Err("the registry asks for a way to sign in that is neither Basic nor Bearer"),
    }
}

type Parameters = Vec<(String, String)>;

/// The challenges of one header. What is not understood ends the list.
fn parse(header: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', '=', ',', '\t']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), challenges.last_mut()) {
            // `name=value` belongs to the challenge before it.
            (Some(value), Some((_, parameters))) => {
                let (value, next) = take_value(value.trim_start_matches([' ', '\t']));
                parameters.push((word.to_owned(), value));
                rest = next;
            }
            (Some(_), None) => break,
            (None, _) if word.is_empty() => break,
            (None, _) => {
                challenges.push((word.to_owned(), Vec::new()));
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    challenges
}

fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<Challenge, &'static str> {
        Ok(Challenge::Bearer { realm: realm.into(), service: service.map(Into::into), scope: scope.map(Into::into) })
    }

    #[test]
    fn challenges_are_read_whatever_their_spelling() {
        let check = |header: &str, want| assert_eq!(choose([header]), want, "{header}");
        check("Basic realm=\"r\"", Ok(Challenge::Basic));
        check("basic", Ok(Challenge::Basic));
        check("Bearer realm=\"http://h/t\",service=\"a,b\",scope=x", bearer("http://h/t", Some("a,b"), Some("x")));
        check("bEARER  realm = \"http://h/t\" , error=\"x\"", bearer("http://h/t", None, None));
        check("Basic realm=\"r\", Bearer realm=\"http://h/t\"", bearer("http://h/t", None, None));
        check("Bearer realm=\"a\\\"b\"", bearer("a\"b", None, None));
        assert!(choose(["Negotiate"]).is_err() && choose(["Bearer service=\"x\""]).is_err() && choose([]).is_err());
        assert!(choose(["=", "Bearer realm=\"unfinished"]).is_ok());
        assert!(choose([format!("Bearer realm=\"{}\"", "x".repeat(100_000)).as_str()]).is_err());
        assert_eq!(choose(["Digest x=y", "Basic realm=\"r\""]), Ok(Challenge::Basic));
    }
}
