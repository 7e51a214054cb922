//! `managedFields`: who owns which field, kept on every write.

use std::sync::Arc;

use serde_json::Value;
use sluice_ssa::{Request, apply as merge_applied, reset_paths, update as record_update};

use crate::core::Context;
use crate::error::{ApiError, Cause, Details};
use crate::kinds::Served;

use super::meta;
use super::update::Target;

fn request<'a>(served: &'a Served, subresource: &'a str, context: &'a Context, now: &'a str) -> Request<'a> {
    let mut request = Request::new(&context.options.field_manager, &served.api_version, now);
    request.schema = Some(served.schema.root());
    request.subresource = subresource;
    request.force = context.options.force;
    if served.has_status() {
        request.reset = reset_paths(subresource, served.custom.is_some());
    }
    request
}

/// Records the creator of a new object.
pub(super) fn created(served: &Served, object: &mut Value, context: &Context) {
    let now = crate::clock::now_text();
    let request = request(served, "", context, &now);
    let mut new = object.take();
    // The status that a creator sends is not stored, so nobody owns it.
    let mut judged = new.clone();
    if served.custom.is_none() {
        drop_zeros(&mut judged, &empty_of(served));
    }
    match record_update(None, judged, &request) {
        Ok(mut recorded) => {
            let managed = meta::of_mut(&mut recorded).remove("managedFields");
            match managed {
                Some(managed) => meta::of_mut(&mut new).insert("managedFields".into(), managed),
                None => meta::of_mut(&mut new).remove("managedFields"),
            };
        }
        Err(error) => tracing::debug!(%error, "managed fields of a new object"),
    }
    *object = new;
}

/// An object of a built-in kind in which nothing is set: what Go's struct prints.
fn empty_of(served: &Served) -> Value {
    let mut empty = Value::Object(serde_json::Map::new());
    let _ = super::typed::decode(&mut empty, served.schema.root(), &mut super::typed::Found::default());
    empty
}

/// Removes the values that an empty object has too: nobody is recorded as having set them.
fn drop_zeros(value: &mut Value, empty: &Value) {
    let (Some(map), Some(empty)) = (value.as_object_mut(), empty.as_object()) else { return };
    for (key, zero) in empty {
        match (map.get_mut(key), zero) {
            (Some(value @ Value::Object(_)), Value::Object(_)) => drop_zeros(value, zero),
            (Some(value), zero) if value == zero => {
                map.remove(key);
            }
            _ => {}
        }
    }
}

/// Records what a controller of the simulator changed: status under `status`, replicas under `scale`, the rest under
/// the object itself.
pub(crate) fn by_controller(served: &Arc<Served>, old: &Value, new: &Value, manager: &str) -> Value {
    let context = Context::internal(manager);
    let target = |subresource| Target { served, namespace: "", name: "", subresource };
    let mut recorded = new.clone();
    match old.get("status") {
        Some(status) => recorded["status"] = status.clone(),
        None => {
            recorded.as_object_mut().map(|map| map.remove("status"));
        }
    }
    if recorded != *old {
        let scaled = recorded["spec"].get("replicas") != old["spec"].get("replicas");
        updated(target(if scaled { "scale" } else { "" }), old, &mut recorded, &context);
    }
    if let Some(status) = new.get("status")
        && old.get("status") != Some(status)
    {
        let before = recorded.clone();
        recorded["status"] = status.clone();
        updated(target("status"), &before, &mut recorded, &context);
    }
    settle_times(old, &mut recorded);
    recorded
}

/// Records who changed what.
pub(super) fn updated(target: Target<'_>, old: &Value, new: &mut Value, context: &Context) {
    let now = crate::clock::now_text();
    let mut request = request(target.served, target.subresource, context, &now);
    // What the endpoint does not write has been put back already.
    request.reset = &[];
    match record_update(Some(old), new.clone(), &request) {
        Ok(recorded) => *new = recorded,
        Err(error) => tracing::debug!(%error, "managed fields of a changed object"),
    }
}

/// When nothing but times of `managedFields` differs, keeps the old ones, so that nothing is written.
pub(super) fn settle_times(old: &Value, new: &mut Value) {
    let same = |a: &Value, b: &Value| -> bool {
        let (Some(a), Some(b)) = (a.as_array(), b.as_array()) else { return a == b };
        a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| match (a.as_object(), b.as_object()) {
                (Some(a), Some(b)) => {
                    a.len() == b.len() && a.iter().all(|(key, value)| key == "time" || b.get(key) == Some(value))
                }
                _ => a == b,
            })
    };
    let (Some(before), Some(after)) = (meta::of(old).get("managedFields"), meta::of(new).get("managedFields")) else {
        return;
    };
    if before == after || !same(before, after) {
        return;
    }
    let before = before.clone();
    let after = meta::of_mut(new).insert("managedFields".into(), before);
    let rest_is_equal = meta::of(new)
        .iter()
        .filter(|(k, _)| *k != "resourceVersion")
        .eq(meta::of(old).iter().filter(|(k, _)| *k != "resourceVersion"))
        && new.as_object().into_iter().flatten().filter(|(k, _)| *k != "metadata").eq(old
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(k, _)| *k != "metadata"));
    if !rest_is_equal && let Some(after) = after {
        meta::of_mut(new).insert("managedFields".into(), after);
    }
}

/// Checks the body of an apply.
pub(super) fn applied(target: Target<'_>, value: Value) -> Result<Value, ApiError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if api_version.is_empty() || kind.is_empty() {
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    let served = target.served;
    if api_version != served.api_version || kind != served.resource.kind {
        let want = format!("{}/{}, Kind={}", served.resource.group, served.version, served.resource.kind);
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {want}): got {group}/{version}, Kind={kind}"
        )));
    }
    if meta::of(&value).get("managedFields").is_some_and(|m| !m.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(value)
}

/// Merges what is applied into the live object.
pub(super) fn apply(
    target: Target<'_>,
    live: Option<&Value>,
    applied: &Value,
    context: &Context,
) -> Result<Value, ApiError> {
    let now = crate::clock::now_text();
    let request = request(target.served, target.subresource, context, &now);
    match merge_applied(live, applied, &request) {
        Ok(done) => Ok(done.object),
        Err(error) => Err(refused(target.served, &error)),
    }
}

fn refused(served: &Served, error: &sluice_ssa::Error) -> ApiError {
    use sluice_ssa::Error;
    match error {
        Error::Conflicts(conflicts) => {
            let causes = conflicts
                .0
                .iter()
                .map(|conflict| Cause {
                    reason: "FieldManagerConflict".into(),
                    message: conflict.message(),
                    field: conflict.path.to_string(),
                })
                .collect();
            ApiError {
                code: 409,
                reason: "Conflict",
                message: error.to_string(),
                details: Some(Box::new(Details { causes, ..Details::default() })),
            }
        }
        Error::ManagedFieldsInApply => ApiError::bad_request(error.to_string()),
        Error::NoManager => ApiError::new(422, "Invalid", error.to_string()),
        Error::Typed { .. } | Error::ManagedFields(_) | Error::TooDeep => {
            let _ = served;
            ApiError::plain(error.to_string())
        }
    }
}
