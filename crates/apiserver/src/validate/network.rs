//! Services, Ingresses and NetworkPolicies.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::Value;

use crate::field::FieldError;
use crate::names;
use crate::rest::meta;

use super::parts::{items, named, one_of, port, port_name, port_or_name, text};
use super::selector;

/// A Service.
pub fn service(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let kind = text(spec, "type");
    let headless = text(spec, "clusterIP") == "None";
    let all = items(spec, "ports");
    if all.is_empty() && !headless && kind != "ExternalName" {
        out.push(FieldError::required("spec.ports", ""));
    }
    if kind == "LoadBalancer" && headless {
        let detail = "may not be set to 'None' for LoadBalancer services";
        out.push(FieldError::invalid("spec.clusterIPs[0]", &"None".into(), detail));
    }
    if kind == "ExternalName" {
        if !text(spec, "clusterIP").is_empty() {
            out.push(FieldError::forbidden("spec.clusterIPs", "may not be set for ExternalName services"));
        }
        let name = text(spec, "externalName").trim_end_matches('.');
        if name.is_empty() {
            out.push(FieldError::required("spec.externalName", ""));
        } else {
            named(names::dns_subdomain(name), name, "spec.externalName", out);
        }
    }
    ports(all, out);
    for (index, one) in all.iter().enumerate() {
        if old.is_none() && kind == "ClusterIP" && one["nodePort"].as_i64().is_some_and(|port| port != 0) {
            let detail = "may not be used when `type` is 'ClusterIP'";
            out.push(FieldError::forbidden(format!("spec.ports[{index}].nodePort"), detail));
        }
    }
    for (index, address) in items(spec, "externalIPs").iter().enumerate() {
        if address.as_str().is_none_or(|text| text.parse::<IpAddr>().is_err()) {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            out.push(FieldError::invalid(format!("spec.externalIPs[{index}]"), address, detail));
        }
    }
    if !items(spec, "loadBalancerSourceRanges").is_empty() && kind != "LoadBalancer" {
        let detail = "may only be used when `type` is 'LoadBalancer'";
        out.push(FieldError::forbidden("spec.LoadBalancerSourceRanges", detail));
    }
    meta::labels(spec.get("selector"), "spec.selector", out);
    one_of(spec, "sessionAffinity", "spec", &["ClientIP", "None"], true, out);
    one_of(spec, "type", "spec", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], true, out);
    one_of(spec, "internalTrafficPolicy", "spec", &["Cluster", "Local"], false, out);
    one_of(spec, "externalTrafficPolicy", "spec", &["Cluster", "Local"], false, out);
    let address = text(spec, "clusterIP");
    if !matches!(address, "" | "None") && address.parse::<IpAddr>().is_err() {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        out.push(FieldError::invalid("spec.clusterIPs[0]", &address.into(), detail));
    }
    let before = old.map(|old| text(&old["spec"], "clusterIP")).unwrap_or_default();
    let keeps = kind != "ExternalName" && old.is_some_and(|old| text(&old["spec"], "type") != "ExternalName");
    if keeps && !before.is_empty() && before != address {
        let detail = "may not change once set";
        out.push(FieldError::invalid("spec.clusterIPs[0]", &address.into(), detail));
    }
}

fn ports(all: &[Value], out: &mut Vec<FieldError>) {
    let (mut by_name, mut by_number) = (HashSet::new(), HashSet::new());
    for (index, one) in all.iter().enumerate() {
        let at = format!("spec.ports[{index}]");
        let name = text(one, "name");
        if name.is_empty() {
            if all.len() > 1 {
                out.push(FieldError::required(format!("{at}.name"), ""));
            }
        } else {
            named(names::dns_label(name), name, &format!("{at}.name"), out);
            if !by_name.insert(name) {
                out.push(FieldError::duplicate(format!("{at}.name"), &name.into()));
            }
        }
        port(Some(one.get("port").unwrap_or(&Value::from(0))), &format!("{at}.port"), out);
        one_of(one, "protocol", &at, &["SCTP", "TCP", "UDP"], true, out);
        port_or_name(one.get("targetPort"), &format!("{at}.targetPort"), out);
        let key = (one["port"].as_i64(), text(one, "protocol"));
        if !by_number.insert(key) {
            // The real server prints the whole port, in the order of its struct.
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":\"{}\",\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                key.1,
                key.0.unwrap_or(0)
            );
            let mut error = FieldError::invalid_as(&at, shown, "");
            error.kind = crate::field::Kind::Duplicate;
            out.push(error);
        }
    }
}

