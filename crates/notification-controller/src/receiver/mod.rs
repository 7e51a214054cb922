//! Webhooks: whether a call is what it says it is (spec/flux/notification.md §5), and what it asks for.
//!
//! Pure, but for the keys of issuers of tokens, which an [`Issuers`] gets. Comparisons of secrets take the same time
//! whatever differs; errors never repeat what was sent where it may be a secret.

mod cdevents;
mod filter;
mod jwt;
mod oidc;
mod payload;
mod select;
mod signature;

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderMap;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_api::notification::{ReceiverSpec, ReceiverType};
use sluice_http::Secret;

pub use filter::{Filter, FilterError, compile_all};
pub use jwt::Keys;
pub use oidc::{Issuers, check_providers};
pub use select::{Wanted, admitted, wanted};

/// No body may be larger; a larger one is refused before it is looked at.
pub const BODY: usize = 3 << 20;

/// A call of a webhook. It does not print: its headers may be the secret.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, within the limit.
    pub body: &'a [u8],
}

/// A call that is what it says it is.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// The body as filters see it; empty where the call has none that they can read.
    pub body: Value,
    /// The claims of its token, for `generic-oidc`.
    pub claims: Option<Value>,
}

/// Why a call is not acted on: for logs, never for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Refused {
    pub(crate) fn new(why: impl Into<String>) -> Refused {
        Refused(why.into())
    }
}

/// The path of a receiver's webhook.
#[must_use]
pub fn path(token: &str, name: &str, namespace: &str) -> String {
    format!("/hook/{}", hex::encode(Sha256::digest(format!("{token}{name}{namespace}"))))
}

/// The token of a receiver's Secret.
///
/// # Errors
/// When there is none.
pub fn token(secret: &BTreeMap<String, Secret>) -> Result<&Secret, Refused> {
    let token = secret.get("token").filter(|it| !it.expose().trim().is_empty());
    token.ok_or_else(|| Refused::new("the Secret has no `token`"))
}

/// Whether two texts are the same, in a time that does not depend on where they differ.
fn same(a: &str, b: &str) -> bool {
    // Digests have one length, so that the time does not tell that of the secret either.
    verify_slices_are_equal(&Sha256::digest(a), &Sha256::digest(b)).is_ok()
}

/// A header's value as text; empty where it is missing or no text.
fn header<'a>(call: Call<'a>, name: &str) -> &'a str {
    call.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
}

fn event_is_wanted(spec: &ReceiverSpec, who: &str, event: &str) -> Result<(), Refused> {
    let wanted = spec.events.is_empty() || spec.events.iter().any(|it| it.eq_ignore_ascii_case(event));
    let shown = sluice_http::peer_text(event.as_bytes());
    if wanted { Ok(()) } else { Err(Refused::new(format!("the {who} event \"{shown}\" is not authorised"))) }
}

/// Checks a call by the rules of the receiver's type. `secret` is the data of its Secret.
///
/// # Errors
/// When the call is not what it says it is.
pub async fn verify<I: Issuers>(
    spec: &ReceiverSpec,
    secret: &BTreeMap<String, Secret>,
    call: Call<'_>,
    issuers: &I,
) -> Result<Accepted, Refused> {
    if spec.type_ == ReceiverType::GenericOidc {
        let claims = oidc::verify(spec, header(call, "authorization"), issuers).await?;
        return Ok(Accepted { body: payload::for_filters(call), claims: Some(claims) });
    }
    let token = token(secret)?.expose();
    let mut accepted = Accepted { body: payload::for_filters(call), claims: None };
    match &spec.type_ {
        ReceiverType::Generic | ReceiverType::GenericOidc => {}
        ReceiverType::GenericHmac => {
            let checked = signature::check(header(call, "x-signature"), call.body, token);
            checked.map_err(|why| Refused::new(format!("unable to validate HMAC signature: {why}")))?;
        }
        ReceiverType::Github => {
            let checked = payload::signed(call, &["x-hub-signature-256", "x-hub-signature"], token);
            checked.map_err(|why| Refused::new(format!("the GitHub signature header is invalid, err: {why}")))?;
            event_is_wanted(spec, "GitHub", header(call, "x-github-event"))?;
        }
        ReceiverType::Bitbucket => {
            let checked = payload::signed(call, &["x-hub-signature"], token);
            checked
                .map_err(|why| Refused::new(format!("the Bitbucket server signature header is invalid, err: {why}")))?;
            event_is_wanted(spec, "Bitbucket server", header(call, "x-event-key"))?;
        }
        ReceiverType::Gitlab => {
            if !same(header(call, "x-gitlab-token"), token) {
                return Err(Refused::new("the X-Gitlab-Token header value does not match the receiver token"));
            }
            event_is_wanted(spec, "GitLab", header(call, "x-gitlab-event"))?;
        }
        ReceiverType::Harbor => {
            if !same(header(call, "authorization"), token) {
                return Err(Refused::new("the Harbor Authorization header value does not match the receiver token"));
            }
        }
        ReceiverType::Dockerhub => payload::dockerhub(call.body)?,
        ReceiverType::Quay => payload::quay(call.body)?,
        ReceiverType::Acr => payload::acr(call.body)?,
        ReceiverType::Nexus => {
            signature::nexus(header(call, "x-nexus-webhook-signature"), call.body, token)?;
            payload::nexus(call.body)?;
        }
        ReceiverType::Gcr => {
            oidc::google(secret, header(call, "authorization"), issuers).await?;
            let message = payload::gcr(call.body)?;
            // Filters see the message in the body's place, if they see a body at all.
            if payload::says_json(call) {
                accepted.body = message;
            }
        }
        ReceiverType::CdEvents => {
            cdevents::check(call.body)?;
            event_is_wanted(spec, "CDEvents", header(call, "ce-type"))?;
        }
        ReceiverType::Other(other) => {
            let other = sluice_http::peer_text(other.as_bytes());
            return Err(Refused::new(format!("receivers of type \"{other}\" are not supported")));
        }
    }
    Ok(accepted)
}
