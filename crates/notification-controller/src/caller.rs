//! Calls a webhook as its sender would: for trying one out, and for pipelines.

use std::time::Duration;

use aws_lc_rs::hmac;
use http::Method;
use sluice_http::{Clients, Limits, Secret, Transport};

use crate::event::Event;
use crate::exchange::{Exchange as _, Failure, Request};
use crate::provider::web_url;
use crate::receiver::path;
use crate::transport::Courier;

/// A call.
pub struct Call<'a> {
    /// Where webhooks are taken.
    pub url: &'a str,
    /// Token of the Receiver.
    pub token: &'a str,
    /// Whether the body is signed with it.
    pub signed: bool,
    /// Token of an issuer; empty for none.
    pub bearer: &'a str,
    /// Name of the Receiver.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The body.
    pub payload: &'a str,
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
        if self.signed {
            let key = hmac::Key::new(hmac::HMAC_SHA256, self.token.as_bytes());
            let signature = format!("sha256={}", hex::encode(hmac::sign(&key, &request.body)));
            request = request.secret_header("x-signature", &signature)?;
        }
        if !self.bearer.is_empty() {
            request = request.bearer(&Secret::from(self.bearer))?;
        }
        let clients =
            Clients::new(concat!("sluice/", env!("CARGO_PKG_VERSION")), Limits { redirects: 0, ..Limits::default() });
        let transport = Transport::default();
        let courier = Courier::new(&clients, &transport, &Event::default(), 0);
        let answer = tokio::time::timeout(timeout, courier.http(request)).await;
        let answer = answer.map_err(|_| Failure::send(format!("no answer within {} s", timeout.as_secs())))??;
        Ok(answer.status)
    }
}
