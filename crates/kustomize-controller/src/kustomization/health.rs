//! Whether what was applied is ready (spec/flux/kustomize.md §7).

use std::time::Duration;

use serde_json::Value;
use sluice_api::kustomize::Kustomization;
use sluice_apply::{Action, Applier, Change, Checks, Target, WaitError};
use sluice_object::{GroupVersionKind, ObjectRef};
use sluice_runtime::{Interrupt, Key, duration_text};
use tokio::time::Instant;

use super::failure::Failure;
use crate::context::Context;

/// Whether this Kustomization checks anything at all.
pub fn is_wanted(object: &Kustomization) -> bool {
    object.spec.wait || !object.spec.health_checks.is_empty()
}

/// Waits until what is to be ready is.
pub async fn wait(
    object: &Kustomization,
    revision: &str,
    changes: &[Change],
    checks: &Checks,
    applier: &Applier,
    ctx: &Context,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let key = Key::of(object);
    let targets = targets(object, changes);
    if targets.is_empty() {
        return Ok(());
    }
    let timeout = timeout(object);
    // A pass that only puts something right meanwhile does not give the revision more time.
    let version = format!("{}/{revision}", object.metadata.generation.unwrap_or_default());
    let deadline = ctx.memo(&key, |memo| match &memo.health_deadline {
        Some((known, deadline)) if *known == version => *deadline,
        _ => {
            let deadline = Instant::now() + timeout;
            memo.health_deadline = Some((version.clone(), deadline));
            deadline
        }
    });
    let left = deadline.saturating_duration_since(Instant::now());
    let fail_fast = !ctx.gate("DisableFailFastBehavior");
    let judge = |live: &Value| checks.judge(live);
    let stop = interrupt.clone();
    let ending = ctx.runtime.stopping();
    let outcome = tokio::select! {
        () = ending.cancelled() => return Err(Failure::Stopped),
        outcome = applier.wait(targets, &judge, left, fail_fast, &stop) => outcome,
    };
    if !matches!(outcome, Err(WaitError::Interrupted)) {
        ctx.memo(&key, |memo| memo.health_deadline = None);
    }
    let after = duration_text(timeout.saturating_sub(deadline.saturating_duration_since(Instant::now())));
    match outcome {
        Ok(()) => Ok(()),
        Err(WaitError::Interrupted) => Err(Failure::Superseded(super::status::source_name(object))),
        Err(error) => {
            let why = error.to_string();
            let (WaitError::Timeout(objects) | WaitError::Failed(objects)) = error else {
                return Err(Failure::Superseded(super::status::source_name(object)));
            };
            Err(Failure::Health { after, why, objects })
        }
    }
}

/// `spec.timeout`, else the interval less 30 s; at least 30 s (spec/flux/kustomize.md §1).
pub fn timeout(object: &Kustomization) -> Duration {
    const LEAST: Duration = Duration::from_secs(30);
    let given = object.spec.timeout.as_ref().and_then(|it| it.to_std().ok());
    let interval = object.spec.interval.to_std().unwrap_or_default();
    given.unwrap_or_else(|| interval.saturating_sub(LEAST)).max(LEAST)
}

fn targets(object: &Kustomization, changes: &[Change]) -> Vec<Target> {
    let find = |wanted: &ObjectRef| {
        let same = |it: &&Change| {
            it.object.gvk.group == wanted.gvk.group
                && it.object.gvk.kind == wanted.gvk.kind
                && it.object.namespace == wanted.namespace
                && it.object.name == wanted.name
        };
        changes.iter().find(same)
    };
    let mut targets: Vec<Target> = if object.spec.wait {
        let applied = changes.iter().filter(|change| change.action != Action::Skipped);
        applied.map(|change| target(change.object.clone(), Some(change))).collect()
    } else {
        let own = object.metadata.namespace.as_deref().unwrap_or_default();
        let wanted = object.spec.health_checks.iter().map(|check| {
            let api_version = if check.api_version.is_empty() { "apps/v1" } else { &check.api_version };
            ObjectRef {
                gvk: GroupVersionKind::from_api_version(api_version, &check.kind),
                namespace: if check.namespace.is_empty() { own.to_owned() } else { check.namespace.clone() },
                name: check.name.clone(),
            }
        });
        wanted
            .map(|wanted| {
                let change = find(&wanted);
                target(wanted, change)
            })
            .collect()
    };
    // Nobody can wait for himself.
    targets.retain(|target| {
        !(target.object.gvk.kind == "Kustomization"
            && target.object.gvk.group == super::GROUP
            && Some(&target.object.name) == object.metadata.name.as_ref()
            && Some(&target.object.namespace) == object.metadata.namespace.as_ref())
    });
    targets
}

fn target(object: ObjectRef, change: Option<&Change>) -> Target {
    let live = change.and_then(|change| change.live.clone());
    let ttl = live.as_ref().is_some_and(|live| live.pointer("/spec/ttlSecondsAfterFinished").is_some());
    let may_be_gone = ttl && object.gvk.kind == "Job";
    Target { object, live, may_be_gone }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kustomization(spec: Value) -> Kustomization {
        serde_json::from_value(json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "ns"}, "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn the_timeout_has_flux_s_defaults() {
        let check = |spec: Value, want: u64| assert_eq!(timeout(&kustomization(spec)).as_secs(), want);
        check(json!({"interval": "5m"}), 270);
        check(json!({"interval": "10s"}), 30);
        check(json!({"interval": "5m", "timeout": "2m"}), 120);
        check(json!({"interval": "5m", "timeout": "1s"}), 30);
        check(json!({"interval": "bogus"}), 30);
    }

    #[test]
    fn checks_without_a_version_are_of_apps_and_none_is_of_itself() {
        let object = kustomization(json!({"healthChecks": [
            {"kind": "Deployment", "name": "web"},
            {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "name": "app"},
        ]}));
        let targets: Vec<String> = targets(&object, &[]).iter().map(|it| it.object.to_string()).collect();
        assert_eq!(targets, ["Deployment/ns/web"]);
    }
}
