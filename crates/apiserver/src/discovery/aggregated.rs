//! Aggregated discovery: everything in one document (`apidiscovery.k8s.io/v2`).

use serde_json::{Value, json};

use super::{priority, verbs};
use crate::kinds::{Kinds, Served, Subresource};
use crate::respond::Reply;

/// The groups of `/api` (core alone) or `/apis`.
pub fn reply(kinds: &Kinds, core: bool) -> Reply {
    let mut groups: Vec<&str> =
        kinds.all().iter().map(|s| s.resource.group.as_str()).filter(|g| g.is_empty() == core).collect();
    groups.sort_unstable();
    groups.dedup();
    let items: Vec<Value> = groups.into_iter().map(|group| item(kinds, group)).collect();
    let body = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    });
    let mut reply = Reply::json(200, &body);
    reply.content_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    reply
}

fn item(kinds: &Kinds, group: &str) -> Value {
    let of_group = || kinds.all().iter().filter(|s| s.resource.group == group);
    let mut versions: Vec<&str> = of_group().map(|s| s.version.as_str()).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    versions.dedup();
    let versions: Vec<Value> = versions
        .into_iter()
        .map(|version| {
            let mut served: Vec<_> = of_group().filter(|s| s.version == version).collect();
            served.sort_by(|a, b| a.resource.plural.cmp(&b.resource.plural));
            let resources: Vec<Value> = served.into_iter().map(|served| resource(served)).collect();
            json!({"version": version, "freshness": "Current", "resources": resources})
        })
        .collect();
    let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
    json!({"metadata": metadata, "versions": versions})
}

fn resource(served: &Served) -> Value {
    let resource = &served.resource;
    let mut entry = json!({
        "resource": resource.plural,
        "singularResource": resource.singular,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "responseKind": own_kind(served, &resource.kind),
        "verbs": verbs(served),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.clone().into();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.clone().into();
    }
    if !served.subresources.is_empty() {
        entry["subresources"] = served.subresources.iter().map(|part| subresource(served, part)).collect();
    }
    entry
}

/// Built-in kinds leave the group and version to the document around them.
fn own_kind(served: &Served, kind: &str) -> Value {
    match served.custom {
        Some(_) => json!({"group": served.resource.group, "version": served.version, "kind": kind}),
        None => json!({"group": "", "version": "", "kind": kind}),
    }
}

fn subresource(served: &Served, part: &Subresource) -> Value {
    let kind = match &part.api_version {
        None => own_kind(served, &part.kind),
        Some(api_version) => {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            json!({"group": group, "version": version, "kind": part.kind})
        }
    };
    json!({"subresource": part.name, "responseKind": kind, "verbs": part.verbs})
}
