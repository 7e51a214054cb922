//! What a pass tells the world (spec/flux/kustomize.md §3 "Events").

use std::collections::BTreeMap;

use sluice_api::kustomize::Kustomization;
use sluice_apply::{Action, Change};
use sluice_runtime::Severity;

use super::GROUP;
use crate::context::Context;

/// Sends an event about a revision.
pub fn send(object: &Kustomization, ctx: &Context, severity: Severity, reason: &str, message: &str, revision: &str) {
    send_with(object, ctx, severity, reason, message, revision, BTreeMap::new());
}

/// Sends the event that ends a successful pass; it updates commit statuses and nothing else.
pub fn finished(object: &Kustomization, ctx: &Context, reason: &str, message: &str, revision: &str) {
    let update = BTreeMap::from([(format!("{GROUP}/commit_status"), "update".to_owned())]);
    send_with(object, ctx, Severity::Info, reason, message, revision, update);
}

fn send_with(
    object: &Kustomization,
    ctx: &Context,
    severity: Severity,
    reason: &str,
    message: &str,
    revision: &str,
    mut metadata: BTreeMap<String, String>,
) {
    if !revision.is_empty() {
        metadata.insert(format!("{GROUP}/revision"), revision.to_owned());
    }
    ctx.runtime.recorder().event(object, severity, reason, message, metadata);
}

/// The lines of changed objects; `None` when nothing has changed.
pub fn listing(changes: &[Change]) -> Option<String> {
    let told = |it: &&Change| !matches!(it.action, Action::Unchanged | Action::Skipped);
    let lines: Vec<String> = changes.iter().filter(told).map(Change::to_string).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
