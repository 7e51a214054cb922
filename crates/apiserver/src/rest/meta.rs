//! `metadata`: what every object must have, whatever its kind.

use serde_json::{Map, Value};

use crate::field::FieldError;
use crate::kinds::Served;
use crate::names;

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

/// `metadata` of an object.
pub fn of(object: &Value) -> &Map<String, Value> {
    object.get("metadata").and_then(Value::as_object).unwrap_or(&EMPTY)
}

/// `metadata` of an object, made when it is missing.
pub fn of_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.get("metadata").is_some_and(Value::is_object) {
        object["metadata"] = Value::Object(Map::new());
    }
    object["metadata"].as_object_mut().expect("made above")
}

/// A text of `metadata`, or "".
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    of(object).get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The finalizers.
pub fn finalizers(object: &Value) -> Vec<&str> {
    of(object).get("finalizers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether `metadata.deletionTimestamp` is set.
pub fn is_deleting(object: &Value) -> bool {
    of(object).get("deletionTimestamp").is_some_and(|t| !t.is_null())
}

/// How objects of a kind may be named.
fn name_problems(served: &Served, name: &str) -> Vec<String> {
    match (served.resource.group.as_str(), served.resource.plural.as_str()) {
        ("rbac.authorization.k8s.io", _) => names::path_segment(name),
        ("", "namespaces" | "services") => names::dns_label(name),
        _ => names::dns_subdomain(name),
    }
}

/// Errors of the metadata of a new object.
pub fn validate(served: &Served, object: &Value) -> Vec<FieldError> {
    let metadata = of(object);
    let mut errors = Vec::new();
    let generate = text(object, "generateName");
    if !generate.is_empty() {
        // A prefix may end with a dash: what follows is a letter.
        let probe = if generate.ends_with('-') { format!("{generate}a") } else { generate.to_owned() };
        for why in name_problems(served, &probe) {
            errors.push(FieldError::invalid("metadata.generateName", &generate.into(), why));
        }
    }
    let name = text(object, "name");
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        for why in name_problems(served, name) {
            errors.push(FieldError::invalid("metadata.name", &name.into(), why));
        }
    }
    let namespace = text(object, "namespace");
    if served.resource.namespaced {
        if namespace.is_empty() {
            errors.push(FieldError::required("metadata.namespace", ""));
        } else {
            for why in names::dns_label(namespace) {
                errors.push(FieldError::invalid("metadata.namespace", &namespace.into(), why));
            }
        }
    } else if !namespace.is_empty() {
        errors.push(FieldError::forbidden("metadata.namespace", "not allowed on this type"));
    }
    if let Some(generation) = metadata.get("generation").and_then(Value::as_i64)
        && generation < 0
    {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid("metadata.generation", &generation.into(), detail));
    }
    labels(metadata.get("labels"), "metadata.labels", &mut errors);
    annotations(metadata.get("annotations"), &mut errors);
    owners(metadata.get("ownerReferences"), &mut errors);
    for (index, finalizer) in finalizers(object).iter().enumerate() {
        finalizer_name(served, finalizer, index, &mut errors);
    }
    errors
}

/// Errors of labels, also of those in a template.
pub fn labels(labels: Option<&Value>, field: &str, errors: &mut Vec<FieldError>) {
    for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
        for why in names::qualified_name(key) {
            errors.push(FieldError::invalid(field, &key.as_str().into(), why));
        }
        for why in names::label_value(value.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(field, value, why));
        }
    }
}

fn annotations(annotations: Option<&Value>, errors: &mut Vec<FieldError>) {
    const LIMIT: usize = 256 << 10;
    let mut size = 0;
    for (key, value) in annotations.and_then(Value::as_object).into_iter().flatten() {
        for why in names::qualified_name(&key.to_lowercase()) {
            errors.push(FieldError::invalid("metadata.annotations", &key.as_str().into(), why));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > LIMIT {
        errors.push(FieldError::too_long("metadata.annotations", LIMIT));
    }
}

fn owners(owners: Option<&Value>, errors: &mut Vec<FieldError>) {
    let Some(owners) = owners.and_then(Value::as_array) else { return };
    let mut controllers: Vec<String> = Vec::new();
    for (index, owner) in owners.iter().enumerate() {
        let field = |name: &str| format!("metadata.ownerReferences[{index}].{name}");
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        let api_version = text("apiVersion");
        if api_version.rsplit('/').next().unwrap_or_default().is_empty() {
            let detail = "version must not be empty";
            errors.push(FieldError::invalid(field("apiVersion"), &api_version.into(), detail));
        }
        for name in ["kind", "name", "uid"] {
            if text(name).is_empty() {
                errors.push(FieldError::required(field(name), "must not be empty"));
            }
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            controllers.push(format!("{}/{}", text("kind"), text("name")));
        }
    }
    if let [first, second, ..] = controllers.as_slice() {
        let shown: Vec<String> = owners.iter().map(go_owner).collect();
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        errors.push(FieldError::invalid_as("metadata.ownerReferences", format!("[{}]", shown.join(",")), detail));
    }
}

/// An owner reference with its fields in the order of Go's struct.
fn go_owner(owner: &Value) -> String {
    let fields = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let parts: Vec<String> = fields.iter().filter_map(|f| Some(format!("\"{f}\":{}", owner.get(*f)?))).collect();
    format!("{{{}}}", parts.join(","))
}

fn finalizer_name(served: &Served, name: &str, index: usize, errors: &mut Vec<FieldError>) {
    let field = format!("metadata.finalizers[{index}]");
    for why in names::qualified_name(name) {
        errors.push(FieldError::invalid(&field, &name.into(), why));
    }
    // Custom resources and their definitions may have finalizers of one word.
    let strict = served.custom.is_none() && served.resource.group != "apiextensions.k8s.io";
    if strict && !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(FieldError::invalid(&field, &name.into(), detail));
    }
}

/// Errors of the metadata of a changed object.
pub fn validate_update(served: &Served, new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (before, after) = (finalizers(old), finalizers(new));
    if is_deleting(old) {
        let added: Vec<&str> = after.iter().filter(|f| !before.contains(f)).copied().collect();
        if !added.is_empty() {
            let mut sorted = added.clone();
            sorted.sort_unstable();
            let shown: Vec<String> = sorted.iter().map(|f| crate::field::go_quote(f)).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                shown.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", detail));
        }
    }
    for (index, finalizer) in after.iter().enumerate() {
        finalizer_name(served, finalizer, index, &mut errors);
    }
    for field in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (was, is) = (of(old).get(field), of(new).get(field));
        if was != is {
            let shown = is.cloned().unwrap_or(Value::Null);
            errors.push(FieldError::invalid(format!("metadata.{field}"), &shown, "field is immutable"));
        }
    }
    let metadata = of(new);
    labels(metadata.get("labels"), "metadata.labels", &mut errors);
    annotations(metadata.get("annotations"), &mut errors);
    owners(metadata.get("ownerReferences"), &mut errors);
    errors
}
