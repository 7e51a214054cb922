//! Hooks: what runs before and after an action.

use std::time::Duration;

use kube::api::PropagationPolicy;
use serde_json::Value;
use sluice_helm::release::{HookRecord, Record};
use tracing::debug;

use crate::error::{Wrong, text};
use crate::objects::Object;
use crate::{Release, now};

const BEFORE_CREATION: &str = "before-hook-creation";
const SUCCEEDED: &str = "hook-succeeded";
const FAILED: &str = "hook-failed";

impl Release<'_> {
    /// Runs the hooks of an event, in the order of their weights; `wanted` says which of them. How they went is in the
    /// record, which is stored before each one starts.
    pub(crate) async fn run_hooks(
        &self,
        record: &mut Record,
        event: &str,
        timeout: Duration,
        wanted: &(dyn Fn(&HookRecord) -> bool + Sync),
    ) -> Result<(), Wrong> {
        let order = in_order(record.hooks.as_deref().unwrap_or_default(), event, wanted);
        let mut done: Vec<usize> = Vec::new();
        for n in order {
            self.check_stop()?;
            let hook = hook_mut(record, n)?;
            if hook.delete_policies.as_ref().is_none_or(Vec::is_empty) {
                hook.delete_policies = Some(vec![BEFORE_CREATION.to_owned()]);
            }
            let (path, manifest) = (hook.path.clone(), hook.manifest.clone());
            let objects = self.hook_objects(&manifest).await;
            let objects =
                objects.map_err(|why| format!("unable to build kubernetes object for {event} hook {path}: {why}"))?;
            self.delete_hook(hook_mut(record, n)?, &objects, BEFORE_CREATION, timeout).await?;
            let hook = hook_mut(record, n)?;
            hook.last_run.started_at = Some(now());
            hook.last_run.completed_at = None;
            hook.last_run.phase = "Running".to_owned();
            // As in Helm, that the record cannot be stored does not stop the hook; the end of the action will fail.
            if let Err(why) = self.storage().update(record).await {
                debug!(%why, "the run of a hook could not be recorded");
            }
            let mut live = Vec::new();
            let mut outcome = Ok(());
            for object in &objects {
                match self.create_hook(object).await {
                    Ok(created) => live.push((object.clone(), created)),
                    Err(error) => {
                        outcome = Err(Wrong::from(format!("warning: Hook {event} {path} failed: {error}")));
                        break;
                    }
                }
            }
            if outcome.is_ok() {
                outcome = self.hook_done(&live, timeout).await;
            }
            let hook = hook_mut(record, n)?;
            hook.last_run.completed_at = Some(now());
            hook.last_run.phase = if outcome.is_ok() { "Succeeded" } else { "Failed" }.to_owned();
            if let Err(wrong) = outcome {
                let hook = hook.clone();
                let _ = self.delete_hook(&hook, &objects, FAILED, timeout).await;
                self.delete_succeeded(record, &done, timeout).await;
                return Err(wrong);
            }
            done.push(n);
        }
        self.delete_succeeded(record, &done, timeout).await;
        Ok(())
    }

    async fn create_hook(&self, object: &Object) -> Result<Value, String> {
        let applied = self.applier.apply_unowned(&object.at, &object.desired).await;
        applied.map_err(|error| {
            sluice_apply::Failure::new(object.at.object.clone(), "apply", &object.desired, &error).message
        })
    }

    /// Hooks that succeeded go in the reverse order, as far as their policies say so.
    async fn delete_succeeded(&self, record: &Record, done: &[usize], timeout: Duration) {
        for n in done.iter().rev() {
            let Some(hook) = record.hooks.as_deref().unwrap_or_default().get(*n) else { continue };
            if !has_policy(hook, SUCCEEDED) {
                continue;
            }
            match self.hook_objects(&hook.manifest).await {
                Ok(objects) => {
                    if let Err(why) = self.delete_hook(hook, &objects, SUCCEEDED, timeout).await {
                        debug!(hook = hook.name, %why, "a hook could not be deleted");
                    }
                }
                Err(why) => debug!(hook = hook.name, %why, "a hook could not be deleted"),
            }
        }
    }

    /// Deletes a hook's objects and waits until they are gone, if its policies say so. Definitions are never deleted:
    /// all objects of their kinds would go with them.
    async fn delete_hook(
        &self,
        hook: &HookRecord,
        objects: &[Object],
        policy: &str,
        timeout: Duration,
    ) -> Result<(), String> {
        if hook.kind == "CustomResourceDefinition" || !has_policy(hook, policy) {
            return Ok(());
        }
        let mut going = Vec::new();
        for object in objects {
            // No watch is asked whether it is there: it may not have told of an object that was made a moment ago.
            let deleted = self.applier.delete_one(&object.at, None, PropagationPolicy::Background).await;
            if deleted.map_err(|error| text(&error))? {
                going.push(object.clone());
            }
        }
        self.gone(&going, timeout).await
    }
}

fn hook_mut(record: &mut Record, n: usize) -> Result<&mut HookRecord, String> {
    record.hooks.as_mut().and_then(|hooks| hooks.get_mut(n)).ok_or_else(|| "a hook is missing".to_owned())
}

fn has_policy(hook: &HookRecord, policy: &str) -> bool {
    hook.delete_policies.iter().flatten().any(|it| it == policy)
}

/// The hooks of an event by weight, then by name; those that are equal stay in the order of their kinds.
fn in_order(hooks: &[HookRecord], event: &str, wanted: &(dyn Fn(&HookRecord) -> bool + Sync)) -> Vec<usize> {
    let of_event = |hook: &HookRecord| hook.events.iter().flatten().any(|it| it == event);
    let mut order: Vec<usize> = (0..hooks.len()).filter(|n| of_event(&hooks[*n]) && wanted(&hooks[*n])).collect();
    order.sort_by(|a, b| (hooks[*a].weight, &hooks[*a].name).cmp(&(hooks[*b].weight, &hooks[*b].name)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_run_by_weight_then_by_name() {
        let hook = |name: &str, weight, event: &str| HookRecord {
            name: name.to_owned(),
            weight,
            events: Some(vec![event.to_owned()]),
            ..HookRecord::default()
        };
        let hooks = [
            hook("b", 0, "pre-install"),
            hook("z", -5, "pre-install"),
            hook("a", 0, "pre-install"),
            hook("x", -9, "test"),
        ];
        assert_eq!(in_order(&hooks, "pre-install", &|_| true), [1, 2, 0]);
        assert_eq!(in_order(&hooks, "test", &|hook| hook.name != "x"), [0usize; 0]);
    }
}
