//! Jobs: Pods that run until enough have succeeded, or too many failed.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock;
use crate::rest::{meta, random_suffix};

use super::condition::{self, seconds_since};
use super::events::{self, Source};
use super::pod;
use super::script::{Outcome, Script};
use super::world::{Id, Kind, World, number, set_or_omit, status_of};

const CONTROLLER: Source = Source::Controller("job-controller");

/// Pods of a Job by what became of them.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    active: i64,
    ready: i64,
    succeeded: i64,
    failed: i64,
}

/// How a Job ended.
enum End {
    Complete,
    Failed { reason: &'static str, message: &'static str },
}

/// One step.
pub fn step(world: &mut World, id: &Id, mut job: Value, version: u64) {
    if meta::is_deleting(&job) {
        return;
    }
    world.follow_script(id, &job);
    if is_finished(&job) {
        expire(world, id, &job, version);
        return;
    }
    let suspended = job["spec"]["suspend"] == true;
    let counts = if world.options.pods { count(world, &job) } else { pretend(world, id, &job) };
    let mut counts = counts;
    if suspended {
        for (_, pod, version) in active_pods(world, &job) {
            world.delete(Kind::Pod, &pod, version);
        }
        counts.active = 0;
        counts.ready = 0;
    }
    let started = job["status"].get("startTime").cloned();
    let end = if suspended { None } else { end(&job, counts, started.as_ref()) };
    let parallelism = number(&job, "/spec/parallelism").min(i64::from(world.options.most_pods));
    if end.is_none() && !suspended && world.options.pods {
        let left = job["spec"]["completions"].as_i64().map_or(parallelism, |all| all - counts.succeeded);
        // Without a number of completions, one success means that no new Pods start.
        let any = job["spec"].get("completions").is_none() && counts.succeeded > 0;
        let held = any || backs_off(world, id, &job, counts.failed);
        let missing = if held { 0 } else { parallelism.min(left) - counts.active };
        if missing > 0 && world.is_open(id.namespace()) && create(world, id, &job, missing) {
            return;
        }
        for (_, pod, version) in active_pods(world, &job).into_iter().take((-missing).max(0) as usize) {
            world.delete(Kind::Pod, &pod, version);
        }
    }
    let deadline = job["spec"]["activeDeadlineSeconds"].as_i64();
    if let (Some(seconds), Some(started), None) = (deadline, &started, &end) {
        world.again(id, Duration::from_secs((seconds - seconds_since(started)).max(1).unsigned_abs()));
    }
    if end.is_some() {
        for (_, pod, version) in active_pods(world, &job) {
            world.delete(Kind::Pod, &pod, version);
            counts.active = 0;
            counts.ready = 0;
        }
    }
    match &end {
        Some(End::Complete) => events::tell(world, &job, CONTROLLER, "Completed", "Job completed"),
        Some(End::Failed { reason, message }) => events::tell(world, &job, CONTROLLER, reason, message),
        None => {}
    }
    let status = status_of(&mut job);
    write(status, counts, suspended, end);
    world.put(Kind::Job, &job, version);
}

