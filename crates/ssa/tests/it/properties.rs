//! What holds for any sequence of applies.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_object::schema::Schema;
use sluice_ssa::{FieldSet, ManagedFields, PathElement, Request, apply};

const NOW: &str = "2026-01-01T00:00:00Z";

pub fn schema() -> Schema {
    let string = json!({"type": "string"});
    Schema::from_crd(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "labels": {"type": "object", "additionalProperties": string},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": string},
        "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": string, "a": string, "b": string}}},
        "plain": {"type": "array", "items": string},
        "text": string,
    }}}}))
    .unwrap()
}

fn spec() -> impl Strategy<Value = Value> {
    // No empty sets and keyed lists: nobody owns these, which is Kubernetes' own rule.
    let word = || prop_oneof!["x", "y", "z"];
    let labels = prop::option::of(btree_map(word(), word(), 0..3));
    let set = prop::option::of(btree_set(word(), 1..3));
    let items = prop::option::of(btree_map(word(), (prop::option::of(word()), prop::option::of(word())), 1..3));
    let plain = prop::option::of(vec(word(), 0..3));
    (labels, set, items, plain, prop::option::of(word())).prop_map(|(labels, set, items, plain, text)| {
        let mut spec = json!({});
        if let Some(labels) = labels {
            spec["labels"] = json!(labels);
        }
        if let Some(set) = set {
            spec["set"] = json!(set);
        }
        if let Some(items) = items {
            let items = items.into_iter().map(|(name, (a, b))| {
                let mut item = json!({"name": name});
                for (key, value) in [("a", a), ("b", b)] {
                    if let Some(value) = value {
                        item[key] = json!(value);
                    }
                }
                item
            });
            spec["map"] = items.collect();
        }
        if let Some(plain) = plain {
            spec["plain"] = json!(plain);
        }
        if let Some(text) = text {
            spec["text"] = json!(text);
        }
        spec
    })
}

pub fn object(spec: &Value) -> Value {
    json!({"apiVersion": "e.x/v1", "kind": "W", "metadata": {"name": "w"}, "spec": spec})
}

/// The fields below `spec`.
fn set_of(object: &Value, schema: &Schema) -> FieldSet {
    let all = FieldSet::of(object, Some(schema.root()));
    let mut spec = FieldSet::new();
    for path in all.paths().into_iter().filter(|p| p.0[0] == PathElement::field("spec")) {
        spec.insert(path.0);
    }
    spec
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn applies_own_what_they_set(steps in vec((0..3_usize, spec()), 1..8)) {
        let schema = schema();
        let mut live: Option<Value> = None;
        let mut last: [Option<Value>; 3] = [None, None, None];
        for (who, spec) in steps {
            let manager = ["a", "b", "c"][who];
            let config = object(&spec);
            let request = Request { schema: Some(schema.root()), force: true, ..Request::new(manager, "e.x/v1", NOW) };
            let first = apply(live.as_ref(), &config, &request).unwrap().object;
            // A map that lost its last key is null until the next apply makes it empty: Kubernetes' own rule.
            let first = apply(Some(&first), &config, &request).unwrap().object;
            let again = apply(Some(&first), &config, &request).unwrap();
            prop_assert!(!again.changed, "applying again changed {} to {}", first, again.object);
            last[who] = Some(config.clone());

            let managers = ManagedFields::of(&first).unwrap();
            let own = managers.entries().iter().find(|e| e.manager == manager);
            let fields = own.map(|e| e.fields.clone()).unwrap_or_default();
            let want = set_of(&config, &schema);
            prop_assert!(want.is_subset(&fields), "{manager} set {want:?} and owns {fields:?}");
            // All that is there has an owner: with force everybody's fields come from applies.
            let owned = managers.entries().iter().fold(FieldSet::new(), |all, e| all.union(&e.fields));
            let nulls_aside = |path: &sluice_ssa::Path| {
                let mut at = &first;
                for element in &path.0 {
                    if let PathElement::Field(name) = element {
                        at = at.get(name.as_ref()).unwrap_or(&Value::Null);
                    } else {
                        return true;
                    }
                }
                !(at.is_null() || at.as_object().is_some_and(serde_json::Map::is_empty))
            };
            for path in set_of(&first, &schema).paths().iter().filter(|path| nulls_aside(path)) {
                prop_assert!(owned.contains(&path.0), "{path} is there without an owner: {first}");
            }
            live = Some(first);
        }
    }

    #[test]
    fn what_the_last_owner_drops_is_gone(spec in spec()) {
        let schema = schema();
        let request = |manager| Request { schema: Some(schema.root()), ..Request::new(manager, "e.x/v1", NOW) };
        let one = apply(None, &object(&spec), &request("a")).unwrap().object;
        let two = apply(Some(&one), &object(&spec), &request("b")).unwrap().object;
        let held = apply(Some(&two), &object(&json!({})), &request("a")).unwrap().object;
        prop_assert_eq!(&held["spec"], &two["spec"], "the other owner holds it");
        let gone = apply(Some(&held), &object(&json!({})), &request("b")).unwrap().object;
        let left: Vec<_> = gone["spec"].as_object().into_iter().flatten().filter(|(_, v)| {
            !(v.is_null() || v.as_array().is_some_and(Vec::is_empty) || v.as_object().is_some_and(serde_json::Map::is_empty))
        }).collect();
        prop_assert!(left.is_empty(), "left over: {:?}", left);
    }

    #[test]
    fn set_algebra_holds(a in spec(), b in spec()) {
        let schema = schema();
        let (a, b) = (set_of(&object(&a), &schema), set_of(&object(&b), &schema));
        let both = a.intersection(&b);
        prop_assert_eq!(a.difference(&b).union(&both), a.clone());
        prop_assert!(both.is_subset(&a) && both.is_subset(&b) && a.is_subset(&a.union(&b)));
        prop_assert_eq!(a.len() + b.len(), a.union(&b).len() + both.len());
        prop_assert_eq!(FieldSet::from_fields_v1(&a.to_fields_v1()), Ok(a));
    }
}
