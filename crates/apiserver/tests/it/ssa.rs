//! Server-side apply, field by field, over HTTP.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_apiserver::Config;
use sluice_testing::suite;

use crate::client::{Client, causes, collection};

#[tokio::test(flavor = "multi_thread")]
async fn sequences_of_applies_and_updates_go_as_recorded() {
    let Some(suite) = suite("ssa") else { return };
    let suite = suite.named("ssa-apiserver");
    // The suite was recorded without controllers.
    let client = Client::with(Config { simulate: false, controllers: false, ..Config::default() }).await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.lists.example.com"},
        "spec": {
            "group": "lists.example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": widget()},
            }],
        },
    });
    let (code, answer) = client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await;
    assert_eq!(code, 201, "{answer}");
    let mut outcomes = Vec::new();
    for case in suite.lines("cases.jsonl") {
        let mut paths = Vec::new();
        let outcome = run(&client, &case, &mut paths).await;
        for path in paths {
            let free = json!({"metadata": {"finalizers": null}});
            client.send(Method::PATCH, &path, "application/merge-patch+json", &free).await;
            client.delete(&path).await;
        }
        outcomes.push((case["id"].as_str().unwrap_or_default().to_owned(), outcome));
    }
    suite.report(FLOOR, outcomes);
}

/// How many sequences agree; it may only rise.
const FLOOR: usize = 172;

async fn run(client: &Client, case: &Value, paths: &mut Vec<String>) -> Result<(), String> {
    let steps = case["steps"].as_array().unwrap();
    // The first step's object names the one that all steps are about.
    let first = &steps[0]["object"];
    let path = format!("{}/{}", collection(&client.server, first), first["metadata"]["name"].as_str().unwrap());
    paths.push(path.clone());
    for (index, step) in steps.iter().enumerate() {
        step_goes(client, &path, step).await.map_err(|why| format!("step {index} {}: {why}", step["op"]))?;
    }
    Ok(())
}

async fn step_goes(client: &Client, path: &str, step: &Value) -> Result<(), String> {
    let text = |key: &str| step[key].as_str().unwrap_or_default();
    let mut path = path.to_owned();
    let subresource = text("subresource");
    let base = path.clone();
    if !subresource.is_empty() {
        path = format!("{path}/{subresource}");
    }
    let mut query = format!("fieldManager={}", text("manager"));
    if step["force"] == true {
        query.push_str("&force=true");
    }
    for (key, name) in [("dryRun", "dryRun"), ("fieldValidation", "fieldValidation")] {
        match &step[key] {
            Value::String(value) => query.push_str(&format!("&{name}={value}")),
            Value::Bool(true) => query.push_str(&format!("&{name}=All")),
            _ => {}
        }
    }
    let (code, got) = match text("op") {
        "apply" => {
            client
                .send(Method::PATCH, &format!("{path}?{query}"), "application/apply-patch+yaml", &step["object"])
                .await
        }
        "patch" => {
            let media = match text("type") {
                "json" => "application/json-patch+json",
                "merge" => "application/merge-patch+json",
                _ => "application/strategic-merge-patch+json",
            };
            client.send(Method::PATCH, &format!("{path}?{query}"), media, &step["patch"]).await
        }
        "create" => {
            let collection = base.rsplit_once('/').unwrap().0;
            client.post(&format!("{collection}?{query}"), &step["object"]).await
        }
        _ => {
            let (_, live) = client.get(&base).await;
            let mut object = step["object"].clone();
            if step["onLive"] == true {
                object = live.clone();
                merge(&mut object, &step["object"]);
            } else if object["kind"] == "Widget" {
                object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
            }
            client.send(Method::PUT, &format!("{path}?{query}"), "application/json", &object).await
        }
    };
    if code != step["status"] {
        return Err(format!("want {}\n     got {code} {}", step["status"], got["message"]));
    }
    if code >= 300 {
        let error = &step["error"];
        if got["reason"] != error["reason"] || causes(&got) != causes(error) || got["message"] != error["message"] {
            return Err(format!("want {error}\n     got {got}"));
        }
        return Ok(());
    }
    let (mut want, mut got) = (step["result"].clone(), got);
    plain(&mut want);
    plain(&mut got);
    if equal(&want, &got) { Ok(()) } else { Err(format!("want {want}\n     got {got}")) }
}

fn merge(into: &mut Value, from: &Value) {
    let Value::Object(from) = from else { return into.clone_from(from) };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in from {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut into[key.as_str()], value);
        }
    }
}

/// Without what differs from run to run.
fn plain(object: &mut Value) {
    if object["kind"] == "CustomResourceDefinition" {
        object.as_object_mut().unwrap().remove("status");
    }
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        metadata.remove(field);
    }
    if let Some(managed) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
        for entry in managed.iter_mut() {
            entry.as_object_mut().unwrap().remove("time");
        }
        let key = |e: &Value| format!("{}/{}/{}", e["operation"], e["manager"], e["subresource"]);
        managed.sort_by_key(key);
    }
}

/// `{any}` stands for what a server hands out.
fn equal(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::String(any), _) if any == "{any}" => true,
        (Value::Object(want), Value::Object(got)) => {
            want.len() == got.len() && want.iter().all(|(k, v)| got.get(k).is_some_and(|g| equal(v, g)))
        }
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(w, g)| equal(w, g))
        }
        (want, got) => want == got,
    }
}

/// The schema of the suite's Widget.
fn widget() -> Value {
    let string = json!({"type": "string"});
    let strings = json!({"type": "object", "additionalProperties": string});
    let list = |extra: Value, items: &Value| {
        let mut list = json!({"type": "array", "items": items});
        list.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        list
    };
    let map_of = |keys: &[&str]| json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys});
    let set = json!({"x-kubernetes-list-type": "set"});
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let item = json!({"type": "object", "required": ["name"], "properties": {
        "name": string, "value": string, "list": list(set.clone(), &string), "sub": object(json!({"a": string, "b": string})),
    }});
    let port = json!({"type": "object", "required": ["port"], "properties": {
        "port": {"type": "integer"}, "proto": {"type": "string", "default": "TCP"}, "note": string,
    }});
    let mut atomobj = object(json!({"a": string, "b": string}));
    atomobj["x-kubernetes-map-type"] = json!("atomic");
    let mut atomlabels = strings.clone();
    atomlabels["x-kubernetes-map-type"] = json!("atomic");
    let condition = json!({"type": "object", "required": ["type"], "properties": {"type": string, "status": string}});
    object(json!({
        "spec": object(json!({
            "plain": list(json!({}), &string), "atomic": list(json!({"x-kubernetes-list-type": "atomic"}), &string),
            "set": list(set.clone(), &string), "intset": list(set, &json!({"type": "integer"})),
            "map": list(map_of(&["name"]), &item), "map2": list(map_of(&["port", "proto"]), &port),
            "obj": object(json!({"a": string, "b": string, "deep": object(json!({"x": string, "y": string}))})),
            "atomobj": atomobj, "labels": strings, "atomlabels": atomlabels,
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "objs": list(json!({}), &object(json!({"a": string}))),
            "text": string, "num": {"type": "integer"}, "flag": {"type": "boolean"},
            "def": {"type": "string", "default": "dflt"}, "nullable": {"type": "string", "nullable": true},
            "ios": {"x-kubernetes-int-or-string": true},
        })),
        "status": object(json!({
            "phase": string, "observed": {"type": "integer"}, "conditions": list(map_of(&["type"]), &condition),
        })),
    }))
}
