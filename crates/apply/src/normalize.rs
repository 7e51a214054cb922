//! What is taken out of a manifest, or put right, before it is applied (spec/flux/kustomize.md §5 "Normalisation").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sluice_object::schema::{Kind, Node, builtin};
use sluice_object::{GroupVersionKind, kind, metadata_mut};

/// Fields of the metadata that are the server's to set, and owners: a manifest cannot know the uid of one, and the garbage
/// collector deletes what names an owner that is not there.
const SERVER_S: [&str; 9] = [
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Makes an object fit for server-side apply. Returns the paths of fields that its built-in kind does not have and
/// that are dropped, as Flux drops them by its round trip through Go's types.
pub fn normalize(object: &mut Value) -> Vec<String> {
    if let Some(metadata) = metadata_mut(object) {
        for field in SERVER_S {
            metadata.remove(field);
        }
    }
    if kind(object) == "Secret" {
        fold_string_data(object);
    }
    if kind(object) != "CustomResourceDefinition"
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("status");
    }
    let mut dropped = Vec::new();
    if let Ok(gvk) = GroupVersionKind::from_object(object)
        && !(gvk.group == "rbac.authorization.k8s.io" && gvk.kind.ends_with("Role"))
        && let Some(node) = builtin().node(&gvk)
    {
        drop_unknown(object, node, &mut String::new(), &mut dropped, 0);
    }
    dropped
}

/// `stringData` wins over `data`, as on the server; but the server keeps no `stringData`, so it would look like drift.
fn fold_string_data(secret: &mut Value) {
    let Some(fields) = secret.as_object_mut() else { return };
    let Some(Value::Object(plain)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if !data.is_object() {
        *data = Value::Object(Map::new());
    }
    for (key, value) in plain {
        // What is no string is left to the server to refuse.
        let value = value.as_str().map_or(value.clone(), |text| STANDARD.encode(text).into());
        data[key] = value;
    }
}

/// Deeper than any built-in type.
const DEPTH: usize = 64;

fn drop_unknown(value: &mut Value, node: Node<'_>, path: &mut String, dropped: &mut Vec<String>, depth: usize) {
    if depth > DEPTH {
        return;
    }
    let length = path.len();
    match value {
        Value::Object(fields) if node.kind() == Kind::Object && node.has_fields() && !node.preserves_unknown() => {
            fields.retain(|name, _| {
                let known = node.field(name).is_some() || (depth == 0 && (name == "apiVersion" || name == "kind"));
                if !known {
                    dropped.push(format!("{path}.{name}"));
                }
                known
            });
            for (name, value) in fields {
                if let Some(node) = node.field(name) {
                    path.push('.');
                    path.push_str(name);
                    drop_unknown(value, node, path, dropped, depth + 1);
                    path.truncate(length);
                }
            }
        }
        Value::Object(fields) => {
            let Some(node) = node.values() else { return };
            for (name, value) in fields {
                path.push('.');
                path.push_str(name);
                drop_unknown(value, node, path, dropped, depth + 1);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items() else { return };
            for (index, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                drop_unknown(item, node, path, dropped, depth + 1);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(mut object: Value, want: Value, dropped: &[&str]) {
        assert_eq!(normalize(&mut object), dropped);
        assert_eq!(object, want);
    }

    #[test]
    fn what_is_the_server_s_goes() {
        check(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "uid": "u", "managedFields": []},
                   "status": {}, "data": {"a": "b"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}),
            &[],
        );
    }

    #[test]
    fn string_data_becomes_data() {
        check(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "eA=="},
                   "stringData": {"a": "y", "b": "z"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "eQ==", "b": "eg=="}}),
            &[],
        );
    }

    #[test]
    fn fields_that_a_built_in_kind_does_not_have_are_dropped_and_named() {
        check(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replica": 2,
                   "template": {"spec": {"containers": [{"name": "c", "img": "i"}]}}}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {
                   "template": {"spec": {"containers": [{"name": "c"}]}}}}),
            &[".spec.replica", ".spec.template.spec.containers[0].img"],
        );
        let custom = json!({"apiVersion": "x.io/v1", "kind": "Any", "metadata": {"name": "x"}, "spec": {"what": 1}});
        check(custom.clone(), custom, &[]);
    }
}
