//! Validation of CustomResourceDefinitions themselves.

use serde_json::{Value, json};
use sluice_object::schema::Schema;

use crate::field::FieldError;
use crate::names;

/// Errors of a definition, its metadata aside.
pub fn validate(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut errors = Vec::new();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let name = text(&object["metadata"]["name"]);
    let wanted = format!("{plural}.{group}");
    if name != wanted {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", &name.into(), detail));
    }
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
    } else {
        for why in names::dns_subdomain(&group) {
            errors.push(FieldError::invalid("spec.group", &group.as_str().into(), why));
        }
        if !group.contains('.') {
            let detail = "should be a domain with at least one dot";
            errors.push(FieldError::invalid("spec.group", &group.as_str().into(), detail));
        }
    }
    match spec["scope"].as_str() {
        Some("Cluster" | "Namespaced") => {}
        None | Some("") => errors.push(FieldError::required("spec.scope", "")),
        Some(other) => {
            errors.push(FieldError::not_supported("spec.scope", &other.into(), &["Cluster", "Namespaced"]));
        }
    }
    let versions = spec["versions"].as_array().cloned().unwrap_or_default();
    if versions.is_empty() {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", &json!([]), detail));
    }
    if !versions.is_empty() && versions.iter().filter(|v| v["storage"] == true).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid_unshown("spec.versions", detail));
    }
    for field in ["plural", "singular", "kind", "listKind"] {
        let value = text(&spec["names"][field]);
        if value.is_empty() {
            errors.push(FieldError::required(format!("spec.names.{field}"), ""));
        } else {
            for why in names::dns_label(&value.to_lowercase()) {
                errors.push(FieldError::invalid(format!("spec.names.{field}"), &value.as_str().into(), why));
            }
        }
    }
    let one = versions.len() == 1;
    for (index, version) in versions.iter().enumerate() {
        let schema = &version["schema"]["openAPIV3Schema"];
        if !schema.is_object() {
            let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
            errors.push(FieldError::required(field, ""));
            continue;
        }
        let at = if one {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("spec.versions[{index}].schema.openAPIV3Schema")
        };
        match Schema::from_crd(schema) {
            Ok(schema) => errors.extend(super::rules::check_rules(schema.root(), &at)),
            Err(found) => errors.extend(found.into_iter().map(|error| from_schema(&at, &error))),
        }
    }
    errors
}

/// An error of the schema, put where the schema lies.
fn from_schema(at: &str, error: &sluice_object::schema::SchemaError) -> FieldError {
    let below = error.field.strip_prefix("openAPIV3Schema").unwrap_or(&error.field);
    let field = format!("{at}{below}");
    // The message has its class in front: "Required value: why".
    let detail = error.message.split_once(": ").map_or("", |(_, detail)| detail);
    match error.reason {
        "FieldValueRequired" => FieldError::required(field, detail),
        "FieldValueForbidden" => FieldError::forbidden(field, detail),
        "FieldValueNotSupported" => {
            let (value, detail) = detail.split_once(": ").unwrap_or((detail, ""));
            FieldError {
                kind: crate::field::Kind::NotSupported,
                field,
                value: Some(value.into()),
                detail: detail.into(),
            }
        }
        _ => {
            let (value, detail) = detail.split_once(": ").unwrap_or((detail, ""));
            FieldError::invalid_as(field, value, detail)
        }
    }
}
