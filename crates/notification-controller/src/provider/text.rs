//! Services that take a text: Webex, Telegram, Matrix, Zulip.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::json;
use sluice_http::Url;

use super::markdown::markdown;
use super::target::{Target, web_url};
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// A room of Webex.
pub async fn webex<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let sign = if event.is_error() { "💣" } else { "✅" };
    let mut text = format!("{sign} **{}**\n{}\n", event.object_name(), event.message);
    for (key, value) in &event.metadata {
        let _ = writeln!(text, ">**{key}**: {value}");
    }
    let mut payload = json!({"markdown": text});
    if !target.channel.is_empty() {
        payload["roomId"] = target.channel.as_str().into();
    }
    let request = Request::json(target.url()?, &payload).bearer(&target.token)?;
    accepted(exchange, request).await.map(drop)
}

/// A chat of Telegram, perhaps a thread of it.
pub async fn telegram<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    if target.channel.is_empty() {
        return Err(Failure::setup("a provider of type `telegram` needs spec.channel"));
    }
    let token = target.needs_token()?;
    let (chat, thread) = match target.channel.split_once(':') {
        Some((chat, thread)) => (chat, Some(thread)),
        None => (target.channel.as_str(), None),
    };
    let object = &event.involved_object;
    let sign = if event.is_error() { "🚨" } else { "💫" };
    let title = format!("{}/{}/{}", object.kind.to_lowercase(), object.name, object.namespace);
    let mut text = format!("*{}*\n{}\n", escaped(&format!("{sign} {title}")), escaped(&event.message));
    for (key, value) in &event.metadata {
        let _ = writeln!(text, "\\- *{}*: {}", escaped(key), escaped(value));
    }
    let mut payload = json!({"chat_id": chat, "text": text, "parse_mode": "MarkdownV2"});
    if let Some(thread) = thread {
        payload["message_thread_id"] = thread.into();
    }
    let url = format!("https://api.telegram.org/bot{}/sendMessage", token.expose());
    let url = Url::parse(&url).map_err(|_| Failure::setup("`token` of the Secret cannot stand in an address"))?;
    accepted(exchange, Request::json(url, &payload)).await.map(drop)
}

/// Everything that MarkdownV2 would take for markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '.'
                | '-'
                | '_'
                | '['
                | ']'
                | '('
                | ')'
                | '~'
                | '>'
                | '`'
                | '#'
                | '+'
                | '='
                | '|'
                | '{'
                | '}'
                | '!'
                | '*'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A room of Matrix. The transaction id is made of the event, so that a message sent twice is shown once.
pub async fn matrix<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let base = target.url()?;
    let id = hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &crate::json::to_vec(event)));
    let sign = if event.is_error() { "🚨" } else { "💫" };
    let mut text = format!("{sign} {}\n{}\n", event.object_name(), event.message);
    for (key, value) in &event.metadata {
        let _ = writeln!(text, "- {key}: {value}");
    }
    let mut url = base.clone();
    let path = base.path().trim_end_matches('/');
    url.set_path(&format!("{path}/_matrix/client/r0/rooms/{}/send/m.room.message/{id}", target.channel));
    let request = Request::new(Method::PUT, url).with_json(&json!({"body": text, "msgtype": "m.text"}));
    accepted(exchange, request.bearer(&target.token)?).await.map(drop)
}

/// A topic of a stream of Zulip.
pub async fn zulip<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let wrong = || Failure::setup("spec.channel of a provider of type `zulip` is written `<stream>/<topic>`");
    let (stream, topic) = target.channel.split_once('/').ok_or_else(wrong)?;
    let mut url = web_url(target.address.expose())?;
    url.set_path("/api/v1/messages");
    let mut form = url.clone();
    form.query_pairs_mut()
        .clear()
        .append_pair("type", "stream")
        .append_pair("to", stream)
        .append_pair("topic", topic)
        .append_pair("content", &markdown(event));
    let mut request = Request::new(Method::POST, url);
    request.body = form.query().unwrap_or_default().as_bytes().to_vec();
    request.headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/x-www-form-urlencoded"));
    accepted(exchange, request.basic(&target.username, &target.password)?).await.map(drop)
}
