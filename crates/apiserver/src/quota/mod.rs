//! ResourceQuota: refuses what goes beyond a quota, and keeps `status.used` true.
//!
//! What is used is counted from the objects themselves each time, so that it cannot drift; a namespace without a quota
//! costs nothing.

mod usage;

use std::sync::MutexGuard;

use serde_json::{Value, json};

use crate::core::Core;
use crate::error::ApiError;
use crate::kinds::Served;
use crate::rest::meta;
use crate::rest::quantity::Quantity;
use crate::store::{Draft, Object};

use usage::Usage;

/// The resources of a whole Pod, as a container's are written.
pub fn pod_resources(pod: &Value) -> Value {
    usage::pod(pod)
}

/// Holds the count until the object is stored, so that two writers cannot take the last place both.
pub type Held<'a> = Option<MutexGuard<'a, ()>>;

/// Admits a new object (`old` is `None`) or a changed one.
///
/// # Errors
/// 403 when it goes beyond a quota, or when a quota wants a resource named that it does not name.
pub fn admit<'a>(
    core: &'a Core,
    served: &Served,
    namespace: &str,
    new: &Value,
    old: Option<&Value>,
) -> Result<Held<'a>, ApiError> {
    let quotas = quotas(core, namespace);
    if quotas.is_empty() || served.is("", "ResourceQuota") && old.is_some() {
        return Ok(None);
    }
    let held = core.quota.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let wanted = usage::of(served, new);
    let before = old.map(|old| usage::of(served, old)).unwrap_or_default();
    let name = meta::text(new, "name");
    for quota in &quotas {
        if !in_scope(quota, served, new) {
            continue;
        }
        let quota_name = meta::text(quota, "name");
        let hard = limits(&quota["spec"]["hard"]);
        if served.is("", "Pod") && old.is_none() {
            must_name(served, quota_name, &hard, new)?;
        }
        let grows = |resource: &String, amount: &Quantity| {
            amount.is_above(before.get(resource).copied().unwrap_or(Quantity::ZERO))
        };
        let touched: Usage =
            wanted.iter().filter(|(r, a)| hard.contains_key(*r) && grows(r, a)).map(|(r, a)| (r.clone(), *a)).collect();
        if touched.is_empty() {
            continue;
        }
        let used = used(core, namespace, quota, &hard);
        let sum = |resource: &String, amount: &Quantity| {
            let growth = amount.minus(before.get(resource).copied().unwrap_or(Quantity::ZERO));
            (growth, used.get(resource).copied().unwrap_or(Quantity::ZERO))
        };
        let over: Vec<_> = touched
            .iter()
            .filter(|(resource, amount)| {
                let (growth, used) = sum(resource, amount);
                used.plus(growth).is_above(hard[*resource])
            })
            .collect();
        if over.is_empty() {
            continue;
        }
        let list = |show: &dyn Fn(&String, &Quantity) -> Quantity| {
            over.iter().map(|(r, a)| format!("{r}={}", show(r, a).print())).collect::<Vec<_>>().join(",")
        };
        let why = format!(
            "exceeded quota: {quota_name}, requested: {}, used: {}, limited: {}",
            list(&|r, a| sum(r, a).0),
            list(&|r, a| sum(r, a).1),
            list(&|r, _| hard[r]),
        );
        return Err(ApiError::forbidden(served.plural(), name, why));
    }
    Ok(Some(held))
}

