//! Who is asking: client certificates, static tokens, service account tokens, impersonation.

mod certificate;
mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::config::User;
use crate::error::ApiError;

pub use certificate::subject;
pub use token::{Claims, ISSUER, Signer, TokenError};

/// A user, as authorization and audit see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name, such as `system:serviceaccount:default:builder`.
    pub name: String,
    /// Uid; empty for most.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Further attributes.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The group of administrators, who are asked no questions.
pub const MASTERS: &str = "system:masters";
/// The group of everyone who is known.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everyone who is not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";

impl Identity {
    /// A user who said nothing about itself.
    pub fn anonymous() -> Self {
        Self { name: "system:anonymous".into(), groups: vec![UNAUTHENTICATED.into()], ..Self::default() }
    }

    /// A known user; `system:authenticated` is added.
    pub fn known(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<String> = groups.into_iter().collect();
        if !groups.iter().any(|g| g == AUTHENTICATED) {
            groups.push(AUTHENTICATED.into());
        }
        Self { name: name.into(), groups, ..Self::default() }
    }

    /// This process itself.
    pub fn internal(name: &str) -> Self {
        Self::known(name, [MASTERS.to_owned()])
    }

    /// Whether the user is in `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}

/// A service account as a user.
pub fn service_account(namespace: &str, name: &str) -> Identity {
    Identity::known(
        format!("system:serviceaccount:{namespace}:{name}"),
        ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")],
    )
}

/// The tokens this server accepts.
pub struct Tokens {
    users: HashMap<String, Arc<Identity>>,
    /// Signs and checks service account tokens.
    pub signer: Signer,
}

impl Tokens {
    /// Static users, and service account tokens of `signer`.
    pub fn new(users: &[User], signer: Signer) -> Self {
        let identity = |user: &User| Arc::new(Identity::known(user.name.clone(), user.groups.clone()));
        Self { users: users.iter().map(|user| (user.token.clone(), identity(user))).collect(), signer }
    }

    /// The user behind a token. `alive` says whether a service account (namespace, name, uid), or the object that the
    /// token is bound to, still exists.
    ///
    /// # Errors
    /// When nobody is.
    pub fn check(&self, token: &str, alive: impl Fn(&Claims) -> bool) -> Result<Identity, TokenError> {
        if let Some(identity) = self.users.get(token) {
            return Ok(Identity::clone(identity));
        }
        let claims = self.signer.verify(token)?;
        if !alive(&claims) {
            return Err(TokenError::Revoked);
        }
        let mut identity = service_account(&claims.namespace, &claims.name);
        identity.uid = claims.uid.clone();
        if !claims.id.is_empty() {
            let id = format!("JTI={}", claims.id);
            identity.extra.insert("authentication.kubernetes.io/credential-id".into(), vec![id]);
        }
        Ok(identity)
    }
}

/// The bearer token of a request.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whom a request wants to be: the impersonation headers, in the order they must be authorized.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// `Impersonate-User`.
    pub user: String,
    /// `Impersonate-Uid`.
    pub uid: String,
    /// `Impersonate-Group`.
    pub groups: Vec<String>,
    /// `Impersonate-Extra-…`.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Impersonation {
    /// Reads the headers; `None` when there are none.
    ///
    /// # Errors
    /// 500, as the real server, when groups, a uid or extras come without a user.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let mut wanted = Self::default();
        let mut any = false;
        for (name, value) in headers {
            let name = name.as_str();
            let Some(rest) = name.strip_prefix("impersonate-") else { continue };
            let Ok(value) = value.to_str() else { continue };
            any = true;
            match rest {
                "user" => wanted.user = value.to_owned(),
                "uid" => wanted.uid = value.to_owned(),
                "group" => wanted.groups.push(value.to_owned()),
                _ => {
                    if let Some(key) = rest.strip_prefix("extra-") {
                        let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy().to_lowercase();
                        wanted.extra.entry(key).or_default().push(value.to_owned());
                    }
                }
            }
        }
        match (any, wanted.user.is_empty()) {
            (false, _) => Ok(None),
            (true, true) => {
                let why = "requested impersonation without impersonating a user";
                Err(ApiError::internal(format!("{wanted:?} {why}").split_once("} ").map_or(why, |(_, why)| why)))
            }
            (true, false) => Ok(Some(wanted)),
        }
    }

    /// The user that the request becomes.
    pub fn identity(self) -> Identity {
        let mut groups = self.groups;
        let wants_no_group = groups.is_empty();
        if let Some((namespace, _)) =
            self.user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
            && wants_no_group
        {
            groups = vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")];
        }
        let implied = if self.user == "system:anonymous" { UNAUTHENTICATED } else { AUTHENTICATED };
        if !groups.iter().any(|g| g == AUTHENTICATED || g == UNAUTHENTICATED) {
            groups.push(implied.into());
        }
        Identity { name: self.user, uid: self.uid, groups, extra: self.extra }
    }
}
