//! Whom an event concerns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sluice_api::notification::{Alert, Provider};
use sluice_runtime::Key;
use tracing::{debug, warn};

use super::fold::{self, Told};
use super::lanes::Entry;
use super::object_hash;
use crate::alert::{labels_match, message_passes, severity_matches, source_matches};
use crate::context::Context;
use crate::event::{COMMIT_STATUS, Event};
use crate::provider;

/// How long labels of an object that were just read are good for the next event about it.
const LABELS_FRESH: Duration = Duration::from_secs(2);

/// An alert that takes an event.
struct Taker {
    alert: Arc<Alert>,
    provider: Key,
    /// Whether people read what it sends.
    for_people: bool,
    /// Whether it is sent for itself, or only if it ends a failure.
    sent: bool,
}

/// Looks at events one after the other until the controller stops.
pub async fn run(ctx: Context) {
    ctx.alerts.synced().await;
    ctx.providers.synced().await;
    loop {
        let next = {
            let mut state = ctx.engine.state();
            let id = state.undispatched.pop_front();
            id.map(|id| (id, state.journal.event(id)))
        };
        match next {
            None => ctx.engine.arrived.notified().await,
            Some((id, None)) => {
                warn!("an event of the queue cannot be read; it is left out");
                let _ = ctx.engine.state().journal.dispatch(id, Vec::new(), Vec::new());
            }
            Some((id, Some(event))) => {
                let takers = takers(&ctx, &event).await;
                dispatch(&ctx, id, &event, takers);
            }
        }
    }
}

async fn takers(ctx: &Context, event: &Event) -> Vec<Taker> {
    let mut takers = Vec::new();
    for alert in ctx.alerts.all() {
        if alert.spec.suspend {
            continue;
        }
        if let Some(taker) = taker(ctx, &alert, event).await {
            takers.push(taker);
        }
    }
    takers
}

async fn taker(ctx: &Context, alert: &Arc<Alert>, event: &Event) -> Option<Taker> {
    let spec = &alert.spec;
    let namespace = alert.metadata.namespace.as_deref().unwrap_or_default();
    let mut source = None;
    for candidate in spec.event_sources.iter().filter(|it| source_matches(it, namespace, event)) {
        if candidate.match_labels.is_empty() || labels_match(&candidate.match_labels, labels(ctx, event).await.as_ref())
        {
            source = Some(candidate);
            break;
        }
    }
    source?;
    let wanted = severity_matches(spec, event);
    let (passes, invalid) = message_passes(spec, &event.message);
    if !wanted && event.severity != "info" {
        return None;
    }
    if !invalid.is_empty() && wanted {
        ctx.warn(
            alert.as_ref(),
            "InvalidConfig",
            &format!("left out of spec.inclusionList or spec.exclusionList: {}", invalid.join("; ")),
        );
    }
    if event.involved_object.namespace != namespace && ctx.options.no_cross_namespace_refs {
        if wanted && passes {
            let object = event.object_name();
            ctx.warn(
                alert.as_ref(),
                "AccessDenied",
                &format!("the event of {object} is left out: sources of other namespaces are refused"),
            );
        }
        return None;
    }
    let provider = Key::new(namespace, &spec.provider_ref.name);
    let Some(found) = ctx.providers.get(&provider) else {
        if wanted && passes {
            let name = &spec.provider_ref.name;
            ctx.warn(
                alert.as_ref(),
                "NotificationDispatchFailed",
                &format!("spec.providerRef: Provider '{name}' not found"),
            );
        }
        return None;
    };
    if found.spec.suspend {
        return None;
    }
    let kind = kind(&found);
    let for_people = provider::is_for_people(&kind) && ctx.options.fold_failures;
    let takes = provider::takes(&kind, event);
    let sent = wanted && passes && takes.is_ok();
    let may_end_a_failure = for_people && (fold::is_success(event) || event.own(COMMIT_STATUS) == Some("update"));
    (sent || may_end_a_failure).then(|| Taker { alert: alert.clone(), provider, for_people, sent })
}

/// The type as it is sent to: mail hides behind a type that the API admits. An address in a Secret is not looked at.
fn kind(provider: &Provider) -> String {
    let spec = &provider.spec;
    let is_mail = spec.address.starts_with("smtp://") || spec.address.starts_with("smtps://");
    if spec.type_.as_str() == "generic" && is_mail { "smtp".to_owned() } else { spec.type_.as_str().to_owned() }
}

/// The labels of the object as it is now; none when it is gone.
async fn labels(ctx: &Context, event: &Event) -> Option<BTreeMap<String, String>> {
    let object = &event.involved_object;
    let key = format!("{}|{}|{}|{}", object.api_version, object.kind, object.namespace, object.name);
    if let Some(labels) = ctx.labels.get(&key, LABELS_FRESH) {
        return labels;
    }
    let found = ctx.objects.get(&object.api_version, &object.kind, &object.namespace, &object.name).await;
    let labels = match found {
        Ok(found) => found.map(|it| it.metadata.labels.unwrap_or_default()),
        Err(error) => {
            debug!(%error, "labels of an object cannot be read");
            None
        }
    };
    ctx.labels.put(key, labels.clone());
    labels
}

fn dispatch(ctx: &Context, id: u64, event: &Event, takers: Vec<Taker>) {
    let now = Timestamp::now();
    let mut state = ctx.engine.state();
    let (mut to, mut folds, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    for taker in takers {
        let alert = Key::of(taker.alert.as_ref()).to_string();
        let mut told = if taker.sent { Told::Plain } else { Told::Folded };
        if taker.for_people {
            let key = fold::key(&alert, event);
            if event.is_error() && taker.sent {
                told = state.folds.failed(&key, event, now, ctx.options.fold_interval.0);
                folds.push((key.clone(), state.folds.get(&key).cloned()));
            } else if fold::is_success(event)
                && let Some(note) = state.folds.succeeded(&key)
            {
                told = Told::With(note);
                folds.push((key, None));
            }
        }
        match told {
            Told::Folded if taker.sent => ctx.counters.folded(),
            Told::Folded => {}
            Told::Plain => to.push((alert, String::new())),
            Told::With(note) => to.push((alert, note)),
        }
        if to.len() > lanes.len() {
            lanes.push(taker.provider);
        }
    }
    let (pending, written) = state.journal.dispatch(id, to, folds);
    if let Err(error) = written {
        warn!(%error, "deliveries could not be written to --storage-path; they are made nevertheless");
    }
    let object = object_hash(event);
    for (pending, provider) in pending.iter().zip(&lanes) {
        state.lanes.push(provider, Entry::new(pending.id, object));
    }
    drop(state);
    ctx.engine.moved.notify_one();
}
