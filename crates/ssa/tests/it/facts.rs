//! What the suite does not tell: times, limits, deduced types, drift, hostile input.

use std::time::Instant;

use serde_json::{Value, json};
use sluice_object::GroupVersionKind;
use sluice_object::schema::builtin;
use sluice_ssa::{Difference, Error, ManagedFields, Request, apply, drift, update};

const ONE: &str = "2026-01-01T00:00:01Z";
const TWO: &str = "2026-01-01T00:00:02Z";

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": data})
}

fn request<'a>(manager: &'a str, now: &'a str) -> Request<'a> {
    Request::new(manager, "v1", now)
}

#[track_caller]
fn owners(object: &Value, want: Value) {
    let managers = ManagedFields::of(object).unwrap();
    let ours: Vec<Value> = managers
        .entries()
        .iter()
        .map(|e| {
            json!([e.manager, e.operation.as_str(), e.time.as_deref().unwrap_or_default(), e.fields.to_fields_v1()])
        })
        .collect();
    assert_eq!(json!(ours), want);
}

#[test]
fn a_time_moves_only_with_a_change() {
    let first = apply(None, &config_map(json!({"a": "1"})), &request("m", ONE)).unwrap().object;
    let again = apply(Some(&first), &config_map(json!({"a": "1"})), &request("m", TWO)).unwrap();
    assert!(!again.changed);
    assert_eq!(again.object, first);
    let other = apply(Some(&first), &config_map(json!({"b": "1"})), &request("o", TWO)).unwrap().object;
    owners(
        &other,
        json!([
            ["m", "Apply", ONE, {"f:data": {".": {}, "f:a": {}}}],
            ["o", "Apply", TWO, {"f:data": {".": {}, "f:b": {}}}],
        ]),
    );
    let same = update(Some(&other), other.clone(), &request("u", TWO)).unwrap();
    assert_eq!(same, other);
}

#[test]
fn an_object_from_before_has_an_owner_at_the_first_apply() {
    let old = config_map(json!({"a": "1"}));
    let Err(Error::Conflicts(conflicts)) = apply(Some(&old), &config_map(json!({"a": "2"})), &request("m", ONE)) else {
        panic!("a conflict is expected");
    };
    assert_eq!(
        conflicts.to_string(),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a"
    );
    let forced =
        apply(Some(&old), &config_map(json!({"a": "2"})), &Request { force: true, ..request("m", ONE) }).unwrap();
    assert_eq!(forced.object["data"], json!({"a": "2"}));
}

#[test]
fn old_updaters_are_joined() {
    let mut object = update(None, config_map(json!({})), &request("creator", ONE)).unwrap();
    for i in 0..14 {
        let mut new = object.clone();
        new["data"][format!("k{i}")] = json!("v");
        let now = format!("2026-01-01T00:01:{i:02}Z");
        object = update(Some(&object), new, &request(&format!("u{i}"), &now)).unwrap();
    }
    let managers = ManagedFields::of(&object).unwrap();
    assert_eq!(managers.entries().len(), 10);
    assert_eq!(managers.entries()[0].manager, "ancient-changes");
    assert_eq!(managers.entries()[0].time.as_deref(), Some("2026-01-01T00:01:04Z"));
    let all = managers.entries().iter().map(|e| e.fields.clone()).reduce(|a, b| a.union(&b)).unwrap();
    assert_eq!(all.len(), 15);
}

#[test]
fn kubectl_moves_to_server_side_apply_without_conflicts() {
    let last = config_map(json!({"a": "1"})).to_string();
    let mut old = config_map(json!({"a": "1"}));
    old["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": last});
    let old = update(None, old, &request("kubectl-client-side-apply", ONE)).unwrap();
    assert!(apply(Some(&old), &config_map(json!({"a": "2"})), &request("m", TWO)).is_err());
    let new = apply(Some(&old), &config_map(json!({"a": "2"})), &request("kubectl", TWO)).unwrap().object;
    assert_eq!(new["data"]["a"], "2");
    let kept = new["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].as_str().unwrap();
    assert_eq!(kept, format!("{}\n", config_map(json!({"a": "2"}))));
}

#[test]
fn fields_can_be_handed_to_another_manager() {
    let object = update(None, config_map(json!({"a": "1", "b": "1"})), &request("kubectl", ONE)).unwrap();
    let mut managers = ManagedFields::of(&object).unwrap();
    let mut taken = managers.take(|entry| entry.manager == "kubectl").remove(0);
    taken.operation = sluice_ssa::Operation::Apply;
    taken.manager = "kustomize-controller".to_owned();
    managers.set(taken);
    let mut object = object;
    object["metadata"]["managedFields"] = managers.to_json();
    let new = apply(Some(&object), &config_map(json!({"a": "1"})), &request("kustomize-controller", TWO)).unwrap();
    assert_eq!(new.object["data"], json!({"a": "1"}));
}

