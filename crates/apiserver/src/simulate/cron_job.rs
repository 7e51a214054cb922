//! CronJobs: a Job at each time of the schedule.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock;
use crate::rest::meta;

use super::events::{self, Source};
use super::job;
use super::schedule::Schedule;
use super::world::{Id, Kind, World, owned_metadata, status_of};

const CONTROLLER: Source = Source::Controller("cronjob-controller");

/// One step.
pub fn step(world: &mut World, id: &Id, mut cron: Value, version: u64) {
    if meta::is_deleting(&cron) {
        return;
    }
    let mut jobs = world.children_of(meta::text(&cron, "uid"), Kind::Job);
    jobs.retain(|(_, job, _)| !meta::is_deleting(job));
    jobs.sort_by(|(_, a, _), (_, b, _)| meta::text(a, "creationTimestamp").cmp(meta::text(b, "creationTimestamp")));
    forget(world, &cron, &jobs);
    let mut active: Vec<Value> =
        jobs.iter().filter(|(_, job, _)| !job::is_finished(job)).map(|(_, j, _)| reference(j)).collect();
    let last_success = jobs
        .iter()
        .filter(|(_, job, _)| job::is_complete(job))
        .filter_map(|(_, job, _)| job["status"]["completionTime"].as_str().map(str::to_owned))
        .max();
    let mut last = cron["status"]["lastScheduleTime"].as_str().map(str::to_owned);
    if let Some(time) = due(world, id, &cron, last.as_deref()) {
        let replaces = cron["spec"]["concurrencyPolicy"] == "Replace";
        if replaces {
            for (_, job, version) in jobs.iter().filter(|(_, job, _)| !job::is_finished(job)) {
                world.delete(Kind::Job, job, *version);
            }
            active.clear();
        }
        if (cron["spec"]["concurrencyPolicy"] != "Forbid" || active.is_empty()) && world.is_open(id.namespace()) {
            if let Some(job) = create(world, id, &cron, time) {
                active.push(reference(&job));
            }
            last = Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
    let status = status_of(&mut cron);
    if active.is_empty() {
        status.remove("active");
    } else {
        status.insert("active".into(), active.into());
    }
    if let Some(last) = last {
        status.insert("lastScheduleTime".into(), last.into());
    }
    if let Some(time) = last_success {
        status.insert("lastSuccessfulTime".into(), time.into());
    }
    world.put(Kind::CronJob, &cron, version);
}

fn reference(job: &Value) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job["metadata"]["name"],
        "namespace": job["metadata"]["namespace"],
        "uid": job["metadata"]["uid"],
    })
}

/// The latest time of the schedule that has come; sets a timer for the next.
fn due(world: &mut World, id: &Id, cron: &Value, last: Option<&str>) -> Option<Timestamp> {
    if cron["spec"]["suspend"] == true {
        return None;
    }
    let schedule = Schedule::parse(cron["spec"]["schedule"].as_str()?).ok()?;
    let zone = cron["spec"]["timeZone"].as_str();
    let now = clock::now();
    let since: Timestamp = last.unwrap_or(meta::text(cron, "creationTimestamp")).parse().ok()?;
    let next = schedule.next(now, zone)?;
    let wait = next.duration_since(now).unsigned_abs() + Duration::from_millis(5);
    world.again(id, wait);
    let mut found = None;
    let mut at = since;
    // Missed times are not made up for beyond the latest; a long outage must not cost a long search.
    for _ in 0..1000 {
        match schedule.next(at, zone) {
            Some(time) if time <= now => {
                found = Some(time);
                at = time;
            }
            _ => break,
        }
    }
    found
}

fn create(world: &mut World, id: &Id, cron: &Value, time: Timestamp) -> Option<Value> {
    let name = format!("{}-{}", id.name(), time.as_second() / 60);
    let template = &cron["spec"]["jobTemplate"];
    let mut annotations = template["metadata"]["annotations"].clone();
    let stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] = stamp.into();
    let mut metadata = owned_metadata(cron, &name, template["metadata"]["labels"].clone(), annotations);
    metadata.insert("generation".into(), 1.into());
    let mut job = json!({"metadata": metadata, "spec": template["spec"], "status": {}});
    crate::defaults::fill(&mut job, world.served(Kind::Job));
    let uid = job["metadata"]["uid"].clone();
    job["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    for label in ["batch.kubernetes.io/controller-uid", "controller-uid"] {
        job["spec"]["template"]["metadata"]["labels"][label] = uid.clone();
    }
    for label in ["batch.kubernetes.io/job-name", "job-name"] {
        job["spec"]["template"]["metadata"]["labels"][label] = name.as_str().into();
    }
    world.create(Kind::Job, &job)?;
    events::tell(world, cron, CONTROLLER, "SuccessfulCreate", &format!("Created job {name}"));
    Some(job)
}

/// Deletes finished Jobs beyond the history limits, oldest first.
fn forget(world: &mut World, cron: &Value, jobs: &[(Id, Value, u64)]) {
    for (complete, limit, default) in [(true, "successfulJobsHistoryLimit", 3), (false, "failedJobsHistoryLimit", 1)] {
        let limit = cron["spec"][limit].as_i64().unwrap_or(default).max(0) as usize;
        let matching: Vec<_> =
            jobs.iter().filter(|(_, j, _)| job::is_finished(j) && job::is_complete(j) == complete).collect();
        for (_, job, version) in matching.iter().take(matching.len().saturating_sub(limit)) {
            for (_, pod, version) in world.children_of(meta::text(job, "uid"), Kind::Pod) {
                world.delete(Kind::Pod, &pod, version);
            }
            world.delete(Kind::Job, job, *version);
        }
    }
}
