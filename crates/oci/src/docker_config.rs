//! `.dockerconfigjson`: credentials by registry.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use sluice_http::Secret;

use crate::access::Credentials;
use crate::reference::RepositoryName;

/// Largest file that is read.
const BYTES: usize = 1 << 20;

/// Credentials by registry, as `docker login` and `kubectl create secret docker-registry` write them.
#[derive(Clone, Default)]
pub struct DockerConfig {
    entries: Vec<(Pattern, Credentials)>,
}

/// Why a file is no such list. It repeats nothing of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DockerConfigError(String);

/// Whom an entry is for: `ghcr.io`, `*.example.com:5000/team`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    host: String,
    port: Option<String>,
    path: String,
}

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|(pattern, _)| pattern)).finish()
    }
}

impl DockerConfig {
    /// Reads a file: the value of the key `.dockerconfigjson`, or of the older `.dockercfg`, which has no `auths`.
    ///
    /// # Errors
    /// When it is no JSON of that form. The message holds nothing of the file.
    pub fn parse(text: &[u8]) -> Result<Self, DockerConfigError> {
        let refuse = |why: String| DockerConfigError(why);
        if text.len() > BYTES {
            return Err(refuse(format!("is larger than {BYTES} bytes")));
        }
        let position = |error: &serde_json::Error| {
            format!("is no docker configuration: JSON error at line {}, column {}", error.line(), error.column())
        };
        let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| refuse(position(&error)))?;
        let auths = if value.get("auths").is_some() {
            serde_json::from_value::<File>(value).map(|file| file.auths)
        } else {
            serde_json::from_value(value)
        };
        let auths = auths.map_err(|_| refuse("is no docker configuration: expected `auths` of credentials".into()))?;
        let mut entries = Vec::new();
        for (key, entry) in auths {
            let credentials = entry
                .credentials()
                .map_err(|why| refuse(format!("auths of `{}`: {why}", sluice_http::redact(&key))))?;
            if let Some(credentials) = credentials {
                entries.push((Pattern::parse(&key), credentials));
            }
        }
        // The most exact first: by path, then without a wildcard before with one.
        entries.sort_by(|(a, _), (b, _)| {
            (b.path.len(), !b.host.contains('*'), &b.host).cmp(&(a.path.len(), !a.host.contains('*'), &a.host))
        });
        Ok(DockerConfig { entries })
    }

    /// The entries of both, the own ones first.
    #[must_use]
    pub fn or(mut self, other: DockerConfig) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// The credentials for a repository; [`Credentials::Anonymous`] where no entry is for it.
    #[must_use]
    pub fn credentials(&self, repository: &RepositoryName) -> Credentials {
        let found = self.entries.iter().find(|(pattern, _)| pattern.matches(repository));
        found.map(|(_, credentials)| credentials.clone()).unwrap_or_default()
    }
}

impl Entry {
    fn credentials(self) -> Result<Option<Credentials>, &'static str> {
        let given = |text: Option<String>| text.filter(|it| !it.is_empty());
        if let Some(token) = given(self.registrytoken) {
            return Ok(Some(Credentials::Token(token.into())));
        }
        if let Some(token) = given(self.identitytoken) {
            return Ok(Some(Credentials::Identity(token.into())));
        }
        if let Some(username) = given(self.username) {
            let password = Secret::from(self.password.unwrap_or_default());
            return Ok(Some(Credentials::Basic { username, password }));
        }
        let Some(auth) = given(self.auth) else { return Ok(None) };
        let decoded = STANDARD.decode(auth.trim()).or_else(|_| STANDARD_NO_PAD.decode(auth.trim()));
        let decoded = decoded.ok().and_then(|it| String::from_utf8(it).ok()).ok_or("`auth` is no base64 of text")?;
        let (username, password) = decoded.split_once(':').ok_or("`auth` has no colon between user and password")?;
        let password = password.trim_end_matches('\0');
        Ok(Some(Credentials::Basic { username: username.to_owned(), password: password.into() }))
    }
}