/// Whether the Job waits before it tries again; looks at it when it may.
fn backs_off(world: &mut World, id: &Id, job: &Value, failed: i64) -> bool {
    let first = world.options.job_backoff;
    if failed == 0 || first.is_zero() {
        return false;
    }
    let doubled = first.saturating_mul(1 << (failed - 1).clamp(0, 16)).min(Duration::from_secs(600));
    let pods = world.children_of(meta::text(job, "uid"), Kind::Pod);
    let ends = pods.iter().filter(|(_, pod, _)| pod["status"]["phase"] == "Failed");
    let ended = ends
        .map(|(_, pod, _)| seconds_since(&pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"]));
    let since = Duration::from_secs(ended.min().unwrap_or(0).max(0).unsigned_abs());
    let left = doubled.saturating_sub(since);
    if left.is_zero() {
        return false;
    }
    world.again(id, left);
    true
}

fn write(status: &mut Map<String, Value>, counts: Counts, suspended: bool, end: Option<End>) {
    let now = clock::now_text();
    if suspended {
        status.remove("startTime");
        condition::set(status, "Suspended", "True", "JobSuspended", "Job suspended", Some("lastProbeTime"));
    } else {
        status.entry("startTime").or_insert_with(|| now.as_str().into());
        if condition::is_true(status, "Suspended") {
            condition::set(status, "Suspended", "False", "JobResumed", "Job resumed", Some("lastProbeTime"));
        }
    }
    set_or_omit(status, "active", counts.active);
    set_or_omit(status, "succeeded", counts.succeeded);
    set_or_omit(status, "failed", counts.failed);
    status.insert("ready".into(), counts.ready.into());
    status.insert("terminating".into(), 0.into());
    status.insert("uncountedTerminatedPods".into(), json!({}));
    match end {
        None => {}
        Some(End::Complete) => {
            status.insert("completionTime".into(), now.into());
            let (reason, message) = ("CompletionsReached", "Reached expected number of succeeded pods");
            condition::set(status, "SuccessCriteriaMet", "True", reason, message, Some("lastProbeTime"));
            condition::set(status, "Complete", "True", reason, message, Some("lastProbeTime"));
        }
        Some(End::Failed { reason, message }) => {
            condition::set(status, "FailureTarget", "True", reason, message, Some("lastProbeTime"));
            condition::set(status, "Failed", "True", reason, message, Some("lastProbeTime"));
        }
    }
}

/// Whether a Job is complete or failed.
pub fn is_finished(job: &Value) -> bool {
    let status = job["status"].as_object();
    status.is_some_and(|status| ["Complete", "Failed"].iter().any(|kind| condition::is_true(status, kind)))
}

/// Whether a Job is complete.
pub fn is_complete(job: &Value) -> bool {
    job["status"].as_object().is_some_and(|status| condition::is_true(status, "Complete"))
}

fn expire(world: &mut World, id: &Id, job: &Value, version: u64) {
    let Some(seconds) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else { return };
    let status = job["status"].as_object();
    let end = status.and_then(|s| condition::find(s, "Complete").or_else(|| condition::find(s, "Failed")));
    let left = seconds - end.map_or(0, |c| seconds_since(&c["lastTransitionTime"]));
    if left > 0 {
        world.again(id, Duration::from_secs(left.unsigned_abs()));
        return;
    }
    for (child, value, version) in world.children_of(meta::text(job, "uid"), Kind::Pod) {
        let _ = child;
        world.delete(Kind::Pod, &value, version);
    }
    world.delete(Kind::Job, job, version);
}

fn active_pods(world: &World, job: &Value) -> Vec<(Id, Value, u64)> {
    let pods = world.children_of(meta::text(job, "uid"), Kind::Pod);
    pods.into_iter().filter(|(_, pod, _)| pod::is_active(pod)).collect()
}

fn count(world: &World, job: &Value) -> Counts {
    let mut counts = Counts::default();
    for (_, pod, _) in world.children_of(meta::text(job, "uid"), Kind::Pod) {
        match pod["status"]["phase"].as_str() {
            Some("Succeeded") => counts.succeeded += 1,
            Some("Failed") => counts.failed += 1,
            _ if meta::is_deleting(&pod) => {}
            _ => {
                counts.active += 1;
                counts.ready += i64::from(pod::is_ready(&pod));
                // Containers restarted in place count as failures too.
                counts.failed += number(&pod, "/status/containerStatuses/0/restartCount");
            }
        }
    }
    counts
}

fn pretend(world: &mut World, id: &Id, job: &Value) -> Counts {
    let script = Script::of(world, job);
    let after = script.ready_after.unwrap_or(world.options.ready_after) + script.runs_for.unwrap_or_default();
    let parallelism = number(job, "/spec/parallelism");
    let completions = job["spec"]["completions"].as_i64().unwrap_or(parallelism);
    if parallelism == 0 || !world.passed(id, "ready", after) {
        return Counts { active: parallelism.min(completions), ..Counts::default() };
    }
    match script.outcome {
        Outcome::Ready => Counts { succeeded: completions, ..Counts::default() },
        Outcome::Fail | Outcome::CrashLoop | Outcome::OutOfMemory => {
            Counts { failed: job["spec"]["backoffLimit"].as_i64().unwrap_or(6) + 1, ..Counts::default() }
        }
        _ => Counts { active: parallelism.min(completions), ..Counts::default() },
    }
}

fn end(job: &Value, counts: Counts, started: Option<&Value>) -> Option<End> {
    let completions = job["spec"]["completions"].as_i64();
    let enough = match completions {
        Some(all) => counts.succeeded >= all,
        None => counts.succeeded > 0 && counts.active == 0,
    };
    if enough {
        return Some(End::Complete);
    }
    if counts.failed > job["spec"]["backoffLimit"].as_i64().unwrap_or(6) {
        return Some(End::Failed {
            reason: "BackoffLimitExceeded",
            message: "Job has reached the specified backoff limit",
        });
    }
    let deadline = job["spec"]["activeDeadlineSeconds"].as_i64()?;
    (seconds_since(started?) >= deadline)
        .then_some(End::Failed { reason: "DeadlineExceeded", message: "Job was active longer than specified deadline" })
}

fn create(world: &mut World, id: &Id, job: &Value, missing: i64) -> bool {
    let uid = meta::text(job, "uid");
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", id.name()),
        ("controller-uid", uid),
        ("job-name", id.name()),
    ];
    let taken: Vec<i64> = match job["spec"]["completionMode"] == "Indexed" {
        true => world.children_of(uid, Kind::Pod).iter().filter_map(|(_, pod, _)| index_of(pod)).collect(),
        false => Vec::new(),
    };
    let mut free = (0..).filter(|index| !taken.contains(index));
    let mut made = false;
    for _ in 0..missing {
        let mut template = job["spec"]["template"].clone();
        let mut name = format!("{}-{}", id.name(), random_suffix());
        if job["spec"]["completionMode"] == "Indexed"
            && let Some(index) = free.next()
        {
            let index = index.to_string();
            template["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] = index.as_str().into();
            template["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = index.as_str().into();
            name = format!("{}-{index}-{}", id.name(), random_suffix());
        }
        if pod::create(world, job, &template, &name, &labels) {
            made = true;
            events::tell(world, job, CONTROLLER, "SuccessfulCreate", &format!("Created pod: {name}"));
        }
    }
    made
}

/// The index of a Pod that still counts.
fn index_of(pod: &Value) -> Option<i64> {
    if pod["status"]["phase"] == "Failed" {
        return None;
    }
    pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"].as_str()?.parse().ok()
}
