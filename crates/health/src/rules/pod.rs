//! Pods.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::error::Error;
use crate::fields::{Given, lookup, text};
use crate::status::Status;

/// How long the scheduler may look for a node before the Pod counts as stuck.
const SCHEDULING: SignedDuration = SignedDuration::from_secs(15);

pub(super) fn status(object: &Value, conditions: &[Given<'_>], now: Timestamp) -> Result<Status, Error> {
    Ok(match text(object, "status.phase", "") {
        "Succeeded" => Status::current("Pod has completed successfully"),
        "Failed" => Status::current("Pod has completed, but not successfully"),
        "Running" => {
            if conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True") {
                return Ok(Status::current("Pod is Ready"));
            }
            let looping = crash_looping(object)?;
            if looping.is_empty() {
                return Ok(Status::in_progress("PodRunningNotReady", "Pod is running but is not Ready"));
            }
            let message = format!("Containers in CrashLoop state: {}", looping.join(","));
            Status::failed("ContainerCrashLooping", message)
        }
        "Pending" => {
            let unschedulable =
                |c: &Given<'_>| (c.type_, c.status, c.reason) == ("PodScheduled", "False", "Unschedulable");
            if !conditions.iter().any(unschedulable) {
                return Ok(Status::in_progress("PodPending", "Pod is in the Pending phase"));
            }
            let created = text(object, "metadata.creationTimestamp", "").parse::<Timestamp>();
            if created.is_ok_and(|created| now.duration_since(created) < SCHEDULING) {
                return Ok(Status::in_progress("PodNotScheduled", "Pod has not been scheduled"));
            }
            Status::failed("PodUnschedulable", "Pod could not be scheduled")
        }
        "" => Status::in_progress("PodNotObserved", "Pod phase not available"),
        phase => return Err(Error::UnknownPhase(phase.to_owned())),
    })
}

/// The containers that crash again and again; init containers do not count.
fn crash_looping(object: &Value) -> Result<Vec<&str>, Error> {
    let Some(statuses) = lookup(object, "status.containerStatuses").ok().flatten().and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    let mut looping = Vec::new();
    for (index, status) in statuses.iter().enumerate() {
        let wrong = |field, expected| Error::ContainerStatus { index, field, expected };
        let status = status.as_object().ok_or_else(|| wrong("", "map"))?;
        let name = match status.get("name") {
            Some(name) => name.as_str().ok_or_else(|| wrong("name", "string"))?,
            None => "",
        };
        let Some(state) = status.get("state").filter(|state| !state.is_null()) else { continue };
        let state = state.as_object().ok_or_else(|| wrong("state", "map"))?;
        let Some(waiting) = state.get("waiting").filter(|waiting| !waiting.is_null()) else { continue };
        let waiting = waiting.as_object().ok_or_else(|| wrong("state.waiting", "map"))?;
        if waiting.get("reason").and_then(Value::as_str) == Some("CrashLoopBackOff") {
            looping.push(name);
        }
    }
    Ok(looping)
}
