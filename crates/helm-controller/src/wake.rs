//! Turns changes elsewhere into passes, for exactly whom they concern.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use sluice_api::helm::DriftDetectionMode;
use sluice_apply::{Marks, fingerprint};
use sluice_runtime::{Changed, GroupKind, Key};
use tokio::time::Instant;
use tracing::debug;

use crate::context::Context;
use crate::references::Reference;
use crate::sources::News;

/// How long a change of a released object is left alone: most are our own, and the answer to the write that made one
/// may come after the watch has told of it.
const SETTLE: Duration = Duration::from_millis(50);
/// Changes of values within this time become one release.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// Runs until the controller ends.
pub async fn on_changes(ctx: Context) {
    let Some(mut news) = ctx.news.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let mut changes = ctx.index.subscribe();
    let mut suspects: HashSet<(GroupKind, Key)> = HashSet::new();
    let mut check_at: Option<Instant> = None;
    loop {
        tokio::select! {
            new = news.recv() => match new {
                Some(new) => on_source(&ctx, &new),
                None => return,
            },
            changed = changes.recv() => match changed {
                Some(changed) => {
                    on_reference(&ctx, &changed);
                    if ctx.memory.owner(&changed.kind, &changed.key).is_some() {
                        suspects.insert((changed.kind, changed.key));
                        check_at.get_or_insert_with(|| Instant::now() + SETTLE);
                    }
                }
                None => return,
            },
            () = sleep_until(check_at) => {
                check_at = None;
                for (kind, key) in suspects.drain() {
                    on_drift(&ctx, &kind, &key);
                }
            }
        }
    }
}

async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// A source has another artifact, or became ready or stopped to be (spec/flux/helm.md §9 "Watches").
fn on_source(ctx: &Context, new: &News) {
    for key in ctx.references.to(&Reference::Source(new.kind.clone(), new.key.clone())) {
        debug!(helm_release = %key, source = %new.key, "its source has changed");
        ctx.queue.add(key);
    }
}

fn on_reference(ctx: &Context, changed: &Changed<Marks>) {
    if !ctx.options.watch_references || !changed.kind.group.is_empty() {
        return;
    }
    let reference = match &*changed.kind.kind {
        "Secret" => Reference::Secret(changed.key.clone()),
        "ConfigMap" => Reference::ConfigMap(changed.key.clone()),
        _ => return,
    };
    for key in ctx.references.to(&reference) {
        debug!(helm_release = %key, reference = %changed.key, "what it refers to has changed");
        ctx.queue.add_after(key, DEBOUNCE);
    }
}

/// An object that was released looks otherwise now.
fn on_drift(ctx: &Context, kind: &GroupKind, key: &Key) {
    let Some(applied) = ctx.memory.fingerprint(kind, key) else { return };
    if ctx.index.get(kind, key).is_some_and(|live| fingerprint(&live) == applied) {
        return;
    }
    let Some(owner) = ctx.memory.owner(kind, key) else { return };
    let watched = ctx.releases.get(&owner).is_some_and(|release| {
        let mode = release.spec.drift_detection.as_ref().map(|it| it.mode.clone()).unwrap_or_default();
        mode != DriftDetectionMode::Disabled && !release.spec.suspend
    });
    if watched {
        debug!(helm_release = %owner, object = %key, kind = %kind.kind, "a released object has changed");
        ctx.queue.add(owner);
    }
}
