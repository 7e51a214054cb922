//! The annotations by which a user tells a workload to fail.

use std::time::Duration;

use serde_json::Value;

use crate::rest::meta;

use super::world::{Id, Kind, World};

const PREFIX: &str = "simulate.sluice.dev/";

/// What becomes of Pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// They become ready, or succeed in a Job.
    #[default]
    Ready,
    /// They run, and never become ready or finish.
    Stall,
    /// Their containers end with an error; a Deployment gives up at once instead of at its deadline.
    Fail,
    /// Their containers end with an error soon after every start.
    CrashLoop,
    /// As `CrashLoop`, killed for want of memory.
    OutOfMemory,
    /// Their image cannot be pulled.
    ImagePullError,
    /// No node takes them.
    Unschedulable,
}

/// What an object, or whoever owns it, has been told to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// What becomes of it.
    pub outcome: Outcome,
    /// How long that takes; `None` for the default.
    pub ready_after: Option<Duration>,
    /// How long containers of a Job run.
    pub runs_for: Option<Duration>,
}

impl Script {
    /// Whether an object carries any such annotation.
    pub fn is_in(object: &Value) -> bool {
        let annotations = meta::of(object).get("annotations").and_then(Value::as_object);
        annotations.is_some_and(|map| map.keys().any(|key| key.starts_with(PREFIX)))
    }

    /// The script of an object; what it does not say, its controllers may, up to the topmost.
    pub fn of(world: &World, object: &Value) -> Self {
        let mut script = Self::default();
        let mut outcome = None;
        let mut at = Some(object.clone());
        // Deployment, ReplicaSet, Pod (or CronJob, Job, Pod) is the longest chain there is.
        for _ in 0..4 {
            let Some(object) = at else { break };
            outcome = outcome.or_else(|| annotation(&object, "outcome").and_then(parse_outcome));
            script.ready_after = script.ready_after.or_else(|| duration(&object, "ready-after"));
            script.runs_for = script.runs_for.or_else(|| duration(&object, "runs-for"));
            if let Some(told) = world.options.scenario.told(&object, world.age()) {
                outcome = outcome.or(told.outcome);
                script.ready_after = script.ready_after.or(told.ready_after);
                script.runs_for = script.runs_for.or(told.runs_for);
            }
            at = controller(world, &object);
        }
        script.outcome = outcome.unwrap_or_default();
        script
    }
}

/// The object that controls another one.
pub fn controller(world: &World, object: &Value) -> Option<Value> {
    let owners = meta::of(object).get("ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    let kind = match owner["kind"].as_str()? {
        "ReplicaSet" => Kind::ReplicaSet,
        "Deployment" => Kind::Deployment,
        "StatefulSet" => Kind::StatefulSet,
        "DaemonSet" => Kind::DaemonSet,
        "Job" => Kind::Job,
        "CronJob" => Kind::CronJob,
        _ => return None,
    };
    let id = Id::new(kind, meta::text(object, "namespace"), owner["name"].as_str()?);
    world.get(&id).map(|(value, _)| value)
}

/// An annotation of the simulator.
pub fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    meta::of(object).get("annotations")?.get(format!("{PREFIX}{name}"))?.as_str()
}

fn duration(object: &Value, name: &str) -> Option<Duration> {
    annotation(object, name).and_then(parse_duration)
}

/// An outcome by its name.
pub fn parse_outcome(text: &str) -> Option<Outcome> {
    Some(match text {
        "ready" => Outcome::Ready,
        "stall" => Outcome::Stall,
        "fail" => Outcome::Fail,
        "crash-loop" => Outcome::CrashLoop,
        "out-of-memory" => Outcome::OutOfMemory,
        "image-pull-error" => Outcome::ImagePullError,
        "unschedulable" => Outcome::Unschedulable,
        _ => return None,
    })
}

/// `1h2m3s`, `1.5s`, `200ms`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..end].parse().ok()?;
        let unit_end = rest[end..].find(|c: char| c.is_ascii_digit() || c == '.').map_or(rest.len(), |at| end + at);
        total += amount
            * match &rest[end..unit_end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, want) in
            [("3s", Some(3000)), ("1m1.5s", Some(61_500)), ("200ms", Some(200)), ("3", None), ("x", None)]
        {
            assert_eq!(parse_duration(text).map(|d| d.as_millis()), want, "{text}");
        }
    }
}
