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
    for (index, rule) in rules.iter().enumerate() {
        let at = format!("spec.rules[{index}]");
        let host = text(rule, "host");
        if host.parse::<IpAddr>().is_ok() {
            out.push(FieldError::invalid(format!("{at}.host"), &host.into(), "must be a DNS name, not an IP address"));
        } else if !host.is_empty() {
            let plain = host.strip_prefix("*.").unwrap_or(host);
            named(names::dns_subdomain(plain), host, &format!("{at}.host"), out);
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
                "Exact" | "Prefix" | "ImplementationSpecific" => {}
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
            }
            for (index, peer) in items(rule, peers).iter().enumerate() {
                let at = format!("{at}.{peers}[{index}]");
                let count = peer.as_object().map_or(0, serde_json::Map::len);
                if count == 0 {
                    out.push(FieldError::required(&at, "must specify a peer"));
                } else if peer.get("ipBlock").is_some() && count > 1 {
                    out.push(FieldError::forbidden(&at, "may not specify both ipBlock and another peer"));
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
