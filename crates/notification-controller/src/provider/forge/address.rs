//! The address of a repository, in any of the forms that Git takes.

use sluice_http::Url;

use crate::exchange::Failure;

/// A repository of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Scheme, host and port, to which paths are joined.
    pub base: Url,
    /// The path, without slashes at its ends and without `.git`.
    pub id: String,
}

/// Reads `https://host/owner/name.git`, `ssh://git@host/owner/name` or `git@host:owner/name`.
///
/// # Errors
/// When it is none of them; the address is not repeated, for it may hold a password.
pub fn repository(address: &str) -> Result<Repository, Failure> {
    let wrong = || {
        Failure::setup("the address is no repository; write one as `https://host/owner/name` or `git@host:owner/name`")
    };
    let parsed = match address.split_once("://") {
        Some(_) => Url::parse(address).map_err(|_| wrong())?,
        None => {
            let (host, path) = address.split_once(':').ok_or_else(wrong)?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            if host.is_empty() || host.contains([' ', '/']) {
                return Err(wrong());
            }
            Url::parse(&format!("ssh://{host}/{}", path.trim_start_matches('/'))).map_err(|_| wrong())?
        }
    };
    let host = parsed.host_str().filter(|it| !it.is_empty()).ok_or_else(wrong)?;
    let base = match (parsed.scheme(), parsed.port()) {
        ("http" | "https", Some(port)) => format!("{}://{host}:{port}/", parsed.scheme()),
        ("http" | "https", None) => format!("{}://{host}/", parsed.scheme()),
        // The port of SSH is not that of the API.
        ("ssh" | "git+ssh" | "ssh+git", _) => format!("https://{host}/"),
        _ => return Err(wrong()),
    };
    let path = percent_encoding::percent_decode_str(parsed.path()).decode_utf8().map_err(|_| wrong())?;
    let id = path.trim_matches('/').trim_end_matches(".git").to_owned();
    if id.is_empty() {
        return Err(wrong());
    }
    Ok(Repository { base: Url::parse(&base).map_err(|_| wrong())?, id })
}

impl Repository {
    /// Owner and name, where there may be no more.
    ///
    /// # Errors
    /// When there are more, or fewer.
    pub fn owner_and_name(&self) -> Result<(&str, &str), Failure> {
        let wrong = || Failure::setup("the address names no repository as `owner/name`");
        let (owner, name) = self.id.split_once('/').ok_or_else(wrong)?;
        if name.contains('/') || owner.is_empty() || name.is_empty() { Err(wrong()) } else { Ok((owner, name)) }
    }
}

/// `base` with further parts of a path, each escaped whole.
#[must_use]
pub fn join(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, base: &str, id: &str) {
        let found = repository(address).unwrap();
        assert_eq!((found.base.as_str(), found.id.as_str()), (base, id), "{address}");
    }

    #[test]
    fn every_form_of_git_is_an_address() {
        check("https://github.com/org/repo", "https://github.com/", "org/repo");
        check("https://u:p@host:8443/a/b/c.git", "https://host:8443/", "a/b/c");
        check("ssh://git@host:22/a/b.git", "https://host/", "a/b");
        check("git@host:a/b.git", "https://host/", "a/b");
        for bad in ["", "not a url", "https://host", "file:///a/b", "https://", "git@:a"] {
            assert!(repository(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_part_of_a_path_is_escaped_whole() {
        let base = "https://h/api".parse().unwrap();
        assert_eq!(join(&base, &["projects", "a/b", "x"]).as_str(), "https://h/api/projects/a%2Fb/x");
    }
}
