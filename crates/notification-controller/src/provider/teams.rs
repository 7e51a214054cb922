//! Microsoft Teams: message cards for connectors, adaptive cards for Workflows.

use serde_json::{Value, json};

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// Sends a card.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let url = target.url()?;
    let connector = url.host_str().is_some_and(|host| host.ends_with(".webhook.office.com"));
    let payload = if connector { message_card(event) } else { adaptive_card(event) };
    accepted(exchange, Request::json(url, &payload)).await.map(drop)
}

fn message_card(event: &Event) -> Value {
    let fact = |(name, value)| json!({"name": name, "value": value});
    json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": if event.is_error() { "FF0000" } else { "0076D7" },
        "summary": event.object_name(),
        "sections": [{
            "activityTitle": event.message,
            "activitySubtitle": event.object_name(),
            "facts": event.metadata.iter().map(fact).collect::<Vec<_>>(),
        }],
    })
}

fn adaptive_card(event: &Event) -> Value {
    let fact = |(title, value)| json!({"title": title, "value": value});
    // The summary stands first, whatever its place in the alphabet.
    let summary = event.metadata.get_key_value("summary");
    let rest = event.metadata.iter().filter(|(key, _)| *key != "summary");
    let facts: Vec<Value> = summary.into_iter().chain(rest).map(fact).collect();
    let mut text = json!({"type": "TextBlock", "text": event.message, "wrap": true});
    if event.is_error() {
        text["color"] = "attention".into();
    }
    let title =
        json!({"type": "TextBlock", "text": event.object_name(), "size": "large", "weight": "bolder", "wrap": true});
    let mut set = json!({"type": "FactSet"});
    if !facts.is_empty() {
        set["facts"] = facts.into();
    }
    let content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "Container", "items": [title, text, set]}],
        "msteams": {"width": "Full"},
    });
    let kind = "application/vnd.microsoft.card.adaptive";
    json!({"type": "message", "attachments": [{"contentType": kind, "content": content}]})
}
