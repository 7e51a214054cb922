//! Waiting until an object has been reconciled (spec/flux/cli.md §1 "Waiting for readiness").

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use sluice_health::StatusKind;
use tokio::time::Instant;

use crate::cluster::Cluster;

/// Between two looks; soon at first, since most things here take a moment.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Polls an object until `done` says something other than `None`.
///
/// # Errors
/// When the object is gone, time is over, or `done` says so.
pub async fn until<T>(
    cluster: &Cluster,
    path: &str,
    timeout: Duration,
    mut done: impl FnMut(&Value) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + timeout;
    let mut pause = FIRST_LOOK;
    loop {
        let object = cluster.get(path).await?.context("the object is gone")?;
        if let Some(done) = done(&object)? {
            return Ok(done);
        }
        if Instant::now() >= end {
            let ready = condition(&object, "Ready").and_then(|it| it["message"].as_str()).unwrap_or_default();
            bail!("not ready within {} s: {ready}", timeout.as_secs());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LAST_LOOK);
    }
}

/// The object once it is ready.
///
/// # Errors
/// When it fails, or is not ready in time.
pub async fn ready(cluster: &Cluster, path: &str, timeout: Duration) -> anyhow::Result<Value> {
    until(cluster, path, timeout, |object| Ok(if is_ready(object)? { Some(object.clone()) } else { None })).await
}

/// Whether an object is ready.
///
/// # Errors
/// When it has failed, with its message.
pub fn is_ready(object: &Value) -> anyhow::Result<bool> {
    let seen = object.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or_default();
    if seen < 1 || Some(seen) != sluice_object::generation(object) {
        return Ok(false);
    }
    let status = sluice_health::status(object)?;
    match status.kind {
        StatusKind::Current => Ok(true),
        StatusKind::Failed => bail!("{}", status.message),
        _ => Ok(false),
    }
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|it| it["type"] == type_)
}
