//! Writing an object's status: one patch for one decision, and none when nothing changed.

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cache::Cached;

/// Patches the status of `object` from `before` to `after`; returns what the server then has, or `None` when the two
/// are equal and nothing was sent. The patch names the object's uid: a later object of the same name is left alone.
///
/// # Errors
/// As the API server says; a conflict when the object is another one by now, 404 when it is gone.
pub async fn patch<K: Cached, S: Serialize>(
    api: &Api<K>,
    object: &K,
    before: &S,
    after: &S,
    field_manager: &str,
) -> Result<Option<K>, kube::Error> {
    let (before, after) = (to_value(before)?, to_value(after)?);
    let Some(changes) = merge_patch(&before, &after) else { return Ok(None) };
    let meta = object.meta();
    let mut metadata = Map::new();
    if let Some(uid) = &meta.uid {
        metadata.insert("uid".to_owned(), uid.clone().into());
    }
    let body = json!({"metadata": metadata, "status": changes});
    let name = meta.name.as_deref().unwrap_or_default();
    let params = PatchParams { field_manager: Some(field_manager.to_owned()), ..PatchParams::default() };
    api.patch_status(name, &params, &Patch::Merge(body)).await.map(Some)
}

fn to_value<S: Serialize>(status: &S) -> Result<Value, kube::Error> {
    serde_json::to_value(status).map_err(kube::Error::SerdeError)
}

/// The JSON merge patch (RFC 7386) that turns `before` into `after`; `None` when they are equal.
#[must_use]
pub fn merge_patch(before: &Value, after: &Value) -> Option<Value> {
    if before == after {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return Some(after.clone()) };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            None => _ = patch.insert(key.clone(), value.clone()),
            Some(old) => _ = merge_patch(old, value).map(|it| patch.insert(key.clone(), it)),
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: Value, after: Value, want: Option<Value>) {
        assert_eq!(merge_patch(&before, &after), want);
    }

    #[test]
    fn only_what_changed_is_in_the_patch() {
        check(json!({"a": 1, "b": {"c": 2}}), json!({"a": 1, "b": {"c": 2}}), None);
        check(json!({"a": 1, "b": {"c": 2}}), json!({"a": 1, "b": {"c": 3}}), Some(json!({"b": {"c": 3}})));
        check(json!({"a": 1, "b": 2}), json!({"b": 2}), Some(json!({"a": null})));
        check(json!({"l": [1, 2]}), json!({"l": [1]}), Some(json!({"l": [1]})));
        check(json!({}), json!({"n": {"m": 1}}), Some(json!({"n": {"m": 1}})));
    }
}
