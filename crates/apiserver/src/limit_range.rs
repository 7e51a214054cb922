//! LimitRange admission: what a namespace fills in and demands of the resources of its Pods and claims.

use serde_json::{Map, Value, json};

use crate::core::Core;
use crate::error::ApiError;
use crate::kinds::Served;
use crate::rest::meta;
use crate::rest::quantity::Quantity;

/// Fills in the resources that a new Pod's containers do not name.
pub fn fill(core: &Core, served: &Served, namespace: &str, object: &mut Value) {
    if !served.is("", "Pod") {
        return;
    }
    let items = items(core, namespace, "Container");
    if items.is_empty() {
        return;
    }
    let mut told = Vec::new();
    for (list, word) in [("initContainers", "init container"), ("containers", "container")] {
        for container in object["spec"][list].as_array_mut().into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default().to_owned();
            // The limits come first: a request that nobody names is what its limit is.
            for (part, default) in [("requests", "defaultRequest"), ("limits", "default")] {
                let mut set = Vec::new();
                for item in &items {
                    for (resource, amount) in item[default].as_object().into_iter().flatten() {
                        if container["resources"][part][resource].is_null() {
                            put(container, part, resource, amount);
                            set.push(resource.clone());
                        }
                    }
                }
                if !set.is_empty() {
                    set.sort();
                    told.push(format!("{} {} for {word} {name}", set.join(", "), part.trim_end_matches('s')));
                }
            }
        }
    }
    if !told.is_empty() {
        let annotations = meta::of_mut(object).entry("annotations").or_insert_with(|| Value::Object(Map::new()));
        if annotations.is_object() {
            annotations["kubernetes.io/limit-ranger"] = format!("LimitRanger plugin set: {}", told.join("; ")).into();
        }
    }
}

fn put(container: &mut Value, part: &str, resource: &str, amount: &Value) {
    for name in ["", part] {
        let at = if name.is_empty() { &mut container["resources"] } else { &mut container["resources"][name] };
        if !at.is_object() {
            *at = json!({});
        }
    }
    container["resources"][part][resource] = amount.clone();
}

/// Refuses an object outside the limits of its namespace.
///
/// # Errors
/// 403 with every limit that it breaks.
pub fn check(core: &Core, served: &Served, namespace: &str, object: &Value) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    match (served.resource.group.as_str(), served.resource.kind.as_str()) {
        ("", "Pod") => {
            for item in items(core, namespace, "Container") {
                for container in ["initContainers", "containers"]
                    .into_iter()
                    .flat_map(|list| object["spec"][list].as_array().into_iter().flatten())
                {
                    judge(&item, "Container", &container["resources"], &mut errors);
                }
            }
            let pods = items(core, namespace, "Pod");
            if !pods.is_empty() {
                let total = crate::quota::pod_resources(object);
                pods.iter().for_each(|item| judge(item, "Pod", &total, &mut errors));
            }
        }
        ("", "PersistentVolumeClaim") => {
            for item in items(core, namespace, "PersistentVolumeClaim") {
                judge_claim(&item, &object["spec"]["resources"]["requests"], &mut errors);
            }
        }
        _ => {}
    }
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(ApiError::forbidden(served.plural(), meta::text(object, "name"), one)),
        many => Err(ApiError::forbidden(served.plural(), meta::text(object, "name"), format!("[{}]", many.join(", ")))),
    }
}

/// The limits of one type in a namespace.
fn items(core: &Core, namespace: &str, kind: &str) -> Vec<Value> {
    let slot = core.store.slot("limitranges.");
    if namespace.is_empty() || core.store.count(slot) == 0 {
        return Vec::new();
    }
    let ranges = core.store.all(slot, namespace).objects;
    let all = ranges.iter().flat_map(|range| match range.value("v1", "LimitRange")["spec"]["limits"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    });
    all.filter(|item| item["type"] == kind).collect()
}

fn judge(item: &Value, kind: &str, resources: &Value, errors: &mut Vec<String>) {
    let amounts = |part: &'static str| item[part].as_object().into_iter().flatten();
    for (resource, least) in amounts("min") {
        let (request, limit) = (&resources["requests"][resource], &resources["limits"][resource]);
        let usage = format!("minimum {resource} usage per {kind} is {}", text(least));
        match (quantity(request), quantity(limit)) {
            (None, _) => errors.push(format!("{usage}.  No request is specified")),
            (Some(asked), _) if is_above(least, asked) => {
                errors.push(format!("{usage}, but request is {}", text(request)));
            }
            (_, Some(most)) if is_above(least, most) => errors.push(format!("{usage}, but limit is {}", text(limit))),
            _ => {}
        }
    }
    for (resource, most) in amounts("max") {
        let (request, limit) = (&resources["requests"][resource], &resources["limits"][resource]);
        let usage = format!("maximum {resource} usage per {kind} is {}", text(most));
        let above = |amount| quantity(most).is_some_and(|most| Quantity::is_above(amount, most));
        match (quantity(request), quantity(limit)) {
            (_, None) => errors.push(format!("{usage}.  No limit is specified")),
            (_, Some(limited)) if above(limited) => errors.push(format!("{usage}, but limit is {}", text(limit))),
            (Some(asked), _) if above(asked) => errors.push(format!("{usage}, but request is {}", text(request))),
            _ => {}
        }
    }
    for (resource, most) in amounts("maxLimitRequestRatio") {
        let (request, limit) = (&resources["requests"][resource], &resources["limits"][resource]);
        let rule = format!("{resource} max limit to request ratio per {kind} is {}", text(most));
        match (quantity(request), quantity(limit), quantity(most)) {
            (Some(asked), Some(limited), Some(most)) if !asked.is_zero() => {
                let ratio = limited.units() / asked.units();
                if ratio > most.units() {
                    errors.push(format!("{rule}, but provided ratio is {ratio:.6}"));
                }
            }
            _ => errors.push(format!("{rule}, but no request is specified or request is 0")),
        }
    }
}

fn judge_claim(item: &Value, requests: &Value, errors: &mut Vec<String>) {
    let asked = quantity(&requests["storage"]);
    for (part, word) in [("min", "minimum"), ("max", "maximum")] {
        let (bound, Some(asked)) = (&item[part]["storage"], asked) else { continue };
        let Some(limit) = quantity(bound) else { continue };
        let broken = if part == "min" { limit.is_above(asked) } else { asked.is_above(limit) };
        if broken {
            errors.push(format!(
                "{word} storage usage per PersistentVolumeClaim is {}, but request is {}",
                text(bound),
                text(&requests["storage"])
            ));
        }
    }
}

fn is_above(bound: &Value, amount: Quantity) -> bool {
    quantity(bound).is_some_and(|bound| bound.is_above(amount))
}

fn quantity(value: &Value) -> Option<Quantity> {
    Quantity::parse(value.as_str()?)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
