//! Status and conditions of a Deployment, with the reasons and messages of kube-controller-manager.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock;
use crate::rest::meta;

use super::super::condition::{self, seconds_since};
use super::super::replica_set;
use super::super::world::{Id, World, number, set_or_omit, status_of};
use super::{Set, Wanted};

/// Sums of ReplicaSets.
struct Totals {
    all: i64,
    updated: i64,
    ready: i64,
    available: i64,
}

/// Brings the status up to date; sets a timer for the progress deadline.
pub fn update(world: &mut World, id: &Id, deployment: &mut Value, wanted: &Wanted, new: Option<&Set>, old: &[Set]) {
    let every = || old.iter().chain(new);
    let sum = |field: &str| every().map(|set| set.counted(field)).sum::<i64>();
    let totals = Totals {
        all: sum("replicas"),
        updated: new.map_or(0, |set| set.counted("replicas")),
        ready: sum("readyReplicas"),
        available: sum("availableReplicas"),
    };
    let failed = new.is_some_and(|set| replica_set::has_failed(world, &set.value));
    let generation = number(deployment, "/metadata/generation");
    let deadline = deployment["spec"]["progressDeadlineSeconds"].as_i64();
    let paused = deployment["spec"]["paused"] == true;
    let limited = every().find_map(|set| {
        let status = set.value["status"].as_object()?;
        condition::find(status, "ReplicaFailure").map(|c| c["message"].as_str().unwrap_or_default().to_owned())
    });
    let name = match new {
        Some(set) => format!("ReplicaSet \"{}\"", meta::text(&set.value, "name")),
        None => format!("Deployment \"{}\"", id.name()),
    };
    let status = status_of(deployment);
    let before = Totals {
        all: counted(status, "replicas"),
        updated: counted(status, "updatedReplicas"),
        ready: counted(status, "readyReplicas"),
        available: counted(status, "availableReplicas"),
    };
    status.insert("observedGeneration".into(), generation.into());
    set_or_omit(status, "replicas", totals.all);
    set_or_omit(status, "updatedReplicas", totals.updated);
    set_or_omit(status, "readyReplicas", totals.ready);
    set_or_omit(status, "availableReplicas", totals.available);
    set_or_omit(status, "unavailableReplicas", (totals.all.max(wanted.replicas) - totals.available).max(0));
    available(status, &totals, wanted);
    match limited {
        Some(message) => set(status, "ReplicaFailure", "True", "FailedCreate", &message),
        None => condition::remove(status, "ReplicaFailure"),
    }
    if let Some(seconds) = deadline {
        let progress = Progress { name: &name, seconds, failed, paused, complete: is_complete(&totals, wanted) };
        if let Some(wait) = progress.update(status, &before, &totals, new.is_some()) {
            world.again(id, wait);
        }
    }
}

fn counted(status: &Map<String, Value>, field: &str) -> i64 {
    status.get(field).and_then(Value::as_i64).unwrap_or(0)
}

fn is_complete(totals: &Totals, wanted: &Wanted) -> bool {
    totals.updated == wanted.replicas && totals.all == wanted.replicas && totals.available == wanted.replicas
}

fn available(status: &mut Map<String, Value>, totals: &Totals, wanted: &Wanted) {
    if totals.available >= wanted.replicas - wanted.unavailable {
        let message = "Deployment has minimum availability.";
        set(status, "Available", "True", "MinimumReplicasAvailable", message);
    } else {
        let message = "Deployment does not have minimum availability.";
        set(status, "Available", "False", "MinimumReplicasUnavailable", message);
    }
}

fn set(status: &mut Map<String, Value>, kind: &str, value: &str, reason: &str, message: &str) {
    // The real controller does not touch a condition whose status and reason stay.
    let same = condition::find(status, kind).is_some_and(|c| c["status"] == value && c["reason"] == reason);
    if !same {
        condition::set(status, kind, value, reason, message, Some("lastUpdateTime"));
    }
}

struct Progress<'a> {
    name: &'a str,
    seconds: i64,
    failed: bool,
    paused: bool,
    complete: bool,
}

impl Progress<'_> {
    /// Sets `Progressing`; tells how long there is until the deadline.
    fn update(
        &self,
        status: &mut Map<String, Value>,
        before: &Totals,
        now: &Totals,
        has_set: bool,
    ) -> Option<Duration> {
        let reason_was = condition::find(status, "Progressing").and_then(|c| c["reason"].as_str()).map(str::to_owned);
        if self.paused {
            if reason_was.as_deref() != Some("DeploymentPaused") {
                set(status, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused");
            }
            return None;
        }
        if reason_was.as_deref() == Some("DeploymentPaused") {
            set(status, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
        }
        let name = self.name;
        // That an earlier template came to nothing says nothing of this one.
        let said = condition::find(status, "Progressing").and_then(|c| c["message"].as_str()).unwrap_or_default();
        let of_another = reason_was.as_deref() == Some("ProgressDeadlineExceeded") && !said.starts_with(name);
        if of_another {
            touch(status, "ReplicaSetUpdated", &format!("{name} is progressing."));
        }
        if !has_set {
            return None;
        }
        if self.complete {
            let message = format!("{name} has successfully progressed.");
            set(status, "Progressing", "True", "NewReplicaSetAvailable", &message);
            return None;
        }
        // Losing replicas after a rollout was done is no rollout.
        if reason_was.as_deref() == Some("NewReplicaSetAvailable") && now.all == now.updated && !self.failed {
            return None;
        }
        let old_went = before.all - before.updated > now.all - now.updated;
        let progressed =
            now.updated > before.updated || old_went || now.ready > before.ready || now.available > before.available;
        let is_new =
            of_another || matches!(reason_was.as_deref(), None | Some("DeploymentResumed" | "NewReplicaSetAvailable"));
        if self.failed {
            self.time_out(status);
            return None;
        }
        if progressed || is_new {
            touch(status, "ReplicaSetUpdated", &format!("{name} is progressing."));
        } else if reason_was.as_deref() == Some("ProgressDeadlineExceeded") {
            return None;
        }
        let since = condition::find(status, "Progressing").map_or(0, |c| seconds_since(&c["lastUpdateTime"]));
        if since >= self.seconds {
            self.time_out(status);
            return None;
        }
        Some(Duration::from_secs((self.seconds - since).unsigned_abs()))
    }

    fn time_out(&self, status: &mut Map<String, Value>) {
        let message = format!("{} has timed out progressing.", self.name);
        set(status, "Progressing", "False", "ProgressDeadlineExceeded", &message);
    }
}

/// Notes progress: a new update time whatever was said before.
fn touch(status: &mut Map<String, Value>, reason: &str, message: &str) {
    condition::set(status, "Progressing", "True", reason, message, Some("lastUpdateTime"));
    let list = status.get_mut("conditions").and_then(Value::as_array_mut);
    if let Some(condition) = list.into_iter().flatten().find(|c| c["type"] == "Progressing") {
        condition["lastUpdateTime"] = json!(clock::now_text());
    }
}