/// An Ingress.
pub fn ingress(new: &Value, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let rules = items(spec, "rules");
    if rules.is_empty() && spec.get("defaultBackend").is_none_or(Value::is_null) {
        out.push(FieldError::invalid_as(
            "spec",
            if spec["rules"].is_array() { "[]" } else { "null" },
            "either `defaultBackend` or `rules` must be specified",
        ));
    }
    if let Some(it) = spec.get("defaultBackend").filter(|b| b.is_object()) {
        backend(it, "spec.defaultBackend", out);
    }
    let class = new["metadata"]["annotations"]["kubernetes.io/ingress.class"].as_str();
    if let (Some(old), Some(class)) = (class, spec["ingressClassName"].as_str())
        && old != class
    {
        let detail = "must match `ingressClassName` when both are specified";
        out.push(FieldError::invalid("annotations.kubernetes.io/ingress.class", &old.into(), detail));
    }
    if let Some(class) = spec["ingressClassName"].as_str() {
        named(names::dns_subdomain(class), class, "spec.ingressClassName", out);
    }
    for (index, tls) in items(spec, "tls").iter().enumerate() {
        for (at, name) in items(tls, "hosts").iter().enumerate() {
            host(name.as_str().unwrap_or_default(), &format!("spec.tls[{index}].hosts[{at}]"), out);
        }
        let secret = text(tls, "secretName");
        if !secret.is_empty() {
            named(names::dns_subdomain(secret), secret, &format!("spec.tls[{index}].secretName"), out);
        }
    }
    for (index, rule) in rules.iter().enumerate() {
        let at = format!("spec.rules[{index}]");
        let host = text(rule, "host");
        if host.parse::<IpAddr>().is_ok() {
            out.push(FieldError::invalid(format!("{at}.host"), &host.into(), "must be a DNS name, not an IP address"));
        } else if !host.is_empty() {
            self::host(host, &format!("{at}.host"), out);
        }
        let Some(http) = rule.get("http").filter(|h| h.is_object()) else { continue };
        if items(http, "paths").is_empty() {
            out.push(FieldError::required(format!("{at}.http.paths"), ""));
        }
        for (index, path) in items(http, "paths").iter().enumerate() {
            let at = format!("{at}.http.paths[{index}]");
            let place = text(path, "path");
            match text(path, "pathType") {
                "" => out.push(FieldError::required(format!("{at}.pathType"), "pathType must be specified")),
                "Exact" | "Prefix" if !place.starts_with('/') => {
                    out.push(FieldError::invalid(format!("{at}.path"), &place.into(), "must be an absolute path"));
                }
                "ImplementationSpecific" if !place.is_empty() && !place.starts_with('/') => {
                    out.push(FieldError::invalid(format!("{at}.path"), &place.into(), "must be an absolute path"));
                }
                "Exact" | "Prefix" => odd_parts(place, &format!("{at}.path"), out),
                "ImplementationSpecific" => {}
                other => {
                    let known = ["Exact", "ImplementationSpecific", "Prefix"];
                    out.push(FieldError::not_supported(format!("{at}.pathType"), &other.into(), &known));
                }
            }
            // A rule without a path type is not looked at further.
            if !text(path, "pathType").is_empty() {
                backend(&path["backend"], &format!("{at}.backend"), out);
            }
        }
    }
}

/// A host of an Ingress, a wildcard in front allowed.
fn host(host: &str, at: &str, out: &mut Vec<FieldError>) {
    if !host.contains('*') {
        return named(names::dns_subdomain(host), host, at, out);
    }
    if host.strip_prefix("*.").is_none_or(|rest| !names::dns_subdomain(rest).is_empty()) {
        let detail = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must \
                      consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character \
                      (e.g. '*.example.com', regex used for validation is \
                      '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        out.push(FieldError::invalid(at, &host.into(), detail));
    }
}

/// Parts of a path that proxies understand differently.
fn odd_parts(path: &str, at: &str, out: &mut Vec<FieldError>) {
    for part in ["//", "/./", "/../", "%2f", "%2F"].iter().filter(|part| path.contains(**part)) {
        out.push(FieldError::invalid(at, &path.into(), format!("must not contain '{part}'")));
    }
    for end in ["/..", "/."].iter().filter(|end| path.ends_with(**end)) {
        out.push(FieldError::invalid(at, &path.into(), format!("must not end with '{end}'")));
    }
}

/// An `ipBlock` of a NetworkPolicy.
fn block(block: &Value, at: &str, out: &mut Vec<FieldError>) {
    let cidr = text(block, "cidr");
    let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
    let whole = match (cidr.is_empty(), network(cidr)) {
        (true, _) => return out.push(FieldError::required(format!("{at}.cidr"), "")),
        (false, None) => return out.push(FieldError::invalid(format!("{at}.cidr"), &cidr.into(), detail)),
        (false, Some(whole)) => whole,
    };
    for (index, except) in items(block, "except").iter().enumerate() {
        let at = format!("{at}.except[{index}]");
        match except.as_str().and_then(network) {
            None => out.push(FieldError::invalid(at, except, detail)),
            Some((address, bits)) if bits > whole.1 && masked(address, whole.1) == masked(whole.0, whole.1) => {}
            Some(_) => out.push(FieldError::invalid(at, except, "must be a strict subset of `cidr`")),
        }
    }
}

/// Address and bits of a network, both in the room of IPv6; families differ by their prefix.
fn network(text: &str) -> Option<(u128, u32)> {
    let (address, bits) = text.split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) if bits <= 32 => Some((u128::from(address.to_ipv6_mapped()), bits + 96)),
        IpAddr::V6(address) if bits <= 128 => Some((u128::from(address), bits)),
        _ => None,
    }
}

