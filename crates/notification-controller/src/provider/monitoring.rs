//! Services that draw and count: Alertmanager, Grafana, Datadog.

use serde_json::json;
use sluice_http::Url;

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// Where Datadog is, unless the address says otherwise.
const DATADOG: &str = "https://api.datadoghq.com";

/// Alertmanager; nothing is appended to the address.
pub async fn alertmanager<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let object = &event.involved_object;
    let mut labels = event.metadata.clone();
    let mut annotations = json!({"message": event.message});
    if let Some(summary) = labels.remove("summary") {
        annotations["summary"] = summary.into();
    }
    for (key, value) in [
        ("alertname", format!("Flux{}{}", object.kind, title(&event.reason))),
        ("severity", event.severity.clone()),
        ("reason", event.reason.clone()),
        ("kind", object.kind.clone()),
        ("name", object.name.clone()),
        ("namespace", object.namespace.clone()),
        ("reportingcontroller", event.reporting_controller.clone()),
    ] {
        labels.insert(key.to_owned(), value);
    }
    let payload = json!([{
        "status": "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": event.timestamp.rfc3339(),
        "endsAt": "0001-01-01T00:00:00Z",
    }]);
    let mut request = Request::json(target.url()?, &payload);
    if !target.token.expose().is_empty() {
        request = request.bearer(&target.token)?;
    }
    if !target.username.is_empty() && !target.password.expose().is_empty() {
        request = request.basic(&target.username, &target.password)?;
    }
    accepted(exchange, request).await.map(drop)
}

/// The first letter of each word large, all others small.
fn title(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match start {
            true => out.extend(c.to_uppercase()),
            false => out.extend(c.to_lowercase()),
        }
        start = !(c.is_alphanumeric() || c == '_' || c == '\'');
    }
    out
}

/// An annotation in Grafana.
pub async fn grafana<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let object = &event.involved_object;
    let mut tags = vec!["flux".to_owned(), event.reporting_controller.clone()];
    // A colon parts a tag's key from its value, so no other may stand in it.
    tags.extend(event.metadata.iter().map(|(key, value)| format!("{key}: {}", value.replace(':', "|"))));
    tags.push(format!("kind: {}", object.kind));
    tags.push(format!("name: {}", object.name));
    tags.push(format!("namespace: {}", object.namespace));
    let payload = json!({"when": event.timestamp.seconds(), "text": event.object_name(), "tags": tags});
    let mut request = Request::json(target.url()?, &payload);
    if !target.token.expose().is_empty() {
        request = request.bearer(&target.token)?;
    } else if !target.username.is_empty() && !target.password.expose().is_empty() {
        request = request.basic(&target.username, &target.password)?;
    }
    accepted(exchange, request).await.map(drop)
}

/// An event in Datadog, at the time that the event itself has.
pub async fn datadog<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let token = target.needs_token()?;
    // As with Flux, an address that is none means the usual one.
    let usual = || Url::parse(DATADOG).map_err(|_| Failure::setup("the address is no URL"));
    let mut url = target.url().or_else(|_| usual())?;
    url.set_query(None);
    url.set_path("/api/v1/events");
    let object = &event.involved_object;
    let mut tags = vec![
        format!("flux_reporting_controller:{}", event.reporting_controller),
        format!("flux_reason:{}", event.reason),
        format!("kube_kind:{}", object.kind),
        format!("kube_name:{}", object.name),
        format!("kube_namespace:{}", object.namespace),
    ];
    tags.extend(event.metadata.iter().map(|(key, value)| format!("{key}:{value}")));
    let tags: Vec<String> = tags.iter().map(|it| it.to_lowercase()).collect();
    let payload = json!({
        "title": format!("Events from the {} {}/{}", object.kind, object.name, object.namespace),
        "text": event.message,
        "tags": tags,
        "source_type_name": "fluxcd",
        "date_happened": event.timestamp.seconds(),
        "alert_type": if event.is_error() { "error" } else { "info" },
    });
    let request = Request::json(url, &payload).header("accept", "application/json");
    accepted(exchange, request.secret_header("dd-api-key", token.expose())?).await.map(drop)
}
