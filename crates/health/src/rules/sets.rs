//! StatefulSets, DaemonSets, ReplicaSets.

use serde_json::Value;

use crate::fields::{Given, int, lookup, text};
use crate::status::Status;

pub(super) fn stateful_set(object: &Value) -> Status {
    // Nobody knows when somebody will delete the Pods.
    if text(object, "spec.updateStrategy.type", "") == "OnDelete" {
        return Status::current("StatefulSet is using the ondelete update strategy");
    }
    let wanted = int(object, "spec.replicas", 1);
    let count = |name: &str| int(object, name, 0);
    let replicas = count("status.replicas");
    let ready = count("status.readyReplicas");
    let current = count("status.currentReplicas");
    let updated = count("status.updatedReplicas");
    if wanted > replicas {
        return Status::in_progress("LessReplicas", format!("Replicas: {replicas}/{wanted}"));
    }
    if wanted > ready {
        return Status::in_progress("LessReady", format!("Ready: {ready}/{wanted}"));
    }
    if replicas > wanted {
        return Status::in_progress("ExtraPods", format!("Pending termination: {}", replicas.saturating_sub(wanted)));
    }
    let partition = int(object, "spec.updateStrategy.rollingUpdate.partition", -1);
    if partition != -1 {
        let to_update = wanted.saturating_sub(partition);
        if updated < to_update {
            return Status::in_progress("PartitionRollout", format!("updated: {updated}/{to_update}"));
        }
        return Status::current(format!("Partition rollout complete. updated: {updated}"));
    }
    if wanted > current {
        return Status::in_progress("LessCurrent", format!("current: {current}/{wanted}"));
    }
    if text(object, "status.currentRevision", "") != text(object, "status.updateRevision", "") {
        return Status::in_progress("RevisionMismatch", "Waiting for updated revision to match current");
    }
    Status::current(format!("All replicas scheduled as expected. Replicas: {replicas}"))
}

pub(super) fn daemon_set(object: &Value) -> Status {
    if !matches!(lookup(object, "status.observedGeneration"), Ok(Some(_))) {
        return Status::in_progress("NoObservedGeneration", "DaemonSet status.observedGeneration not found");
    }
    let wanted = int(object, "status.desiredNumberScheduled", -1);
    if wanted == -1 {
        return Status::in_progress("NoDesiredNumber", "Missing .status.desiredNumberScheduled");
    }
    for (field, reason, label) in [
        ("status.currentNumberScheduled", "LessCurrent", "Current"),
        ("status.updatedNumberScheduled", "LessUpdated", "Updated"),
        ("status.numberAvailable", "LessAvailable", "Available"),
        ("status.numberReady", "LessReady", "Ready"),
    ] {
        let count = int(object, field, 0);
        if wanted > count {
            return Status::in_progress(reason, format!("{label}: {count}/{wanted}"));
        }
    }
    Status::current(format!("All replicas scheduled as expected. Replicas: {wanted}"))
}

pub(super) fn replica_set(object: &Value, conditions: &[Given<'_>]) -> Status {
    if conditions.iter().any(|c| c.type_ == "ReplicaFailure" && c.status == "True") {
        return Status::in_progress("ReplicaFailure", "Replica Failure condition. Check Pods");
    }
    let wanted = int(object, "spec.replicas", 1);
    for (field, reason, label) in [
        ("status.fullyLabeledReplicas", "LessLabelled", "Labelled"),
        ("status.availableReplicas", "LessAvailable", "Available"),
        ("status.readyReplicas", "LessReady", "Ready"),
    ] {
        let count = int(object, field, 0);
        if wanted > count {
            return Status::in_progress(reason, format!("{label}: {count}/{wanted}"));
        }
    }
    let replicas = int(object, "status.replicas", 0);
    if replicas > wanted {
        return Status::in_progress("ExtraPods", format!("Pending termination: {}", replicas.saturating_sub(wanted)));
    }
    Status::current(format!("ReplicaSet is available. Replicas: {replicas}"))
}
