//! The suite `ssa`: what a real API server answered.
//!
//! Each step starts from the object that the server had, so that what the server adds (defaults, addresses,
//! generations) is there. A case passes when every step that the engine decides is right: `managedFields` equal
//! exactly; each value of our result equal to the server's, where the server's may hold more on built-in kinds
//! (defaults; on ConfigMaps, Roles and Widgets only the schema's two defaults); conflicts and typing errors equal in message,
//! conflicts in their causes too. Errors of validation (422, 400) are not the engine's; such a step is skipped, as
//! are patches of a strategic kind, which need the patch engine. Three fields are the server's alone and not compared:
//! a Service's addresses, a Secret's `stringData`, a Namespace's finalizers in `spec`.

use serde_json::{Map, Value, json};
use sluice_object::GroupVersionKind;
use sluice_object::schema::{Schema, builtin};
use sluice_ssa::{Error, FieldSet, Request, apply, reset_paths, update};

const NOW: &str = "2026-01-01T00:00:00Z";

#[test]
fn suite() {
    let Some(suite) = sluice_testing::suite("ssa") else { return };
    suite.run(172, case);
}

fn case(case: &Value) -> Result<(), String> {
    let mut live: Option<Value> = None;
    for (i, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let status = step["status"].as_u64().unwrap();
        let outcome = run(live.as_ref(), step);
        match outcome {
            None if status == 422 || status == 400 => {}
            None => return Err(format!("step {i}: not run")),
            Some(outcome) => judge(step, status, outcome).map_err(|why| format!("step {i}: {why}"))?,
        }
        if status < 300 && step["dryRun"] != true {
            live = Some(step["result"].clone());
        }
    }
    Ok(())
}

/// The engine's answer; `None` where it has none to give.
fn run(live: Option<&Value>, step: &Value) -> Option<Result<Value, Error>> {
    let body = step.get("object").or(step.get("patch")).unwrap();
    let identity = if step.get("object").is_some() && step["onLive"] != true { body } else { live? };
    let gvk = GroupVersionKind::from_object(identity).unwrap();
    let custom = gvk.kind == "Widget";
    let schema = if custom { Schema::from_crd(&widget()).unwrap() } else { builtin().schema(&gvk).unwrap() };
    let subresource = step["subresource"].as_str().unwrap_or_default();
    let api_version = gvk.api_version();
    let request = Request {
        schema: Some(schema.root()),
        subresource,
        reset: reset_paths(subresource, custom),
        force: step["force"] == true,
        ..Request::new(step["manager"].as_str().unwrap_or_default(), &api_version, NOW)
    };
    if step["op"] == "apply" {
        return Some(apply(live, body, &request).map(|applied| applied.object));
    }
    let mut new = match (step["op"].as_str().unwrap(), step["type"].as_str()) {
        ("create", _) => body.clone(),
        ("update", _) if step["onLive"] == true => merged(live?, body),
        ("update", _) => body.clone(),
        ("patch", Some("merge")) => merged(live?, body),
        // Other patches are made by another engine; what it makes is taken from the server's answer.
        _ => step.get("result")?.clone(),
    };
    // Defaults that the server adds before it looks at ownership.
    if let Some(result) = step.get("result") {
        add_missing(&mut new, result, subresource);
    }
    let managers = new.pointer("/metadata/managedFields").cloned();
    if step["op"] == "patch" && step["type"] != "merge" {
        new["metadata"]["managedFields"] = live?.pointer("/metadata/managedFields").cloned().unwrap_or_default();
    } else if managers.is_none() && step["op"] == "patch" {
        new["metadata"].as_object_mut()?.remove("managedFields");
    }
    Some(update(live, new, &request))
}

fn judge(step: &Value, status: u64, outcome: Result<Value, Error>) -> Result<(), String> {
    match (outcome, status) {
        (Ok(ours), 200..300) => same(&ours, &step["result"]),
        (Err(Error::Conflicts(conflicts)), 409) => {
            let causes: Vec<Value> = conflicts.0.iter().map(|c| json!([c.message(), c.path.to_string()])).collect();
            let want: Vec<Value> =
                step["error"]["causes"].as_array().unwrap().iter().map(|c| json!([c["message"], c["field"]])).collect();
            equal("causes", &json!(causes), &json!(want))?;
            equal("message", &json!(conflicts.to_string()), &step["error"]["message"])
        }
        (Err(error @ (Error::Typed { .. } | Error::NoManager)), 422 | 500) => {
            equal("message", &json!(error.to_string()), &step["error"]["message"])
        }
        // Validation refuses what the engine made.
        (Ok(_), 422 | 400) => Ok(()),
        (Ok(ours), _) => Err(format!("{status} wanted, but got {ours}")),
        (Err(error), _) => Err(format!("{status} wanted, but got {error}")),
    }
}

