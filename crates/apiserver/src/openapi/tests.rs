use serde_json::Value;

use super::*;
use crate::store::{Limits, Store};

#[track_caller]
fn document(name: &str) -> Value {
    let kinds = Kinds::built_in(&Store::in_memory(Limits::default()));
    document::version_three(&of_document(&kinds, name).unwrap())
}

/// Every `$ref` below a value.
fn references<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| match value {
            Value::String(text) if key == "$ref" => out.push(text),
            value => references(value, out),
        }),
        Value::Array(items) => items.iter().for_each(|item| references(item, out)),
        _ => {}
    }
}

#[test]
fn every_reference_of_a_document_leads_somewhere() {
    let document = document("apis/apps/v1");
    let mut all = Vec::new();
    references(&document, &mut all);
    assert!(all.len() > 100);
    for reference in all {
        let name = reference.trim_start_matches("#/components/schemas/");
        assert!(document["components"]["schemas"].get(name).is_some(), "{reference}");
    }
}

#[test]
fn a_kind_is_found_by_path_and_by_extension() {
    let document = document("apis/apps/v1");
    let schema = &document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(schema["x-kubernetes-group-version-kind"][0]["kind"], "Deployment");
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    assert!(patch["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "fieldValidation"));
    let containers = &document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
}
