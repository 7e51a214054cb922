//! The rules of the kinds that have one, by group and kind; the version does not matter.

mod deployment;
pub(crate) mod job;
mod pod;
mod sets;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::Error;
use crate::fields::{Given, text};
use crate::status::Status;

/// The status by the kind's rule; `None` for kinds without.
pub(crate) fn of_kind(object: &Value, conditions: &[Given<'_>], now: Timestamp) -> Result<Option<Status>, Error> {
    let api_version = text(object, "apiVersion", "");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    Ok(Some(match (group, text(object, "kind", "")) {
        ("apps" | "extensions", "Deployment") => deployment::status(object, conditions),
        ("apps" | "extensions", "ReplicaSet") => sets::replica_set(object, conditions),
        ("apps" | "extensions", "DaemonSet") => sets::daemon_set(object),
        ("apps", "StatefulSet") => sets::stateful_set(object),
        ("batch", "Job") => job::kstatus(object, conditions),
        ("", "Pod") => pod::status(object, conditions, now)?,
        ("", "PersistentVolumeClaim") => volume_claim(object),
        ("", "Service") => service(object),
        ("", "ConfigMap" | "Secret") | ("batch", "CronJob") => Status::current("Resource is always ready"),
        ("policy", "PodDisruptionBudget") => Status::current("AllowedDisruptions has been computed."),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom_resource_definition(conditions),
        _ => return Ok(None),
    }))
}

fn volume_claim(object: &Value) -> Status {
    match text(object, "status.phase", "unknown") {
        "Bound" => Status::current("PVC is Bound"),
        phase => Status::in_progress("NotBound", format!("PVC is not Bound. phase: {phase}")),
    }
}

fn service(object: &Value) -> Status {
    let kind = text(object, "spec.type", "ClusterIP");
    if kind == "LoadBalancer" && text(object, "spec.clusterIP", "").is_empty() {
        return Status::in_progress("NoIPAssigned", format!("ClusterIP not set. Service type: {kind}"));
    }
    Status::current("Service is ready")
}

fn custom_resource_definition(conditions: &[Given<'_>]) -> Status {
    for c in conditions {
        match (c.type_, c.status) {
            ("NamesAccepted", "False") => return Status::failed(c.reason, c.message),
            ("Established", "True") => return Status::current("CRD is established"),
            ("Established", "False") if c.reason != "Installing" => return Status::failed(c.reason, c.message),
            _ => {}
        }
    }
    Status::in_progress("Installing", "Install in progress")
}
