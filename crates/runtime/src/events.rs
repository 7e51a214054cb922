//! Events of objects: to Kubernetes, and to the notification-controller (spec/flux/install.md §11, notification.md §3).
//!
//! No reconcile ever waits for an event: events go into bounded queues that a task empties. What finds its queue full,
//! or cannot be delivered, is dropped and counted in `sluice_events_dropped_total`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};
use sluice_api::meta::printable;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, trace};

use crate::client::Kube;
use crate::metrics::Metrics;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Recorded in Kubernetes, not sent to the notification-controller.
    Trace,
    /// Something happened as it should.
    Info,
    /// Something failed.
    Error,
}

/// What happened to an object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    involved_object: ObjectReference,
    severity: Severity,
    timestamp: String,
    message: String,
    reason: String,
    metadata: BTreeMap<String, String>,
    reporting_controller: String,
    reporting_instance: String,
    #[serde(skip)]
    for_whom: Audience,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Everybody,
    Receiver,
}

/// Sends events; clones share the queues.
#[derive(Clone)]
pub struct Recorder {
    controller: String,
    instance: String,
    queue: mpsc::Sender<Event>,
    metrics: Metrics,
}

/// A burst of one event for each of a thousand objects fits.
const QUEUE: usize = 1024;
/// Kubernetes refuses longer messages; Flux cuts them for its own receiver (notification.md §3).
const KUBERNETES_MESSAGE: usize = 1024;
const MESSAGE: usize = 39_000;
/// Every annotation of this prefix becomes metadata of the object's events.
const METADATA_PREFIX: &str = "event.toolkit.fluxcd.io/";

impl Recorder {
    /// A recorder for `controller`, and the tasks that send what it records, until `stop`.
    #[must_use]
    pub fn start(
        controller: &str,
        kube: Kube,
        events_addr: &str,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Recorder {
        let (queue, events) = mpsc::channel(QUEUE);
        let post = (!events_addr.is_empty()).then(|| {
            let (post, posts) = mpsc::channel(QUEUE);
            tokio::spawn(post_all(events_addr.to_owned(), posts, metrics.clone(), stop.clone()));
            post
        });
        tokio::spawn(record_all(kube, events, post, metrics.clone(), stop));
        let instance = hostname();
        Recorder { controller: controller.to_owned(), instance, queue, metrics }
    }

    /// Queues an event of `object`. `metadata` keys are written whole, with the object's API group in front.
    pub fn event<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        severity: Severity,
        reason: &str,
        message: &str,
        metadata: BTreeMap<String, String>,
    ) {
        self.queue(object, severity, reason, message, metadata, Audience::Everybody);
    }

    /// Queues an event that goes to the notification-controller, and is not recorded in Kubernetes.
    pub fn post<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        severity: Severity,
        reason: &str,
        message: &str,
        metadata: BTreeMap<String, String>,
    ) {
        self.queue(object, severity, reason, message, metadata, Audience::Receiver);
    }

    fn queue<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        severity: Severity,
        reason: &str,
        message: &str,
        metadata: BTreeMap<String, String>,
        for_whom: Audience,
    ) {
        let mut all: BTreeMap<String, String> = object
            .annotations()
            .iter()
            .filter(|(key, _)| key.starts_with(METADATA_PREFIX))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        all.extend(metadata);
        let mut involved_object = object.object_ref(&());
        involved_object.resource_version = object.resource_version();
        let event = Event {
            involved_object,
            severity,
            timestamp: Timestamp::now().to_string(),
            message: shortened(&printable(message), MESSAGE),
            reason: reason.to_owned(),
            metadata: all,
            reporting_controller: self.controller.clone(),
            reporting_instance: self.instance.clone(),
            for_whom,
        };
        trace!(severity = ?event.severity, reason, message, "event");
        if self.queue.try_send(event).is_err() {
            self.metrics.event_dropped();
        }
    }
}

/// `text`, cut at a character's boundary so that it has at most `limit` bytes, with `...` where something is missing.
#[must_use]
pub fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(limit.saturating_sub(3))])
}

