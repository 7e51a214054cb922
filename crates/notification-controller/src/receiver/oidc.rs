//! Callers that prove themselves with a token of an issuer (OpenID Connect): `generic-oidc`, and Google's registry.

use std::collections::BTreeMap;
use std::future::Future;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sluice_api::notification::{OidcProvider, ReceiverSpec};
use sluice_expr::{Env, Program};
use sluice_http::Secret;

use super::jwt::{Keys, Token, parse};
use super::{Refused, same};

/// The audience that tokens are for, unless a receiver says otherwise.
const AUDIENCE: &str = "notification-controller";
/// How far `nbf` may be ahead of our clock.
const EARLY: i64 = 300;
/// Google's issuer, by both of its names.
const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Who knows the keys of issuers.
pub trait Issuers: Sync {
    /// The keys of an issuer, whose discovery document must name it to the letter.
    ///
    /// # Errors
    /// When they cannot be had.
    fn keys(&self, issuer: &str) -> impl Future<Output = Result<Keys, Refused>> + Send;

    /// The claims of a token of Google for an audience.
    ///
    /// # Errors
    /// When it is none.
    fn google(&self, token: &str, audience: &str) -> impl Future<Output = Result<Value, Refused>> + Send {
        async move {
            let token = parse(token)?;
            if !GOOGLE.contains(&token.claims["iss"].as_str().unwrap_or_default()) {
                return Err(Refused::new("the token is not of Google"));
            }
            believe(&token, &self.keys(GOOGLE[0]).await?, audience, Timestamp::now())?;
            Ok(token.claims)
        }
    }
}

struct Rules {
    variables: Vec<(String, Program)>,
    validations: Vec<(String, Program)>,
}

fn rules(provider: &OidcProvider) -> Result<Rules, Refused> {
    let issuer = sluice_http::peer_text(provider.issuer_url.as_bytes());
    let compile = |what: String, expression: &str, env: &Env| {
        Program::compile(expression, env).map_err(|why| {
            Refused::new(format!(
                "invalid oidcProvider configuration for issuer \"{issuer}\": invalid expression for {what}: {why}"
            ))
        })
    };
    let names = ["claims", "vars"];
    let any = Env::flux_checked(&names).result(None);
    let variables = provider.variables.iter();
    let variables =
        variables.map(|it| Ok((it.name.clone(), compile(format!("variable {:?}", it.name), &it.expression, &any)?)));
    let variables = variables.collect::<Result<_, Refused>>()?;
    let bool = Env::flux_checked(&names);
    let validations = provider.validations.iter();
    let validations = validations
        .map(|it| Ok((it.message.clone(), compile(format!("validation {:?}", it.message), &it.expression, &bool)?)));
    Ok(Rules { variables, validations: validations.collect::<Result<_, Refused>>()? })
}

/// Whether all expressions of a receiver's providers compile.
///
/// # Errors
/// The first that does not.
pub fn check_providers(spec: &ReceiverSpec) -> Result<(), Refused> {
    spec.oidc_providers.iter().try_for_each(|provider| rules(provider).map(drop))
}

fn bearer(authorization: &str) -> Result<&str, Refused> {
    let missing = || Refused::new("the Authorization header is missing a bearer token");
    let (scheme, token) = authorization.split_once(' ').ok_or_else(missing)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(token) } else { Err(missing()) }
}

