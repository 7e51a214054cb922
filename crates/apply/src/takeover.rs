//! Taking over what `kubectl` and the like own of an object (spec/flux/kustomize.md §5 "Cleanup").
//!
//! Without this, a field that was once set by hand and is not in the manifest would stay for ever: another manager
//! owns it. Its owners' entries become ours, so that the next apply drops what the manifest does not have.

use serde_json::{Map, Value, json};
use sluice_object::{annotation, metadata, resource_version};

use crate::facts::{BY_HAND, LEFT_BEHIND, Managers};

/// The JSON patch that makes `manager` the owner of what was done by hand, or by a manager that is overridden; `None` when there is nothing to take over.
pub(crate) fn patch(live: &Value, manager: &str, overridden: &Managers) -> Option<Value> {
    let mut steps = Vec::new();
    let by_hand = |name: &str, operation: &str| {
        BY_HAND.iter().any(|it| name.starts_with(it))
            || overridden.has(name)
            || (name == manager && operation == "Update")
    };
    steps.extend(entries(live, manager, &by_hand));
    for key in LEFT_BEHIND {
        if annotation(live, key).is_some() {
            let path = format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
            steps.push(json!({"op": "remove", "path": path}));
        }
    }
    complete(steps, live)
}

/// As [`patch`], of what the overridden managers own alone.
pub(crate) fn patch_overridden(live: &Value, manager: &str, overridden: &Managers) -> Option<Value> {
    complete(entries(live, manager, &|name, _| overridden.has(name)).into_iter().collect(), live)
}

fn complete(mut steps: Vec<Value>, live: &Value) -> Option<Value> {
    if steps.is_empty() {
        return None;
    }
    // Fails when somebody was faster; the next pass sees what they did.
    steps.push(json!({"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version(live)}));
    Some(Value::Array(steps))
}

/// The step that makes the entries that are `taken`, by manager and operation, part of the manager's own.
fn entries(live: &Value, manager: &str, taken: &dyn Fn(&str, &str) -> bool) -> Option<Value> {
    let entries = metadata(live).and_then(|it| it.get("managedFields")).and_then(Value::as_array)?;
    let entries = united(entries, manager, taken)?;
    Some(json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}))
}

/// The entries with those that are taken made part of the manager's own.
fn united(entries: &[Value], manager: &str, taken: &dyn Fn(&str, &str) -> bool) -> Option<Vec<Value>> {
    let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let whole_object = |entry: &Value| text(entry, "subresource").is_empty();
    let by_hand = |entry: &Value| whole_object(entry) && taken(&text(entry, "manager"), &text(entry, "operation"));
    let ours =
        |entry: &Value| whole_object(entry) && text(entry, "manager") == manager && text(entry, "operation") == "Apply";
    let (taken, mut rest): (Vec<Value>, Vec<Value>) = entries.iter().cloned().partition(by_hand);
    let first = taken.first()?.clone();
    let mut own = match rest.iter().position(ours) {
        Some(index) => rest.remove(index),
        None => {
            let mut own = first;
            own["manager"] = manager.into();
            own["operation"] = "Apply".into();
            own
        }
    };
    for entry in taken {
        // Sets of fields of two versions of a kind cannot be united; the server converts what is of our version alone.
        if entry.get("apiVersion") == own.get("apiVersion") {
            unite(&mut own["fieldsV1"], &entry["fieldsV1"], 0);
        }
    }
    rest.push(own);
    Some(rest)
}

/// A set of fields is a tree of maps; the union of two has the branches of both.
fn unite(into: &mut Value, from: &Value, depth: usize) {
    let Value::Object(from) = from else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    // As deep as the server lets objects be.
    if depth > 200 {
        return;
    }
    for (key, value) in from {
        unite(&mut into[key], value, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_set_by_hand_become_the_controller_s() {
        let live = json!({"metadata": {"resourceVersion": "7", "managedFields": [
            {"manager": "us", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}},
            {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:b": {}}}},
            {"manager": "other", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:c": {}}}},
        ]}});
        let patch = patch(&live, "us", &Managers::default()).unwrap();
        let entries = patch[0]["value"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["manager"], "other");
        assert_eq!(entries[1]["fieldsV1"], json!({"f:data": {"f:a": {}, "f:b": {}}}));
        assert_eq!(patch[1], json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}));
    }

    #[test]
    fn fields_of_overridden_managers_become_the_controller_s() {
        let live = json!({"metadata": {"resourceVersion": "7", "managedFields": [
            {"manager": "helm", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}},
            {"manager": "helm-controller", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:b": {}}}},
        ]}});
        let patch = patch(&live, "us", &Managers::new(&["helm".to_owned()])).unwrap();
        let entries = patch[0]["value"].as_array().unwrap();
        assert_eq!(entries[0]["manager"], "helm-controller");
        assert_eq!((&entries[1]["manager"], &entries[1]["fieldsV1"]), (&json!("us"), &json!({"f:data": {"f:a": {}}})));
    }

    #[test]
    fn where_only_overridden_managers_count_others_keep_theirs() {
        let live = json!({"metadata": {"managedFields": [
            {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}},
            {"manager": "old", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:b": {}}}},
        ]}});
        let patch = patch_overridden(&live, "us", &Managers::new(&["old".to_owned()])).unwrap();
        let names: Vec<_> = patch[0]["value"].as_array().unwrap().iter().map(|it| it["manager"].clone()).collect();
        assert_eq!(names, ["kubectl-edit", "us"]);
        assert_eq!(patch_overridden(&live, "us", &Managers::default()), None);
    }

    #[test]
    fn nothing_by_hand_is_nothing_to_do() {
        let live = json!({"metadata": {"managedFields": [{"manager": "us", "operation": "Apply"}]}});
        assert_eq!(patch(&live, "us", &Managers::default()), None);
    }
}
