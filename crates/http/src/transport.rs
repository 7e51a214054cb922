//! Who we are to a server, and how we get there.

use std::fmt::Display;
use std::time::Duration;

use reqwest::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::secret::Secret;
use crate::text::chain;

/// A client certificate, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate and its chain.
    pub certificate: String,
    /// The private key.
    pub key: Secret,
}

/// TLS beyond the system's own trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Further trusted authorities, PEM; the system's stay trusted.
    pub ca: Option<String>,
    /// Who we are.
    pub client: Option<ClientCertificate>,
}

/// A proxy, used for every connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `http://`, `https://` or `socks5://` address.
    pub address: String,
    /// User name at the proxy.
    pub username: Option<String>,
    /// Password at the proxy.
    pub password: Option<Secret>,
}

/// Whether a server's certificate is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerCertificate {
    /// It must be valid and of a trusted authority.
    #[default]
    Verified,
    /// Any will do.
    Ignored,
}

/// How a server is reached, its credentials aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// Trust and client certificate.
    pub tls: Tls,
    /// The way there; without one, `HTTPS_PROXY`, `NO_PROXY` and their like are obeyed.
    pub proxy: Option<Proxy>,
    /// Whether the server has to prove who it is.
    pub server: ServerCertificate,
}

/// Bounds of one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Redirects followed.
    pub redirects: usize,
    /// Tries of a request that may be repeated.
    pub attempts: u32,
    /// Time to establish a connection.
    pub connect_timeout: Duration,
    /// Time without one byte from the server, once connected.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            redirects: 10,
            attempts: 3,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

impl Transport {
    /// The same way without saying who we are: for a server that another one led to.
    #[must_use]
    pub fn anonymous(&self) -> Transport {
        Transport { tls: Tls { ca: self.tls.ca.clone(), client: None }, ..self.clone() }
    }

    /// Tells two transports apart without holding either: the key of caches.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // Length first, so that no two lists of parts have the same bytes.
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        part(self.tls.ca.as_deref().unwrap_or_default());
        part(self.tls.client.as_ref().map_or("", |it| &it.certificate));
        part(self.tls.client.as_ref().map_or("", |it| it.key.expose()));
        part(self.proxy.as_ref().map_or("", |it| &it.address));
        part(self.proxy.as_ref().and_then(|it| it.username.as_deref()).unwrap_or_default());
        part(self.proxy.as_ref().and_then(|it| it.password.as_ref()).map_or("", Secret::expose));
        part(if self.server == ServerCertificate::Ignored { "ignored" } else { "" });
        hash.finalize().into()
    }

    /// A client that goes this way. It follows no redirects.
    ///
    /// # Errors
    /// [`Error::Transport`]: what cannot be used as given.
    pub fn client(&self, limits: &Limits, user_agent: &str) -> Result<reqwest::Client, Error> {
        let refuse = |what: &'static str, why: &dyn Display| Error::Transport { what, why: why.to_string() };
        let mut builder = reqwest::Client::builder()
            .user_agent(user_agent)
            // Followed by hand, because what follows must not carry credentials elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(limits.connect_timeout)
            .read_timeout(limits.idle_timeout)
            .pool_max_idle_per_host(4);
        if let Some(ca) = &self.tls.ca {
            let roots = reqwest::Certificate::from_pem_bundle(ca.as_bytes()).map_err(|err| refuse("ca.crt", &err))?;
            if roots.is_empty() {
                return Err(refuse("ca.crt", &"holds no PEM certificate"));
            }
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(client) = &self.tls.client {
            let pem = format!("{}\n{}\n", client.certificate.trim_end(), client.key.expose());
            let identity = reqwest::Identity::from_pem(pem.as_bytes())
                .map_err(|_| refuse("tls.crt and tls.key", &"are no PEM certificate and private key"))?;
            builder = builder.identity(identity);
        }
        if self.server == ServerCertificate::Ignored {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.build().map_err(|why| refuse("proxy address", &why))?);
        }
        builder.build().map_err(|err| refuse("TLS", &chain(&err)))
    }
}

impl Proxy {
    fn build(&self) -> Result<reqwest::Proxy, String> {
        let address = reqwest::Url::parse(&self.address).map_err(|err| err.to_string())?;
        if !matches!(address.scheme(), "http" | "https" | "socks5" | "socks5h") {
            return Err("the scheme must be http, https or socks5".into());
        }
        let mut built = reqwest::Proxy::all(address).map_err(|err| chain(&err))?;
        if let Some(user) = &self.username {
            built = built.basic_auth(user, self.password.as_ref().map_or("", Secret::expose));
        }
        Ok(built)
    }
}

/// The `Authorization` of a user and password; `None` where a character cannot be sent (RFC 7617).
#[must_use]
pub fn basic(username: &str, password: &Secret) -> Option<HeaderValue> {
    let printable = |text: &str| !text.chars().any(char::is_control);
    if username.contains(':') || !printable(username) || !printable(password.expose()) {
        return None;
    }
    let pair = format!("{username}:{}", password.expose());
    sensitive(&format!("Basic {}", base64(pair.as_bytes())))
}

/// The `Authorization` of a token; `None` where a character cannot be sent.
#[must_use]
pub fn bearer(token: &Secret) -> Option<HeaderValue> {
    let sound = !token.expose().is_empty() && token.expose().bytes().all(|b| b.is_ascii_graphic());
    sound.then(|| sensitive(&format!("Bearer {}", token.expose()))).flatten()
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_transports_never_share_a_fingerprint() {
        let proxy = |address: &str, username: Option<&str>| Transport {
            proxy: Some(Proxy { address: address.into(), username: username.map(Into::into), password: None }),
            ..Transport::default()
        };
        assert_ne!(proxy("ab", Some("c")).fingerprint(), proxy("a", Some("bc")).fingerprint());
        assert_eq!(proxy("a", None).fingerprint(), proxy("a", None).fingerprint());
        let ignored = Transport { server: ServerCertificate::Ignored, ..Transport::default() };
        assert_ne!(ignored.fingerprint(), Transport::default().fingerprint());
    }

    #[test]
    fn credentials_that_cannot_be_sent_are_none() {
        assert_eq!(basic("user", &"pass".into()).unwrap(), "Basic dXNlcjpwYXNz");
        assert!(basic("us:er", &"pass".into()).is_none());
        assert!(basic("user", &"pa\r\nss".into()).is_none());
        assert!(bearer(&"a b".into()).is_none() && bearer(&"".into()).is_none());
        assert!(!format!("{:?}", basic("user", &"pass".into())).contains("dXNl"));
    }
}
