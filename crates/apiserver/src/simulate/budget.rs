//! PodDisruptionBudgets: how many Pods may be evicted now.

use serde_json::Value;
use sluice_object::selector::LabelSelector;

use crate::rest::meta;

use super::condition;
use super::pod;
use super::script::controller;
use super::world::{Id, Kind, World, number, replicas, share, status_of};

/// One step.
pub fn step(world: &mut World, id: &Id, mut budget: Value, version: u64) {
    if meta::is_deleting(&budget) {
        return;
    }
    let selector = budget["spec"].get("selector").and_then(|s| LabelSelector::from_object(s).ok());
    let pods: Vec<Value> = match &selector {
        Some(selector) => world
            .all(Kind::Pod, id.namespace())
            .into_iter()
            .filter(pod::is_active)
            .filter(|pod| selector.matches(meta::of(pod).get("labels").and_then(Value::as_object)))
            .collect(),
        None => Vec::new(),
    };
    let healthy = pods.iter().filter(|pod| pod::is_ready(pod)).count() as i64;
    let spec = &budget["spec"];
    let (expected, desired) = if let Some(most) = spec.get("maxUnavailable") {
        let expected = expected(world, &pods);
        (expected, (expected - share(Some(most), expected, true)).max(0))
    } else {
        match spec.get("minAvailable") {
            Some(Value::String(percent)) => {
                let expected = expected(world, &pods);
                (expected, share(Some(&Value::String(percent.clone())), expected, true))
            }
            number => (pods.len() as i64, share(number, 0, true)),
        }
    };
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let generation = number(&budget, "/metadata/generation");
    let status = status_of(&mut budget);
    status.insert("observedGeneration".into(), generation.into());
    status.insert("currentHealthy".into(), healthy.into());
    status.insert("desiredHealthy".into(), desired.into());
    status.insert("disruptionsAllowed".into(), allowed.into());
    status.insert("expectedPods".into(), expected.into());
    let (value, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    condition::set(status, "DisruptionAllowed", value, reason, "", None);
    condition::with_generation(status, "DisruptionAllowed", generation);
    world.put(Kind::Budget, &budget, version);
}

/// How many Pods their controllers want.
fn expected(world: &World, pods: &[Value]) -> i64 {
    let mut seen = Vec::new();
    let mut sum = 0;
    for pod in pods {
        match controller(world, pod) {
            Some(owner) => {
                let uid = meta::text(&owner, "uid").to_owned();
                if !seen.contains(&uid) {
                    seen.push(uid);
                    sum += replicas(&owner);
                }
            }
            None => sum += 1,
        }
    }
    sum
}
