//! HorizontalPodAutoscalers: replicas within bounds, by a utilization that an annotation gives.

use serde_json::{Value, json};

use crate::clock;
use crate::rest::meta;

use super::condition;
use super::events::{self, Source};
use super::script::annotation;
use super::world::{Id, Kind, World, number, replicas, status_of};

/// One step.
pub fn step(world: &mut World, id: &Id, mut scaler: Value, version: u64) {
    if meta::is_deleting(&scaler) {
        return;
    }
    let reference = scaler["spec"]["scaleTargetRef"].clone();
    let kind = match reference["kind"].as_str() {
        Some("Deployment") => Some(Kind::Deployment),
        Some("StatefulSet") => Some(Kind::StatefulSet),
        Some("ReplicaSet") => Some(Kind::ReplicaSet),
        _ => None,
    };
    let target = kind.and_then(|kind| {
        let target = Id::new(kind, id.namespace(), reference["name"].as_str()?);
        world.get(&target).map(|(value, version)| (kind, value, version))
    });
    let Some((kind, target, target_version)) = target else {
        let (kind, name) =
            (reference["kind"].as_str().unwrap_or_default(), reference["name"].as_str().unwrap_or_default());
        let plural = format!("{}s.apps", kind.to_lowercase());
        let message =
            format!("the HPA controller was unable to get the target's current scale: {plural} \"{name}\" not found");
        let status = status_of(&mut scaler);
        status.insert("currentMetrics".into(), Value::Null);
        status.insert("desiredReplicas".into(), 0.into());
        condition::set(status, "AbleToScale", "False", "FailedGetScale", &message, None);
        world.put(Kind::Autoscaler, &scaler, version);
        return;
    };
    let current = replicas(&target);
    let goal = scaler["spec"]["metrics"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|metric| metric["resource"]["target"]["averageUtilization"].as_i64())
        .unwrap_or(80)
        .max(1);
    let said = annotation(&scaler, "utilization").and_then(|text| text.trim_end_matches('%').parse::<i64>().ok());
    let used = said.or_else(|| world.options.scenario.told(&scaler, world.age())?.utilization);
    let asked = match used {
        // A tenth off the goal is close enough, as for the real controller.
        Some(used) if (used * 10 - goal * 10).abs() > goal && current > 0 => (current * used + goal - 1) / goal,
        _ => current,
    };
    let (least, most) = (scaler["spec"]["minReplicas"].as_i64().unwrap_or(1), number(&scaler, "/spec/maxReplicas"));
    // Zero replicas switch the autoscaler off.
    let desired = if current == 0 { 0 } else { asked.clamp(least.min(most), most.max(least)) };
    let generation = number(&scaler, "/metadata/generation");
    let told = scaler.clone();
    let status = status_of(&mut scaler);
    status.insert("observedGeneration".into(), generation.into());
    status.insert("currentReplicas".into(), number(&target, "/status/replicas").into());
    status.insert("desiredReplicas".into(), desired.into());
    let metrics = used.map_or(Value::Null, |used| {
        json!([{"type": "Resource", "resource": {
            "name": "cpu", "current": {"averageUtilization": used, "averageValue": format!("{used}m")},
        }}])
    });
    status.insert("currentMetrics".into(), metrics);
    let set = |status: &mut serde_json::Map<String, Value>, kind: &str, value: &str, reason: &str, message: &str| {
        condition::set(status, kind, value, reason, message, None);
    };
    set(status, "AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size");
    if current == 0 {
        let message = "scaling is disabled since the replica count of the target is zero";
        set(status, "ScalingActive", "False", "ScalingDisabled", message);
    } else {
        let message = "the HPA was able to successfully calculate a replica count from cpu resource utilization \
                       (percentage of request)";
        set(status, "ScalingActive", "True", "ValidMetricFound", message);
        match (desired == asked, desired < asked) {
            (true, _) => {
                let message = "the desired count is within the acceptable range";
                set(status, "ScalingLimited", "False", "DesiredWithinRange", message);
            }
            (false, true) => {
                let message = "the desired replica count is more than the maximum replica count";
                set(status, "ScalingLimited", "True", "TooManyReplicas", message);
            }
            (false, false) => {
                let message = "the desired replica count is less than the minimum replica count";
                set(status, "ScalingLimited", "True", "TooFewReplicas", message);
            }
        }
    }
    if desired != current {
        status.insert("lastScaleTime".into(), clock::now_text().into());
        let message = format!(
            "New size: {desired}; reason: cpu resource utilization (percentage of request) {} target",
            if desired > current { "above" } else { "below" }
        );
        events::tell(world, &told, Source::Controller("horizontal-pod-autoscaler"), "SuccessfulRescale", &message);
        let mut target = target;
        target["spec"]["replicas"] = desired.into();
        let generation = number(&target, "/metadata/generation") + 1;
        meta::of_mut(&mut target).insert("generation".into(), generation.into());
        world.put(kind, &target, target_version);
    }
    world.put(Kind::Autoscaler, &scaler, version);
}
