//! No text makes the parser or the executor panic, hang or exceed its limits.

use std::sync::Arc;

use proptest::prelude::*;
use sluice_gotemplate::{Functions, Limits, Set, Value, execute};

fn run(text: &str, limits: &Limits) -> Result<String, String> {
    let functions = Functions::builtin();
    let mut set = Set::new("t");
    set.parse("t", text, &functions).map_err(|error| error.to_string())?;
    let data = Value::map([("a", Value::Int(3)), ("l", Value::list([Value::Nil, Value::from("x")]))]);
    execute(&Arc::new(set), "t", data, &functions, limits).map_err(|error| error.to_string())
}

fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "if ",
        "else ",
        "end ",
        "range ",
        "with ",
        "define ",
        "template ",
        "block ",
        "\"x\"",
        "`r`",
        "'c'",
        "$v",
        ":=",
        "=",
        ",",
        "|",
        "(",
        ")",
        ".a",
        ".l",
        ".",
        "nil",
        "true",
        "1",
        "0x1p3",
        "printf \"%5.2v\"",
        "index ",
        "len ",
        "eq ",
        "and ",
        "break",
        "continue",
        "/*",
        "*/",
        "text",
        "é",
        "\n",
    ];
    prop::sample::select(pieces.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn any_text_gives_a_result(pieces in prop::collection::vec(piece(), 0..40)) {
        let _ = run(&pieces.concat(), &Limits { steps: 10_000, ..Limits::default() });
    }
}

#[test]
fn deep_nesting_is_an_error() {
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(run(&parens, &Limits::default()).is_err_and(|error| error.contains("limit: parser nesting")));
    let ifs = "{{ if 1 }}".repeat(5_000);
    assert!(run(&ifs, &Limits::default()).is_err());
}

#[test]
fn recursion_and_endless_loops_stop_at_their_limits() {
    let recursion = r#"{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}"#;
    assert!(run(recursion, &Limits::default()).is_err_and(|error| error.contains("exceeded maximum template depth")));
    let steps = Limits { steps: 100_000, ..Limits::default() };
    assert!(run("{{ range 1000000000 }}{{ end }}", &steps).is_err_and(|error| error.contains("limit: steps")));
    let output = Limits { output_bytes: 1_000, ..Limits::default() };
    assert!(run("{{ range 1000 }}xxxx{{ end }}", &output).is_err_and(|error| error.contains("limit: output_bytes")));
}
