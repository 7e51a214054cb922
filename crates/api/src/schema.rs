//! From types to CRDs. Only the generator of manifests runs this; a controller never does.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::meta::annotation;
use crate::resource::{Column, Kind};

/// A validation rule in CEL, for `x-kubernetes-validations`.
pub(crate) fn rule(message: &str, rule: &str) -> Value {
    json!({ "message": message, "rule": rule })
}

/// Takes the width out of an integer's schema, where the API promises none.
pub(crate) fn any_width(schema: &mut Schema) {
    schema.remove("format");
}

/// The CRD of a kind, from what it says of itself and the schemas of its spec and status.
pub(crate) fn crd<K: Kind>(parts: impl IntoIterator<Item = (&'static str, Value)>) -> CustomResourceDefinition {
    let mut properties: Map<String, Value> = parts.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
    let subresources = if properties.contains_key("status") { json!({ "status": {} }) } else { json!({}) };
    properties.insert("apiVersion".to_owned(), text("Group and version of the API."));
    properties.insert("kind".to_owned(), text("Kind of the object."));
    properties.insert("metadata".to_owned(), json!({ "type": "object" }));

    let (kind, plural, group) = (K::kind(&()), K::plural(&()), K::group(&()));
    let mut crd = json!({
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group,
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.to_lowercase(),
                "categories": K::CATEGORIES,
            },
            "scope": "Namespaced",
            "versions": [{
                "name": K::version(&()),
                "served": true,
                "storage": true,
                "additionalPrinterColumns": K::COLUMNS.iter().map(column).collect::<Vec<_>>(),
                "subresources": subresources,
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "description": K::DESCRIPTION.trim(),
                    "properties": properties,
                }},
            }],
        },
    });
    // Patterns hold a `$`, which Flux would take for a variable. ArtifactGenerator lacks the mark upstream too.
    if group != "source.extensions.fluxcd.io" {
        crd["metadata"]["annotations"] = json!({ (annotation::SUBSTITUTE): "disabled" });
    }
    if !K::SHORT_NAMES.is_empty() {
        crd["spec"]["names"]["shortNames"] = K::SHORT_NAMES.into();
    }
    serde_json::from_value(crd).expect("this is what a CRD looks like")
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn column(column: &Column) -> Value {
    let mut json = json!({ "name": column.name, "type": column.type_, "jsonPath": column.json_path });
    if column.priority > 0 {
        json["priority"] = column.priority.into();
    }
    json
}

/// The structural schema of a type. What is always written is required, as with Go's `omitempty`.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        settings.contract = Contract::Serialize;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    structural(&mut schema);
    schema.remove("title");
    schema.to_value()
}

/// Rewrites JSON Schema into the dialect of CRDs: an absent value is absent, never null.
fn structural(schema: &mut Schema) {
    transform_subschemas(&mut structural, schema);
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|it| !it.is_null());
    }
    if let Some(Value::Array(mut choices)) = object.remove("anyOf") {
        choices.retain(|it| it["type"] != "null");
        if let [Value::Object(only)] = choices.as_mut_slice() {
            let outer = std::mem::take(object);
            object.append(only);
            object.extend(outer);
        }
    }
}
