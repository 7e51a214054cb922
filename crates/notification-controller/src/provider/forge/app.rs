//! Who we are to GitHub: a token, or an App that gets one.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_http::{Secret, Url};

use super::address::join;
use crate::exchange::{Exchange, Failure, Request, accepted};
use crate::provider::target::{Target, web_url};

/// What a Secret has.
pub enum Credentials {
    /// A token.
    Token(Secret),
    /// An App of GitHub.
    App(App),
}

/// An App of GitHub.
pub struct App {
    id: String,
    installation: Installation,
    key: Secret,
    api: Option<Secret>,
}

enum Installation {
    Id(String),
    Owner(String),
}

/// A token that requests are made with.
pub struct Access {
    token: Secret,
    /// Who comments are by, where that is known beforehand.
    pub author: Option<String>,
}

impl Credentials {
    /// The credentials of a target.
    ///
    /// # Errors
    /// When there are none.
    pub fn of(target: &Target) -> Result<Credentials, Failure> {
        if !target.token.expose().is_empty() {
            return Ok(Credentials::Token(target.token.clone()));
        }
        let get = |key: &str| target.secret(key).map(|it| it.expose().trim().to_owned());
        let missing = || Failure::setup("github token or github app details must be specified in the Secret");
        let id = get("githubAppID").ok_or_else(missing)?;
        let installation = match (get("githubAppInstallationID"), get("githubAppInstallationOwner")) {
            (Some(id), _) => Installation::Id(id),
            (None, Some(owner)) => Installation::Owner(owner),
            (None, None) => return Err(missing()),
        };
        let key = target.secret("githubAppPrivateKey").cloned().ok_or_else(missing)?;
        Ok(Credentials::App(App { id, installation, key, api: target.secret("githubAppBaseURL").cloned() }))
    }

    /// A token.
    ///
    /// # Errors
    /// When the App's key cannot be used, or GitHub refuses.
    pub async fn access<E: Exchange>(self, api: &Url, exchange: &E) -> Result<Access, Failure> {
        let app = match self {
            Credentials::Token(token) => return Ok(Access { token, author: None }),
            Credentials::App(app) => app,
        };
        let api = app.api.as_ref().map_or_else(|| Ok(api.clone()), |it| web_url(it.expose().trim()))?;
        let app_access = Access { token: jwt(&app.id, &app.key)?, author: None };
        let id = match &app.installation {
            Installation::Id(id) => id.clone(),
            Installation::Owner(owner) => {
                let found =
                    get(exchange, app_access.request(Method::GET, join(&api, &["users", owner, "installation"]))?)
                        .await?;
                found["id"]
                    .as_u64()
                    .map(|it| it.to_string())
                    .ok_or_else(|| Failure::send("the App is not installed"))?
            }
        };
        let token = app_access.request(Method::POST, join(&api, &["app", "installations", &id, "access_tokens"]))?;
        let token = get(exchange, token).await?["token"].as_str().map(Secret::from);
        let token = token.ok_or_else(|| Failure::send("GitHub gave no token for the App"))?;
        let slug = get(exchange, app_access.request(Method::GET, join(&api, &["app"]))?).await?;
        let author = slug["slug"].as_str().map(|it| format!("{it}[bot]"));
        Ok(Access { token, author })
    }
}

async fn get<E: Exchange>(exchange: &E, request: Request) -> Result<Value, Failure> {
    let answer = accepted(exchange, request).await?;
    serde_json::from_slice(&answer.body).map_err(|_| Failure::send("the answer of GitHub is no JSON").soon())
}

impl Access {
    /// A request as GitHub wants it.
    ///
    /// # Errors
    /// When the token cannot stand in a header.
    pub fn request(&self, method: Method, url: Url) -> Result<Request, Failure> {
        let request = Request::new(method, url).bearer(&self.token)?;
        Ok(request.header("accept", "application/vnd.github.v3+json").header("x-github-api-version", "2022-11-28"))
    }
}

/// A token that an App proves itself with, good for ten minutes at most.
fn jwt(id: &str, key: &Secret) -> Result<Secret, Failure> {
    let now = Timestamp::now().as_second();
    let claims = json!({"iat": now - 60, "exp": now + 540, "iss": id});
    signed_jwt(&json!({"alg": "RS256", "typ": "JWT"}), &claims, key)
        .ok_or_else(|| Failure::setup("`githubAppPrivateKey` of the Secret is no PEM key of RSA"))
}

/// A JWT signed with a PEM key of RSA; `None` where that is none.
pub fn signed_jwt(header: &Value, claims: &Value, key: &Secret) -> Option<Secret> {
    let pair = rsa_key(key.expose())?;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

fn rsa_key(pem: &str) -> Option<KeyPair> {
    let (_, from) = pem.split_once("-----BEGIN ")?;
    let (label, from) = from.split_once("-----")?;
    let (text, _) = from.split_once("-----END ")?;
    let text: String = text.split_whitespace().collect();
    let der = STANDARD.decode(text).ok()?;
    match label {
        "RSA PRIVATE KEY" => KeyPair::from_der(&der).ok(),
        "PRIVATE KEY" => KeyPair::from_pkcs8(&der).ok(),
        _ => None,
    }
}
