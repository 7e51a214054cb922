//! Turns changes elsewhere into passes, for exactly whom they concern.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use sluice_api::meta::Status as _;
use sluice_apply::{Marks, fingerprint};
use sluice_runtime::{Changed, GroupKind, Key};
use tokio::time::Instant;
use tracing::debug;

use crate::context::Context;
use crate::kustomization::GROUP;
use crate::references::Reference;
use crate::sources::NewArtifact;

/// How long a change of a managed object is left alone: most are our own, and the answer to the write that made one
/// may come after the watch has told of it.
const SETTLE: Duration = Duration::from_millis(50);

/// Runs until the controller ends.
pub async fn on_changes(ctx: Context) {
    let Some(mut news) = ctx.news.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let mut changes = ctx.index.subscribe();
    let mut suspects: HashSet<(GroupKind, Key)> = HashSet::new();
    let mut check_at: Option<Instant> = None;
    loop {
        tokio::select! {
            new = news.recv() => match new {
                Some(new) => on_artifact(&ctx, &new),
                None => return,
            },
            changed = changes.recv() => match changed {
                Some(changed) => {
                    on_reference(&ctx, &changed);
                    if ctx.options.watch_managed_objects && owner(&changed).is_some() {
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

/// A source has a new artifact, or none any more (spec/flux/kustomize.md §9 "Source revision watch").
fn on_artifact(ctx: &Context, new: &NewArtifact) {
    for key in ctx.references.to(&Reference::Source(new.kind.clone(), new.key.clone())) {
        let revision = new.artifact.as_ref().map(|it| it.revision.as_str()).unwrap_or_default();
        let attempted = ctx.kustomizations.get(&key).is_some_and(|it| {
            it.status.last_attempted_revision == revision && it.status.conditions().iter().any(|it| it.type_ == "Ready")
        });
        // What the source leaves out may have changed under the same revision.
        let built = ctx.memo(&key, |memo| memo.built.clone());
        let same = built.is_none_or(|built| new.artifact.as_ref().is_none_or(|artifact| built.is_of(artifact)));
        // While it waits for a dependency the attempt is still to come.
        if !(attempted && same) || ctx.waiting().contains(&key) {
            debug!(kustomization = %key, source = %new.key, revision, "its source has changed");
            ctx.queue.add(key);
        }
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
        debug!(kustomization = %key, reference = %changed.key, "what it refers to has changed");
        ctx.queue.add(key);
    }
}

/// Whose object it is, or was.
fn owner(changed: &Changed<Marks>) -> Option<Key> {
    let facts = &changed.now.as_ref().or(changed.before.as_ref())?.facts;
    owner_in(facts).or_else(|| owner_in(&changed.before.as_ref()?.facts))
}

fn owner_in(facts: &Marks) -> Option<Key> {
    let name = facts.get(&format!("{GROUP}/name"))?;
    let namespace = facts.get(&format!("{GROUP}/namespace"))?;
    Some(Key::new(namespace, name))
}

/// An object that was applied here looks otherwise now.
fn on_drift(ctx: &Context, kind: &GroupKind, key: &Key) {
    let Some(applied) = ctx.memory.fingerprint(kind, key) else { return };
    let live = ctx.index.get(kind, key);
    if live.as_ref().is_some_and(|live| fingerprint(live) == applied) {
        return;
    }
    let Some(owner) = ctx.memory.owner(kind, key) else { return };
    match ctx.memory.held(&(kind.clone(), key.clone())) {
        Some(left) => ctx.queue.add_after(owner, left),
        None => {
            debug!(kustomization = %owner, object = %key, kind = %kind.kind, "a managed object has changed");
            ctx.queue.add(owner);
        }
    }
}
