//! Every rule with what breaks it.

use serde_json::json;

use super::*;

/// `fields` are the properties of a root that is an object; `want` are its violations, `openAPIV3Schema` left out.
#[track_caller]
fn check(fields: Value, want: &[&str]) {
    let got = violations(&json!({"type": "object", "properties": fields}));
    let got: Vec<String> = got.iter().map(|one| one.to_string().replacen("openAPIV3Schema", "", 1)).collect();
    assert_eq!(got, want);
}

#[test]
fn types_are_told() {
    check(json!({"a": {}}), &[".properties[a].type: Required value: must not be empty for specified object fields"]);
    check(json!({"a": {"x-kubernetes-preserve-unknown-fields": true}}), &[]);
    check(json!({"a": {"x-kubernetes-int-or-string": true}}), &[]);
    check(
        json!({"a": {"type": "array", "items": {}}}),
        &[".properties[a].items.type: Required value: must not be empty for specified array items"],
    );
    check(json!({"a": {"type": "array"}}), &[".properties[a].items: Required value: must be specified"]);
    check(
        json!({"a": {"type": "text"}}),
        &[".properties[a].type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", \
            \"integer\", \"number\", \"object\", \"string\""],
    );
    let root = violations(&json!({"type": "string"}));
    assert_eq!(root[0].to_string(), "openAPIV3Schema.type: Invalid value: \"string\": must be object at the root");
}

#[test]
fn all_violations_are_told_at_once() {
    check(
        json!({"a": {"type": "object", "uniqueItems": true, "properties": {"b": {"type": "string"}},
            "additionalProperties": {"type": "string"}}, "b": {"type": "integer", "$ref": "#"}}),
        &[
            ".properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity \
             becomes quadratic",
            ".properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
            ".properties[b].$ref: Forbidden: $ref is not supported",
        ],
    );
}

#[test]
fn keyed_lists_have_keys_that_are_always_there() {
    let list = |items: Value, keys: Value| {
        json!({"l": {"type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": keys, "items": items}})
    };
    let item = json!({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "integer", "default": 1}}});
    check(list(item.clone(), json!(["a", "c"])), &[]);
    check(
        list(item.clone(), json!(["b"])),
        &[".properties[l].items.properties[b].default: Required value: this property is in \
            x-kubernetes-list-map-keys, so it must have a default or be a required property"],
    );
    check(
        list(item, json!(["z"])),
        &[".properties[l].x-kubernetes-list-map-keys: Invalid value: [\"z\"]: entries must all be names of item \
            properties"],
    );
    check(
        json!({"l": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object"}}}),
        &[".properties[l].items.x-kubernetes-map-type: Required value: must be atomic as item of a list with \
            x-kubernetes-list-type=set"],
    );
}

#[test]
fn branches_only_validate_what_is_there() {
    check(
        json!({"a": {"type": "object", "properties": {"b": {"type": "string"}},
            "anyOf": [{"required": ["b"]}, {"properties": {"c": {"type": "string", "maxLength": 1}}}]}}),
        &[".properties[a].properties[c]: Required value: because it is defined in \
             openAPIV3Schema.properties[a].anyOf[1].properties[c]"],
    );
    check(
        json!({"a": {"type": "string", "not": {"type": "string", "default": "x"}}}),
        &[
            ".properties[a].not.type: Forbidden: must be empty to be structural",
            ".properties[a].not.default: Forbidden: must be undefined to be structural",
        ],
    );
    check(
        json!({"a": {"x-kubernetes-int-or-string": true, "allOf": [
            {"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"maxLength": 3}]}}),
        &[],
    );
}

#[test]
fn metadata_is_the_servers() {
    check(json!({"metadata": {"type": "object"}}), &[]);
    check(json!({"metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}}}), &[]);
    check(
        json!({"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}),
        &[".properties[metadata]: Forbidden: must not specify anything other than name and generateName, but \
            metadata is implicitly specified"],
    );
}

#[test]
fn rules_are_whole() {
    check(
        json!({"a": {"type": "string", "x-kubernetes-validations": [
            {"rule": " "}, {"rule": "a\nb"}, {"rule": "true", "reason": "Because"}]}}),
        &[
            ".properties[a].x-kubernetes-validations[0].rule: Required value: rule is not specified",
            ".properties[a].x-kubernetes-validations[1].message: Required value: message must be specified if rule \
             contains line breaks",
            ".properties[a].x-kubernetes-validations[2].reason: Unsupported value: \"Because\": supported values: \
             \"FieldValueDuplicate\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\"",
        ],
    );
}

#[test]
fn deep_and_endless_schemas_hit_a_limit() {
    let deep =
        (0..2 * CRD_DEPTH_LIMIT).fold(json!({"type": "string"}), |schema, _| json!({"type": "array", "items": schema}));
    let got = violations(&json!({"type": "object", "properties": {"a": deep.clone()}}));
    assert!(got[0].message.contains("limit of 100 levels"), "{got:?}");
    let nested = (0..2 * CRD_DEPTH_LIMIT).fold(json!({}), |schema, _| json!({"not": schema}));
    assert!(!violations(&json!({"type": "object", "not": nested})).is_empty());
    let meta = json!({"type": "object", "properties": {"name": deep}});
    assert!(!violations(&json!({"type": "object", "properties": {"metadata": meta}})).is_empty());
}
