//! The call itself: where a hook is, whom to trust there, and how long to wait.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::core::{Context, Core};
use crate::simulate::slice::MANAGER as SIMULATED;
use crate::store::key;

/// An answer beyond this is no answer; kube-apiserver's own limit for a body.
const ANSWER_BYTES: usize = 3 << 20;

/// Where to send a review.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The URL, `timeout` included, as errors show it.
    url: String,
    /// The host in it, and the address behind that name, for a Service.
    address: Option<(String, SocketAddr)>,
}

/// Sends a review; the answer's body.
///
/// # Errors
/// Why there is none, in kube-apiserver's words as far as they are the client's.
pub fn post(core: &Core, hook: &Value, review: &Value, context: &Context) -> Result<Vec<u8>, String> {
    let Some(calls) = &context.calls else { return Err("no calls are made from here".into()) };
    let timeout = Duration::from_secs(hook["timeoutSeconds"].as_u64().unwrap_or(10).clamp(1, 30));
    let config = &hook["clientConfig"];
    let place =
        place(core, config, timeout).map_err(|(url, why)| format!("failed to call webhook: Post \"{url}\": {why}"))?;
    let failed = |why: &str| format!("failed to call webhook: Post \"{}\": {why}", place.url);
    let client = client(config, &place, timeout).map_err(|why| failed(&why))?;
    let body = review.to_string();
    calls.block_on(async {
        let request = client.post(&place.url).header("content-type", "application/json");
        let request = request.header("accept", "application/json, */*").body(body);
        let mut response = request.send().await.map_err(|error| failed(&reason(&error)))?;
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await.map_err(|error| failed(&reason(&error)))? {
                Some(chunk) if bytes.len() + chunk.len() > ANSWER_BYTES => {
                    return Err(failed(&format!("the answer is over the limit of {ANSWER_BYTES} bytes")));
                }
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => break,
            }
        }
        match response.status().as_u16() {
            200..300 => Ok(bytes),
            code => Err(format!("failed to call webhook: {}", refused(code, &bytes))),
        }
    })
}

/// What a client makes of an answer that is no success.
fn refused(code: u16, body: &[u8]) -> String {
    match code {
        404 => "the server could not find the requested resource".into(),
        401 => "the server has asked for the client to provide credentials".into(),
        500.. => {
            let text = String::from_utf8_lossy(&body[..body.len().min(1024)]);
            format!("an error on the server ({:?}) has prevented the request from succeeding", text.trim())
        }
        _ => "the server rejected our request for an unknown reason".into(),
    }
}

/// The innermost cause of a failed call, as Go names the common ones.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "context deadline exceeded".into();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    if text.contains("UnknownIssuer") {
        return "tls: failed to verify certificate: x509: certificate signed by unknown authority".into();
    }
    if text.contains("Connection refused") {
        return "dial tcp: connect: connection refused".into();
    }
    text
}

fn client(config: &Value, place: &Place, timeout: Duration) -> Result<reqwest::Client, String> {
    let mut builder =
        reqwest::Client::builder().timeout(timeout).no_proxy().redirect(reqwest::redirect::Policy::none());
    if let Some(bundle) = config["caBundle"].as_str().filter(|it| !it.is_empty()) {
        let pem = STANDARD.decode(bundle).map_err(|error| format!("caBundle: {error}"))?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| format!("caBundle: {error}"))?;
        builder = builder.tls_certs_only(roots);
    }
    if let Some((host, address)) = &place.address {
        builder = builder.resolve(host, *address);
    }
    builder.build().map_err(|error| error.to_string())
}

/// Where a hook listens. A Service is where its EndpointSlices or Endpoints say that somebody really listens.
///
/// # Errors
/// The URL, and why there is nobody.
fn place(core: &Core, config: &Value, timeout: Duration) -> Result<Place, (String, String)> {
    let seconds = timeout.as_secs();
    if let Some(url) = config["url"].as_str() {
        let mark = if url.contains('?') { '&' } else { '?' };
        return Ok(Place { url: format!("{url}{mark}timeout={seconds}s"), address: None });
    }
    let service = &config["service"];
    let text = |field: &str| service[field].as_str().unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("name"));
    let port = service["port"].as_u64().unwrap_or(443);
    let path = text("path").trim_start_matches('/');
    let host = format!("{name}.{namespace}.svc");
    let url = format!("https://{host}:{port}/{path}?timeout={seconds}s");
    match address(core, namespace, name, port) {
        Ok(address) => Ok(Place { url, address: Some((host, address)) }),
        Err(why) => Err((url, why)),
    }
}

fn address(core: &Core, namespace: &str, name: &str, port: u64) -> Result<SocketAddr, String> {
    let Some(service) = core.store.get(core.store.slot("services."), &key(namespace, name)) else {
        return Err(format!("service \"{name}\" not found"));
    };
    let service = service.value("v1", "Service");
    let ports = service["spec"]["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(wanted) = ports.iter().find(|it| it["port"].as_u64() == Some(port)) else {
        return Err(format!("no service port {port} found for service \"{name}\""));
    };
    let wanted = wanted["name"].as_str().unwrap_or_default();
    let found = slices(core, namespace, name, wanted).or_else(|| endpoints(core, namespace, name, wanted));
    found.ok_or_else(|| {
        format!(
            "no endpoints available for service \"{name}\" (simulated Pods answer nothing: give the Service an \
             EndpointSlice with the address of a real server)"
        )
    })
}

/// The first ready address of the Service's own EndpointSlices.
fn slices(core: &Core, namespace: &str, name: &str, port: &str) -> Option<SocketAddr> {
    let slot = core.store.slot("endpointslices.discovery.k8s.io");
    core.store.all(slot, namespace).objects.iter().find_map(|slice| {
        let of_service = slice.label("kubernetes.io/service-name") == Some(name);
        // No packets reach the addresses that the simulator writes.
        if !of_service || slice.label("endpointslice.kubernetes.io/managed-by") == Some(SIMULATED) {
            return None;
        }
        let slice = slice.value("discovery.k8s.io/v1", "EndpointSlice");
        let number = port_of(&slice["ports"], port)?;
        let mut ready = slice["endpoints"].as_array()?.iter().filter(|it| it["conditions"]["ready"] != false);
        ready.find_map(|it| socket(&it["addresses"][0], number))
    })
}

fn endpoints(core: &Core, namespace: &str, name: &str, port: &str) -> Option<SocketAddr> {
    let object = core.store.get(core.store.slot("endpoints."), &key(namespace, name))?;
    let endpoints = object.value("v1", "Endpoints");
    endpoints["subsets"].as_array()?.iter().find_map(|subset| {
        let number = port_of(&subset["ports"], port)?;
        socket(&subset["addresses"][0]["ip"], number)
    })
}

/// The port of this name; where there is only one, its name does not matter.
fn port_of(ports: &Value, name: &str) -> Option<u16> {
    let ports = ports.as_array()?;
    let same = |it: &&Value| it["name"].as_str().unwrap_or_default() == name;
    let port = ports.iter().find(same).or(if ports.len() == 1 { ports.first() } else { None })?;
    u16::try_from(port["port"].as_u64()?).ok()
}

fn socket(address: &Value, port: u16) -> Option<SocketAddr> {
    let address: IpAddr = address.as_str()?.parse().ok()?;
    Some(SocketAddr::new(address, port))
}
