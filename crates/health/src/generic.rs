//! What holds for every kind, in the order in which it is looked at.

use jiff::Timestamp;
use serde_json::Value;

use crate::error::Error;
use crate::fields::{Given, conditions, strict_int, strict_text};
use crate::rules;
use crate::status::{Status, StatusKind};

/// How far an object is.
///
/// # Errors
/// When a field that decides has the wrong type.
pub fn status(object: &Value) -> Result<Status, Error> {
    status_at(object, Timestamp::now())
}

/// [`status`] at a given time: a Pod that cannot be scheduled is given some seconds.
///
/// # Errors
/// As [`status`].
pub fn status_at(object: &Value, now: Timestamp) -> Result<Status, Error> {
    if strict_text(object, "metadata.deletionTimestamp")?.is_some_and(|time| !time.is_empty()) {
        let message = "Resource scheduled for deletion".to_owned();
        return Ok(Status { kind: StatusKind::Terminating, message, conditions: Vec::new() });
    }
    if let Some(status) = generation(object)? {
        return Ok(status);
    }
    let conditions = conditions(object)?;
    if let Some(status) = reconciling_or_stalled(&conditions) {
        return Ok(status);
    }
    if let Some(status) = rules::of_kind(object, &conditions, now)? {
        return Ok(status);
    }
    Ok(ready(&conditions).unwrap_or_else(|| Status::current("Resource is current")))
}

/// A controller that has not seen the latest spec says nothing about it.
fn generation(object: &Value) -> Result<Option<Status>, Error> {
    let Some(generation) = strict_int(object, "metadata.generation")? else { return Ok(None) };
    let Some(observed) = strict_int(object, "status.observedGeneration")? else { return Ok(None) };
    if observed == generation {
        return Ok(None);
    }
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let message = format!("{kind} generation is {generation}, but latest observed generation is {observed}");
    Ok(Some(Status::in_progress("LatestGenerationNotObserved", message)))
}

fn reconciling_or_stalled(conditions: &[Given<'_>]) -> Option<Status> {
    conditions.iter().filter(|c| c.status == "True").find_map(|c| match c.type_ {
        "Reconciling" => Some(Status::in_progress(c.reason, c.message)),
        "Stalled" => Some(Status::failed(c.reason, c.message)),
        _ => None,
    })
}

fn ready(conditions: &[Given<'_>]) -> Option<Status> {
    conditions.iter().filter(|c| c.type_ == "Ready").find_map(|c| match c.status {
        "True" => Some(Status::current("Resource is Ready")),
        "False" | "Unknown" => Some(Status::in_progress(c.reason, c.message)),
        _ => None,
    })
}