/// Checks the token of a call; returns its claims.
pub async fn verify<I: Issuers>(spec: &ReceiverSpec, authorization: &str, issuers: &I) -> Result<Value, Refused> {
    if spec.oidc_providers.is_empty() {
        return Err(Refused::new("generic-oidc receiver has no oidcProviders configured"));
    }
    let text = bearer(authorization)?;
    let unparsed = |why: Refused| Refused::new(format!("failed to parse bearer token: {why}"));
    let token = parse(text).map_err(unparsed)?;
    let issuer = token.claims["iss"].as_str().filter(|it| !it.is_empty());
    let issuer = issuer.ok_or_else(|| unparsed(Refused::new("token is missing the 'iss' claim")))?;
    let provider = spec.oidc_providers.iter().find(|it| it.issuer_url == issuer).ok_or_else(|| {
        let shown = sluice_http::peer_text(issuer.as_bytes());
        Refused::new(format!("no oidcProvider configured for issuer \"{shown}\""))
    })?;
    let rules = rules(provider)?;
    let keys = issuers.keys(issuer).await;
    let keys = keys.map_err(|why| {
        let shown = sluice_http::peer_text(issuer.as_bytes());
        Refused::new(format!("failed to initialize OIDC provider for issuer \"{shown}\": {why}"))
    })?;
    let audience = if provider.audience.is_empty() { AUDIENCE } else { &provider.audience };
    let unverified = |why: Refused| Refused::new(format!("failed to verify OIDC token: {why}"));
    believe(&token, &keys, audience, Timestamp::now()).map_err(unverified)?;
    judge(&rules, &token.claims)?;
    Ok(token.claims)
}

/// Signature, audience and times.
fn believe(token: &Token<'_>, keys: &Keys, audience: &str, now: Timestamp) -> Result<(), Refused> {
    let claims = &token.claims;
    let is_ours = match &claims["aud"] {
        Value::String(one) => one == audience,
        Value::Array(all) => all.iter().any(|it| it == audience),
        _ => false,
    };
    if !is_ours {
        return Err(Refused::new(format!("oidc: expected audience {audience:?}")));
    }
    let seconds = |name: &str| claims[name].as_f64();
    let now = now.as_second();
    let expiry = seconds("exp").ok_or_else(|| Refused::new("oidc: token has no expiry"))?;
    if expiry < now as f64 {
        return Err(Refused::new("oidc: token is expired"));
    }
    if seconds("nbf").is_some_and(|it| it > (now + EARLY) as f64) {
        return Err(Refused::new("oidc: current time is before the nbf (not before) time"));
    }
    keys.verify(token)
}

/// The receiver's own rules: variables one after the other, then validations, all of which must hold.
fn judge(rules: &Rules, claims: &Value) -> Result<(), Refused> {
    let mut vars = Value::Object(Map::new());
    for (name, program) in &rules.variables {
        let value = program
            .eval(&[("claims", claims), ("vars", &vars)])
            .map_err(|why| Refused::new(format!("failed to evaluate variable {name:?}: {why}")))?;
        vars[name.as_str()] = value;
    }
    let mut failed = Vec::new();
    for (message, program) in &rules.validations {
        let holds = program.eval_bool(&[("claims", claims), ("vars", &vars)]);
        if !holds.map_err(|why| Refused::new(format!("failed to evaluate validation: {why}")))? {
            failed.push(message.as_str());
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Refused::new(format!("token validation failed: {}", failed.join("; "))))
    }
}

/// Checks the token that Google sends along with messages of Pub/Sub: signature, audience, and the account it is for.
pub async fn google<I: Issuers>(
    secret: &BTreeMap<String, Secret>,
    authorization: &str,
    issuers: &I,
) -> Result<(), Refused> {
    let get = |key: &str| {
        let value = secret.get(key).map(|it| it.expose().trim()).filter(|it| !it.is_empty());
        value.ok_or_else(|| Refused::new(format!("invalid secret data: required field '{key}' for GCR receiver")))
    };
    let (email, audience) = (get("email")?, get("audience")?);
    let refuse = |why: Refused| Refused::new(format!("cannot authenticate GCR request: {why}"));
    let claims = issuers.google(bearer(authorization).map_err(refuse)?, audience).await.map_err(refuse)?;
    let theirs = claims["email"].as_str().unwrap_or_default();
    let is_theirs = claims["email_verified"] == true && same(theirs, email);
    if is_theirs { Ok(()) } else { Err(refuse(Refused::new("the token is for another account"))) }
}