fn masked(address: u128, bits: u32) -> u128 {
    if bits == 0 { 0 } else { address >> (128 - bits) }
}

fn backend(backend: &Value, at: &str, out: &mut Vec<FieldError>) {
    match (backend.get("service").filter(|s| s.is_object()), backend.get("resource").filter(|r| r.is_object())) {
        (Some(_), Some(_)) => {
            out.push(FieldError::invalid_as(at, "\"\"", "cannot set both resource and service backends"));
        }
        (Some(service), None) => {
            let name = text(service, "name");
            if name.is_empty() {
                out.push(FieldError::required(format!("{at}.service.name"), ""));
            } else {
                named(names::dns_label(name), name, &format!("{at}.service.name"), out);
            }
            let it = &service["port"];
            let at = format!("{at}.service.port");
            let (name, number) = (text(it, "name"), it["number"].as_i64().unwrap_or(0));
            match (name.is_empty(), number) {
                (true, 0) => out.push(FieldError::required(at, "port name or number is required")),
                (false, 0) => port_name(name, &format!("{at}.name"), out),
                (true, _) => port(it.get("number"), &format!("{at}.number"), out),
                (false, _) => out.push(FieldError::invalid_as(at, "\"\"", "cannot set both port name & port number")),
            }
        }
        (None, Some(_)) => {}
        (None, None) => out.push(FieldError::required(at, "")),
    }
}

/// A NetworkPolicy.
pub fn policy(new: &Value, out: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    selector::validate(&spec["podSelector"], "spec.podSelector", out);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in items(spec, direction).iter().enumerate() {
            let at = format!("spec.{direction}[{index}]");
            for (index, one) in items(rule, "ports").iter().enumerate() {
                let at = format!("{at}.ports[{index}]");
                one_of(one, "protocol", &at, &["SCTP", "TCP", "UDP"], false, out);
                port_or_name(one.get("port"), &format!("{at}.port"), out);
                let Some(end) = one.get("endPort").and_then(Value::as_i64) else { continue };
                let at = format!("{at}.endPort");
                match one.get("port") {
                    None | Some(Value::Null) => {
                        out.push(FieldError::forbidden(at, "may not be specified when `port` is not specified"));
                    }
                    Some(Value::String(_)) => {
                        out.push(FieldError::forbidden(at, "may not be specified when `port` is non-numeric"));
                    }
                    Some(from) if from.as_i64().is_some_and(|from| end < from) => {
                        out.push(FieldError::invalid(at, &end.into(), "must be greater than or equal to `port`"));
                    }
                    Some(_) => port(one.get("endPort"), &at, out),
                }
            }
            for (index, peer) in items(rule, peers).iter().enumerate() {
                let at = format!("{at}.{peers}[{index}]");
                let count = peer.as_object().map_or(0, serde_json::Map::len);
                if count == 0 {
                    out.push(FieldError::required(&at, "must specify a peer"));
                } else if peer.get("ipBlock").is_some() && count > 1 {
                    out.push(FieldError::forbidden(&at, "may not specify both ipBlock and another peer"));
                }
                if let Some(it) = peer.get("ipBlock").filter(|it| it.is_object()) {
                    block(it, &format!("{at}.ipBlock"), out);
                }
                for field in ["podSelector", "namespaceSelector"] {
                    if let Some(it) = peer.get(field) {
                        selector::validate(it, &format!("{at}.{field}"), out);
                    }
                }
            }
        }
    }
    for (index, kind) in items(spec, "policyTypes").iter().enumerate() {
        if !matches!(kind.as_str(), Some("Ingress" | "Egress")) {
            let path = format!("spec.policyTypes[{index}]");
            out.push(FieldError::not_supported(path, kind, &["Egress", "Ingress"]));
        }
    }
}
