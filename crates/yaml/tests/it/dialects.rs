//! Where the two dialects read the same text differently, and where they agree. All answers are helm's and kustomize's.

use serde_json::{Value, json};
use sluice_yaml::{Dialect, Error, Limits, emit, parse, parse_all};

#[track_caller]
fn check(text: &str, v2: Value, v3: Value) {
    assert_eq!(parse(text, Dialect::V2), Ok(v2), "V2 of {text:?}");
    assert_eq!(parse(text, Dialect::V3), Ok(v3), "V3 of {text:?}");
}

#[track_caller]
fn both(text: &str, want: Value) {
    check(text, want.clone(), want);
}

#[track_caller]
fn refused(text: &str, dialect: Dialect, at: (u32, u32), why: &str) {
    let error = parse(text, dialect).expect_err(text);
    assert_eq!((error.line, error.column), at, "{text:?}: {error}");
    assert!(error.message.contains(why), "{text:?}: {error}");
}

#[test]
fn old_booleans_are_strings_in_v3() {
    for word in ["yes", "on", "y", "Y", "ON"] {
        check(&format!("a: {word}"), json!({ "a": true }), json!({ "a": word }));
    }
    for word in ["no", "off", "n", "N", "Off"] {
        check(&format!("a: {word}"), json!({ "a": false }), json!({ "a": word }));
    }
    both("a: [true, False, TRUE, tRue]", json!({ "a": [true, false, true, "tRue"] }));
}

