//! Any template parses or is refused, and what parses ends within its limits.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sluice_gotemplate::{Functions, Limits, Set, Value, execute};

fuzz_target!(|text: &str| {
    let functions = Functions::builtin();
    let mut set = Set::new("fuzz");
    if set.parse("fuzz", text, &functions).is_err() {
        return;
    }
    let limits = Limits { steps: 100_000, output_bytes: 1 << 20, value_size: 1 << 20, ..Limits::default() };
    let list = Value::list([Value::from("a"), Value::Int(2), Value::Nil]);
    let data = Value::map([("text", Value::from("x")), ("list", list), ("none", Value::Nil)]);
    let begun = Instant::now();
    let written = execute(&set.into(), "fuzz", data, &functions, &limits);
    assert!(begun.elapsed() < Duration::from_secs(10), "a template without end");
    if let Ok(written) = written {
        assert!(written.len() <= limits.output_bytes, "more was written than the limit allows");
    }
});
