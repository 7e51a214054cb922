//! Deployments.

use serde_json::Value;

use crate::fields::{Given, int};
use crate::status::Status;

pub(super) fn status(object: &Value, conditions: &[Given<'_>]) -> Status {
    // Without a deadline (or with the one that means none) the controller does not report progress.
    const NO_DEADLINE: i64 = i32::MAX as i64;
    let mut progressing = int(object, "spec.progressDeadlineSeconds", NO_DEADLINE) == NO_DEADLINE;
    let mut available = false;
    for c in conditions {
        match (c.type_, c.status) {
            ("Progressing", _) if c.reason == "ProgressDeadlineExceeded" => {
                return Status::failed("ProgressDeadlineExceeded", "Progress deadline exceeded");
            }
            ("Progressing", "True") if c.reason == "NewReplicaSetAvailable" => progressing = true,
            ("Available", "True") => available = true,
            _ => {}
        }
    }
    let wanted = int(object, "spec.replicas", 1);
    let count = |name: &str| int(object, name, 0);
    let replicas = count("status.replicas");
    let updated = count("status.updatedReplicas");
    let ready = count("status.readyReplicas");
    let available_replicas = count("status.availableReplicas");
    if wanted > replicas {
        return Status::in_progress("LessReplicas", format!("Replicas: {replicas}/{wanted}"));
    }
    if wanted > updated {
        return Status::in_progress("LessUpdated", format!("Updated: {updated}/{wanted}"));
    }
    if replicas > wanted {
        return Status::in_progress("ExtraPods", format!("Pending termination: {}", replicas.saturating_sub(wanted)));
    }
    if updated > available_replicas {
        return Status::in_progress("LessAvailable", format!("Available: {available_replicas}/{updated}"));
    }
    if wanted > ready {
        return Status::in_progress("LessReady", format!("Ready: {ready}/{wanted}"));
    }
    if !progressing {
        return Status::in_progress("ReplicaSetNotAvailable", "ReplicaSet not Available");
    }
    if !available {
        return Status::in_progress("DeploymentNotAvailable", "Deployment not Available");
    }
    Status::current(format!("Deployment is available. Replicas: {replicas}"))
}
