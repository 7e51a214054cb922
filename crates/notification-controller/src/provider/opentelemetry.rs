//! OpenTelemetry: a span for an event, over OTLP/HTTP. Spans of one alert and revision share a trace.

use http::Method;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// Sends a span.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let url = target.url()?;
    // The index of a repository has no revision that a trace could be about.
    if event.involved_object.kind == "HelmRepository" {
        return Ok(());
    }
    let mut request = Request::new(Method::POST, url).header("content-type", "application/x-protobuf");
    request.body = export(target, event, Timestamp::now());
    // As with Flux, credentials are sent only along with headers.
    if !target.headers.is_empty() {
        request = target.with_headers(request)?;
        if !target.token.expose().is_empty() {
            request = request.bearer(&target.token)?;
        } else if !target.username.is_empty() && !target.password.expose().is_empty() {
            request = request.basic(&target.username, &target.password)?;
        }
    }
    accepted(exchange, request).await.map(drop)
}

/// What the spans of a rollout have in common.
fn revision(event: &Event) -> String {
    let get = |key: &str| event.metadata.get(key).map(String::as_str);
    match (get("app-version"), get("oci-digest"), get("revision")) {
        (Some(version), Some(digest), _) => format!("{version}@{digest}"),
        (_, _, Some(revision)) => revision.to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn export(target: &Target, event: &Event, end: Timestamp) -> Vec<u8> {
    let about = &target.about;
    let (namespace, name, uid) = (about.alert_meta("namespace"), about.alert_meta("name"), about.alert_meta("uid"));
    let trace = Sha256::digest(format!("{uid}:{}", revision(event)));
    let span = Sha256::digest(crate::json::to_vec(event));
    let object = &event.involved_object;
    let start = event.timestamp.0.map_or(0, Timestamp::as_second).max(0).cast_unsigned() * 1_000_000_000;
    let end = u64::try_from(end.as_nanosecond()).unwrap_or_default().max(start);
    let mut out = Message::default();
    out.message(1, |spans| {
        spans.message(1, |resource| {
            resource.attribute(1, "service.instance.id", uid);
            resource.attribute(1, "service.name", &format!("{namespace}/{name}"));
            resource.attribute(1, "service.namespace", namespace);
        });
        spans.message(2, |scope| {
            scope.message(1, |it| it.bytes(1, b"flux:notification-controller"));
            scope.message(2, |it| {
                it.bytes(1, &trace[..16]);
                it.bytes(2, &span[..8]);
                it.bytes(5, format!("{}: {}/{}", object.kind, object.namespace, object.name).as_bytes());
                it.number(6, 1);
                it.fixed64(7, start);
                it.fixed64(8, end);
                for (key, value) in [
                    ("object.uid", &object.uid),
                    ("object.kind", &object.kind),
                    ("object.name", &object.name),
                    ("object.namespace", &object.namespace),
                ] {
                    it.attribute(9, key, value);
                }
                for (key, value) in &event.metadata {
                    it.attribute(9, key, value);
                }
                it.message(15, |status| {
                    if event.is_error() {
                        status.bytes(2, event.message.as_bytes());
                    }
                    status.number(3, if event.is_error() { 2 } else { 1 });
                });
                // Sampled, and certainly of this process.
                it.fixed32(16, 769);
            });
        });
        spans.bytes(3, b"https://opentelemetry.io/schemas/1.34.0");
    });
    out.0
}

/// A message of Protocol Buffers, field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn fixed64(&mut self, field: u64, value: u64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, value: u32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn attribute(&mut self, field: u64, key: &str, value: &str) {
        self.message(field, |pair| {
            pair.bytes(1, key.as_bytes());
            pair.message(2, |it| it.bytes(1, value.as_bytes()));
        });
    }
}