#[test]
fn without_a_schema_maps_merge_and_lists_do_not() {
    let live = apply(None, &json!({"spec": {"a": {"x": 1}, "l": [1]}}), &request("m", ONE)).unwrap().object;
    let other = json!({"spec": {"a": {"y": 1}}});
    let merged = apply(Some(&live), &other, &request("o", ONE)).unwrap().object;
    assert_eq!(merged["spec"], json!({"a": {"x": 1, "y": 1}, "l": [1]}));
    assert!(apply(Some(&merged), &json!({"spec": {"l": [2]}}), &request("o", ONE)).is_err());
    let gone = apply(Some(&merged), &json!({"spec": {"l": [1]}}), &request("m", TWO)).unwrap().object;
    assert_eq!(gone["spec"], json!({"a": {"y": 1}, "l": [1]}));
}

#[test]
fn managed_fields_cannot_be_applied() {
    let mut object = config_map(json!({}));
    object["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    assert_eq!(apply(None, &object, &request("m", ONE)), Err(Error::ManagedFieldsInApply));
    assert_eq!(apply(None, &config_map(json!({})), &request("", ONE)), Err(Error::NoManager));
}

#[test]
fn hostile_objects_are_errors() {
    let deep = (0..5_000).fold(json!(1), |inner, _| json!({"a": inner}));
    assert_eq!(apply(None, &deep, &request("m", ONE)), Err(Error::TooDeep));
    assert_eq!(update(None, deep.clone(), &request("m", ONE)), Err(Error::TooDeep));
    // serde_json's own drop recurses; such a value never comes from a parser.
    std::mem::forget(deep);
    let schema = builtin().schema(&GroupVersionKind::from_api_version("v1", "Pod")).unwrap();
    let request = Request { schema: Some(schema.root()), ..request("m", ONE) };
    for spec in [
        json!(1),
        json!([]),
        json!({"containers": 1}),
        json!({"containers": [1, null, {}]}),
        json!({"containers": [{"name": {}}]}),
    ] {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
        assert!(matches!(apply(None, &pod, &request), Err(Error::Typed { .. })), "{pod}");
        let live = update(None, pod.clone(), &request).unwrap();
        let good = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}});
        let _ = apply(Some(&live), &good, &Request { force: true, ..request.clone() }).unwrap();
    }
}

#[test]
fn drift_is_in_labels_annotations_and_content() {
    let live = json!({
        "metadata": {"labels": {"a": "1"}, "annotations": {"x/y": "1"}, "resourceVersion": "1", "finalizers": ["f"]},
        "spec": {"replicas": 1, "list": [{"a": 1}, {"a": 2}], "gone": {}}, "status": {"x": 1},
    });
    let mut dry = live.clone();
    dry["metadata"]["resourceVersion"] = json!("2");
    dry["metadata"]["finalizers"] = json!([]);
    dry["status"] = json!({});
    dry["spec"].as_object_mut().unwrap().remove("gone");
    assert_eq!(drift(&live, &dry, &[]), []);
    dry["metadata"]["annotations"]["x/y"] = json!("2");
    dry["spec"]["list"][1]["a"] = json!(3);
    dry["spec"]["new"] = json!({"p": 1, "q": 2});
    let difference = |pointer: &str, live: Value, desired: Value| Difference {
        pointer: pointer.to_owned(),
        live: Some(live).filter(|v| !v.is_null()),
        desired: Some(desired),
    };
    assert_eq!(
        drift(&live, &dry, &[]),
        [
            difference("/metadata/annotations/x~1y", json!("1"), json!("2")),
            difference("/spec/list/1/a", json!(2), json!(3)),
            difference("/spec/new", Value::Null, json!({"p": 1, "q": 2})),
        ]
    );
    assert_eq!(
        drift(&live, &dry, &["/metadata/annotations/x~1y", "/spec/list/1", "/spec/new/p"]),
        [difference("/spec/new/q", Value::Null, json!(2)),]
    );
    assert_eq!(drift(&live, &dry, &["/metadata", "/metadata/annotations", "/spec"]), []);
}

#[test]
fn applies_are_fast() {
    let containers: Vec<Value> = (0..5)
        .map(|i| {
            let env: Vec<Value> = (0..20).map(|j| json!({"name": format!("E{j}"), "value": "x"})).collect();
            json!({"name": format!("c{i}"), "image": "nginx:1", "env": env, "ports": [{"containerPort": 80}]})
        })
        .collect();
    let deployment = |image: &str| {
        let mut containers = containers.clone();
        containers[0]["image"] = json!(image);
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}},
        }})
    };
    let schema = builtin().schema(&GroupVersionKind::from_api_version("apps/v1", "Deployment")).unwrap();
    let request = Request { schema: Some(schema.root()), ..Request::new("m", "apps/v1", ONE) };
    let mut live = apply(None, &deployment("nginx:1"), &request).unwrap().object;
    let started = Instant::now();
    for i in 0..200 {
        live =
            apply(Some(&live), &deployment(if i % 2 == 0 { "nginx:2" } else { "nginx:1" }), &request).unwrap().object;
    }
    let each = started.elapsed() / 200;
    println!("apply of a Deployment with 100 variables: {each:?}");
    assert!(each.as_millis() < 250, "{each:?}");
}