fn equal(what: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: {ours}\n    want {theirs}")) }
}

fn same(ours: &Value, theirs: &Value) -> Result<(), String> {
    let managers = |object: &Value| {
        let mut list = object.pointer("/metadata/managedFields").cloned().unwrap_or(json!([]));
        for entry in list.as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().remove("time");
        }
        let mut list = list.as_array().unwrap().clone();
        list.sort_by_key(|e| format!("{} {} {}", e["operation"], e["manager"], e["subresource"]));
        Value::Array(list)
    };
    equal("managedFields", &managers(ours), &managers(theirs))?;
    let mut ours = ours.clone();
    let kind = theirs["kind"].as_str().unwrap();
    if kind == "Widget" && ours["spec"].is_object() {
        ours["spec"].as_object_mut().unwrap().entry("def").or_insert(json!("dflt"));
        for port in ours["spec"]["map2"].as_array_mut().into_iter().flatten() {
            port.as_object_mut().unwrap().entry("proto").or_insert(json!("TCP"));
        }
    }
    let exact = matches!(kind, "Widget" | "ConfigMap" | "Role");
    values(&clean(&ours), &clean(theirs), exact, "")
}

/// Without what the server makes itself; nulls and empty maps of Go's typed objects are not printed.
fn clean(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["managedFields", "generation", "uid", "resourceVersion"] {
            metadata.remove(name);
        }
    }
    let (at, servers) = match object["kind"].as_str() {
        Some("Service") => {
            ("/spec", &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"][..])
        }
        Some("Namespace") => ("/spec", &["finalizers"][..]),
        _ => ("", &["stringData"][..]),
    };
    if let Some(map) = object.pointer_mut(at).and_then(Value::as_object_mut) {
        map.retain(|field, _| !servers.contains(&field.as_str()));
    }
    drop_empty(&mut object);
    object
}

fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(drop_empty);
            map.retain(|_, v| {
                !(v.is_null()
                    || v.as_str() == Some("")
                    || v.as_object().is_some_and(Map::is_empty)
                    || v.as_array().is_some_and(Vec::is_empty))
            });
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

fn values(ours: &Value, theirs: &Value, exact: bool, at: &str) -> Result<(), String> {
    match (ours, theirs) {
        (_, Value::String(any)) if any == "{any}" => Ok(()),
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let other = b.get(key).ok_or_else(|| format!("{at}/{key}: {value} is not wanted"))?;
                values(value, other, exact, &format!("{at}/{key}"))?;
            }
            match b.keys().find(|key| exact && !a.contains_key(*key)) {
                Some(key) => Err(format!("{at}/{key}: {} is wanted", b[key])),
                None => Ok(()),
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().try_for_each(|(i, (a, b))| values(a, b, exact, &format!("{at}/{i}")))
        }
        _ => equal(at, ours, theirs),
    }
}

/// RFC 7386.
fn merged(live: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut out = live.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        if value.is_null() {
            out.remove(key);
        } else {
            let below = merged(out.get(key).unwrap_or(&Value::Null), value);
            out.insert(key.clone(), below);
        }
    }
    Value::Object(out)
}

fn add_missing(new: &mut Value, result: &Value, subresource: &str) {
    if !subresource.is_empty() {
        return;
    }
    if let (Value::Object(new), Value::Object(result)) = (&mut *new, result) {
        for (key, value) in result {
            if key != "managedFields" {
                match new.get_mut(key) {
                    Some(new) => add_missing(new, value, subresource),
                    None => {
                        new.insert(key.clone(), value.clone());
                    }
                }
            }
        }
    } else if let (Value::Array(new), Value::Array(result)) = (new, result)
        && new.len() == result.len()
    {
        new.iter_mut().zip(result).for_each(|(new, value)| add_missing(new, value, subresource));
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

#[test]
fn a_set_of_an_object_is_read_back() {
    let set =
        FieldSet::of(&json!({"spec": {"map": [{"name": "x"}]}}), Some(Schema::from_crd(&widget()).unwrap().root()));
    assert_eq!(FieldSet::from_fields_v1(&set.to_fields_v1()), Ok(set));
}
