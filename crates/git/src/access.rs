//! Who we are to a remote, and how we get there.

use crate::error::Error;
use crate::url::{RemoteUrl, Scheme};
use sha2::{Digest, Sha256};
use sluice_http::{Proxy, Secret, Tls, Transport};

/// What proves who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing; for HTTP, user and password in the URL if there are any.
    #[default]
    Anonymous,
    /// HTTP basic authentication.
    Basic {
        /// The user name.
        username: String,
        /// The password or token.
        password: Secret,
    },
    /// HTTP bearer token.
    Bearer(Secret),
    /// An SSH key. The user comes from the URL, else it is `git`.
    Ssh {
        /// The private key: OpenSSH, PEM or PKCS#8.
        identity: Secret,
        /// What the key is encrypted with.
        passphrase: Option<Secret>,
        /// The server keys that are accepted, in the format of OpenSSH's `known_hosts`. There is no trust on first use.
        known_hosts: String,
    },
}

/// Whether an HTTP redirect may lead to another host. Credentials never follow there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Only to the same host: no socket is opened to a host that nobody named.
    #[default]
    SameHost,
    /// To any host, without credentials or client certificate.
    AnyHost,
}

/// Whether credentials may travel over plain HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Plain HTTP only without credentials.
    #[default]
    WithoutCredentials,
    /// As Flux allows it.
    WithCredentials,
}

/// Everything about a remote but its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Who we are.
    pub credentials: Credentials,
    /// Trust and client certificate, for `https`.
    pub tls: Tls,
    /// The way there; without one, HTTP obeys `HTTPS_PROXY`, `NO_PROXY` and their like.
    pub proxy: Option<Proxy>,
    /// Rule for redirects.
    pub redirects: Redirects,
    /// Rule for credentials over plain HTTP.
    pub plain_http: PlainHttp,
}

impl Access {
    /// Checks what can be checked without a connection, and takes user and password of an HTTP URL as credentials
    /// when there are no others.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for credentials that do not fit the scheme, or that would travel in the clear.
    pub(crate) fn checked(mut self, url: &RemoteUrl) -> Result<Access, Error> {
        let refuse = |reason: &str| Error::InvalidCredentials { url: url.to_string(), reason: reason.to_owned() };
        let web = matches!(url.scheme(), Scheme::Http | Scheme::Https);
        if web && self.credentials == Credentials::Anonymous && (url.user().is_some() || url.password().is_some()) {
            self.credentials = Credentials::Basic {
                username: url.user().unwrap_or_default(),
                password: url.password().unwrap_or_default().into(),
            };
        }
        match (&self.credentials, url.scheme()) {
            (Credentials::Ssh { .. }, Scheme::Http | Scheme::Https) => {
                return Err(refuse("an SSH key is of no use over http: use an ssh:// url, or username and password"));
            }
            (Credentials::Basic { .. } | Credentials::Bearer(_), Scheme::Ssh) => {
                return Err(refuse("over ssh, `identity` and `known_hosts` are needed"));
            }
            (Credentials::Anonymous, Scheme::Ssh) => {
                return Err(refuse("over ssh, `identity` and `known_hosts` are needed"));
            }
            (Credentials::Basic { .. } | Credentials::Bearer(_), Scheme::Http)
                if self.plain_http == PlainHttp::WithoutCredentials =>
            {
                return Err(refuse("credentials would travel in the clear: use https"));
            }
            _ => {}
        }
        let printable = |text: &str| !text.chars().any(char::is_control);
        let sound = match &self.credentials {
            Credentials::Basic { username, password } => {
                // RFC 7617: the first colon ends the user name.
                printable(username) && !username.contains(':') && printable(password.expose())
            }
            Credentials::Bearer(token) => token.expose().bytes().all(|b| b.is_ascii_graphic()),
            Credentials::Anonymous | Credentials::Ssh { .. } => true,
        };
        if !sound {
            return Err(refuse("username, password or token holds a character that cannot be sent"));
        }
        Ok(self)
    }

    /// This access for another URL that the first one led to: everything if it is the same server, else only what
    /// says nothing about us.
    pub(crate) fn narrowed(&self, from: &RemoteUrl, to: &RemoteUrl) -> Access {
        if from.same_origin(to) {
            return self.clone();
        }
        Access { credentials: Credentials::Anonymous, tls: self.transport().anonymous().tls, ..self.clone() }
    }

    /// Tells two identities apart without holding either: the key of caches and shared round trips.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // Length first, so that no two lists of parts have the same bytes.
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        match &self.credentials {
            Credentials::Anonymous => part("anonymous"),
            Credentials::Basic { username, password } => {
                part("basic");
                part(username);
                part(password.expose());
            }
            Credentials::Bearer(token) => {
                part("bearer");
                part(token.expose());
            }
            Credentials::Ssh { identity, passphrase, known_hosts } => {
                part("ssh");
                part(identity.expose());
                part(passphrase.as_ref().map_or("", Secret::expose));
                part(known_hosts);
            }
        }
        part(&format!("{:?}{:?}", self.redirects, self.plain_http));
        hash.update(self.transport().fingerprint());
        hash.finalize().into()
    }

    /// How the server is reached over HTTP.
    pub(crate) fn transport(&self) -> Transport {
        Transport { tls: self.tls.clone(), proxy: self.proxy.clone(), ..Transport::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_http::ClientCertificate;

    fn basic(username: &str, password: &str) -> Access {
        let credentials = Credentials::Basic { username: username.into(), password: password.into() };
        Access { credentials, ..Access::default() }
    }

    #[test]
    fn secrets_do_not_print() {
        assert!(!format!("{:?}", basic("me", "hunter2")).contains("hunter2"));
    }

    #[test]
    fn two_identities_never_share_a_fingerprint() {
        assert_ne!(basic("a", "bc").fingerprint(), basic("ab", "c").fingerprint());
        assert_ne!(basic("", "").fingerprint(), Access::default().fingerprint());
        assert_eq!(basic("a", "b").fingerprint(), basic("a", "b").fingerprint());
    }

    #[test]
    fn credentials_travel_in_the_clear_only_when_told_so() {
        let url = RemoteUrl::parse("http://host/a").unwrap();
        assert!(basic("a", "b").checked(&url).unwrap_err().to_string().contains("in the clear"));
        assert!(Access { plain_http: PlainHttp::WithCredentials, ..basic("a", "b") }.checked(&url).is_ok());
        let url = RemoteUrl::parse("http://me:pw@host/a").unwrap();
        assert!(Access::default().checked(&url).is_err());
    }

    #[test]
    fn credentials_fit_the_scheme() {
        let ssh = RemoteUrl::parse("ssh://host/a").unwrap();
        assert!(basic("a", "b").checked(&ssh).is_err());
        assert!(Access::default().checked(&ssh).is_err());
        let https = RemoteUrl::parse("https://host/a").unwrap();
        assert!(basic("a\r\nb", "c").checked(&https).is_err());
        assert!(basic("a:b", "c").checked(&https).is_err());
    }

    #[test]
    fn another_host_gets_no_credentials() {
        let (here, there) = (RemoteUrl::parse("https://a/x").unwrap(), RemoteUrl::parse("https://b/x").unwrap());
        let mut access = basic("a", "b");
        access.tls.client = Some(ClientCertificate { certificate: "c".into(), key: "k".into() });
        let narrowed = access.narrowed(&here, &there);
        assert_eq!((narrowed.credentials, narrowed.tls.client), (Credentials::Anonymous, None));
        assert_eq!(access.narrowed(&here, &here), access);
    }
}
