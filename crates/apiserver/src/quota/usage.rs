//! What an object counts towards a quota.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kinds::Served;
use crate::rest::quantity::Quantity;

/// Amounts by the names that quotas use.
pub type Usage = BTreeMap<String, Quantity>;

/// What an object uses.
pub fn of(served: &Served, object: &Value) -> Usage {
    let mut out = Usage::new();
    let resource = &served.resource;
    let suffix = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
    out.insert(format!("count/{}{suffix}", resource.plural), Quantity::ONE);
    if !resource.group.is_empty() {
        return out;
    }
    match resource.plural.as_str() {
        "pods" => {
            // One that has ended counts no more.
            if matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
                out.retain(|name, _| name.starts_with("count/"));
                return out;
            }
            out.insert("pods".into(), Quantity::ONE);
            let resources = pod(object);
            for (part, amounts) in resources.as_object().into_iter().flatten() {
                for (name, amount) in amounts.as_object().into_iter().flatten() {
                    let Some(amount) = amount.as_str().and_then(Quantity::parse) else { continue };
                    out.insert(format!("{part}.{name}"), amount);
                    if part == "requests" && matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
                        out.insert(name.clone(), amount);
                    }
                }
            }
        }
        "services" => {
            out.insert("services".into(), Quantity::ONE);
            let ports = object["spec"]["ports"].as_array().map_or(0, Vec::len);
            let kind = object["spec"]["type"].as_str().unwrap_or_default();
            if kind == "LoadBalancer" {
                out.insert("services.loadbalancers".into(), Quantity::ONE);
            }
            if kind == "NodePort" || kind == "LoadBalancer" && object["spec"]["allocateLoadBalancerNodePorts"] != false
            {
                out.insert("services.nodeports".into(), Quantity::whole(ports as u64));
            }
        }
        "persistentvolumeclaims" => {
            out.insert("persistentvolumeclaims".into(), Quantity::ONE);
            let asked = object["spec"]["resources"]["requests"]["storage"].as_str().and_then(Quantity::parse);
            if let Some(asked) = asked {
                out.insert("requests.storage".into(), asked);
                if let Some(class) = object["spec"]["storageClassName"].as_str() {
                    let prefix = format!("{class}.storageclass.storage.k8s.io");
                    out.insert(format!("{prefix}/requests.storage"), asked);
                    out.insert(format!("{prefix}/persistentvolumeclaims"), Quantity::ONE);
                }
            }
        }
        "configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas" => {
            out.insert(resource.plural.clone(), Quantity::ONE);
        }
        _ => {}
    }
    out
}

/// The resources of a whole Pod: its containers together, or its dearest init container.
pub fn pod(pod: &Value) -> Value {
    let mut out = json!({"requests": {}, "limits": {}});
    for part in ["requests", "limits"] {
        let mut sums: Usage = BTreeMap::new();
        for (name, amount) in amounts(pod, "containers", part) {
            let sum = sums.entry(name).or_insert(Quantity::ZERO);
            *sum = sum.plus(amount);
        }
        for (name, amount) in amounts(pod, "initContainers", part) {
            let most = sums.entry(name).or_insert(amount);
            if amount.is_above(*most) {
                *most = amount;
            }
        }
        for (name, amount) in sums {
            out[part][name] = amount.print().into();
        }
    }
    out
}

fn amounts<'a>(pod: &'a Value, list: &str, part: &'a str) -> impl Iterator<Item = (String, Quantity)> + 'a {
    let containers = pod["spec"][list].as_array().into_iter().flatten();
    containers
        .flat_map(move |container| container["resources"][part].as_object().into_iter().flatten())
        .filter_map(|(name, amount)| Some((name.clone(), Quantity::parse(amount.as_str()?)?)))
}

/// Names of the containers that do not say how much of a resource they want; `name` is the quota's.
pub fn silent<'a>(pod: &'a Value, name: &str) -> Vec<&'a str> {
    let (part, resource) = match name.split_once('.') {
        Some((part @ ("requests" | "limits"), resource)) => (part, resource),
        _ => ("requests", name),
    };
    let containers = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    containers
        .filter(|container| container["resources"][part][resource].is_null())
        .filter_map(|container| container["name"].as_str())
        .collect()
}

/// Whether a Pod's containers must all name a resource that a quota limits.
pub fn is_compute(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "requests.cpu" | "requests.memory" | "limits.cpu" | "limits.memory")
}
