//! Whole documents: definitions of all kinds of a group version, and their paths.

use serde_json::{Map, Value, json};
use sluice_object::GroupVersionKind;
use sluice_object::schema::builtin;

use crate::kinds::Served;

use super::schema::{Version, Writer};

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The v3 document of one group version.
pub fn version_three(served: &[&Served]) -> Value {
    let (definitions, paths) = parts(served, Version::Three);
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.2"},
        "paths": paths,
        "components": {"schemas": definitions},
    })
}

/// The v2 document of everything.
pub fn version_two(served: &[&Served]) -> Value {
    let (definitions, paths) = parts(served, Version::Two);
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.37.2"},
        "paths": paths,
        "definitions": definitions,
    })
}

fn parts(served: &[&Served], version: Version) -> (Value, Value) {
    let mut writer = Writer::new(version);
    let mut paths = Map::new();
    for served in served {
        let name = match served.custom {
            Some(_) => custom(&mut writer, served, version),
            None => built_in(&mut writer, served),
        };
        add_paths(&mut writer, served, name.as_deref(), version, &mut paths);
    }
    writer.finish();
    let definitions: Map<String, Value> = writer.definitions.into_iter().collect();
    (definitions.into(), paths.into())
}

fn built_in(writer: &mut Writer, served: &Served) -> Option<String> {
    let gvk = served.gvk();
    let list = GroupVersionKind::new(&gvk.group, &gvk.version, &served.resource.list_kind);
    if let Some(definition) = builtin().definition_of(&list) {
        writer.reference(&definition.name());
    }
    let name = builtin().definition_of(&gvk)?.name();
    writer.reference(&name);
    Some(name)
}

/// `com.example.v1.Widget`: the group reversed, as kube-apiserver names it.
fn custom_name(served: &Served, kind: &str) -> String {
    let reversed: Vec<&str> = served.resource.group.split('.').rev().collect();
    format!("{}.{}.{kind}", reversed.join("."), served.version)
}

fn custom(writer: &mut Writer, served: &Served, version: Version) -> Option<String> {
    let written = served.custom.as_ref()?.schema.as_ref();
    let mut schema = match version {
        Version::Three => written.clone(),
        Version::Two => for_version_two(written, 0),
    };
    if !schema.is_object() {
        schema = json!({});
    }
    schema["type"] = "object".into();
    let meta = |reference: Value, version: Version| match version {
        Version::Three => json!({"allOf": [reference]}),
        Version::Two => reference,
    };
    if schema.get("properties").is_some() || written.get("x-kubernetes-preserve-unknown-fields").is_none() {
        let properties = &mut schema["properties"];
        if !properties.is_object() {
            *properties = json!({});
        }
        properties["apiVersion"] = json!({"type": "string", "description": API_VERSION});
        properties["kind"] = json!({"type": "string", "description": KIND});
        let mut reference = meta(writer.reference(OBJECT_META), version);
        reference["description"] = "Standard object's metadata. More info: https://git.k8s.io/community/contributors/\
            devel/sig-architecture/api-conventions.md#metadata"
            .into();
        properties["metadata"] = reference;
    }
    let gvk = |kind: &str| json!([{"group": served.resource.group, "version": served.version, "kind": kind}]);
    schema["x-kubernetes-group-version-kind"] = gvk(&served.resource.kind);
    let name = custom_name(served, &served.resource.kind);
    writer.definitions.insert(name.clone(), schema);
    let reference = writer.reference(&name);
    let list_meta = meta(writer.reference(LIST_META), version);
    let list = json!({
        "description": format!("{} is a list of {}", served.resource.list_kind, served.resource.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": API_VERSION},
            "kind": {"type": "string", "description": KIND},
            "metadata": list_meta,
            "items": {"type": "array", "items": reference, "description": format!("List of {}.", served.resource.plural)},
        },
        "x-kubernetes-group-version-kind": gvk(&served.resource.list_kind),
    });
    writer.definitions.insert(custom_name(served, &served.resource.list_kind), list);
    Some(name)
}

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should \
    convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this \
    from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

/// Definitions are checked to be shallower than this.
const DEPTH: usize = 100;

/// A schema without what v2 cannot say.
fn for_version_two(schema: &Value, depth: usize) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    if depth > DEPTH {
        return json!({});
    }
    let loose =
        map.contains_key("x-kubernetes-preserve-unknown-fields") || map.contains_key("x-kubernetes-int-or-string");
    let mut out = Map::new();
    for (key, value) in map {
        match key.as_str() {
            "allOf" | "anyOf" | "oneOf" | "not" | "nullable" | "default" | "x-kubernetes-validations" => {}
            "type" | "properties" | "items" if loose || map.get("nullable") == Some(&Value::Bool(true)) => {}
            "properties" => {
                let all = value.as_object().into_iter().flatten();
                let all: Map<String, Value> = all.map(|(k, v)| (k.clone(), for_version_two(v, depth + 1))).collect();
                out.insert(key.clone(), all.into());
            }
            "items" | "additionalProperties" => {
                out.insert(key.clone(), for_version_two(value, depth + 1));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    out.into()
}

fn add_paths(
    writer: &mut Writer,
    served: &Served,
    name: Option<&str>,
    version: Version,
    paths: &mut Map<String, Value>,
) {
    let resource = &served.resource;
    let root = match resource.group.as_str() {
        "" => format!("/api/{}", served.version),
        group => format!("/apis/{group}/{}", served.version),
    };
    let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{scope}/{}", resource.plural);
    let gvk = json!({"group": resource.group, "version": served.version, "kind": resource.kind});
    let answer = match (name, version) {
        (Some(name), Version::Three) => {
            json!({"description": "OK", "content": {"application/json": {"schema": writer.reference(name)}}})
        }
        (Some(name), Version::Two) => json!({"description": "OK", "schema": writer.reference(name)}),
        (None, _) => json!({"description": "OK"}),
    };
    let operation = |action: &str, method: &str| {
        let names: &[&str] = match action {
            "post" | "put" => &["dryRun", "fieldManager", "fieldValidation"],
            "patch" => &["dryRun", "fieldManager", "fieldValidation", "force"],
            "delete" => &["dryRun", "gracePeriodSeconds", "propagationPolicy"],
            _ => &[],
        };
        let id = format!("{method}{}{}", capital(&served.version), resource.kind);
        json!({
            "operationId": id,
            "parameters": names.iter().map(|name| query(name, version)).collect::<Vec<_>>(),
            "responses": {"200": answer},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk,
        })
    };
    let mut add = |path: String, table: &[(&str, &str, &str)]| {
        let mut item = Map::new();
        for (verb, method, action) in table {
            if served.allows(verb) {
                item.insert((*method).into(), operation(action, verb));
            }
        }
        if !item.is_empty() {
            paths.insert(path, item.into());
        }
    };
    let whole =
        [("list", "get", "list"), ("create", "post", "post"), ("deletecollection", "delete", "deletecollection")];
    let one =
        [("get", "get", "get"), ("update", "put", "put"), ("patch", "patch", "patch"), ("delete", "delete", "delete")];
    add(format!("{collection}/{{name}}"), &one);
    add(collection, &whole);
    if resource.namespaced {
        add(format!("{root}/{}", resource.plural), &whole[..1]);
    }
}

fn query(name: &str, version: Version) -> Value {
    let kind = match name {
        "gracePeriodSeconds" => "integer",
        "force" => "boolean",
        _ => "string",
    };
    match version {
        Version::Three => json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}}),
        Version::Two => json!({"name": name, "in": "query", "type": kind, "uniqueItems": true}),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
