//! Hostile texts and values: cases 43 to 45 of the catalogue of bad input.

use proptest::prelude::*;
use serde_json::json;
use sluice_substitute::{Error, Limits, Mode, ObjectError, Options, Variables, evaluate, object, substitute};

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn limited(text: &str, pairs: &[(&str, &str)], limit: &str) {
    let error = substitute(text, &variables(pairs), Mode::Lenient, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: got, .. } if got == limit), "{error}");
}

#[test]
fn depth_output_and_work_are_bounded() {
    let nested = |n: usize| format!("{}{}", "${a:-".repeat(n), "}".repeat(n));
    assert_eq!(substitute(&nested(500), &variables(&[]), Mode::Lenient, &Limits::default()).unwrap(), "");
    limited(&nested(501), &[], "depth");
    limited(&nested(100_000), &[], "depth");
    let mebibyte = "v".repeat(1 << 20);
    limited(&"${v}".repeat(10_000), &[("v", &mebibyte)], "output");
    limited("${v//v/${v}}", &[("v", &mebibyte)], "output");
    limited(
        "${u:-${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}${v}}",
        &[("v", &mebibyte)],
        "output",
    );
    limited("${v##*x}", &[("v", &mebibyte)], "steps");
    limited("${v%%x*}", &[("v", &mebibyte)], "steps");
}

#[test]
fn a_value_is_not_looked_at_again() {
    let got = substitute("${x}", &variables(&[("x", "${x}$$${y}")]), Mode::Strict, &Limits::default()).unwrap();
    assert_eq!(got, "${x}$$${y}");
}

#[test]
fn odd_offsets_are_no_panic() {
    let pairs = variables(&[("x", "abc"), ("min", "-9223372036854775808"), ("max", "9223372036854775807")]);
    for (text, want) in [
        ("${x:9999999999}", Some("")),
        ("${x:${min}}", Some("abc")),
        ("${x:${max}:${max}}", Some("")),
        ("${x:1:${max}}", Some("bc")),
        ("${x:0:-1}", None),
        ("${x:1:${min}}", None),
        ("${x:${max}:${min}}", None),
        ("${x//*/y}", Some("abc")),
    ] {
        let got = substitute(text, &pairs, Mode::Strict, &Limits::default());
        assert_eq!(got.ok().as_deref(), want, "{text}");
    }
}

#[test]
fn half_a_character_is_an_error_not_another_text() {
    let got = substitute("${x:0:1}", &variables(&[("x", "é")]), Mode::Strict, &Limits::default());
    assert_eq!(got, Err(Error::NotUtf8));
}

#[test]
fn no_error_quotes_a_value() {
    let secret = "canary: [s3cr3t";
    let resource = json!({"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"p": "${password}"}});
    for value in
        [secret, "*s3cr3t", "@s3cr3t", "\"s3cr3t", "!!s3cr3t x: y", "{s3cr3t", "s3cr3t\\\": {", "\u{7f}s3cr3t\u{1}"]
    {
        for text in ["${password}", "x${password}", "'${password}", "${password:0:-1}"] {
            let mut resource = resource.clone();
            resource["stringData"]["p"] = json!(text);
            if let Err(error) = object(&resource, &variables(&[("password", value)]), &Options::default()) {
                assert!(!error.to_string().contains("s3cr3t") && !format!("{error:?}").contains("s3cr3t"), "{error:?}");
            }
        }
    }
    let broken = object(&resource, &variables(&[("password", secret)]), &Options::default()).unwrap_err();
    assert!(matches!(broken, ObjectError::Yaml { .. }), "{broken}");
}

#[test]
fn a_value_may_not_add_documents() {
    let resource = json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "${x}"}});
    let value = "x\n---\nkind: ClusterRole\n";
    let got = object(&resource, &variables(&[("x", value)]), &Options::default()).unwrap_err();
    assert!(matches!(got, ObjectError::Yaml { .. }), "without its line breaks it is no YAML: {got}");
}

proptest! {
    #[test]
    fn nothing_panics(text in "(\\$|\\{|\\}|:|/|#|%|\\^|,|=|-|\\?|\\*|\\[|\\]|\\\\|a|x|é|[0-9]){0,40}", value in "(a|/|é|\\*|x){0,12}") {
        let pairs = variables(&[("a", &value), ("x", "2")]);
        let _ = evaluate(&text, &pairs, Mode::Lenient, &Limits::default());
        let _ = evaluate(&format!("${{a{text}}}"), &pairs, Mode::Lenient, &Limits::default());
    }
}