/// This machine's name, in a cluster the pod's.
#[must_use]
pub fn hostname() -> String {
    let read = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    std::env::var("HOSTNAME").ok().or_else(read).map_or_else(|| "localhost".to_owned(), |it| it.trim().to_owned())
}

async fn record_all(
    kube: Kube,
    mut events: mpsc::Receiver<Event>,
    post: Option<mpsc::Sender<Event>>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    loop {
        // What is queued when the end comes is still sent: the receiver is emptied before it stops.
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            () = stop.cancelled() => return,
        };
        let Some(event) = event else { return };
        // Told first: an API server that is slow keeps nobody from being notified.
        if event.severity != Severity::Trace
            && let Some(post) = &post
            && post.try_send(event.clone()).is_err()
        {
            metrics.event_dropped();
        }
        if event.for_whom == Audience::Everybody
            && let Err(error) = kube.post(&event_path(&event), &kubernetes_event(&event)).await
        {
            debug!(%error, "an event could not be recorded");
        }
    }
}

fn event_path(event: &Event) -> String {
    let namespace = event.involved_object.namespace.as_deref().unwrap_or("default");
    format!("/api/v1/namespaces/{namespace}/events")
}

fn kubernetes_event(event: &Event) -> Value {
    let name = event.involved_object.name.as_deref().unwrap_or("unknown");
    let namespace = event.involved_object.namespace.as_deref().unwrap_or("default");
    let kind = if event.severity == Severity::Error { "Warning" } else { "Normal" };
    let unique = uuid::Uuid::new_v4().simple().to_string();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        // Names are at most 253 characters; the object's own may be that long already.
        "metadata": {"name": format!("{}.{}", shortened(name, 230).trim_end_matches('.'), &unique[..16]),
                     "namespace": namespace, "annotations": event.metadata},
        "involvedObject": event.involved_object,
        "type": kind,
        "reason": event.reason,
        "message": shortened(&event.message, KUBERNETES_MESSAGE),
        "firstTimestamp": seconds(&event.timestamp),
        "lastTimestamp": seconds(&event.timestamp),
        "count": 1,
        "source": {"component": event.reporting_controller},
        "reportingComponent": event.reporting_controller,
        "reportingInstance": event.reporting_instance,
    })
}

/// Kubernetes' times are whole seconds.
fn seconds(timestamp: &str) -> String {
    match (timestamp.split_once('.'), timestamp.ends_with('Z')) {
        (Some((whole, _)), true) => format!("{whole}Z"),
        _ => timestamp.to_owned(),
    }
}

/// Posts events one after the other, each at most five times (spec/flux/install.md §11).
async fn post_all(url: String, mut events: mpsc::Receiver<Event>, metrics: Metrics, stop: CancellationToken) {
    let client = match reqwest::Client::builder().timeout(Duration::from_secs(5)).build() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no HTTP client; events are not sent");
            return;
        }
    };
    while let Some(event) = events.recv().await {
        let mut wait = Duration::from_secs(1);
        for attempt in 0..5 {
            match client.post(&url).json(&event).send().await {
                // 429 means that the receiver has had this event already.
                Ok(answer) if answer.status().as_u16() < 500 => break,
                Ok(answer) => debug!(status = answer.status().as_u16(), "the event receiver failed"),
                // The error's text holds the address, which may hold credentials; its kind says enough.
                Err(error) => debug!(timeout = error.is_timeout(), "the event receiver cannot be reached"),
            }
            if attempt == 4 {
                tracing::warn!(reason = %event.reason, "an event was not delivered after five attempts");
                metrics.event_dropped();
                break;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_secs(30)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        assert_eq!(shortened("äöü", 6), "äöü");
        assert_eq!(shortened("äöüä", 7), "äö...");
    }

    #[test]
    fn kubernetes_times_have_whole_seconds() {
        assert_eq!(seconds("2026-01-02T03:04:05.678Z"), "2026-01-02T03:04:05Z");
        assert_eq!(seconds("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05Z");
    }
}
