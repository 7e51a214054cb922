//! Addresses of load balancers for Services and Ingresses.

use serde_json::{Value, json};

use crate::rest::meta;

use super::script::{Outcome, Script};
use super::world::{Id, Kind, World};

/// One step of a Service.
pub fn step_service(world: &mut World, id: &Id, mut service: Value, version: u64) {
    if meta::is_deleting(&service) {
        return;
    }
    super::slice::follow(world, id, &service);
    let balanced = service["spec"]["type"] == "LoadBalancer" && service["spec"].get("loadBalancerClass").is_none();
    let has = service["status"]["loadBalancer"].get("ingress").is_some();
    if !balanced {
        if has && service["spec"]["type"] != "LoadBalancer" {
            service["status"]["loadBalancer"] = json!({});
            world.put(Kind::Service, &service, version);
        }
        return;
    }
    if has || !is_due(world, id, &service) {
        return;
    }
    let address = match service["spec"]["loadBalancerIP"].as_str().filter(|ip| !ip.is_empty()) {
        Some(address) => address.to_owned(),
        None => address(meta::text(&service, "uid")),
    };
    service["status"]["loadBalancer"] = json!({"ingress": [{"ip": address, "ipMode": "VIP"}]});
    world.put(Kind::Service, &service, version);
}

/// One step of an Ingress.
pub fn step_ingress(world: &mut World, id: &Id, mut ingress: Value, version: u64) {
    if meta::is_deleting(&ingress) || ingress["status"]["loadBalancer"].get("ingress").is_some() {
        return;
    }
    if !is_due(world, id, &ingress) {
        return;
    }
    // All Ingresses come in through one controller.
    ingress["status"]["loadBalancer"] = json!({"ingress": [{"ip": "198.18.0.1"}]});
    world.put(Kind::Ingress, &ingress, version);
}

fn is_due(world: &mut World, id: &Id, object: &Value) -> bool {
    let script = Script::of(world, object);
    let after = script.ready_after.unwrap_or(world.options.ready_after / 2);
    script.outcome == Outcome::Ready && world.passed(id, "address", after)
}

/// An address in 198.18.0.0/15, the network set aside for benchmarks; equal for equal uids.
fn address(uid: &str) -> String {
    let hash = uid.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let host = hash % 0x1_fe00 + 0x100;
    std::net::Ipv4Addr::from((198 << 24) + (18 << 16) + host).to_string()
}
