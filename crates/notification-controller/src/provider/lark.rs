//! Lark and Feishu: a bot's webhook, signed or not, or the message API of an app.
//!
//! Flux knows the unsigned webhook alone. Here a Secret with the key `secret` signs it, and one with `app_id` and
//! `app_secret` sends as the app to the chat, person or address that `spec.channel` names.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_http::{Secret, peer_text};

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Answer, Exchange, Failure, Request, accepted};

/// Sends a card.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    if let (Some(id), Some(secret)) = (target.secret("app_id"), target.secret("app_secret")) {
        return as_app(target, event, exchange, id, secret).await;
    }
    let mut payload = json!({"msg_type": "interactive", "card": card(event)});
    if let Some(secret) = target.secret("secret") {
        let now = Timestamp::now().as_second();
        payload["timestamp"] = now.to_string().into();
        payload["sign"] = signature(now, secret).into();
    }
    let answer = accepted(exchange, Request::json(target.url()?, &payload)).await?;
    taken(&answer)
}

fn card(event: &Event) -> Value {
    let sign = if event.is_error() { "🚨" } else { "💫" };
    let mut text = format!("**{}**\n\n", event.message);
    for (key, value) in &event.metadata {
        let _ = writeln!(text, "{key}: {value}");
    }
    json!({
        "config": {"wide_screen_mode": true},
        "header": {
            "title": {"tag": "plain_text", "content": format!("{sign} {}", event.object_name())},
            "template": if event.is_error() { "red" } else { "turquoise" },
        },
        "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": text}}],
    })
}

/// Lark's way: time and secret are the key, and nothing is what is signed.
fn signature(seconds: i64, secret: &Secret) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{seconds}\n{}", secret.expose()).as_bytes());
    base64::engine::general_purpose::STANDARD.encode(hmac::sign(&key, b""))
}

/// Lark answers 200 whatever happens; the body says what did.
fn taken(answer: &Answer) -> Result<(), Failure> {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = said["code"].as_i64().or_else(|| said["StatusCode"].as_i64()).unwrap_or_default();
    if code == 0 {
        return Ok(());
    }
    let why = said["msg"].as_str().or_else(|| said["StatusMessage"].as_str()).unwrap_or_default();
    let failure = Failure::send(format!("Lark did not take the message: code {code}: {}", peer_text(why.as_bytes())));
    // Too many calls, or its own trouble.
    Err(if matches!(code, 9499 | 11232 | 230_020 | 99_991_400 | 1_000_000..) { failure.soon() } else { failure })
}

async fn as_app<E: Exchange>(
    target: &Target,
    event: &Event,
    exchange: &E,
    id: &Secret,
    secret: &Secret,
) -> Result<(), Failure> {
    if target.channel.is_empty() {
        return Err(Failure::setup("an app of Lark needs spec.channel: the id of a chat or person, or an address"));
    }
    let mut url = target.url()?;
    url.set_query(None);
    url.set_path("/open-apis/auth/v3/tenant_access_token/internal");
    let credentials = json!({"app_id": id.expose().trim(), "app_secret": secret.expose().trim()});
    let answer = accepted(exchange, Request::json(url.clone(), &credentials)).await?;
    taken(&answer)?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = said["tenant_access_token"].as_str().ok_or_else(|| Failure::send("Lark gave no access token"))?;
    url.set_path("/open-apis/im/v1/messages");
    url.query_pairs_mut().append_pair("receive_id_type", id_type(&target.channel));
    // Lark shows two messages of one uuid once, so that trying again does no harm.
    let digest = Sha256::digest(crate::json::to_vec(&(target.about.alert_meta("uid"), event)));
    let payload = json!({
        "receive_id": target.channel,
        "msg_type": "interactive",
        "content": card(event).to_string(),
        "uuid": &hex::encode(digest)[..40],
    });
    let answer = accepted(exchange, Request::json(url, &payload).bearer(&token.into())?).await?;
    taken(&answer)
}

fn id_type(receiver: &str) -> &'static str {
    match receiver.get(..3) {
        Some("oc_") => "chat_id",
        Some("ou_") => "open_id",
        Some("on_") => "union_id",
        _ if receiver.contains('@') => "email",
        _ => "user_id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_made_as_lark_describes_it() {
        // From the key "1599360473\nsecret" over nothing, by another implementation.
        assert_eq!(signature(1_599_360_473, &"secret".into()), "q4jswNiMy51J5JuQV566yJat0/lQ/c+22kINzUgKsGU=");
    }

    #[test]
    fn the_kind_of_a_receiver_is_in_its_id() {
        for (id, want) in
            [("oc_1", "chat_id"), ("ou_1", "open_id"), ("a@b.c", "email"), ("7f", "user_id"), ("", "user_id")]
        {
            assert_eq!(id_type(id), want);
        }
    }

    #[test]
    fn an_answer_of_200_may_be_a_refusal() {
        let answer = |body: &str| Answer { status: 200, body: body.as_bytes().to_vec(), ..Answer::default() };
        assert!(taken(&answer(r#"{"StatusCode":0,"StatusMessage":"success"}"#)).is_ok());
        assert!(taken(&answer("")).is_ok());
        let failure = taken(&answer(r#"{"code":19021,"msg":"sign match fail"}"#)).unwrap_err();
        assert!(failure.message.contains("19021: sign match fail"), "{failure}");
    }
}
