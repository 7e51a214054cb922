//! Texts made to hurt: each ends soon, in an error that names the limit.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sluice_yaml::{Dialect, EmitError, Limits, emit, parse, parse_all};

#[track_caller]
fn refused(text: &str, why: &str) {
    for dialect in [Dialect::V2, Dialect::V3] {
        let error = parse(text, dialect).expect_err("a limit holds");
        assert!(error.message.contains(why), "{dialect:?}: {error}");
    }
}

#[test]
fn aliases_of_aliases_run_into_the_node_limit() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let uses = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(bomb, "a{i}: &a{i} [{uses}]").expect("a string takes it");
    }
    refused(&bomb, "`nodes`");
}

#[test]
fn aliases_of_long_text_run_into_the_byte_limit() {
    let bomb = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 1000].join(", "));
    refused(&bomb, "`bytes`");
}

#[test]
fn an_alias_within_what_it_names_is_an_error() {
    refused("a: &a [*a]", "contains itself");
    refused("a: &a {b: {c: *a}}", "contains itself");
    refused("a: &a {<<: *a}", "contains itself");
}

#[test]
fn merge_keys_in_a_chain_stay_within_the_node_limit() {
    let mut chain = "m0: &m0 {k0: v}\n".to_owned();
    for i in 1..10_000 {
        writeln!(chain, "m{i}: &m{i} {{<<: *m{}, k{i}: v}}", i - 1).expect("a string takes it");
    }
    refused(&chain, "`nodes`");
}

#[test]
fn deep_nesting_is_an_error() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        "!!seq [".repeat(100_000),
        (0..5000).map(|i| format!("{}a:\n", " ".repeat(i))).collect(),
    ] {
        for dialect in [Dialect::V2, Dialect::V3] {
            assert!(parse(&text, dialect).is_err(), "{}", &text[..20]);
        }
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(100), Dialect::V2).is_ok());
    refused(&nested(101), "`depth`");
    let deeper = Limits { depth: usize::MAX, ..Limits::default() };
    assert!(parse_all(&nested(Limits::DEEPEST), Dialect::V2, &deeper).is_ok(), "limits can be raised");
    assert!(parse_all(&nested(Limits::DEEPEST + 1), Dialect::V2, &deeper).is_err(), "but not past the stack");
}

#[test]
fn a_deep_value_is_not_printed() {
    let deep = (0..Limits::DEEPEST).fold(json!([1]), |inner, _| json!([inner]));
    assert!(matches!(emit(&deep), Err(EmitError::Depth { .. })));
}

#[test]
fn size_and_documents_are_limited() {
    refused(&"x".repeat((10 << 20) + 1), "`bytes`");
    let noise = "---\n".repeat(20_001);
    let error = parse_all(&noise, Dialect::V2, &Limits::default()).expect_err("too many");
    assert!(error.message.contains("`documents`"), "{error}");
    refused(&"- x\n".repeat(1_000_001), "`nodes`");
}

#[test]
fn what_is_no_text_is_an_error() {
    for text in ["a: \0", "\u{7f}", "a: \u{80}", "# \u{1}", "a: \u{fffe}"] {
        refused(text, "control characters");
    }
    for text in [
        "a: \"\\",
        "a: 'x",
        "a: |x",
        "a:\n\tb: 1",
        "a: @x",
        "{",
        "]",
        "a: b: c",
        "- a\nb",
        "\"\\ud800\"",
        "&",
        "*",
        "!<",
    ] {
        for dialect in [Dialect::V2, Dialect::V3] {
            assert!(parse(text, dialect).is_err(), "{text:?}");
        }
    }
}

#[test]
fn keys_that_no_order_fits_are_printed_all_the_same() {
    let keys = ["0B99", "2日0", "02é", "99999999999999999999", "9", "18446744073709551617", "1٣", "1a", "0"];
    let map: serde_json::Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), json!(1))).collect();
    assert_eq!(emit(&Value::Object(map)).expect("printable").lines().count(), keys.len());
}
