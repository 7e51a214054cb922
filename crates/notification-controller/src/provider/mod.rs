//! What each service is sent (spec/flux/notification.md §4). Pure: a [`Target`] and a notification go in, requests go
//! out through an [`Exchange`]; nothing here knows a cluster or opens a socket.

mod chat;
mod eventhub;
mod forge;
mod generic;
mod lark;
mod markdown;
mod monitoring;
mod nats;
mod oncall;
mod opentelemetry;
mod pubsub;
mod sentry;
mod smtp;
mod target;
mod teams;
mod text;

pub use forge::{commit_link, dispatch_filter, is_comment, is_commit_status, status_id};
pub use nats::{Publish, publish};
pub use smtp::{Mail, deliver as deliver_mail};
pub use target::{About, Target, web_url};

use crate::event::{COMMIT_STATUS, Event};
use crate::exchange::{Exchange, Failure};

/// A conversation with a server that does not speak HTTP.
#[derive(Debug)]
pub enum Talk {
    /// A message for a NATS server.
    Nats(Publish),
    /// An e-mail.
    Smtp(Mail),
}

/// Why a notification is not for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Updates of a commit status are for Git services.
    CommitStatus,
    /// A Git service was not told which commit it is about.
    NoCommit,
    /// A service of change requests was not told which one it is about.
    NoChangeRequest,
}

/// Whether a provider of this type takes the notification. `event` is as it was received, with its prefixes.
///
/// # Errors
/// Why not.
pub fn takes(kind: &str, event: &Event) -> Result<(), Skip> {
    let update = event.own(COMMIT_STATUS) == Some("update");
    match kind {
        "generic" | "generic-hmac" => Ok(()),
        kind if is_commit_status(kind) => dispatch_filter(event, update),
        _ if update => Err(Skip::CommitStatus),
        kind if is_comment(kind) && change_request(event).is_none() => Err(Skip::NoChangeRequest),
        _ => Ok(()),
    }
}

fn change_request(event: &Event) -> Option<&str> {
    event.metadata.get("event.toolkit.fluxcd.io/change_request").map(String::as_str)
}

/// Types whose messages people read: repeated failures are folded for them, and recovery is announced.
#[must_use]
pub fn is_for_people(kind: &str) -> bool {
    matches!(
        kind,
        "slack"
            | "discord"
            | "msteams"
            | "rocket"
            | "googlechat"
            | "webex"
            | "telegram"
            | "lark"
            | "matrix"
            | "zulip"
            | "zoom"
            | "smtp"
    )
}

/// Sends a notification to a service.
///
/// # Errors
/// [`Stage::Setup`](crate::exchange::Stage) when the provider cannot be used as it is, else what the service said.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    match target.kind.as_str() {
        "slack" => chat::slack(target, event, exchange).await,
        "discord" => chat::discord(target, event, exchange).await,
        "rocket" => chat::rocket(target, event, exchange).await,
        "msteams" => teams::send(target, event, exchange).await,
        "googlechat" => chat::google(target, event, exchange).await,
        "zoom" => chat::zoom(target, event, exchange).await,
        "lark" => lark::send(target, event, exchange).await,
        "webex" => text::webex(target, event, exchange).await,
        "telegram" => text::telegram(target, event, exchange).await,
        "matrix" => text::matrix(target, event, exchange).await,
        "zulip" => text::zulip(target, event, exchange).await,
        "generic" | "generic-hmac" => generic::send(target, event, exchange).await,
        "smtp" => smtp::send(target, event, exchange).await,
        "opsgenie" => oncall::opsgenie(target, event, exchange).await,
        "pagerduty" => oncall::pagerduty(target, event, exchange).await,
        "incident.io" => oncall::incident_io(target, event, exchange).await,
        "alertmanager" => monitoring::alertmanager(target, event, exchange).await,
        "grafana" => monitoring::grafana(target, event, exchange).await,
        "datadog" => monitoring::datadog(target, event, exchange).await,
        "sentry" => sentry::send(target, event, exchange).await,
        "otel" => opentelemetry::send(target, event, exchange).await,
        "googlepubsub" => pubsub::send(target, event, exchange).await,
        "azureeventhub" => eventhub::send(target, event, exchange).await,
        "nats" => nats::send(target, event, exchange).await,
        kind if forge::is_known(kind) => forge::send(target, event, exchange).await,
        other => Err(Failure::setup(format!("provider type `{other}` is not supported"))),
    }
}
