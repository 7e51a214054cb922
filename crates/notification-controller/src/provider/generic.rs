//! Any webhook, signed or not.

use aws_lc_rs::hmac;

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// Posts the event itself.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let mut request = Request::json(target.url()?, event);
    if target.kind == "generic-hmac" {
        let key = hmac::Key::new(hmac::HMAC_SHA256, target.token.expose().as_bytes());
        let signature = format!("sha256={}", hex::encode(hmac::sign(&key, &request.body)));
        request = request.secret_header("x-signature", &signature)?;
    }
    request = request.secret_header("gotk-component", &event.reporting_controller)?;
    accepted(exchange, target.with_headers(request)?).await.map(drop)
}
