//! EndpointSlices: which Pods are behind a Service.

use serde_json::{Map, Value, json};

use crate::rest::{meta, random_suffix};

use super::pod;
use super::world::{Id, Kind, World, owned_metadata};

/// Who a slice of the simulator says it is by.
pub const MANAGER: &str = "endpointslice-controller.k8s.io";

/// Endpoints of one slice at most; the real controller begins another one then.
const MOST: usize = 100;

/// Brings the slice of a Service up to date. One without a selector has those that its owner writes.
pub fn follow(world: &mut World, id: &Id, service: &Value) {
    let selector = service["spec"]["selector"].as_object().cloned().unwrap_or_default();
    if selector.is_empty() || service["spec"]["type"] == "ExternalName" || !world.options.pods {
        return;
    }
    let pods = world.selected_pods(id.namespace(), &selector);
    let not_ready_too = service["spec"]["publishNotReadyAddresses"] == true;
    let mut endpoints: Vec<Value> = pods.iter().filter_map(|pod| endpoint(world, pod, not_ready_too)).collect();
    endpoints.truncate(MOST);
    let ports: Vec<Value> =
        service["spec"]["ports"].as_array().into_iter().flatten().map(|port| slice_port(port, &pods)).collect();
    let slices = world.children_of(meta::text(service, "uid"), Kind::Slice);
    if let Some((_, slice, version)) = slices.into_iter().next() {
        let mut new = slice.clone();
        new["endpoints"] = endpoints.into();
        new["ports"] = ports.into();
        if new != slice {
            meta::of_mut(&mut new)
                .insert("generation".into(), (super::world::number(&slice, "/metadata/generation") + 1).into());
            world.put(Kind::Slice, &new, version);
        }
        return;
    }
    if !world.is_open(id.namespace()) {
        return;
    }
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("kubernetes.io/service-name".into(), id.name().into());
    labels.insert("endpointslice.kubernetes.io/managed-by".into(), MANAGER.into());
    let name = format!("{}-{}", id.name(), random_suffix());
    let mut metadata = owned_metadata(service, &name, labels.into(), Value::Object(Map::new()));
    metadata.insert("generateName".into(), format!("{}-", id.name()).into());
    metadata.insert("generation".into(), 1.into());
    let slice = json!({"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, "ports": ports});
    world.create(Kind::Slice, &slice);
}

fn endpoint(world: &World, pod: &Value, not_ready_too: bool) -> Option<Value> {
    let address = pod["status"]["podIP"].as_str()?;
    let going = meta::is_deleting(pod);
    let ready = pod::is_ready(pod);
    Some(json!({
        "addresses": [address],
        "conditions": {"ready": ready && !going || not_ready_too, "serving": ready, "terminating": going},
        "nodeName": pod["spec"]["nodeName"].as_str().unwrap_or(&world.options.node),
        "targetRef": {
            "kind": "Pod", "namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    }))
}

/// The port of the Pods that a port of the Service leads to.
fn slice_port(port: &Value, pods: &[Value]) -> Value {
    let number = match &port["targetPort"] {
        Value::String(name) => {
            let containers = pods.iter().flat_map(|pod| pod["spec"]["containers"].as_array().into_iter().flatten());
            let mut named = containers.flat_map(|it| it["ports"].as_array().into_iter().flatten());
            named.find(|it| it["name"] == name.as_str()).map(|it| it["containerPort"].clone())
        }
        number => Some(number.clone()),
    };
    let mut out = json!({"name": port["name"].as_str().unwrap_or_default(), "protocol": port["protocol"]});
    if let Some(number) = number.filter(Value::is_number) {
        out["port"] = number;
    }
    if let Some(protocol) = port.get("appProtocol") {
        out["appProtocol"] = protocol.clone();
    }
    out
}