fn must_name(served: &Served, quota: &str, hard: &Usage, pod: &Value) -> Result<(), ApiError> {
    let missing: Vec<String> = hard
        .keys()
        .filter(|resource| usage::is_compute(resource))
        .filter_map(|resource| {
            let silent = usage::silent(pod, resource);
            (!silent.is_empty()).then(|| format!("{resource} for: {}", silent.join(",")))
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!("failed quota: {quota}: must specify {}", missing.join("; "));
    Err(ApiError::forbidden(served.plural(), meta::text(pod, "name"), why))
}

/// Brings the status of all quotas of a namespace up to date.
pub fn refresh(core: &Core, namespace: &str) {
    let slot = core.store.slot("resourcequotas.");
    if core.store.count(slot) == 0 {
        return;
    }
    for object in core.store.all(slot, namespace).objects {
        refresh_one(core, &object);
    }
}

fn refresh_one(core: &Core, object: &Object) {
    let mut quota = object.value("v1", "ResourceQuota");
    let hard = limits(&quota["spec"]["hard"]);
    let used = used(core, object.namespace(), &quota, &hard);
    let show = |amount: Option<&Quantity>| amount.copied().unwrap_or(Quantity::ZERO).print();
    let used: serde_json::Map<String, Value> =
        hard.keys().map(|resource| (resource.clone(), show(used.get(resource)).into())).collect();
    let status = json!({"hard": quota["spec"]["hard"], "used": used});
    if quota["status"] != status && quota["spec"]["hard"].is_object() {
        quota["status"] = status;
        // When it has changed meanwhile, that change brings us here again.
        let _ = core.store.replace(core.store.slot("resourcequotas."), Draft::new(&quota), object.version());
    }
}

fn quotas(core: &Core, namespace: &str) -> Vec<Value> {
    let slot = core.store.slot("resourcequotas.");
    if namespace.is_empty() || core.store.count(slot) == 0 {
        return Vec::new();
    }
    core.store.all(slot, namespace).objects.iter().map(|quota| quota.value("v1", "ResourceQuota")).collect()
}

fn limits(hard: &Value) -> Usage {
    let hard = hard.as_object().into_iter().flatten();
    hard.filter_map(|(name, amount)| Some((name.clone(), Quantity::parse(amount.as_str()?)?))).collect()
}

/// What the namespace uses of the resources in `hard`.
fn used(core: &Core, namespace: &str, quota: &Value, hard: &Usage) -> Usage {
    let mut out = Usage::new();
    for served in core.kinds().resources().filter(|served| served.resource.namespaced) {
        if !hard.keys().any(|name| counts(name, served)) {
            continue;
        }
        for object in core.store.all(served.resource.slot, namespace).objects {
            let value = served.value(&object);
            if !in_scope(quota, served, &value) {
                continue;
            }
            for (name, amount) in usage::of(served, &value) {
                if hard.contains_key(&name) {
                    let sum = out.entry(name).or_insert(Quantity::ZERO);
                    *sum = sum.plus(amount);
                }
            }
        }
    }
    out
}

/// Whether objects of a kind can count towards a resource of a quota.
fn counts(name: &str, served: &Served) -> bool {
    let resource = &served.resource;
    match name.strip_prefix("count/") {
        Some(counted) => counted.split('.').next() == Some(resource.plural.as_str()),
        None if !resource.group.is_empty() => false,
        None if name == resource.plural || name.starts_with(&format!("{}.", resource.plural)) => true,
        None if resource.plural == "persistentvolumeclaims" => name.contains("storage"),
        None => resource.plural == "pods" && !matches!(name, "services" | "configmaps" | "secrets"),
    }
}

/// Whether a quota counts an object: its scopes are about Pods.
fn in_scope(quota: &Value, served: &Served, object: &Value) -> bool {
    let spec = &quota["spec"];
    let plain = spec["scopes"].as_array().into_iter().flatten().map(|scope| (scope, "Exists", &Value::Null));
    let selected = spec["scopeSelector"]["matchExpressions"].as_array().into_iter().flatten();
    let selected = selected.map(|it| (&it["scopeName"], it["operator"].as_str().unwrap_or("Exists"), &it["values"]));
    plain.chain(selected).all(|(scope, operator, values)| {
        let is_pod = served.is("", "Pod");
        let terminating = !object["spec"]["activeDeadlineSeconds"].is_null();
        match scope.as_str().unwrap_or_default() {
            "Terminating" => is_pod && terminating,
            "NotTerminating" => is_pod && !terminating,
            "BestEffort" => is_pod && crate::pods::quality(object) == "BestEffort",
            "NotBestEffort" => is_pod && crate::pods::quality(object) != "BestEffort",
            "PriorityClass" => {
                let class = object["spec"]["priorityClassName"].as_str().unwrap_or_default();
                let listed = values.as_array().is_some_and(|list| list.iter().any(|it| it == class));
                is_pod
                    && match operator {
                        "In" => listed,
                        "NotIn" => !listed,
                        "DoesNotExist" => class.is_empty(),
                        _ => !class.is_empty(),
                    }
            }
            _ => true,
        }
    })
}
