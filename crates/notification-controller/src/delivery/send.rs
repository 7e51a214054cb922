//! Makes deliveries: what an alert, its provider and their Secrets say now is what counts.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use serde_json::json;
use sluice_api::notification::{Alert, Provider};
use sluice_runtime::Key;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::lanes::{Entry, Outcome};
use super::{Job, alert_key};
use crate::alert;
use crate::context::Context;
use crate::event::Event;
use crate::exchange::{Failure, Retry};
use crate::origin;
use crate::provider::{self, About, Target};
use crate::transport::{Courier, transport};

/// For one delivery, unless the provider says otherwise.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Tries after which the alert's owner is told that something is wrong.
const WORTH_A_WARNING: u32 = 3;

/// Makes deliveries until the controller stops; those that are under way then are made again by the next process.
pub async fn run(ctx: Context) {
    ctx.alerts.synced().await;
    ctx.providers.synced().await;
    let mut under_way = JoinSet::new();
    loop {
        while let Some(job) = next(&ctx) {
            let ctx = ctx.clone();
            under_way.spawn(async move {
                let (lane, entry) = (job.lane.clone(), job.entry.clone());
                // A panic is a bug of ours; it must cost neither the lane nor the others.
                let made = AssertUnwindSafe(make(&ctx, job)).catch_unwind().await;
                let outcome = made.unwrap_or_else(|_| {
                    error!("a delivery panicked and is left out; this is a bug, please report it");
                    Outcome::Refused
                });
                (lane, entry, outcome)
            });
        }
        let wake = ctx.engine.state().lanes.wake_at(Instant::now());
        tokio::select! {
            () = ctx.engine.moved.notified() => {}
            Some(ended) = under_way.join_next() => if let Ok((lane, entry, outcome)) = ended {
                finish(&ctx, &lane, entry, outcome);
            },
            () = sleep_until(wake) => {}
        }
    }
}

async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

fn next(ctx: &Context) -> Option<Job> {
    let mut state = ctx.engine.state();
    loop {
        let (lane, entry) = state.lanes.next(Instant::now())?;
        let pending = state.journal.pending(entry.id);
        let event = pending.as_ref().and_then(|it| state.journal.event(it.event));
        match (pending, event) {
            (Some(pending), Some(event)) => return Some(Job { lane, entry, pending, event }),
            _ => {
                warn!("a delivery of the queue cannot be read; it is left out");
                let id = entry.id;
                state.lanes.finished(&lane, entry, Outcome::Done, Instant::now());
                let _ = state.journal.done(id, Vec::new);
            }
        }
    }
}

fn finish(ctx: &Context, lane: &Key, entry: Entry, outcome: Outcome) {
    let mut guard = ctx.engine.state();
    let state = &mut *guard;
    let id = entry.id;
    state.lanes.finished(lane, entry, outcome, Instant::now());
    if outcome == Outcome::Done || outcome == Outcome::Refused {
        let folds = || state.folds.all().map(|(key, it)| (key.clone(), it.clone())).collect();
        if let Err(error) = state.journal.done(id, folds) {
            warn!(%error, "a delivery could not be noted in --storage-path; it may be made twice");
        }
    }
}

async fn make(ctx: &Context, job: Job) -> Outcome {
    let Job { entry, pending, event, .. } = job;
    let key = alert_key(&pending.alert);
    let Some(alert) = ctx.alerts.get(&key).filter(|it| !it.spec.suspend) else { return Outcome::Done };
    let provider_key = Key::new(&key.namespace, &alert.spec.provider_ref.name);
    let Some(provider) = ctx.providers.get(&provider_key) else {
        ctx.warn(alert.as_ref(), "NotificationDispatchFailed", &format!("Provider '{}' not found", provider_key.name));
        return Outcome::Refused;
    };
    if provider.spec.suspend {
        return Outcome::Done;
    }
    let start = Instant::now();
    let delivered = deliver(ctx, &alert, &provider, &event, &pending.note, pending.id).await;
    let failure = match delivered {
        Ok(()) => {
            ctx.counters.delivered(provider.spec.type_.as_str(), "delivered");
            info!(alert = %key, provider = %provider_key, object = %event.object_name(), reason = %event.reason,
                  elapsed_ms = start.elapsed().as_millis(), "delivered");
            return Outcome::Done;
        }
        Err(failure) => failure,
    };
    let age = Timestamp::now().as_millisecond().saturating_sub(pending.accepted);
    let deadline = i64::try_from(ctx.options.delivery_deadline.0.as_millis()).unwrap_or(i64::MAX);
    let wait = match failure.retry {
        Retry::Soon if age < deadline => Some(None),
        Retry::After(wait) if age < deadline => Some(Some(wait)),
        Retry::Never | Retry::Soon | Retry::After(_) => None,
    };
    let what = format!(
        "failed to send notification to Provider '{}' for {}: {failure}",
        provider_key.name,
        event.object_name()
    );
    let Some(wait) = wait else {
        ctx.counters.delivered(provider.spec.type_.as_str(), "given_up");
        warn!(alert = %key, provider = %provider_key, error = %failure, "a delivery is given up");
        ctx.warn(alert.as_ref(), "NotificationDispatchFailed", &what);
        return Outcome::Refused;
    };
    ctx.counters.delivered(provider.spec.type_.as_str(), "retried");
    debug!(alert = %key, provider = %provider_key, error = %failure, "a delivery is tried again later");
    if entry.attempts + 1 == WORTH_A_WARNING {
        warn!(alert = %key, provider = %provider_key, error = %failure, "a provider does not take notifications; they wait");
        ctx.warn(alert.as_ref(), "NotificationDispatchFailed", &format!("{what}; it is tried again"));
    }
    Outcome::Again(wait)
}

async fn deliver(
    ctx: &Context,
    alert: &Alert,
    provider: &Provider,
    event: &Event,
    note: &str,
    id: u64,
) -> Result<(), Failure> {
    let (mut notification, conflicts) = alert::notification(&alert.spec, event);
    if !conflicts.is_empty() {
        debug!(conflicts = conflicts.join("; "), "metadata is overridden");
    }
    if !note.is_empty() {
        notification.message = format!("{}\n({note})", notification.message);
    }
    let namespace = provider.metadata.namespace.as_deref().unwrap_or_default();
    let secret = match &provider.spec.secret_ref {
        Some(it) => ctx.secrets.read(namespace, &it.name, "spec.secretRef").await?,
        None => Default::default(),
    };
    let about = About { alert: json!(alert), provider: json!(provider) };
    let target = Target::new(&provider.spec, &secret, about)?;
    if ctx.options.commit_links && provider::is_for_people(&target.kind) {
        origin::add(ctx, event, &mut notification).await;
    }
    let outcome = async {
        let transport = transport(ctx, provider, &secret).await?;
        let courier = Courier::new(&ctx.clients, &transport, event, id);
        let timeout = provider.spec.timeout.as_ref().filter(|it| !it.is_empty());
        let timeout = timeout.map_or(Ok(TIMEOUT), |it| it.to_std());
        let timeout = timeout.map_err(|why| Failure::setup(format!("spec.timeout: {why}")))?;
        let sent = tokio::time::timeout(timeout, provider::send(&target, &notification, &courier)).await;
        sent.unwrap_or_else(|_| Err(Failure::send(format!("no answer within {} ms", timeout.as_millis())).soon()))
    }
    .await;
    // Whatever repeated a secret, the service included, it goes no further.
    outcome.map_err(|failure| Failure { message: target.masked(&failure.message), ..failure })
}
