//! The whole state as objects: out of one server and into another, or from a real cluster into this one.

use serde_json::Value;
use sluice_object::order;

use crate::core::{Context, Core};
use crate::error::ApiError;
use crate::kinds::Served;
use crate::rest::body::Body;
use crate::rest::{self, meta};
use crate::store::{WriteError, key};
use crate::{admission, crd};

/// All objects, in an order in which they can be loaded; without their versions, which are another server's business.
pub fn dump(core: &Core) -> Vec<Value> {
    let kinds = core.kinds();
    let mut out = Vec::new();
    for served in kinds.resources() {
        for object in core.store.all(served.resource.slot, "").objects {
            let mut value = served.value(&object);
            meta::of_mut(&mut value).remove("resourceVersion");
            out.push(value);
        }
    }
    order::sort(&mut out);
    out
}

/// Writes objects as they are, in place of those that are there: uids, times, status and `managedFields` included.
/// Nothing is asked of admission, and owners may come later than what they own.
///
/// # Errors
/// For the first object that is of no served kind or of a wrong form; those before it are there.
pub fn load(core: &Core, objects: Vec<Value>) -> Result<usize, ApiError> {
    let mut flat = Vec::new();
    for object in objects {
        flatten(object, &mut flat);
    }
    // Definitions make kinds, and namespaces places.
    let rank = |object: &Value| match object["kind"].as_str() {
        Some("CustomResourceDefinition") => 0,
        Some("Namespace") => 1,
        _ => 2,
    };
    flat.sort_by_key(rank);
    let count = flat.len();
    for object in flat {
        put(core, object)?;
    }
    Ok(count)
}

/// A `List` is what is in it.
fn flatten(object: Value, out: &mut Vec<Value>) {
    match object {
        Value::Object(mut map)
            if map.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List")) =>
        {
            if let Some(Value::Array(items)) = map.remove("items") {
                out.extend(items);
            }
        }
        Value::Null => {}
        other => out.push(other),
    }
}

fn put(core: &Core, object: Value) -> Result<(), ApiError> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kinds = core.kinds();
    let Some(served) = kinds.of_kind(group, version, kind) else {
        return Err(ApiError::bad_request(format!("no kind `{kind}` is served in `{api_version}`")));
    };
    let context = Context::internal("load");
    let name = meta::text(&object, "name").to_owned();
    let namespace = match (served.resource.namespaced, meta::text(&object, "namespace")) {
        (false, _) => String::new(),
        (true, "") => "default".to_owned(),
        (true, namespace) => namespace.to_owned(),
    };
    if name.is_empty() {
        return Err(ApiError::bad_request(format!("a {kind} without metadata.name")));
    }
    let mut object = rest::decode_object(served, Body { value: object, duplicates: Vec::new() }, &context)?;
    let metadata = meta::of_mut(&mut object);
    metadata.remove("resourceVersion");
    if served.resource.namespaced {
        metadata.insert("namespace".into(), namespace.clone().into());
    }
    metadata.entry("uid").or_insert_with(|| uuid::Uuid::new_v4().to_string().into());
    metadata.entry("creationTimestamp").or_insert_with(|| rest::now().into());
    store(core, served, &namespace, &name, &object)
}

fn store(core: &Core, served: &Served, namespace: &str, name: &str, object: &Value) -> Result<(), ApiError> {
    let slot = served.resource.slot;
    loop {
        let done = match core.store.get(slot, &key(namespace, name)) {
            Some(current) => core.store.replace(slot, served.draft(object), current.version()),
            None => core.store.create(slot, served.draft(object)),
        };
        match done {
            Ok(stored) => {
                admission::created(core, served, &stored);
                if served.is("apiextensions.k8s.io", "CustomResourceDefinition") {
                    crd::reload(core);
                }
                return Ok(());
            }
            // It changed meanwhile, or went, or came.
            Err(WriteError::Conflict | WriteError::Exists | WriteError::Missing) => {}
            Err(error) => return Err(rest::write_error(served, name, error)),
        }
    }
}