#[test]
fn numbers_are_gos() {
    both("a: [0644, 0o644, 0x1F, 0b101, 1_000]", json!({ "a": [420, 420, 31, 5, 1000] }));
    check("08", json!(8), json!(8.0));
    both("a: [-0b11, +1, -0o7, .5]", json!({ "a": [-3, 1, -7, 0.5] }));
    let whole = "a: [1e3, 1., -0.0, 1e18, !!float 3, 1e21]";
    let v2 = json!({ "a": [1000, 1, -0.0, 1_000_000_000_000_000_000_i64, 3, 1e21] });
    check(whole, v2, json!({ "a": [1000.0, 1.0, -0.0, 1e18, 3.0, 1e21] }));
    for text in [r#""\/""#, r#""\ud83d\ude00""#] {
        refused(text, Dialect::V2, (1, 1), "escape");
    }
    both(r#"["\\/", "\ue000"]"#, json!(["\\/", "\u{e000}"]));
    both("a: [18446744073709551615, -9223372036854775808]", json!({ "a": [u64::MAX, i64::MIN] }));
    both("a: [1e400, 1:20, _1, 0x, 1e, '1']", json!({ "a": ["1e400", "1:20", "_1", "0x", "1e", "1"] }));
    for text in ["a: .inf", "a: -.Inf", "a: .nan"] {
        refused(text, Dialect::V2, (1, 4), "infinity and NaN");
        refused(text, Dialect::V3, (1, 4), "infinity and NaN");
    }
}

#[test]
fn keys_are_strings() {
    check("y: 1", json!({ "true": 1 }), json!({ "y": 1 }));
    check("0644: 1", json!({ "420": 1 }), json!({ "0644": 1 }));
    check("1.50: 1", json!({ "1.5": 1 }), json!({ "1.50": 1 }));
    assert_eq!(parse("a:\n  1: b", Dialect::V2), Ok(json!({ "a": { "1": "b" } })));
    refused("a:\n  1: b", Dialect::V3, (2, 3), "a key must be a string");
    refused("a: {true: b}", Dialect::V3, (1, 5), "a key must be a string");
    refused("~: 1", Dialect::V2, (1, 1), "null");
    refused(": 1", Dialect::V3, (1, 1), "null");
    refused("? [a]\n: 1", Dialect::V2, (1, 3), "map or list");
}

#[test]
fn dates_are_times_in_v3() {
    check("a: 2001-12-14", json!({ "a": "2001-12-14" }), json!({ "a": "2001-12-14T00:00:00Z" }));
    check(
        "a: 2001-12-14t21:59:43.10-05:00",
        json!({ "a": "2001-12-14t21:59:43.10-05:00" }),
        json!({ "a": "2001-12-14T21:59:43.1-05:00" }),
    );
    both("a: [2001-13-01, 2001-02-29, '2001-12-14']", json!({ "a": ["2001-13-01", "2001-02-29", "2001-12-14"] }));
}

#[test]
fn a_repeated_key_is_the_last_or_an_error() {
    assert_eq!(parse("a: 1\n'a': 2", Dialect::V2), Ok(json!({ "a": 2 })));
    refused("a: 1\n'a': 2", Dialect::V3, (2, 1), "mapping key \"a\" already defined");
}

#[test]
fn merge_keys() {
    let base = "b: &b {x: 1, z: 2}\nc: &c {x: 3}\n";
    let read = |text: &str, dialect| parse(&format!("{base}{text}"), dialect).map(|mut value| value["a"].take());
    let v2 = |text: &str| read(text, Dialect::V2).expect("V2 takes it");
    let v3 = |text: &str| read(text, Dialect::V3).expect("V3 takes it");
    assert_eq!(v2("a: {x: 5, <<: *b}")["x"], 1, "V2 goes by position");
    assert_eq!(v3("a: {x: 5, <<: *b}")["x"], 5, "V3 never overrides");
    assert_eq!(v2("a: {<<: *b, x: 5}")["x"], 5);
    assert_eq!(v2("a: {<<: [*b, *c]}")["x"], 1, "the earlier of a list wins");
    assert_eq!(v3("a: {<<: [*c, *b]}"), json!({ "x": 3, "z": 2 }));
    assert_eq!(v2("a: {<<: *b, <<: *c}"), json!({ "x": 3, "z": 2 }));
    assert!(read("a: {<<: *b, <<: *c}", Dialect::V3).is_err_and(|e| e.message == "duplicate merge key"));
    assert_eq!(v2("a: {'<<': *b}"), json!({ "<<": { "x": 1, "z": 2 } }));
    assert_eq!(v3("a: {'<<': *b}"), json!({}), "kustomize drops it");
    assert!(read("a: {<<: 1}", Dialect::V2).is_err_and(|e| e.message.starts_with("map merge requires")));
}

#[test]
fn what_kustomize_loses_on_the_way() {
    check("a: {b: , c}", json!({ "a": { "b": null, "c": null } }), json!({ "a": { "b": "", "c": "" } }));
    check("a: >\n  x\n    y\n  z\n", json!({ "a": "x\n  y\nz\n" }), json!({ "a": "x\n\n  y\nz\n" }));
}

#[test]
fn tags() {
    both("a: [!!str 1, !!int '12', !!float .5, !!binary aGk=]", json!({ "a": ["1", 12, 0.5, "hi"] }));
    both("a: [!foo 1, !!python/object x]", json!({ "a": ["1", "x"] }));
    check("a: ! 1", json!({ "a": "1" }), json!({ "a": 1 }));
    refused("a: !!int x", Dialect::V2, (1, 10), "!!int");
    refused("a: !!binary x", Dialect::V3, (1, 13), "base64");
    assert_eq!(parse("%YAML 1.1\n---\na: 1", Dialect::V2), Ok(json!({ "a": 1 })));
    assert!(parse("%YAML 1.2\n---\na: 1", Dialect::V2).is_err_and(|e| e.message.contains("incompatible")));
}

#[test]
fn anchors() {
    both("a: &x {b: 1}\nc: *x", json!({ "a": { "b": 1 }, "c": { "b": 1 } }));
    both("a: &x foo\n*x : 1", json!({ "a": "foo", "foo": 1 }));
    assert!(parse("a: *x", Dialect::V2).is_err());
}

#[test]
fn a_block_that_ends_with_the_text_ends_without_a_line_break() {
    both("a: |\n  x", json!({ "a": "x" }));
    both("a: |\n  x\n", json!({ "a": "x\n" }));
}

#[test]
fn a_byte_order_mark_in_front_is_no_content() {
    both("\u{feff}a: 1", json!({ "a": 1 }));
}

#[test]
fn a_stream_has_documents_with_lines_and_no_empty_ones() {
    let text = "# first\n\n---\na: 1\n---\n# nothing\n---\n---\nb: 2\n...\n---\nnull\n";
    let documents = parse_all(text, Dialect::V3, &Limits::default()).expect("it is a stream");
    let seen: Vec<_> = documents.iter().map(|d| (d.line, &d.value)).collect();
    assert_eq!(seen, [(4, &json!({ "a": 1 })), (9, &json!({ "b": 2 })), (12, &Value::Null)]);
    assert_eq!(parse("", Dialect::V2), Ok(Value::Null));
    assert_eq!(parse("# only\n", Dialect::V3), Ok(Value::Null));
}

#[test]
fn tabs_before_the_indentation_are_refused() {
    for (text, at) in [
        ("a: 1\n\t\nb: 2\n", (2, 1)),
        ("a: 1\n\t# c\nb: 2\n", (2, 1)),
        ("a:\n  b: 1\n \t\n  c: 2\n", (3, 2)),
        ("a:\n  b: 1\n  \t\n  c: 2\n", (3, 3)),
        ("a:\n- b: 1\n  \t\n  c: 2\n", (3, 3)),
        ("a:\n- 1\n\t\n- 2\n", (3, 1)),
    ] {
        for dialect in [Dialect::V2, Dialect::V3] {
            refused(text, dialect, at, "violates indentation");
        }
    }
    refused("a: \"x\"\n\t\nb: 1\n", Dialect::V2, (2, 1), "cannot start any token");
    refused("a:\n\t\n  b: 1\n", Dialect::V2, (2, 1), "cannot start any token");
    both("a:\n  b: 1\n   \tx\n  c: 2\n", json!({"a": {"b": "1 x", "c": 2}}));
    both("a:\n- 1\n \t\n- 2\n", json!({"a": [1, 2]}));
    both("a: [x,\n\tz]\n", json!({"a": ["x", "z"]}));
    both("a: \"x\n\ty\"\nb: |\n  x\n  \ty\n", json!({"a": "x y", "b": "x\n\ty\n"}));
}

#[test]
fn errors_say_where() {
    let Error { line, column, .. } = parse("a: 1\nb: [1, 2\nc: 3\n", Dialect::V2).expect_err("the list is open");
    assert!(line >= 2 && column >= 1);
    refused("a: 1\nb: x\u{7}", Dialect::V2, (2, 5), "control characters");
    let shown = parse("a: 1\na: 2", Dialect::V3).expect_err("twice").to_string();
    assert_eq!(shown, "line 2, column 1: mapping key \"a\" already defined");
}

#[test]
fn a_value_goes_through_both_unchanged() {
    let value = json!({ "y": ["on", 1.5, "1", null, { "": "" }], "n": "a\n b\n" });
    let text = emit(&value).expect("it is printable");
    both(&text, value);
}
