//! What the emitter prints, byte for byte what Go prints.

use serde_json::{Value, json};
use sluice_yaml::{EmitError, emit, emit_all};

#[track_caller]
fn check(value: Value, want: &str) {
    assert_eq!(emit(&value).expect("it is printable"), want, "{value}");
}

#[test]
fn strings_that_would_read_as_something_else_are_quoted() {
    for text in
        ["y", "no", "True", "null", "~", "", "1", "0x1F", "1e3", ".5_0", "1:20", "12:30:45.6", "2001-12-14", ".inf"]
    {
        check(json!(text), &format!("\"{text}\"\n"));
    }
    for text in ["yes!", "=", "<<", "1:60:x", "_1", "1e400", "v1", "10.0.0.1", "a:b", "a#b", "-a", "?x", "1,2", "nUll"]
    {
        check(json!(text), &format!("{text}\n"));
    }
    for text in [
        "- a", "a: b", "a #b", "#a", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "{a", "[a", ", a", " a", "a ",
        "---", "a:",
    ] {
        check(json!(text), &format!("'{text}'\n"));
    }
    check(json!("'a'"), "'''a'''\n");
    check(json!("a\tb"), "\"a\\tb\"\n");
    check(json!("\0\u{7}\u{1b}\u{1}"), "\"\\0\\a\\e\\x01\"\n");
    check(json!("\u{1f600} \u{feff}"), "\"\\U0001F600 \\uFEFF\"\n");
    check(json!("\u{feff}ab"), "\"\\uFEFF\\x61\\x62\"\n");
    check(json!("é日\u{a0}"), "é日\u{a0}\n");
    check(json!("a\u{2028}b"), "'a\u{2028}  b'\n");
}

#[test]
fn lines_are_literal_blocks() {
    check(json!({ "a": "b\nc\n" }), "a: |\n  b\n  c\n");
    check(json!({ "a": "b\nc" }), "a: |-\n  b\n  c\n");
    check(json!({ "a": "b\n\n" }), "a: |+\n  b\n\n");
    check(json!({ "a": "\n" }), "a: |2+\n\n");
    check(json!({ "a": " b\nc" }), "a: |2-\n   b\n  c\n");
    check(json!(["b\n c\n"]), "- |\n  b\n   c\n");
    check(json!({ "a": "b \nc" }), "a: \"b \\nc\"\n");
    check(json!({ "a": "b\nc " }), "a: \"b\\nc \"\n");
    check(json!({ "a": "b\r\nc" }), "a: \"b\\r\\nc\"\n");
}

#[test]
fn text_folds_at_a_space_after_column_80() {
    let (long, rest) = ("x".repeat(78), "y z");
    check(json!({ "a": format!("{long} {rest}") }), &format!("a: {long}\n  {rest}\n"));
    check(json!({ "a": format!("{long}  {rest}") }), &format!("a: {long}  y\n  z\n"));
    check(json!({ "a": format!("{long}: {rest}") }), &format!("a: '{long}:\n  {rest}'\n"));
    check(json!({ "a": format!("\t{long}  {rest}") }), &format!("a: \"\\t{long}\n  \\ {rest}\"\n"));
    check(json!({ "a": [format!("{long} {rest}")] }), &format!("a:\n- {long} y\n  z\n"));
    check(json!({ "a": "x".repeat(200) }), &format!("a: {}\n", "x".repeat(200)));
}

#[test]
fn structure() {
    check(json!({ "a": [], "b": {}, "c": [[]], "d": [{}] }), "a: []\nb: {}\nc:\n- []\nd:\n- {}\n");
    check(json!({ "a": [1, [2, [3]], { "b": [4] }] }), "a:\n- 1\n- - 2\n  - - 3\n- b:\n  - 4\n");
    check(json!([{ "a": { "b": null, "c": true } }]), "- a:\n    b: null\n    c: true\n");
    check(json!(null), "null\n");
    let values = [json!({ "a": 1 }), json!([]), json!("x\n\n")];
    assert_eq!(emit_all(&values).expect("printable"), "a: 1\n---\n[]\n---\n|+\n  x\n\n");
    assert_eq!(emit_all([]).expect("printable"), "");
}

#[test]
fn long_keys_and_keys_of_lines_get_a_question_mark() {
    let key = "k".repeat(129);
    check(json!({ &key: [1] }), &format!("? {key}\n: - 1\n"));
    check(json!({ &key: { "a": 1 } }), &format!("? {key}\n: a: 1\n"));
    check(json!({ "a\nb": 1 }), "? |-\n  a\n  b\n: 1\n");
    check(json!({ &key[..128]: [1] }), &format!("{}:\n- 1\n", &key[..128]));
}

#[test]
fn keys_have_their_natural_order() {
    let keys = ["_x", "1", "2", "10", "A", "a", "a2", "a10", "v1.9", "v1.10"];
    let map: Value = Value::Object(keys.iter().map(|key| ((*key).to_owned(), Value::Null)).collect());
    let printed = emit(&map).expect("printable").replace(": null", "").replace('"', "");
    assert_eq!(printed.lines().collect::<Vec<_>>(), keys);
}

#[test]
fn floats_are_gos() {
    for (float, want) in [
        (1.5, "1.5"),
        (1e6, "1000000"),
        (1_234_567.5, "1.2345675e+06"),
        (123_456.5, "123456.5"),
        (1e20, "1e+20"),
        (1e21, "1e+21"),
        (0.0001, "0.0001"),
        (0.000_012, "1.2e-05"),
        (-0.0, "0"),
        (-8.554_816_306_089_703e18, "-8554816306089703000"),
        (93_521_355_186_516.12, "9.352135518651612e+13"),
    ] {
        check(json!(float), &format!("{want}\n"));
    }
    check(json!([u64::MAX, i64::MIN]), "- 18446744073709551615\n- -9223372036854775808\n");
}

#[test]
fn what_go_cannot_print_is_an_error_that_says_where() {
    let control = emit(&json!({ "data": { "key": ["a\u{7f}"] } }));
    assert_eq!(control, Err(EmitError::Control { path: "data.key.0".to_owned(), character: 0x7f }));
    assert!(emit(&json!({ "k".repeat(1022): 1 })).is_ok());
    assert!(matches!(emit(&json!({ "k".repeat(1025): 1 })), Err(EmitError::LongKey { length: 1027, .. })));
}
