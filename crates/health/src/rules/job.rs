//! Jobs: by kstatus started is enough; by Flux it must have finished.

use serde_json::Value;

use crate::fields::{Given, conditions, int, lookup, text};
use crate::status::{Status, StatusKind};

struct Counts {
    parallelism: i64,
    completions: i64,
    succeeded: i64,
    active: i64,
    failed: i64,
}

impl Counts {
    fn of(object: &Value) -> Self {
        let parallelism = int(object, "spec.parallelism", 1);
        Self {
            parallelism,
            completions: int(object, "spec.completions", parallelism),
            succeeded: int(object, "status.succeeded", 0),
            active: int(object, "status.active", 0),
            failed: int(object, "status.failed", 0),
        }
    }

    /// What the first condition that tells of an end says.
    fn finished(&self, conditions: &[Given<'_>]) -> Option<Status> {
        let Self { completions, succeeded, failed, .. } = self;
        conditions.iter().filter(|c| c.status == "True").find_map(|c| match c.type_ {
            "Complete" => Some(Status::current(format!("Job Completed. succeeded: {succeeded}/{completions}"))),
            "Failed" => Some(Status::failed("JobFailed", format!("Job Failed. failed: {failed}/{completions}"))),
            _ => None,
        })
    }

    fn progress(&self) -> String {
        format!("Job in progress. success:{}, active: {}, failed: {}", self.succeeded, self.active, self.failed)
    }
}

pub(super) fn kstatus(object: &Value, conditions: &[Given<'_>]) -> Status {
    let counts = Counts::of(object);
    if let Some(status) = counts.finished(conditions) {
        return status;
    }
    if text(object, "status.startTime", "").is_empty() {
        return Status::in_progress("JobNotStarted", "Job not started");
    }
    Status::current(counts.progress())
}

/// How far a Job is by Flux's rule for health checks: ready when complete or suspended. Deletion and generations are
/// not looked at; what cannot be read is of unknown status.
#[must_use]
pub fn flux(object: &Value) -> Status {
    let conditions = match conditions(object) {
        Ok(conditions) => conditions,
        Err(error) => {
            let message = format!("Failed to compute job status: {error}");
            return Status { kind: StatusKind::Unknown, message, conditions: Vec::new() };
        }
    };
    if lookup(object, "spec.suspend").is_ok_and(|value| value == Some(&Value::Bool(true))) {
        return Status::current("Job is suspended");
    }
    let counts = Counts::of(object);
    if let Some(status) = counts.finished(&conditions) {
        return status;
    }
    if text(object, "status.startTime", "").is_empty() {
        let message = format!("Job not started. active: {}/{}", counts.active, counts.parallelism);
        return Status::in_progress("JobNotStarted", message);
    }
    Status::in_progress("JobInProgress", counts.progress())
}
