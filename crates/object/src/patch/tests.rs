//! What must hold of every patch.

use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::json;

use super::*;
use crate::GroupVersionKind;
use crate::schema::{Node, Schema, builtin};

fn deployment() -> Node<'static> {
    builtin().node(&GroupVersionKind::new("apps", "v1", "Deployment")).unwrap()
}

/// Maps with a `name` each, none twice, in any order.
fn named(content: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let names = subsequence(vec!["a", "b", "c", "d"], 0..=4).prop_shuffle();
    (names, proptest::collection::vec(content, 4)).prop_map(|(names, contents)| {
        let items = names.into_iter().zip(contents).map(|(name, mut item)| {
            item["name"] = json!(name);
            item
        });
        Value::Array(items.collect())
    })
}

fn strings() -> impl Strategy<Value = Value> {
    subsequence(vec!["x", "y", "z"], 0..=3).prop_shuffle().prop_map(Value::from)
}

prop_compose! {
    fn container()(image in "[0-2]", env in named("[0-2]".prop_map(|value| json!({ "value": value }))), args in strings()) -> Value {
        json!({"image": image, "env": env, "args": args})
    }
}

prop_compose! {
    /// A Deployment, some of whose fields are left out.
    fn object()(
        labels in subsequence(vec!["a", "b", "c"], 0..=3),
        finalizers in strings(),
        containers in named(container()),
        replicas in proptest::option::of(0..3),
        keep in any::<[bool; 3]>(),
    ) -> Value {
        let labels: Value = labels.into_iter().map(|key| (key.to_owned(), json!("1"))).collect();
        let mut object = json!({"metadata": {}, "spec": {"template": {"spec": {}}}});
        if keep[0] {
            object["metadata"]["labels"] = labels;
        }
        if keep[1] {
            object["metadata"]["finalizers"] = finalizers;
        }
        if keep[2] {
            object["spec"]["template"]["spec"]["containers"] = containers;
        }
        if let Some(replicas) = replicas {
            object["spec"]["replicas"] = json!(replicas);
        }
        object
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("spec"),
        Just("template"),
        Just("containers"),
        Just("name"),
        Just("env"),
        Just("finalizers"),
        Just("metadata"),
        Just("$patch"),
        Just("$retainKeys"),
        Just("$setElementOrder/containers"),
        Just("$deleteFromPrimitiveList/finalizers"),
        Just("strategy"),
        Just("a"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!("a")),
        Just(json!("delete")),
        Just(json!("replace")),
        Just(json!(1)),
    ];
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn a_strategic_patch_without_directives_changes_nothing_the_second_time(live in object(), patch in object()) {
        let once = strategic(live, &patch, deployment()).unwrap();
        let twice = strategic(once.clone(), &patch, deployment()).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_merge_patch_without_lists_changes_nothing_the_second_time(live in anything(), patch in anything()) {
        // A list keeps its nulls where it replaces a map, but loses them where it replaces a list.
        prop_assume!(!patch.to_string().contains('['));
        if let Ok(once) = merge(live, &patch) {
            prop_assert_eq!(merge(once.clone(), &patch), Ok(once));
        }
    }

    #[test]
    fn applying_from_the_last_applied_gives_what_is_wanted(last in object(), wanted in object()) {
        let patch = three_way(&last, &wanted, &last, deployment(), Conflicts::Refuse).unwrap();
        prop_assert_eq!(strategic(last, &patch, deployment()).unwrap(), wanted);
    }

    #[test]
    fn applying_twice_needs_no_second_patch(last in object(), wanted in object(), live in object()) {
        let patch = three_way(&last, &wanted, &live, deployment(), Conflicts::Overwrite).unwrap();
        let live = strategic(live, &patch, deployment()).unwrap();
        let again = three_way(&wanted, &wanted, &live, deployment(), Conflicts::Overwrite).unwrap();
        prop_assert_eq!(again, json!({}));
    }

    #[test]
    fn without_a_schema_three_way_is_a_json_merge_patch(last in object(), wanted in object(), live in object()) {
        let any = Schema::any();
        let patch = three_way(&last, &wanted, &live, any.root(), Conflicts::Overwrite).unwrap();
        let strategic = strategic(live.clone(), &patch, any.root()).unwrap();
        prop_assert_eq!(merge(live, &patch).unwrap(), strategic);
    }

    #[test]
    fn no_patch_panics(live in anything(), patch in anything(), last in anything()) {
        let _ = strategic(live.clone(), &patch, deployment());
        let _ = json(live.clone(), &patch);
        let _ = three_way(&last, &patch, &live, deployment(), Conflicts::Refuse);
    }

    #[test]
    fn no_json_patch_panics(
        live in anything(),
        operations in proptest::collection::vec(
            ("(add|remove|replace|test|move|copy|x)", "[/a0~1-]{0,6}", "[/a0~1-]{0,6}", anything()), 0..5),
    ) {
        let operations = operations
            .into_iter()
            .map(|(op, from, path, value)| json!({"op": op, "from": from, "path": path, "value": value}))
            .collect();
        let _ = json(live, &operations);
    }
}

/// Answers are those of `kubectl patch --local` 1.37.
#[track_caller]
fn check(live: Value, patch: Value, want: Option<Value>) {
    let object = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
    let got = strategic(object(live), &object(patch), deployment()).ok();
    assert_eq!(got, want.map(object));
}

#[test]
fn new_maps_take_no_nulls_and_none_that_say_how_to_be_patched() {
    check(
        json!({}),
        json!({"securityContext": {"$patch": "replace", "a": 1}, "nodeSelector": {"a": null, "b": "1"}}),
        Some(json!({"nodeSelector": {"b": "1"}})),
    );
    check(
        json!({}),
        json!({"volumes": [{"name": "a", "$patch": "delete"}, {"name": "b", "x": null}]}),
        Some(json!({"volumes": [{"name": "b"}]})),
    );
    // Items that are new in a list that merges come as they are.
    check(
        json!({"volumes": [{"name": "a"}]}),
        json!({"volumes": [{"name": "b", "x": null}]}),
        Some(json!({"volumes": [{"name": "b", "x": null}, {"name": "a"}]})),
    );
}

#[test]
fn new_items_take_the_places_of_deleted_ones_when_ordered() {
    check(
        json!({"containers": [{"name": "c"}, {"name": "a"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "a"}, {"name": "d"}],
            "containers": [{"name": "d"}, {"name": "c", "$patch": "delete"}]}),
        Some(json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "d"}]})),
    );
}

#[test]
fn a_list_that_merges_needs_keys_everywhere() {
    check(json!({"volumes": [{"name": "a"}]}), json!({"volumes": [{"$patch": "replace"}, {}]}), None);
    check(json!({"volumes": [{"x": 1}]}), json!({"volumes": [{"name": "a"}]}), None);
}

#[test]
fn what_nests_too_deep_is_refused() {
    let deep = (0..=DEPTH_LIMIT).fold(json!(1), |value, _| json!({"a": value}));
    let too_large = |result: Result<Value, PatchError>| matches!(result, Err(PatchError::TooLarge { .. }));
    assert!(too_large(strategic(json!({}), &deep, deployment())));
    assert!(too_large(merge(json!({}), &deep)));
    assert!(too_large(json(deep.clone(), &json!([]))));
    assert!(too_large(three_way(&json!({}), &deep, &json!({}), deployment(), Conflicts::Overwrite)));
}
