//! Validation of objects: by the schema for custom resources, by hand for built-in kinds.
//!
//! The words, paths and order of errors are kube-apiserver's. Rules that GitOps never meets (volume sources of single
//! storage vendors, Windows options, resource claims) are left to the real server.

mod batch;
mod config;
mod core_kinds;
mod network;
mod parts;
mod pod;
mod selector;
#[cfg(test)]
mod tests;
mod workload;

use serde_json::Value;

use crate::crd;
use crate::field::FieldError;
use crate::kinds::Served;

/// Errors of a new object, its metadata aside.
pub fn create(served: &Served, object: &Value) -> Vec<FieldError> {
    match &served.custom {
        Some(_) => crd::validate(served, object, None),
        None => built_in(&served.resource.group, &served.resource.kind, object, None),
    }
}

/// Errors of a changed object, its metadata aside.
pub fn update(served: &Served, new: &Value, old: &Value) -> Vec<FieldError> {
    match &served.custom {
        Some(_) => crd::validate(served, new, Some(old)),
        None => built_in(&served.resource.group, &served.resource.kind, new, Some(old)),
    }
}

/// Errors of a changed status.
pub fn update_status(served: &Served, new: &Value, old: &Value) -> Vec<FieldError> {
    match &served.custom {
        Some(_) => crd::validate(served, new, Some(old)),
        None => Vec::new(),
    }
}

fn built_in(group: &str, kind: &str, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let out = &mut errors;
    match (group, kind) {
        ("", "Pod") => pod::validate(new, old, out),
        ("", "Service") => network::service(new, old, out),
        ("", "ConfigMap") => config::config_map(new, old, out),
        ("", "Secret") => config::secret(new, old, out),
        ("", "PersistentVolumeClaim") => core_kinds::claim(new, old, out),
        ("", "Event") => core_kinds::event(new, old, out),
        ("apps", "Deployment") => workload::deployment(new, old, out),
        ("apps", "ReplicaSet") => workload::replica_set(new, old, out),
        ("apps", "StatefulSet") => workload::stateful_set(new, old, out),
        ("apps", "DaemonSet") => workload::daemon_set(new, old, out),
        ("batch", "Job") => batch::job(new, old, out),
        ("batch", "CronJob") => batch::cron_job(new, out),
        ("networking.k8s.io", "Ingress") => network::ingress(new, out),
        ("networking.k8s.io", "NetworkPolicy") => network::policy(new, out),
        ("policy", "PodDisruptionBudget") => core_kinds::budget(new, out),
        ("autoscaling", "HorizontalPodAutoscaler") => core_kinds::autoscaler(new, out),
        ("coordination.k8s.io", "Lease") => core_kinds::lease(new, out),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => out.extend(crate::policy::validate(new)),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            out.extend(crate::webhook::validate(new));
        }
        ("rbac.authorization.k8s.io", _) => core_kinds::access(kind, new, old, out),
        _ => {}
    }
    errors
}
