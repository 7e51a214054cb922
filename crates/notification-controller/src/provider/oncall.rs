//! Services that wake people: Opsgenie, PagerDuty, incident.io.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::forge::words;
use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// Opsgenie; one alert for a provider, object and reason.
pub async fn opsgenie<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let url = target.url()?;
    let token = target.needs_token()?;
    let object = &event.involved_object;
    let mut details = event.metadata.clone();
    details.insert("severity".to_owned(), event.severity.clone());
    let alias = format!(
        "{}/{}/{}/{}/{}",
        target.about.provider_meta("uid"),
        object.kind,
        object.namespace,
        object.name,
        event.reason
    );
    let payload = json!({
        "message": format!("{}/{}", object.kind, object.name),
        "alias": hex::encode(Sha256::digest(alias)),
        "description": event.message,
        "details": details,
    });
    let key = format!("GenieKey {}", token.expose());
    accepted(exchange, Request::json(url, &payload).secret_header("authorization", &key)?).await.map(drop)
}

/// PagerDuty: failures trigger, what is well resolves and is noted as a change.
pub async fn pagerduty<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let mut url = target.url()?;
    if event.is_progressing() {
        return Ok(());
    }
    let object = &event.involved_object;
    let mut payload = json!({
        "summary": format!("{}: {}/{}", words(&event.reason), object.kind.to_lowercase(), object.name),
        "source": format!("Flux {}", event.reporting_controller),
        "timestamp": event.timestamp.rfc3339(),
        "custom_details": {"message": event.message, "metadata": event.metadata},
    });
    let change = json!({"routing_key": target.channel, "payload": payload});
    let mut alert = json!({
        "routing_key": target.channel,
        "event_action": if event.is_error() { "trigger" } else { "resolve" },
        "dedup_key": object.uid,
    });
    if event.is_error() {
        payload["severity"] = event.severity.as_str().into();
        payload["component"] = object.name.as_str().into();
        payload["group"] = object.kind.as_str().into();
        alert["payload"] = payload;
    }
    url.set_query(None);
    url.set_path("/v2/enqueue");
    post(url.clone(), &alert, exchange).await?;
    if event.severity == "info" {
        url.set_path("/v2/change/enqueue");
        post(url, &change, exchange).await?;
    }
    Ok(())
}

async fn post<E: Exchange>(url: sluice_http::Url, payload: &Value, exchange: &E) -> Result<(), Failure> {
    accepted(exchange, Request::json(url, payload)).await.map(drop)
}

/// incident.io: one alert for an object, firing or resolved.
pub async fn incident_io<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let url = target.url()?;
    let token = target.needs_token()?;
    if event.is_progressing() {
        return Ok(());
    }
    let mut metadata = event.metadata.clone();
    metadata.insert("severity".to_owned(), event.severity.clone());
    metadata.insert("reason".to_owned(), event.reason.clone());
    metadata.insert("reportingController".to_owned(), event.reporting_controller.clone());
    let payload = json!({
        "title": format!("{}: {}", event.object_name(), event.reason),
        "status": if event.is_error() { "firing" } else { "resolved" },
        "deduplication_key": event.involved_object.uid,
        "description": event.message,
        "metadata": metadata,
    });
    accepted(exchange, Request::json(url, &payload).bearer(token)?).await.map(drop)
}
