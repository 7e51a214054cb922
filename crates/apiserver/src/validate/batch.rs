//! Jobs and CronJobs.

use serde_json::Value;

use crate::field::FieldError;
use crate::simulate::schedule::Schedule;

use super::parts::{not_negative, one_of, text};
use super::pod;

/// A Job.
pub fn job(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    spec(&new["spec"], "spec", out);
    let Some(old) = old else { return };
    let (spec, before) = (&new["spec"], &old["spec"]);
    for field in ["completionMode", "selector", "template", "podFailurePolicy", "backoffLimitPerIndex", "managedBy"] {
        // A Job that has not started may still get other node selectors and the like.
        let suspended = before["suspend"] == true && old["status"].get("startTime").is_none();
        if field == "template" && suspended {
            continue;
        }
        super::parts::immutable(spec, before, field, "spec", out);
    }
    if spec["completionMode"] != "Indexed" {
        super::parts::immutable(spec, before, "completions", "spec", out);
    }
}

fn spec(spec: &Value, path: &str, out: &mut Vec<FieldError>) {
    for field in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"] {
        not_negative(spec, field, path, out);
    }
    one_of(spec, "completionMode", path, &["Indexed", "NonIndexed"], false, out);
    if spec["completionMode"] == "Indexed" && spec.get("completions").is_none() {
        let detail = "when completion mode is Indexed";
        out.push(FieldError::required(format!("{path}.completions"), detail));
    }
    let at = format!("{path}.template");
    pod::template(&spec["template"], &at, &["OnFailure", "Never"], out);
    let at = format!("{at}.spec.restartPolicy");
    match text(&spec["template"]["spec"], "restartPolicy") {
        // The default is not for Jobs, so that nobody gets it by surprise.
        "" | "Always" => out.push(FieldError::required(at, "valid values: \"OnFailure\", \"Never\"")),
        _ => {}
    }
}

/// A CronJob.
pub fn cron_job(new: &Value, out: &mut Vec<FieldError>) {
    let it = &new["spec"];
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    if name.len() > 52 {
        out.push(FieldError::invalid("metadata.name", &name.into(), "must be no more than 52 characters"));
    }
    spec(&it["jobTemplate"]["spec"], "spec.jobTemplate.spec", out);
    match text(it, "schedule") {
        "" => out.push(FieldError::required("spec.schedule", "")),
        schedule => {
            if let Err(why) = Schedule::parse(schedule) {
                out.push(FieldError::invalid("spec.schedule", &schedule.into(), why));
            } else if schedule.contains("TZ") {
                let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
                out.push(FieldError::invalid("spec.schedule", &schedule.into(), detail));
            }
        }
    }
    not_negative(it, "startingDeadlineSeconds", "spec", out);
    one_of(it, "concurrencyPolicy", "spec", &["Allow", "Forbid", "Replace"], true, out);
    not_negative(it, "successfulJobsHistoryLimit", "spec", out);
    not_negative(it, "failedJobsHistoryLimit", "spec", out);
    let Some(zone) = it.get("timeZone").and_then(Value::as_str) else { return };
    let mut bad = |detail: &str| out.push(FieldError::invalid("spec.timeZone", &zone.into(), detail));
    if zone.is_empty() {
        bad("timeZone must be nil or non-empty string");
    } else if zone.eq_ignore_ascii_case("local") {
        bad("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
    } else if jiff::tz::TimeZone::get(zone).is_err() {
        bad(&format!("unknown time zone {zone}"));
    }
}
