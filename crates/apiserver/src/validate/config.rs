//! ConfigMaps and Secrets.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::field::FieldError;
use crate::rest::go_json;

use super::parts::{immutable, text};

/// Bytes of all values together.
const LIMIT: usize = 1 << 20;

fn keys(map: &Value, field: &str, out: &mut Vec<FieldError>) {
    for (key, _) in map.as_object().into_iter().flatten() {
        let path = format!("{field}[{key}]");
        let mut bad = |detail: &str| out.push(FieldError::invalid(&path, &key.as_str().into(), detail));
        if key.len() > 253 {
            bad("must be no more than 253 bytes");
        }
        if key.is_empty() || !key.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.')) {
            bad("a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')");
        } else if key == "." {
            bad("must not be '.'");
        } else if key == ".." {
            bad("must not be '..'");
        } else if key.starts_with("..") {
            bad("must not start with '..'");
        }
    }
}

/// A ConfigMap.
pub fn config_map(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let mut size = 0;
    for (key, value) in new["data"].as_object().into_iter().flatten() {
        if new["binaryData"].get(key).is_some() {
            let detail = "duplicate of key present in binaryData";
            out.push(FieldError::invalid(format!("data[{key}]"), &key.as_str().into(), detail));
        }
        size += value.as_str().map_or(0, str::len);
    }
    keys(&new["data"], "data", out);
    keys(&new["binaryData"], "binaryData", out);
    for (_, value) in new["binaryData"].as_object().into_iter().flatten() {
        size += value.as_str().map_or(0, |text| text.len() / 4 * 3);
    }
    if size > LIMIT {
        out.push(FieldError::too_long("", LIMIT));
    }
    frozen(new, old, &["data", "binaryData"], out);
}

/// `immutable: true` cannot be taken back.
fn frozen(new: &Value, old: Option<&Value>, fields: &[&str], out: &mut Vec<FieldError>) {
    let Some(old) = old.filter(|old| old["immutable"] == true) else { return };
    let detail = "field is immutable when `immutable` is set";
    if new["immutable"] != true {
        out.push(FieldError::forbidden("immutable", detail));
    }
    for field in fields {
        if new.get(*field) != old.get(*field) {
            out.push(FieldError::forbidden(*field, detail));
        }
    }
}

/// A Secret.
pub fn secret(new: &Value, old: Option<&Value>, out: &mut Vec<FieldError>) {
    let data: BTreeMap<&str, Vec<u8>> = new["data"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default()))
        .collect();
    keys(&new["data"], "data", out);
    if data.values().map(Vec::len).sum::<usize>() > LIMIT {
        out.push(FieldError::too_long("data", LIMIT));
    }
    let need = |key: &str, out: &mut Vec<FieldError>| {
        if !data.contains_key(key) {
            out.push(FieldError::required(format!("data[{key}]"), ""));
        }
    };
    match text(new, "type") {
        "kubernetes.io/service-account-token" => {
            let name = new["metadata"]["annotations"]["kubernetes.io/service-account.name"].as_str();
            if name.unwrap_or_default().is_empty() {
                out.push(FieldError::required("metadata.annotations[kubernetes.io/service-account.name]", ""));
            }
        }
        "kubernetes.io/dockercfg" => json(&data, ".dockercfg", out),
        "kubernetes.io/dockerconfigjson" => json(&data, ".dockerconfigjson", out),
        "kubernetes.io/basic-auth" if !data.contains_key("username") && !data.contains_key("password") => {
            need("username", out);
            need("password", out);
        }
        "kubernetes.io/ssh-auth" if data.get("ssh-privatekey").is_none_or(Vec::is_empty) => {
            out.push(FieldError::required("data[ssh-privatekey]", ""));
        }
        "kubernetes.io/tls" => {
            need("tls.crt", out);
            need("tls.key", out);
        }
        _ => {}
    }
    let Some(old) = old else { return };
    if text(new, "type") != text(old, "type") {
        immutable(new, old, "type", "", out);
        if let Some(last) = out.last_mut() {
            last.field = "type".into();
        }
    }
    frozen(new, Some(old), &["data"], out);
}

fn json(data: &BTreeMap<&str, Vec<u8>>, key: &str, out: &mut Vec<FieldError>) {
    let path = format!("data[{key}]");
    match data.get(key) {
        None => out.push(FieldError::required(path, "")),
        Some(bytes) => {
            if let Some(why) = go_json::syntax_error(bytes) {
                out.push(FieldError::invalid(path, &"<secret contents redacted>".into(), why));
            }
        }
    }
}
