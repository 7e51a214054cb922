//! Tells people and services what happens, and lets webhooks start a reconcile.
//!
//! In: events of controllers, calls of webhooks, Alerts, Providers and Receivers. Out: requests to some thirty kinds of
//! services, and the annotation that asks for a reconcile. Meets the other controllers in the API, and by the events
//! that they post, alone. Behaviour: spec/flux/notification.md.
//!
//! [`event`], [`alert`], [`provider`] and [`receiver`] are pure: they know neither cluster nor network, and
//! [`exchange`] is how they reach it. The rest keeps an accepted event until everybody concerned has it, or the
//! deadline is over.
//!
//! Invariant: who hands in an event, or works on anything else, never waits for a service; what was acknowledged is
//! found again after a kill, where `--storage-path` names a folder; a secret is never printed.

pub mod alert;
pub mod caller;
pub mod event;
pub mod exchange;
pub mod provider;
pub mod receiver;
pub mod sample;

mod context;
mod counters;
mod delivery;
mod issuers;
mod json;
mod objects;
mod options;
mod origin;
mod recent;
mod reconcile;
mod secrets;
mod server;
mod transport;
mod wire;

use std::sync::Arc;

use anyhow::Context as _;
use kube::runtime::watcher;
use sluice_api::notification::{Alert, Provider};
use sluice_runtime::{Controller, Listen, Runtime};
use tracing::info;

use crate::reconcile::ReceiverReconciler;
pub use options::{GATES, Options};

/// The controller's name: of its field manager, its lease and its events.
pub const NAME: &str = "notification-controller";

/// Runs the controller until the runtime stops. `events` is where events are taken.
///
/// # Errors
/// When the flags contradict each other, the storage folder cannot be used, or an address is taken.
pub async fn run(runtime: Runtime, options: Options, events: Listen) -> anyhow::Result<()> {
    options.check(runtime.flags()).context("flags")?;
    let engine =
        delivery::Engine::open(options.storage_path.as_deref(), options.queue_limit, options.rate_limit_interval.0);
    let engine = engine.context("--storage-path")?;
    let receivers = Controller::<ReceiverReconciler>::new(&runtime, options.concurrent);
    let webhooks = options.receiver_addr;
    let ctx = context::Shared::new(&runtime, options, engine, receivers.cache(), receivers.queue());
    let stop = runtime.stopping();
    let watching = {
        let (ctx, runtime, stop) = (ctx.clone(), runtime.clone(), stop.clone());
        async move {
            let config = watcher::Config::default;
            tokio::join!(
                ctx.alerts.keep(runtime.api::<Alert>(), config(), stop.clone(), |_, _| {}),
                ctx.providers.keep(runtime.api::<Provider>(), config(), stop.clone(), |_, _| {}),
            );
        }
    };
    let tasks = [
        tokio::spawn(watching),
        tokio::spawn(reconcile::wake(ctx.clone())),
        tokio::spawn(delivery::route_all(ctx.clone())),
        tokio::spawn(delivery::send_all(ctx.clone())),
    ];
    if let Listen(Some(address)) = events {
        let bound = server::serve_events(address, &ctx).await;
        let bound = bound.with_context(|| format!("--events-addr: cannot listen on {address}"))?;
        info!(address = %bound, "taking events");
    }
    if let Listen(Some(address)) = webhooks {
        let bound = server::serve_webhooks(address, &ctx).await;
        let bound = bound.with_context(|| format!("--receiverAddr: cannot listen on {address}"))?;
        info!(address = %bound, "taking calls of webhooks");
    }
    receivers.run(Arc::new(ReceiverReconciler(ctx.clone()))).await;
    for task in tasks {
        task.abort();
    }
    let (events, deliveries) = ctx.engine.waiting();
    if events > 0 {
        info!(events, deliveries, "ending with events that are not delivered yet");
    }
    Ok(())
}
