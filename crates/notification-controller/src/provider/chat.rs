//! Slack and those that take Slack's messages; Google Chat; Zoom.

use serde_json::{Value, json};

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// Where Slack answers 200 and says in the body whether it took the message.
const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

struct Colors {
    good: &'static str,
    danger: &'static str,
}

const SLACK: Colors = Colors { good: "good", danger: "danger" };
const ROCKET: Colors = Colors { good: "#0076D7", danger: "#FF0000" };

fn fields(event: &Event) -> Vec<Value> {
    let field = |(title, value)| json!({"title": title, "value": value, "short": false});
    event.metadata.iter().map(field).collect()
}

fn payload(event: &Event, channel: &str, username: &str, fallback: &str, colors: &Colors) -> Value {
    let color = if event.is_error() { colors.danger } else { colors.good };
    json!({
        "channel": channel,
        "username": username,
        "icon_url": "",
        "icon_emoji": "",
        "attachments": [{
            "fallback": fallback,
            "color": color,
            "author_name": event.object_name(),
            "text": event.message,
            "mrkdwn_in": ["text"],
            "fields": fields(event),
        }],
    })
}

fn username<'a>(target: &'a Target, event: &'a Event) -> &'a str {
    if target.username.is_empty() { &event.reporting_controller } else { &target.username }
}

/// A webhook of Slack, or its API with a bot's token.
pub async fn slack<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let first = event.message.split('\n').next().unwrap_or_default();
    let fallback = format!("{}: {first}", event.object_name());
    let payload = payload(event, &target.channel, username(target, event), &fallback, &SLACK);
    let mut request = Request::json(target.url()?, &payload);
    if !target.token.expose().is_empty() {
        request = request.bearer(&target.token)?;
    }
    let answer = accepted(exchange, request).await?;
    if target.address.expose() != POST_MESSAGE {
        return Ok(());
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if said["ok"] == true {
        return Ok(());
    }
    let error = sluice_http::peer_text(said["error"].as_str().unwrap_or("no `ok` in the answer").as_bytes());
    let failure = Failure::send(format!("Slack did not take the message: {error}"));
    let may_pass = matches!(
        error.as_str(),
        "ratelimited" | "rate_limited" | "internal_error" | "fatal_error" | "service_unavailable"
    );
    Err(if may_pass { failure.soon() } else { failure })
}

/// A webhook of Discord, in its Slack dialect.
pub async fn discord<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let mut url = target.url()?;
    if url.path().rsplit('/').next() != Some("slack") {
        let path = format!("{}/slack", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    let payload = payload(event, "", username(target, event), "", &SLACK);
    accepted(exchange, Request::json(url, &payload)).await.map(drop)
}

/// A webhook of Rocket.Chat.
pub async fn rocket<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let payload = payload(event, &target.channel, &target.username, "", &ROCKET);
    accepted(exchange, Request::json(target.url()?, &payload)).await.map(drop)
}

/// A webhook of Google Chat.
pub async fn google<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let text = match event.is_error() {
        true => format!("<font color=\"#ff0000\">{}</font>", event.message),
        false => event.message.clone(),
    };
    let mut sections = vec![json!({"header": "", "widgets": [{"textParagraph": {"text": text}, "keyValue": null}]})];
    if !event.metadata.is_empty() {
        let widget = |(key, value)| {
            json!({"textParagraph": null, "keyValue": {
                "topLabel": key, "content": value, "contentMultiline": false, "bottomLabel": null, "icon": null,
            }})
        };
        let widgets: Vec<Value> = event.metadata.iter().map(widget).collect();
        sections.push(json!({"header": "", "widgets": widgets}));
    }
    let header = json!({
        "title": event.object_name(), "subtitle": event.reporting_controller, "imageUrl": null, "imageStyle": null,
    });
    let payload = json!({"cards": [{"header": header, "sections": sections}]});
    accepted(exchange, Request::json(target.url()?, &payload)).await.map(drop)
}

/// A webhook of Zoom's Team Chat.
pub async fn zoom<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let mut url = target.url()?;
    if !url.query_pairs().any(|(key, _)| key == "format") {
        url.query_pairs_mut().append_pair("format", "full");
    }
    let mut body = vec![json!({"type": "message", "text": event.message})];
    if !event.metadata.is_empty() {
        let item = |(key, value)| json!({"key": key, "value": value});
        body.push(json!({"type": "fields", "items": event.metadata.iter().map(item).collect::<Vec<_>>()}));
    }
    let head = json!({"text": event.object_name(), "sub_head": {"text": event.severity}});
    let request = Request::json(url, &json!({"content": {"head": head, "body": body}}));
    let request = request.secret_header("authorization", target.needs_token()?.expose())?;
    accepted(exchange, request).await.map(drop)
}
