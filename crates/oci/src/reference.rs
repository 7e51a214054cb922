//! Names of repositories, tags and digests, in the grammar of Docker's references.

use std::fmt;
use std::str::FromStr;

use sluice_artifact::Digest;

/// Longest name of a repository, its registry included.
const NAME: usize = 255;
/// Longest tag.
const TAG: usize = 128;
/// Docker Hub, as references spell it.
const HUB: &str = "index.docker.io";

/// A repository of a registry: `ghcr.io/org/app`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName {
    registry: String,
    path: String,
}

/// A repository with a tag, a digest, both or neither, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag, if one is named.
    pub tag: Option<String>,
    /// The digest, if one is named. It is stronger than the tag.
    pub digest: Option<Digest>,
}

/// What of a repository is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// What this tag points to.
    Tag(String),
    /// Just this.
    Digest(Digest),
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reference to a repository: {why}")]
pub struct ReferenceError {
    text: String,
    why: String,
}

impl RepositoryName {
    /// The host and perhaps port: `ghcr.io`, `localhost:5000`. Docker Hub is `index.docker.io`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path in the registry: `org/app`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The repository `name` below this one.
    ///
    /// # Errors
    /// When that is no name.
    pub fn join(&self, name: &str) -> Result<Self, ReferenceError> {
        format!("{self}/{}", name.trim_matches('/')).parse()
    }
}

impl FromStr for RepositoryName {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: Reference = text.parse()?;
        if reference.tag.is_some() || reference.digest.is_some() {
            return Err(refuse(text, "neither tag nor digest is expected here"));
        }
        Ok(reference.repository)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refuse = |why: &str| refuse(text, why);
        if text.len() > 2 * NAME {
            return Err(refuse("it is too long"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let parsed: Digest = digest.parse().map_err(|error: sluice_artifact::DigestError| {
                    let why = error.to_string();
                    refuse(&why)
                })?;
                (rest, Some(parsed))
            }
            None => (text, None),
        };
        // A colon after the last slash begins the tag; before it, it begins a port.
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[slash..].find(':') {
            Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
            None => (rest, None),
        };
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return Err(refuse("a tag has up to 128 letters, digits and `_.-`, and begins with none of `.-`"));
        }
        let first = name.split('/').next().unwrap_or_default();
        let is_host = name.contains('/')
            && (first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()));
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host => (host, path.to_owned()),
            Some(_) => (HUB, name.to_owned()),
            None => (HUB, format!("library/{name}")),
        };
        if !is_registry(registry) {
            return Err(refuse("the registry must be a host name, perhaps with a port"));
        }
        let registry = if matches!(registry, "docker.io" | "registry-1.docker.io") { HUB } else { registry };
        let path = if registry == HUB && !path.contains('/') { format!("library/{path}") } else { path };
        if !path.split('/').all(is_component) {
            return Err(refuse(
                "a repository has lower-case letters and digits, with `.`, `_`, `__`, `-` between, and `/`",
            ));
        }
        if registry.len() + path.len() >= NAME {
            return Err(refuse("it is longer than 255 characters"));
        }
        let repository = RepositoryName { registry: registry.to_ascii_lowercase(), path };
        Ok(Reference { repository, tag: tag.map(str::to_owned), digest })
    }
}

impl Reference {
    /// What is meant: the digest, else the tag, else `latest`.
    #[must_use]
    pub fn target(&self) -> Target {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Target::Digest(digest.clone()),
            (None, Some(tag)) => Target::Tag(tag.clone()),
            (None, None) => Target::Tag("latest".to_owned()),
        }
    }
}

impl Target {
    /// The tag of this name.
    ///
    /// # Errors
    /// When no tag can have it.
    pub fn tag(tag: &str) -> Result<Self, ReferenceError> {
        if is_tag(tag) { Ok(Target::Tag(tag.to_owned())) } else { Err(refuse(tag, "this is no tag")) }
    }

    /// As it stands behind a repository: `:v1`, `@sha256:…`.
    pub(crate) fn suffix(&self) -> String {
        match self {
            Target::Tag(tag) => format!(":{tag}"),
            Target::Digest(digest) => format!("@{digest}"),
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tag(tag) => f.write_str(tag),
            Target::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

fn refuse(text: &str, why: &str) -> ReferenceError {
    ReferenceError { text: sluice_http::redact(text), why: why.to_owned() }
}

pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG && tag.bytes().next().is_some_and(word) && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let Some((v6, rest)) = v6.split_once(']') else { return false };
            if v6.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            match rest.strip_prefix(':') {
                Some(port) => ("v6", Some(port)),
                None if rest.is_empty() => ("v6", None),
                None => return false,
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let port = port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    host.split('.').all(label) && port
}

fn is_component(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut separator = String::new();
    for byte in text.bytes() {
        if word(byte) {
            if !separator.is_empty()
                && !matches!(separator.as_str(), "." | "_" | "__")
                && !separator.bytes().all(|b| b == b'-')
            {
                return false;
            }
            separator.clear();
        } else if matches!(byte, b'.' | b'_' | b'-') {
            separator.push(byte.into());
        } else {
            return false;
        }
    }
    text.bytes().next().is_some_and(word) && separator.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, registry: &str, path: &str, tag: Option<&str>) {
        let found: Reference = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((found.repository.registry(), found.repository.path()), (registry, path), "{text}");
        assert_eq!(found.tag.as_deref(), tag, "{text}");
    }

    #[test]
    fn a_reference_has_a_registry_a_repository_and_a_tag() {
        check("ghcr.io/org/app:v1", "ghcr.io", "org/app", Some("v1"));
        check("localhost/app", "localhost", "app", None);
        check("localhost:5000/app:1.0", "localhost:5000", "app", Some("1.0"));
        check("[::1]:5000/a/b__c/d---e.f", "[::1]:5000", "a/b__c/d---e.f", None);
        check("nginx", HUB, "library/nginx", None);
        check("docker.io/nginx:1", HUB, "library/nginx", Some("1"));
        check("org/app", HUB, "org/app", None);
        check("GHCR.io/app", "ghcr.io", "app", None);
        check("a.b/c:5", "a.b", "c", Some("5"));
    }

    #[test]
    fn a_digest_is_stronger_than_a_tag() {
        let digest = Digest::of(b"x");
        let found: Reference = format!("ghcr.io/app:v1@{digest}").parse().unwrap();
        assert_eq!(found.target(), Target::Digest(digest));
        assert_eq!("ghcr.io/app".parse::<Reference>().unwrap().target(), Target::Tag("latest".into()));
        assert_eq!(found.to_string().parse::<Reference>().unwrap(), found);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "/",
            "a.b/",
            "a.b//c",
            "a.b/C",
            "a.b/c:",
            "a.b/c:.x",
            "a.b/../c",
            "a.b/c@sha256:ab",
            "a.b/c@md5:00",
            "a..b/c",
            "-a.b/c",
            "a.b:x/c",
            "a.b:99999/c",
            "a.b/c___d",
            "a.b/c._d",
            "a.b/c?x",
            "u:p@h.io/c",
            "a.b/c d",
            "https://a.b/c",
            "[::1/c",
            "a.b/c:t%2f",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        assert!(format!("a.b/{}", "x".repeat(255)).parse::<Reference>().is_err());
        assert!("a.b/c:v1".parse::<RepositoryName>().is_err());
        assert!(!"me:hunter2@h.io/C".parse::<Reference>().unwrap_err().to_string().contains("hunter2"));
    }
}
