//! No text breaks the reader, and what is read and printed reads back the same in both dialects.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_yaml::{Dialect, Limits, Value, emit, locate, parse, parse_all};

fuzz_target!(|text: &str| {
    for dialect in [Dialect::V2, Dialect::V3] {
        let Ok(documents) = parse_all(text, dialect, &Limits::default()) else { continue };
        for (index, document) in documents.iter().enumerate() {
            assert!(locate(text, index, &[]).is_some());
            if is_readable(&document.value)
                && let Ok(printed) = emit(&document.value)
            {
                reads_back(&document.value, &printed);
            }
        }
    }
});

fn reads_back(value: &Value, printed: &str) {
    for dialect in [Dialect::V2, Dialect::V3] {
        let read = parse(printed, dialect).unwrap_or_else(|e| panic!("{dialect:?} of {printed:?}: {e}"));
        assert!(same(&read, value), "{dialect:?} of {printed:?}: {read:?} is not {value:?}");
    }
}

/// Leaves out what Go's printer, and so ours, does not print readably: the key `<<`, and separators in a block.
fn is_readable(value: &Value) -> bool {
    let text = |text: &str| !(text.contains('\n') && text.contains(['\u{2028}', '\u{2029}']));
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => items.iter().all(is_readable),
        Value::Object(map) => map.iter().all(|(key, value)| key != "<<" && text(key) && is_readable(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Equal, where a whole float may have become an integer.
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