impl Pattern {
    /// Keys are hosts, hosts with paths, or URLs: `https://index.docker.io/v1/`.
    fn parse(key: &str) -> Self {
        let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        // These are versions of the API, no part of a name.
        let path = if matches!(path, "v1" | "v2") { "" } else { path };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.to_owned())),
            _ => (authority, None),
        };
        let host = if matches!(host, "docker.io" | "registry-1.docker.io") { "index.docker.io" } else { host };
        Pattern { host: host.to_ascii_lowercase(), port, path: path.to_owned() }
    }

    fn matches(&self, repository: &RepositoryName) -> bool {
        let target = Pattern::parse(repository.registry());
        let (wanted, found): (Vec<&str>, Vec<&str>) =
            (self.host.split('.').collect(), target.host.split('.').collect());
        wanted.len() == found.len()
            && wanted.iter().zip(found).all(|(wanted, found)| label_matches(wanted, found))
            && self.port == target.port
            && (self.path.is_empty()
                || repository.path() == self.path
                || repository.path().strip_prefix(self.path.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// Whether a label is as the pattern says, in which `*` stands for any text.
fn label_matches(pattern: &str, label: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == label };
    let Some(mut label) = label.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return label.ends_with(part);
        }
        let Some(at) = label.find(part) else { return false };
        label = &label[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(config: &str, repository: &str) -> Option<String> {
        let config = DockerConfig::parse(config.as_bytes()).unwrap();
        match config.credentials(&repository.parse().unwrap()) {
            Credentials::Basic { username, password } => Some(format!("{username}:{}", password.expose())),
            Credentials::Identity(token) => Some(format!("identity {}", token.expose())),
            Credentials::Token(token) => Some(format!("token {}", token.expose())),
            Credentials::Anonymous => None,
        }
    }

    #[test]
    fn an_entry_is_found_by_its_host() {
        let config = r#"{"auths": {
            "ghcr.io": {"username": "u", "password": "p"},
            "https://index.docker.io/v1/": {"auth": "aHViOmE6Yg=="},
            "localhost:5000": {"auth": "bG9jYWw6cA"},
            "*.example.com": {"username": "wild", "password": ""},
            "reg.example.com/team": {"username": "team", "password": "t"},
            "one.example.com": {"username": "one", "password": "1"},
            "id.io": {"identitytoken": "I"}, "tok.io": {"registrytoken": "T"}, "none.io": {}}}"#;
        let check = |repository: &str, want: Option<&str>| {
            assert_eq!(user(config, repository).as_deref(), want, "{repository}");
        };
        check("ghcr.io/a/b", Some("u:p"));
        check("nginx", Some("hub:a:b"));
        check("docker.io/org/app", Some("hub:a:b"));
        check("localhost:5000/a", Some("local:p"));
        check("localhost:5001/a", None);
        check("ghcr.io:443/a", None);
        check("any.example.com/a", Some("wild:"));
        check("a.b.example.com/a", None);
        check("one.example.com/a", Some("one:1"));
        check("reg.example.com/team/app", Some("team:t"));
        check("reg.example.com/teams/app", Some("wild:"));
        check("id.io/a", Some("identity I"));
        check("tok.io/a", Some("token T"));
        check("none.io/a", None);
    }

    #[test]
    fn the_old_form_has_no_auths() {
        assert_eq!(user(r#"{"ghcr.io": {"username": "u", "password": "p"}}"#, "ghcr.io/a").as_deref(), Some("u:p"));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_without_the_secret() {
        for text in ["", "hunter2", "{\"auths\": \"hunter2\"}", "{\"auths\": {\"h\": {\"auth\": \"hunter2!\"}}}"] {
            let error = DockerConfig::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let config = DockerConfig::parse(br#"{"auths": {"h.io": {"username": "u", "password": "hunter2"}}}"#).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
