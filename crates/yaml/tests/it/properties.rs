//! What is printed reads back, in both dialects; no text breaks the reader.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};
use sluice_yaml::{Dialect, Limits, emit, locate, parse, parse_all};

/// Characters that mean something somewhere in YAML, and some that are only odd.
const NASTY: &str =
    "[ab01yn .:~#\\-?,\\[\\]{}&*!|>'\"%@`=<_+eExo\\\\\t\n\r\0\u{1b}\u{a0}\u{2028}\u{feff}\u{fffd}é日\u{1f600}]";

fn string() -> impl Strategy<Value = String> {
    // Go prints U+2028 in a block as a line break, which the rules of YAML 1.2 do not always take back.
    let readable = |text: &String| !(text.contains('\n') && text.contains('\u{2028}'));
    let any = prop_oneof![
        proptest::string::string_regex(&format!("{NASTY}{{0,6}}")).expect("the class is valid"),
        proptest::string::string_regex("[ab \n']{60,200}").expect("the class is valid"),
        proptest::string::string_regex("[-+.0-9_xobe:TZ]{1,12}").expect("the class is valid"),
        prop::sample::select(vec![
            "yes",
            "no",
            "y",
            "null",
            "~",
            "",
            "---",
            "...",
            "2001-12-14",
            "1:20",
            ".inf",
            "0x1F",
            "="
        ])
        .prop_map(str::to_owned),
    ];
    any.prop_filter("a separator in a block", readable)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Whole floats come back as integers, from Go too.
        any::<f64>()
            .prop_filter_map("no JSON number", |n| Number::from_f64(n + 0.5).filter(|_| n.abs() < 1e6))
            .prop_map(Value::Number),
        string().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        // Go prints the key `<<` bare, and so do we: it cannot be read back.
        let key = string().prop_filter("a merge key", |key| key != "<<");
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Whole floats are printed as integers.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        _ => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back(value in value()) {
        let Ok(text) = emit(&value) else { return Ok(()) };
        for dialect in [Dialect::V2, Dialect::V3] {
            let read = parse(&text, dialect);
            prop_assert!(read.as_ref().is_ok_and(|read| same(read, &value)), "{dialect:?} of {text:?}: {read:?}");
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in proptest::string::string_regex(&format!("({NASTY}|: |- |\n  |\\? |<<: |&a |\\*a |!!str |---\n){{0,30}}")).expect("the class is valid")) {
        for dialect in [Dialect::V2, Dialect::V3] {
            if let Ok(documents) = parse_all(&text, dialect, &Limits::default()) {
                for (index, document) in documents.iter().enumerate() {
                    prop_assert!(locate(&text, index, &[]).is_some());
                    let _ = emit(&document.value);
                }
            }
        }
    }
}
