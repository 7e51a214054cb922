//! Who we are to a registry, and how we get there.

use sluice_http::{Proxy, Secret, ServerCertificate, Tls, Transport};

/// What proves who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing; a registry may still give out tokens.
    #[default]
    Anonymous,
    /// User and password, at the registry or at its token server.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token for the token server (`identitytoken`).
    Identity(Secret),
    /// A token that the registry takes as it is (`registrytoken`).
    Token(Secret),
}

/// Whether HTTP without TLS will do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Plain {
    /// Only for a registry on this machine.
    #[default]
    Refused,
    /// HTTPS is tried first, unverified where no authority is given; then HTTP.
    Allowed,
}

/// Everything about a registry but its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Who we are.
    pub credentials: Credentials,
    /// Trust and client certificate.
    pub tls: Tls,
    /// The way there; without one, `HTTPS_PROXY`, `NO_PROXY` and their like are obeyed.
    pub proxy: Option<Proxy>,
    /// Whether HTTP without TLS will do.
    pub plain: Plain,
}

impl Access {
    /// How the registry is reached. `insecure` without certificates also means unverified TLS (spec/flux/source.md §3).
    pub(crate) fn transport(&self) -> Transport {
        let unverified = self.plain == Plain::Allowed && self.tls == Tls::default();
        let server = if unverified { ServerCertificate::Ignored } else { ServerCertificate::Verified };
        Transport { tls: self.tls.clone(), proxy: self.proxy.clone(), server }
    }

    /// Tells two accesses apart without holding either: the key of caches.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let credentials = match &self.credentials {
            Credentials::Anonymous => vec!["anonymous"],
            Credentials::Basic { username, password } => vec!["basic", username, password.expose()],
            Credentials::Identity(token) => vec!["identity", token.expose()],
            Credentials::Token(token) => vec!["token", token.expose()],
        };
        let mut parts = Vec::new();
        for part in credentials {
            // Length first, so that no two lists of parts have the same bytes.
            parts.extend_from_slice(&(part.len() as u64).to_be_bytes());
            parts.extend_from_slice(part.as_bytes());
        }
        parts.push(u8::from(self.plain == Plain::Allowed));
        parts.extend_from_slice(&self.transport().fingerprint());
        sluice_artifact::Digest::of(&parts).hex().to_owned()
    }
}

pub(crate) type Fingerprint = String;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_accesses_never_share_a_fingerprint() {
        let basic = |username: &str, password: &str| Access {
            credentials: Credentials::Basic { username: username.into(), password: password.into() },
            ..Access::default()
        };
        assert_ne!(basic("a", "bc").fingerprint(), basic("ab", "c").fingerprint());
        assert_eq!(basic("a", "b").fingerprint(), basic("a", "b").fingerprint());
        assert_ne!(Access { plain: Plain::Allowed, ..basic("a", "b") }.fingerprint(), basic("a", "b").fingerprint());
        assert!(!format!("{:?}", basic("a", "hunter2")).contains("hunter2"));
    }

    #[test]
    fn insecure_looks_at_certificates_only_where_there_is_an_authority() {
        let mut access = Access { plain: Plain::Allowed, ..Access::default() };
        assert_eq!(access.transport().server, ServerCertificate::Ignored);
        access.tls.ca = Some("pem".into());
        assert_eq!(access.transport().server, ServerCertificate::Verified);
    }
}
