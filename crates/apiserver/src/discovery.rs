//! Discovery: which groups, versions and resources there are.

use std::collections::BTreeSet;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::core::Core;
use crate::error::ApiError;
use crate::kinds::{Kinds, Served};
use crate::respond::Reply;

mod aggregated;

/// Answers `/api`, `/apis`, `/api/v1`, `/apis/GROUP` and `/apis/GROUP/VERSION`.
///
/// # Errors
/// 404 for a group or version that is not served.
pub fn handle(core: &Core, path: &str, headers: &HeaderMap) -> Result<Reply, ApiError> {
    let kinds = core.kinds();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if matches!(parts.as_slice(), ["api" | "apis"]) && wants_aggregated(headers) {
        return Ok(aggregated::reply(&kinds, parts[0] == "api"));
    }
    let body = match parts.as_slice() {
        ["api"] => json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}],
        }),
        ["apis"] => {
            let groups: BTreeSet<&str> =
                kinds.all().iter().map(|s| s.resource.group.as_str()).filter(|g| !g.is_empty()).collect();
            let groups: Vec<Value> = groups.into_iter().map(|group| group_value(&kinds, group)).collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        ["api", version] => resources(&kinds, "", version)?,
        ["apis", group] => {
            if !kinds.all().iter().any(|s| s.resource.group == *group) {
                return Ok(Reply::text(404, "404 page not found\n"));
            }
            let mut value = group_value(&kinds, group);
            value["kind"] = "APIGroup".into();
            value["apiVersion"] = "v1".into();
            value
        }
        ["apis", group, version]
            if !kinds.all().iter().any(|s| s.resource.group == *group && s.version == *version) =>
        {
            return Ok(Reply::text(404, "404 page not found\n"));
        }
        ["apis", group, version] => resources(&kinds, group, version)?,
        _ => return Err(ApiError::no_such_path()),
    };
    Ok(Reply::json(200, &body))
}

/// Whether `Accept` prefers the aggregated form: it stands before plain JSON, or plain JSON is not asked for.
fn wants_aggregated(headers: &HeaderMap) -> bool {
    let text = headers.get_all(http::header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    text.flat_map(|text| text.split(',')).find_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        if !matches!(parts.next(), Some("application/json" | "*/*" | "application/*")) {
            return None;
        }
        let all: Vec<&str> = parts.filter(|part| !part.starts_with("q=")).collect();
        if all.is_empty() {
            return Some(false);
        }
        let has = |part: &str| all.contains(&part);
        (has("as=APIGroupDiscoveryList") && has("g=apidiscovery.k8s.io") && has("v=v2")).then_some(true)
    }) == Some(true)
}

/// Verbs in the order the real server lists them, which for custom resources is none.
fn verbs(served: &Served) -> Vec<&str> {
    match served.custom {
        Some(_) => vec!["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
        None => served.verbs.iter().map(String::as_str).collect(),
    }
}

fn group_value(kinds: &Kinds, group: &str) -> Value {
    let mut versions: Vec<&str> = Vec::new();
    for served in kinds.all().iter().filter(|s| s.resource.group == group) {
        if !versions.contains(&served.version.as_str()) {
            versions.push(&served.version);
        }
    }
    versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    let versions: Vec<Value> = versions
        .into_iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

/// Kubernetes' order of versions: stable before beta before alpha, later before earlier.
pub fn priority(version: &str) -> (u8, u64, u64) {
    let digits = |s: &str| s.parse::<u64>().ok();
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    for (word, rank) in [("alpha", 1), ("beta", 2)] {
        if let Some((major, minor)) = rest.split_once(word)
            && let (Some(major), Some(minor)) = (digits(major), digits(minor))
        {
            return (rank, major, minor);
        }
    }
    digits(rest).map_or((0, 0, 0), |major| (3, major, 0))
}

/// What tells clients that the stored version has changed; virtual kinds are not stored.
fn storage_hash(served: &Served) -> Option<String> {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    if !served.allows("get") {
        return None;
    }
    let resource = &served.resource;
    let (group, version) = match (resource.group.as_str(), &served.custom) {
        ("events.k8s.io", None) => ("", "v1"),
        ("autoscaling", None) => ("autoscaling", "v2"),
        (group, None) => (group, served.version.as_str()),
        (group, Some(custom)) => (group, custom.storage_version.as_str()),
    };
    let digest = Sha256::digest(format!("{group}/{version}/{}", resource.kind));
    Some(base64::engine::general_purpose::STANDARD.encode(&digest[..8]))
}

fn resources(kinds: &Kinds, group: &str, version: &str) -> Result<Value, ApiError> {
    let served: Vec<&std::sync::Arc<Served>> =
        kinds.all().iter().filter(|s| s.resource.group == group && s.version == version).collect();
    if served.is_empty() {
        return Err(ApiError::no_such_path());
    }
    let mut list = Vec::new();
    for served in served {
        let resource = &served.resource;
        let mut entry = json!({
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": verbs(served),
        });
        if !resource.short_names.is_empty() {
            entry["shortNames"] = resource.short_names.clone().into();
        }
        if !resource.categories.is_empty() {
            entry["categories"] = resource.categories.clone().into();
        }
        if let Some(hash) = storage_hash(served) {
            entry["storageVersionHash"] = hash.into();
        }
        list.push(entry);
        for part in &served.subresources {
            let mut entry = json!({
                "name": format!("{}/{}", resource.plural, part.name),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": part.kind,
                "verbs": part.verbs,
            });
            if let Some(api_version) = &part.api_version {
                let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
                entry["group"] = group.into();
                entry["version"] = version.into();
            }
            list.push(entry);
        }
    }
    list.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let api_version = crate::kinds::api_version(group, version);
    let mut value = json!({"kind": "APIResourceList", "groupVersion": api_version, "resources": list});
    if !group.is_empty() {
        // The core group's list is older than the field.
        value["apiVersion"] = "v1".into();
    }
    Ok(value)
}
