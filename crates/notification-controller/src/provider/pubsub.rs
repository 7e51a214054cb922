//! Google Pub/Sub, by its REST API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_http::{Secret, Url};

use super::forge::signed_jwt;
use super::target::{Target, web_url};
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

const API: &str = "https://pubsub.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/pubsub";
const IDENTITY: &str = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
const TOKENS: &str = "https://oauth2.googleapis.com/token";

/// Publishes the event. `spec.address` is the project, `spec.channel` the topic.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let (project, topic) = (target.address.expose(), target.channel.as_str());
    if project.is_empty() || topic.is_empty() {
        return Err(Failure::setup("Pub/Sub needs the project as spec.address and the topic as spec.channel"));
    }
    let token = token(target, exchange).await?;
    let path = format!("{API}/v1/projects/{project}/topics/{topic}:publish");
    let url =
        Url::parse(&path).map_err(|_| Failure::setup("spec.address or spec.channel cannot stand in an address"))?;
    let mut message = json!({"data": STANDARD.encode(crate::json::to_vec(event))});
    if !target.headers.is_empty() {
        let attributes = target.headers.iter().map(|(key, value)| (key.clone(), value.expose().into()));
        message["attributes"] = Value::Object(attributes.collect());
    }
    accepted(exchange, Request::json(url, &json!({"messages": [message]})).bearer(&token)?).await.map(drop)
}

/// A token for the service account of the Secret, or for that of this machine.
async fn token<E: Exchange>(target: &Target, exchange: &E) -> Result<Secret, Failure> {
    let broken = |_| Failure::setup("the address of Google's tokens is no URL");
    let request = if target.token.expose().is_empty() {
        Request::new(Method::GET, Url::parse(IDENTITY).map_err(broken)?).header("metadata-flavor", "Google")
    } else {
        exchange_key(&target.token)?
    };
    let answer = accepted(exchange, request).await?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    said["access_token"].as_str().map(Secret::from).ok_or_else(|| Failure::send("Google gave no access token"))
}

fn exchange_key(account: &Secret) -> Result<Request, Failure> {
    let wrong = || Failure::setup("`token` of the Secret is no JSON key of a service account");
    let account: Value = serde_json::from_str(account.expose()).map_err(|_| wrong())?;
    let (Some(email), Some(key)) = (account["client_email"].as_str(), account["private_key"].as_str()) else {
        return Err(wrong());
    };
    let tokens = account["token_uri"].as_str().unwrap_or(TOKENS);
    let now = Timestamp::now().as_second();
    let claims = json!({"iss": email, "scope": SCOPE, "aud": tokens, "iat": now, "exp": now + 3600});
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": account["private_key_id"]});
    let jwt = signed_jwt(&header, &claims, &key.into()).ok_or_else(wrong)?;
    let mut form = web_url(tokens)?;
    let url = form.clone();
    form.query_pairs_mut()
        .clear()
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", jwt.expose());
    let mut request = Request::new(Method::POST, url).header("content-type", "application/x-www-form-urlencoded");
    request.body = form.query().unwrap_or_default().as_bytes().to_vec();
    Ok(request)
}
