//! Rewriting a text until it says a value, with everything else left alone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_yaml::edit::rewrite;
use sluice_yaml::{Dialect, emit, parse};

const ORDER: &[&str] = &["apiVersion", "kind", "namespace", "resources", "images", "replicas"];

#[track_caller]
fn check(before: &str, change: impl Fn(&mut Value), after: &str) {
    let mut value = parse(before, Dialect::V2).unwrap();
    if value.is_null() {
        value = json!({});
    }
    change(&mut value);
    assert_eq!(rewrite(before, &value, ORDER).unwrap(), after, "{before}");
}

fn push(value: &mut Value, list: &str, item: Value) {
    value[list].as_array_mut().unwrap().push(item);
}

#[test]
fn an_item_is_added_below_the_others_as_they_are_written() {
    let add = |value: &mut Value| push(value, "resources", json!("b.yaml"));
    check("resources:\n- a.yaml # a\n\n# end\n", add, "resources:\n- a.yaml # a\n- b.yaml\n\n# end\n");
    check("resources:\n  - a.yaml\nkind: K", add, "resources:\n  - a.yaml\n  - b.yaml\nkind: K");
    check("resources:\n  - a.yaml", add, "resources:\n  - a.yaml\n  - b.yaml");
    check("resources:\r\n- a.yaml\r\n", add, "resources:\r\n- a.yaml\r\n- b.yaml\r\n");
    check("resources: [a.yaml,  'c'] # x\n", add, "resources: [a.yaml, 'c', b.yaml] # x\n");
    check("resources: [\n  a.yaml, # a\n]\n", add, "resources: [\n  a.yaml, b.yaml, # a\n]\n");
    check("resources: [] # none\nkind: K\n", add, "resources:\n- b.yaml # none\nkind: K\n");
    check(
        "resources:\n-   a.yaml\n- |\n  x\n\nkind: K\n",
        add,
        "resources:\n-   a.yaml\n- |\n  x\n- b.yaml\n\nkind: K\n",
    );
}

#[test]
fn an_item_goes_with_its_line() {
    let remove = |value: &mut Value| drop(value["resources"].as_array_mut().unwrap().remove(0));
    check("resources:\n# first\n- a # gone\n- b # stays\n", remove, "resources:\n# first\n- b # stays\n");
    check("resources: [a, b]\n", remove, "resources: [b]\n");
    check("resources:\n- a:\n    c: 1\n  # in it\n  d: 2\n- b\n", remove, "resources:\n- b\n");
}

#[test]
fn a_field_goes_where_the_order_puts_it() {
    let set = |value: &mut Value| value["namespace"] = json!("ns");
    check("# top\nkind: K # k\nresources:\n- a\n", set, "# top\nkind: K # k\nnamespace: ns\nresources:\n- a\n");
    check("# top\nresources:\n- a\n", set, "# top\nnamespace: ns\nresources:\n- a\n");
    check("x: 1\nkind: K", set, "x: 1\nkind: K\nnamespace: ns");
    check("# only\n", set, "# only\nnamespace: ns\n");
    check("", set, "namespace: ns\n");
    check("namespace: 'old' # why\n", set, "namespace: 'ns' # why\n");
    check("namespace: # why\n", set, "namespace: ns # why\n");
    check("{kind: K}\n", set, "{kind: K, namespace: ns}\n");
    check("---\nkind: K\n", set, "---\nkind: K\nnamespace: ns\n");
}

#[test]
fn a_field_goes_with_all_its_lines() {
    let remove = |value: &mut Value| drop(value.as_object_mut().unwrap().remove("images"));
    check(
        "kind: K\nimages: # i\n- name: a\n  newTag: |\n    x\n\n# r\nresources: []\n",
        remove,
        "kind: K\n\n# r\nresources: []\n",
    );
}

#[test]
fn a_map_in_a_list_changes_in_place() {
    let before = "images:\n  - newTag: '1.0' # tag\n    name: a\n  # b\n  - name: b\n";
    let set = |value: &mut Value| value["images"][0]["newTag"] = json!("2.0");
    check(before, set, &before.replace("1.0", "2.0"));
    let turn = |value: &mut Value| {
        let image = value["images"][0].as_object_mut().unwrap();
        image.remove("newTag");
        image.insert("digest".to_owned(), json!("sha256:0"));
    };
    check(before, turn, "images:\n  - name: a\n    digest: sha256:0\n  # b\n  - name: b\n");
    let add = |value: &mut Value| push(value, "images", json!({ "name": "c", "list": ["x"] }));
    let added = "  - list:\n      - x\n    name: c\n";
    check(before, add, &format!("{before}{added}"));
}

#[test]
fn what_others_share_is_not_changed() {
    let text = "a: &x {k: 1}\nb: *x\n";
    let value = json!({ "a": { "k": 2 }, "b": { "k": 1 } });
    assert!(rewrite(text, &value, &[]).is_err());
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z0-9:#' .-]{0,6}".prop_map(Value::from), Just(json!("a\nb\n")), Just(json!("é"))];
    let leaf = prop_oneof![3 => text, 1 => any::<i8>().prop_map(Value::from), 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop_oneof!["[a-d]", Just("name".to_owned()), Just("a b".to_owned()), Just("y".to_owned())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-e]", value(), 1..5).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Not more is promised than that it is right or refused; that it is hardly ever refused is seen here.
    #[test]
    fn a_rewritten_text_says_the_value(before in object(), after in object(), flow in any::<bool>()) {
        let text = if flow { before.to_string() } else { emit(&before).unwrap() };
        match rewrite(&text, &after, &["b", "a"]) {
            Ok(edited) => prop_assert_eq!(parse(&edited, Dialect::V2).unwrap(), after),
            Err(error) => prop_assert!(after.as_object().unwrap().is_empty(), "{}: {:?} to {}", error, text, after),
        }
    }

    #[test]
    fn any_text_is_taken_without_a_panic(text in "\\PC*", after in object()) {
        let _ = rewrite(&text, &after, &[]);
        let _ = rewrite(&format!("a: 1\nb:\n{text}\n"), &after, &[]);
    }
}
