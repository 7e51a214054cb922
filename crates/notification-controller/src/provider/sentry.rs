//! Sentry: failures are events, all else are transactions, each in an envelope.

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_http::Url;

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// A DSN: `https://<key>@host/<path>/<project>`.
struct Dsn {
    key: String,
    envelope: Url,
}

fn dsn(text: &str) -> Result<Dsn, Failure> {
    let wrong = |what: &str| Failure::setup(format!("the address is no DSN of Sentry: {what}"));
    if text.is_empty() {
        return Err(wrong("it is missing"));
    }
    let mut url = Url::parse(text).map_err(|_| wrong("it is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("its scheme is neither `http` nor `https`"));
    }
    let key = url.username().to_owned();
    if key.is_empty() {
        return Err(wrong("it has no key"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let (path, project) = path.rsplit_once('/').ok_or_else(|| wrong("it has no project"))?;
    if project.is_empty() {
        return Err(wrong("it has no project"));
    }
    url.set_path(&format!("{path}/api/{project}/envelope/"));
    url.set_query(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(Dsn { key, envelope: url })
}

/// Sends an envelope.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let dsn = dsn(target.address.expose())?;
    // Made of the event, so that Sentry sees one that comes twice as the same.
    let id = &hex::encode(Sha256::digest(crate::json::to_vec(event)))[..32];
    let (kind, body) = item(target, event, id);
    let mut request = Request::new(Method::POST, dsn.envelope);
    for line in [json!({"event_id": id}), json!({"type": kind}), body] {
        request.body.extend(crate::json::to_vec(&line));
        request.body.push(b'\n');
    }
    let auth =
        format!("Sentry sentry_version=7, sentry_client=sluice/{}, sentry_key={}", env!("CARGO_PKG_VERSION"), dsn.key);
    let request =
        request.header("content-type", "application/x-sentry-envelope").secret_header("x-sentry-auth", &auth)?;
    accepted(exchange, request).await.map(drop)
}

fn item(target: &Target, event: &Event, id: &str) -> (&'static str, Value) {
    let object = &event.involved_object;
    let transaction = format!("{}: {}/{}", object.kind, object.namespace, object.name);
    let mut body = json!({
        "event_id": id,
        "platform": "go",
        "environment": target.channel,
        "server_name": event.reporting_controller,
        "timestamp": event.timestamp.rfc3339(),
    });
    match event.severity.as_str() {
        "info" => {
            let mut tags = event.metadata.clone();
            for (key, value) in [
                ("flux_involved_object_kind", &object.kind),
                ("flux_involved_object_name", &object.name),
                ("flux_involved_object_namespace", &object.namespace),
                ("flux_reason", &event.reason),
                ("flux_reporting_controller", &event.reporting_controller),
                ("flux_reporting_instance", &event.reporting_instance),
            ] {
                tags.insert(key.to_owned(), value.clone());
            }
            body["type"] = "transaction".into();
            body["level"] = "info".into();
            body["start_timestamp"] = event.timestamp.rfc3339().into();
            body["message"] = event.message.as_str().into();
            body["transaction"] = transaction.into();
            body["tags"] = json!(tags);
            body["contexts"] =
                json!({"trace": {"trace_id": id, "span_id": &id[..16], "op": "reconcile", "status": "ok"}});
            ("transaction", body)
        }
        "error" => {
            body["level"] = "error".into();
            body["message"] = event.message.as_str().into();
            body["transaction"] = transaction.into();
            body["contexts"] = json!({"metadata": event.metadata});
            ("event", body)
        }
        // Flux sends an empty event for any other severity.
        _ => {
            body["level"] = "error".into();
            ("event", body)
        }
    }
}
