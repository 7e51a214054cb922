//! Where a repository is, checked, and spelled without secrets.

use crate::error::Error;
use sluice_http::redact;
use std::fmt;
use std::path::PathBuf;

/// Longest URL taken.
const URL_BYTES: usize = 2048;

/// A URL of a repository: `http`, `https`, `ssh` or `file`.
///
/// `Display` and `Debug` leave out user and password. Compared and hashed whole.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RemoteUrl {
    inner: reqwest::Url,
    scheme: Scheme,
}

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Smart HTTP.
    Http,
    /// Smart HTTP over TLS.
    Https,
    /// `git-upload-pack` over SSH.
    Ssh,
    /// A repository on this disk, read in process.
    File,
}

impl RemoteUrl {
    /// Reads `text` as the URL of a repository.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] for another scheme, no host, a user, host or path that begins with `-` (which a program
    /// could take for an option), control characters (raw or percent-encoded), a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::InvalidUrl { url: redact(text), reason: reason.to_owned() };
        if text.len() > URL_BYTES {
            return Err(refuse("longer than 2048 bytes"));
        }
        // Looked for before parsing: the parser drops tabs and line ends silently.
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(refuse("holds a control character or a space"));
        }
        let inner = reqwest::Url::parse(text).map_err(|err| refuse(&err.to_string()))?;
        let scheme = match inner.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "ssh" => Scheme::Ssh,
            "file" => Scheme::File,
            _ => return Err(refuse("the scheme must be http, https or ssh")),
        };
        let host = inner.host_str().unwrap_or_default();
        if scheme != Scheme::File && host.is_empty() {
            return Err(refuse("it has no host"));
        }
        if scheme == Scheme::File && !host.is_empty() && host != "localhost" {
            return Err(refuse("a file url has no host: write file:///path"));
        }
        if inner.query().is_some() || inner.fragment().is_some() {
            return Err(refuse("a query or a fragment has no meaning for Git"));
        }
        let decoded = |part: &str| percent_decode(part).map_err(|()| refuse("a percent-encoding is not UTF-8"));
        let (user, path) = (decoded(inner.username())?, decoded(inner.path())?);
        if [&user, &path].iter().any(|part| part.chars().any(char::is_control)) {
            return Err(refuse("holds an encoded control character"));
        }
        if host.starts_with('-') || user.starts_with('-') || path.trim_start_matches('/').starts_with('-') {
            return Err(refuse("user, host and path must not begin with `-`"));
        }
        if path.trim_matches('/').is_empty() {
            return Err(refuse("it names no repository"));
        }
        Ok(RemoteUrl { inner, scheme })
    }

    /// How the repository is reached.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, in lower case and ASCII; empty for `file`.
    pub fn host(&self) -> &str {
        self.inner.host_str().unwrap_or_default()
    }

    /// The port, the scheme's own if none is written; 0 for `file`.
    pub fn port(&self) -> u16 {
        self.inner.port_or_known_default().unwrap_or(if self.scheme == Scheme::Ssh { 22 } else { 0 })
    }

    /// The user written into the URL.
    pub fn user(&self) -> Option<String> {
        Some(percent_decode(self.inner.username()).unwrap_or_default()).filter(|user| !user.is_empty())
    }

    /// The password written into the URL.
    pub(crate) fn password(&self) -> Option<String> {
        self.inner.password().map(|it| percent_decode(it).unwrap_or_default())
    }

    /// The path of the repository, decoded.
    pub fn path(&self) -> String {
        percent_decode(self.inner.path()).unwrap_or_default()
    }

    /// The directory a `file` URL names.
    pub(crate) fn directory(&self) -> PathBuf {
        PathBuf::from(self.path())
    }

    /// The same place without user and password, which travel in a header.
    pub(crate) fn without_credentials(&self) -> reqwest::Url {
        let mut url = self.inner.clone();
        if self.scheme != Scheme::File {
            // Both fail for URLs without a host only, which `parse` refuses.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        url
    }

    /// Whether credentials for `self` may be shown to `other`: same scheme, host and port.
    pub fn same_origin(&self, other: &RemoteUrl) -> bool {
        self.scheme == other.scheme && self.host() == other.host() && self.port() == other.port()
    }

    /// The URL that `relative` (`./x`, `../x`) means when written in a `.gitmodules` of this repository.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] when it climbs above the host.
    pub(crate) fn join(&self, relative: &str) -> Result<RemoteUrl, Error> {
        let mut segments: Vec<&str> = self.inner.path().trim_matches('/').split('/').collect();
        let mut rest = relative;
        loop {
            if let Some(tail) = rest.strip_prefix("./") {
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix("../") {
                if segments.pop().is_none_or(str::is_empty) {
                    return Err(Error::InvalidUrl {
                        url: redact(relative),
                        reason: format!("it climbs above the root of `{self}`"),
                    });
                }
                rest = tail;
            } else {
                break;
            }
        }
        segments.extend(rest.split('/'));
        if segments.iter().any(|it| *it == ".." || *it == "." || it.contains("%2e") || it.contains("%2E")) {
            return Err(Error::InvalidUrl { url: redact(relative), reason: "`..` in the middle of it".into() });
        }
        let mut url = self.inner.clone();
        url.set_path(&format!("/{}", segments.join("/")));
        RemoteUrl::parse(url.as_str())
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The user of an SSH URL is part of the address and no secret.
        match self.user().filter(|_| self.scheme == Scheme::Ssh) {
            Some(user) => {
                let mut url = self.without_credentials();
                let _ = url.set_username(&user);
                f.write_str(url.as_str())
            }
            None => f.write_str(self.without_credentials().as_str()),
        }
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for RemoteUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        RemoteUrl::parse(text)
    }
}

fn percent_decode(text: &str) -> Result<String, ()> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|it| std::str::from_utf8(it).ok());
        match (bytes[at], hex.and_then(|it| u8::from_str_radix(it, 16).ok())) {
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
    String::from_utf8(out).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(url: &str, part: &str) {
        let err = RemoteUrl::parse(url).unwrap_err().to_string();
        assert!(err.contains(part), "`{url}`: {err}");
    }

    #[test]
    fn urls_that_a_program_could_take_for_options_are_refused() {
        refused("ssh://-oProxyCommand=x/y", "invalid");
        refused("ssh://-oProxyCommand@host/y", "must not begin with `-`");
        refused("ssh://host/-oProxyCommand", "must not begin with `-`");
        refused("ssh://host/%2doption", "must not begin with `-`");
    }

    #[test]
    fn control_characters_and_other_schemes_are_refused() {
        refused("https://host/a\nb", "control character");
        refused("https://host/a%0ab", "control character");
        refused("https://host/a%00", "control character");
        refused("ext::sh -c id", "control character or a space");
        refused("ext::sh", "scheme must be");
        refused("git@host:a/b", "invalid url");
        refused("https:///a", "invalid url");
        refused("https://host/", "names no repository");
        refused("https://host/a?b", "query");
        refused("file://other/a", "no host");
    }

    #[test]
    fn secrets_are_never_displayed() {
        let url = RemoteUrl::parse("https://me:hunter2@host/a.git").unwrap();
        assert_eq!(url.to_string(), "https://host/a.git");
        assert_eq!(format!("{url:?}"), "https://host/a.git");
        assert_eq!((url.user().as_deref(), url.password().as_deref()), (Some("me"), Some("hunter2")));
        assert_eq!(redact("https://me:hun/ter2@host/a"), "https://host/a");
        assert_eq!(redact("https://host/a?token=hunter2"), "https://host/a");
        assert_eq!(redact("me:hunter2@host:a"), "host:a");
        assert_eq!(redact("https://host/a.git"), "https://host/a.git");
    }

    #[test]
    fn hosts_are_spelled_in_ascii_so_lookalikes_show() {
        assert_eq!(RemoteUrl::parse("https://gіthub.com/a").unwrap().host(), "xn--gthub-n2e.com");
    }

    #[test]
    fn relative_urls_of_submodules_stay_on_the_host() {
        let url = RemoteUrl::parse("https://host/org/app.git").unwrap();
        assert_eq!(url.join("../lib.git").unwrap().to_string(), "https://host/org/lib.git");
        assert_eq!(url.join("../../x/lib").unwrap().to_string(), "https://host/x/lib");
        assert_eq!(url.join("./sub").unwrap().to_string(), "https://host/org/app.git/sub");
        assert!(url.join("../../../x").is_err());
        assert!(url.join("../a/../../../x").is_err());
    }

    #[test]
    fn ports_have_the_default_of_their_scheme() {
        let port = |url| RemoteUrl::parse(url).unwrap().port();
        assert_eq!((port("ssh://h/a"), port("ssh://h:2222/a"), port("https://h/a")), (22, 2222, 443));
    }
}
