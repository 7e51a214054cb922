//! What a pass tells the world (spec/flux/kustomize.md §3 "Events").

use std::collections::BTreeMap;

use sluice_api::kustomize::Kustomization;
use sluice_apply::{Action, Change};
use sluice_runtime::Severity;

use super::GROUP;
use crate::context::Context;

/// Sends an event about a revision.
pub fn send(object: &Kustomization, ctx: &Context, severity: Severity, reason: &str, message: &str, revision: &str) {
    ctx.runtime.recorder().event(object, severity, reason, message, about(revision));
}

/// Sends the event that ends a successful pass; it updates commit statuses and nothing else. Where the pass has told of
/// changes already, a second record in Kubernetes would cost a request and say nothing.
pub fn finished(object: &Kustomization, ctx: &Context, message: &str, revision: &str, told: Told) {
    let mut metadata = about(revision);
    metadata.insert(format!("{GROUP}/commit_status"), "update".to_owned());
    let (recorder, reason) = (ctx.runtime.recorder(), "ReconciliationSucceeded");
    match told {
        Told::Nothing => recorder.event(object, Severity::Info, reason, message, metadata),
        Told::Changes => recorder.post(object, Severity::Info, reason, message, metadata),
    }
}

/// What a pass has told before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// What it changed.
    Changes,
}

fn about(revision: &str) -> BTreeMap<String, String> {
    match revision {
        "" => BTreeMap::new(),
        revision => BTreeMap::from([(format!("{GROUP}/revision"), revision.to_owned())]),
    }
}

/// The lines of changed objects; `None` when nothing has changed.
pub fn listing(changes: &[Change]) -> Option<String> {
    let told = |it: &&Change| !matches!(it.action, Action::Unchanged | Action::Skipped);
    let lines: Vec<String> = changes.iter().filter(told).map(Change::to_string).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
