//! Deleting what the revision no longer has, unless that is suspiciously much.

use sluice_api::kustomize::Kustomization;
use sluice_apply::{Action, Applier, Change, Deleted, Owner};
use sluice_object::ObjectRef;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::failure::Failure;
use crate::context::Context;
use crate::options::{PruneLimit, prune_limit};

/// Overrides `--prune-limit` for one Kustomization.
const LIMIT: &str = "sluice.dev/prune-limit";
/// Names the revision whose prune is approved.
const APPROVED: &str = "sluice.dev/approve-prune";

/// Fails when the prune would be larger than allowed and nobody has approved it. Asked before anything is applied, so
/// that a revision that is held changes nothing.
pub fn guard(
    object: &Kustomization,
    revision: &str,
    gone: &[ObjectRef],
    all: usize,
    ctx: &Context,
) -> Result<(), Failure> {
    if !object.spec.prune {
        return Ok(());
    }
    let annotation = |key: &str| object.metadata.annotations.as_ref().and_then(|it| it.get(key)).map(String::as_str);
    let limit = match annotation(LIMIT).map(prune_limit) {
        Some(Ok(limit)) => limit,
        Some(Err(why)) => return Err(Failure::PruneHeld(format!("annotation {LIMIT}: {why}"))),
        None => ctx.options.prune_limit,
    };
    if !limit.exceeded(gone.len(), all) || annotation(APPROVED) == Some(revision) {
        return Ok(());
    }
    let limit = match limit {
        PruneLimit::None => String::new(),
        PruneLimit::Objects(most) => format!("{most} objects"),
        PruneLimit::Percent(most) => format!("{most} % of the inventory"),
    };
    let names: Vec<String> = gone.iter().take(10).map(ObjectRef::to_string).collect();
    let more = gone.len().saturating_sub(names.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Err(Failure::PruneHeld(format!(
        "revision {revision} would delete {} of {all} objects, more than {limit}: {}{more}; if that is meant, approve it \
         with the annotation `{APPROVED}: {revision}`",
        gone.len(),
        names.join(", "),
    )))
}

/// What came of a prune: what was deleted, and what could not be.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Deleted objects, for the event.
    pub deleted: Vec<Change>,
    /// Objects that could not be deleted; they stay in the inventory.
    pub left: Vec<ObjectRef>,
    /// Why.
    pub errors: Vec<String>,
}

/// Deletes objects.
pub async fn run(applier: &Applier, owner: &Owner, gone: Vec<ObjectRef>, stop: &CancellationToken) -> Outcome {
    let mut outcome = Outcome::default();
    if gone.is_empty() {
        return outcome;
    }
    let pruned = applier.prune(owner, gone, stop).await;
    for (object, deleted) in pruned.done {
        match deleted {
            Deleted::Deleted => outcome.deleted.push(Change::of(object, Action::Deleted)),
            Deleted::Gone | Deleted::Kept => info!(%object, ?deleted, "not deleted"),
        }
    }
    for failure in pruned.failed {
        outcome.errors.push(failure.to_string());
        outcome.left.push(failure.object);
    }
    outcome
}

/// The failure of a prune that left objects.
pub fn failure(errors: &[String]) -> Failure {
    Failure::Prune(format!("delete failed, errors: {}", errors.join("; ")))
}
