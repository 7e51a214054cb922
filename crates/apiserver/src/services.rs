//! Cluster addresses and node ports of Services.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::core::Core;
use crate::error::ApiError;
use crate::field::FieldError;
use crate::kinds::Served;
use crate::rest::meta;

/// Cluster addresses are taken from 10.96.0.0/16; the first belongs to the server itself.
const NETWORK: u32 = (10 << 24) | (96 << 16);
const ADDRESSES: u32 = 1 << 16;
/// Node ports.
const PORTS: std::ops::RangeInclusive<u64> = 30_000..=32_767;

/// Gives a Service its addresses and node ports.
///
/// # Errors
/// 422 for an address or a port that is taken.
pub fn allocate(core: &Core, served: &Served, object: &mut Value) -> Result<(), ApiError> {
    let kind = object["spec"]["type"].as_str().unwrap_or("ClusterIP").to_owned();
    if kind == "ExternalName" {
        return Ok(());
    }
    let is_new = meta::text(object, "resourceVersion").is_empty();
    let spec = &mut object["spec"];
    // A headless Service without selector may point anywhere.
    let anywhere = spec["clusterIP"] == "None" && spec.get("selector").is_none();
    if spec.get("ipFamilies").is_none() {
        spec["ipFamilies"] = if anywhere { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) };
    }
    if spec.get("ipFamilyPolicy").is_none() {
        spec["ipFamilyPolicy"] = if anywhere { "RequireDualStack".into() } else { "SingleStack".into() };
    }
    let (mut addresses, mut ports) = (HashSet::new(), HashSet::new());
    for other in core.store.all(served.resource.slot, "").objects {
        let other = served.value(&other);
        addresses.extend(other["spec"]["clusterIP"].as_str().map(str::to_owned));
        let used = other["spec"]["ports"].as_array().into_iter().flatten().filter_map(|p| p["nodePort"].as_u64());
        ports.extend(used);
    }
    let given = object["spec"]["clusterIP"].as_str().unwrap_or_default().to_owned();
    let address = match given.as_str() {
        "None" => given,
        "" => (10..ADDRESSES - 1)
            .map(|n| std::net::Ipv4Addr::from(NETWORK + spread(n)).to_string())
            .find(|address| !addresses.contains(address))
            .unwrap_or_default(),
        given if addresses.contains(given) && is_new => {
            let detail = "failed to allocate IP ".to_owned() + given + ": provided IP is already allocated";
            let error = FieldError::invalid("spec.clusterIPs", &json!([given]), detail);
            return Err(ApiError::invalid(served.kind(), meta::text(object, "name"), &[error]));
        }
        given => given.to_owned(),
    };
    object["spec"]["clusterIP"] = address.clone().into();
    object["spec"]["clusterIPs"] = json!([address]);
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer")
        && object["spec"]["allocateLoadBalancerNodePorts"] != json!(false)
    {
        let mut free = PORTS.filter(|port| !ports.contains(port));
        for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
            if port["nodePort"].as_u64().unwrap_or(0) == 0 {
                port["nodePort"] = free.next().unwrap_or(*PORTS.end()).into();
            }
        }
    }
    Ok(())
}

/// Spreads addresses over the network, so that a removed Service's address is not the next one's.
fn spread(n: u32) -> u32 {
    n.wrapping_mul(40_503) % (ADDRESSES - 2) + 1
}

/// Fields that another type of Service does not have.
fn drop_of_old_type(new: &mut Value, old: &Value) {
    let kind = |object: &Value| object["spec"]["type"].as_str().unwrap_or("ClusterIP").to_owned();
    let (was, is) = (kind(old), kind(new));
    let Some(spec) = new["spec"].as_object_mut() else { return };
    let mut drop = |fields: &[&str]| {
        for field in fields {
            if spec.get(*field) == old["spec"].get(*field) {
                spec.remove(*field);
            }
        }
    };
    if was != "ExternalName" && is == "ExternalName" {
        drop(&["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]);
    }
    let has_ports = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
    if was == "LoadBalancer" && is != "LoadBalancer" {
        drop(&["allocateLoadBalancerNodePorts", "loadBalancerClass"]);
    }
    if has_ports(&was) && !has_ports(&is) {
        drop(&["externalTrafficPolicy", "healthCheckNodePort"]);
        let before = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
        for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
            if before.iter().any(|b| b.get("nodePort") == port.get("nodePort")) {
                port.as_object_mut().map(|p| p.remove("nodePort"));
            }
        }
    }
}

/// Whether an updated Service lacks an address or a port that its type has.
pub fn lacks(object: &Value) -> bool {
    let spec = &object["spec"];
    let kind = spec["type"].as_str().unwrap_or("ClusterIP");
    let no_port = |port: &Value| port["nodePort"].as_u64().unwrap_or(0) == 0;
    kind != "ExternalName" && spec["clusterIP"].as_str().unwrap_or_default().is_empty()
        || matches!(kind, "NodePort" | "LoadBalancer")
            && spec["allocateLoadBalancerNodePorts"] != json!(false)
            && spec["ports"].as_array().is_some_and(|ports| ports.iter().any(no_port))
}

/// What was allocated stays when an update leaves it out.
pub fn keep(new: &mut Value, old: &Value) {
    drop_of_old_type(new, old);
    if new["spec"]["type"] == "ExternalName" {
        return;
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"] {
        let missing = new["spec"].get(field).is_none_or(|v| v.is_null() || v == "" || v == &json!([]));
        if missing && let Some(value) = old["spec"].get(field) {
            new["spec"][field] = value.clone();
        }
    }
    let keeps_ports = matches!(new["spec"]["type"].as_str(), Some("NodePort" | "LoadBalancer"));
    let before = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
    for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if keeps_ports && port.get("nodePort").is_none_or(|p| p == 0) {
            let same = before.iter().find(|b| b["port"] == port["port"] && b["protocol"] == port["protocol"]);
            if let Some(node_port) = same.and_then(|b| b.get("nodePort")) {
                port["nodePort"] = node_port.clone();
            }
        }
    }
}
