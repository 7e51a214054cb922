//! Waiting for objects to be ready, and for deleted ones to be gone.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sluice_apply::{Change, Judge, Target, WaitError};
use sluice_health::{Status, StatusKind};
use tokio::time::Instant;

use crate::error::{Wrong, text};
use crate::objects::Object;
use crate::{Release, Wait};

impl Release<'_> {
    /// Waits until what was just written is ready.
    pub(crate) async fn ready(&self, changes: &[Change], wait: Wait, timeout: Duration) -> Result<(), Wrong> {
        if !wait.objects {
            return Ok(());
        }
        let targets = changes.iter().filter_map(|change| {
            let live = change.live.clone();
            let is_job = change.object.gvk.kind == "Job" && change.object.gvk.group == "batch";
            let paused = live.as_ref().is_some_and(|live| live.pointer("/spec/paused") == Some(&Value::Bool(true)));
            if is_job && !wait.jobs || paused && change.object.gvk.kind == "Deployment" {
                return None;
            }
            let ttl = live.as_ref().is_some_and(|live| live.pointer("/spec/ttlSecondsAfterFinished").is_some());
            Some(Target { object: change.object.clone(), live, may_be_gone: ttl && is_job })
        });
        let judge = |live: &Value| self.checks.judge(live);
        self.wait_for(targets.collect(), &judge, timeout).await
    }

    /// Waits until a hook has done its work: Jobs and Pods, to their end; all else is ready at once.
    pub(crate) async fn hook_done(&self, objects: &[(Object, Value)], timeout: Duration) -> Result<(), Wrong> {
        let runs = objects.iter().filter(|(it, _)| {
            matches!((it.at.object.gvk.group.as_str(), it.at.object.gvk.kind.as_str()), ("batch", "Job") | ("", "Pod"))
        });
        let targets = runs.map(|(object, live)| Target {
            object: object.at.object.clone(),
            live: Some(Arc::new(live.clone())),
            may_be_gone: live.pointer("/spec/ttlSecondsAfterFinished").is_some(),
        });
        self.wait_for(targets.collect(), &hook_status, timeout).await
    }

    async fn wait_for(&self, targets: Vec<Target>, judge: &Judge<'_>, timeout: Duration) -> Result<(), Wrong> {
        if targets.is_empty() {
            return Ok(());
        }
        self.applier.wait(targets, judge, timeout, true, self.stop).await.map_err(|error| {
            let message = error.to_string();
            match error {
                WaitError::Timeout(objects) | WaitError::Failed(objects) => {
                    Wrong { message, objects, interrupted: false }
                }
                WaitError::Interrupted => Wrong { message, objects: Vec::new(), interrupted: true },
            }
        })
    }

    /// Waits until objects are gone, woken by their watches. That one is gone is asked of the server: a watch may not have
    /// told yet that it was ever there.
    pub(crate) async fn gone(&self, objects: &[Object], timeout: Duration) -> Result<(), String> {
        let deadline = Instant::now() + timeout;
        let mut changes = self.applier.index.subscribe();
        let mut left: Vec<&Object> = objects.iter().collect();
        loop {
            let mut still = Vec::new();
            for object in left {
                let seen = self.applier.glance(&object.at).await.map_err(|error| text(&error))?;
                if seen.is_some() || self.applier.read(&object.at).await.map_err(|error| text(&error))?.is_some() {
                    still.push(object);
                }
            }
            left = still;
            if left.is_empty() {
                return Ok(());
            }
            let next = deadline.min(Instant::now() + Duration::from_secs(2));
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err("interrupted".to_owned()),
                change = changes.recv() => if change.is_some() { while changes.try_recv().is_ok() {} },
                () = tokio::time::sleep_until(next) => {}
            }
            if Instant::now() >= deadline {
                let names: Vec<String> = left.iter().map(|it| it.at.object.to_string()).collect();
                return Err(format!("timeout waiting for {} to be deleted", names.join(", ")));
            }
        }
    }
}

fn hook_status(live: &Value) -> Result<Status, String> {
    if sluice_object::kind(live) == "Job" {
        return Ok(sluice_health::job(live));
    }
    let phase = live.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    let kind = match phase {
        "Succeeded" => StatusKind::Current,
        "Failed" => StatusKind::Failed,
        _ => StatusKind::InProgress,
    };
    Ok(Status {
        kind,
        message: format!("pod is {}", if phase.is_empty() { "Pending" } else { phase }),
        conditions: Vec::new(),
    })
}
