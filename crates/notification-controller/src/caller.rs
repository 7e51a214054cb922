//! Calls a webhook as its sender would: for trying one out, and for pipelines.

use std::time::Duration;

use aws_lc_rs::hmac;
use http::Method;
use sluice_http::{Clients, Limits, Secret, Transport};

use crate::event::Event;
use crate::exchange::{Answer, Exchange as _, Failure, Request};
use crate::provider::web_url;
use crate::receiver::path;
use crate::transport::Courier;

/// A call.
pub struct Call<'a> {
    /// Where webhooks are taken.
    pub url: &'a str,
    /// Token of the Receiver.
    pub token: &'a str,
    /// Type of the Receiver: how the call shows that its sender knows the token.
    pub type_: &'a str,
    /// What happened, for types that are told by a header; empty for none.
    pub event: &'a str,
    /// Token of an issuer; empty for none.
    pub bearer: &'a str,
    /// Name of the Receiver.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The body.
    pub payload: &'a str,
}

/// Where a job of a pipeline gets a token that says who it is: GitHub Actions and Forgejo Actions.
pub struct Issuer<'a> {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL` of the job.
    pub url: &'a str,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN` of the job.
    pub token: &'a str,
    /// Whom the token is for.
    pub audience: &'a str,
}

impl Issuer<'_> {
    /// Asks for a token.
    ///
    /// # Errors
    /// When the address cannot be used, or the answer is no token.
    pub async fn token(&self, timeout: Duration) -> Result<Secret, Failure> {
        let mut url = web_url(self.url)?;
        url.query_pairs_mut().append_pair("audience", self.audience);
        let request = Request::new(Method::GET, url).bearer(&Secret::from(self.token))?;
        let answer = exchange(request, timeout).await?;
        let wrong = || Failure::send(format!("the issuer gave no token (status code {})", answer.status));
        let value: serde_json::Value = serde_json::from_slice(&answer.body).map_err(|_| wrong())?;
        value["value"].as_str().filter(|it| !it.is_empty()).map(Secret::from).ok_or_else(wrong)
    }
}

async fn exchange(request: Request, timeout: Duration) -> Result<Answer, Failure> {
    let clients =
        Clients::new(concat!("sluice/", env!("CARGO_PKG_VERSION")), Limits { redirects: 0, ..Limits::default() });
    let transport = Transport::default();
    let courier = Courier::new(&clients, &transport, &Event::default(), 0);
    let answer = tokio::time::timeout(timeout, courier.http(request)).await;
    Ok(answer.map_err(|_| Failure::send(format!("no answer within {} s", timeout.as_secs())))??)
}

impl Call<'_> {
    /// Makes the call; returns the code of the answer.
    ///
    /// # Errors
    /// When the address or a token cannot be used, or there is no answer.
    pub async fn send(&self, timeout: Duration) -> Result<u16, Failure> {
        let mut url = web_url(self.url)?;
        url.set_path(&path(self.token, self.name, self.namespace));
        let mut request = Request::new(Method::POST, url).header("content-type", "application/json");
        request.body = self.payload.as_bytes().to_vec();
        if let Some((name, value)) = self.proof() {
            request = request.secret_header(name, &value)?;
        }
        let header = match self.type_ {
            "github" => "x-github-event",
            "gitlab" => "x-gitlab-event",
            "bitbucket" => "x-event-key",
            "cdevents" => "ce-type",
            _ => "",
        };
        if !header.is_empty() && !self.event.is_empty() {
            request = request.secret_header(header, self.event)?;
        }
        if !self.bearer.is_empty() {
            request = request.bearer(&Secret::from(self.bearer))?;
        }
        Ok(exchange(request, timeout).await?.status)
    }

    /// The header that shows that the sender knows the token (spec/flux/notification.md §5).
    fn proof(&self) -> Option<(&'static str, String)> {
        let signed = |algorithm: hmac::Algorithm| {
            hex::encode(hmac::sign(&hmac::Key::new(algorithm, self.token.as_bytes()), self.payload.as_bytes()))
        };
        match self.type_ {
            "generic-hmac" => Some(("x-signature", format!("sha256={}", signed(hmac::HMAC_SHA256)))),
            "github" => Some(("x-hub-signature-256", format!("sha256={}", signed(hmac::HMAC_SHA256)))),
            "bitbucket" => Some(("x-hub-signature", format!("sha256={}", signed(hmac::HMAC_SHA256)))),
            "nexus" => Some(("x-nexus-webhook-signature", signed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY))),
            "gitlab" => Some(("x-gitlab-token", self.token.to_owned())),
            "harbor" => Some(("authorization", self.token.to_owned())),
            _ => None,
        }
    }
}
