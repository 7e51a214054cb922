//! What a hostile chart asks for beyond the limits is refused, and the error names the limit.

use std::sync::Arc;

use sluice_gotemplate::{Limits, Set, Value, execute};

fn refused(template: &str, limits: &Limits) -> String {
    let functions = crate::functions(&crate::Options::default());
    let mut set = Set::new("caps");
    set.parse("caps", template, &functions).expect("the template is well-formed");
    execute(&Arc::new(set), "caps", Value::Nil, &functions, limits).expect_err("refused").to_string()
}

#[test]
fn a_text_cannot_be_repeated_without_end() {
    let error = refused(r#"{{ repeat 100000000 "x" }}"#, &Limits::default());
    assert!(error.contains("(limit: value_size "), "{error}");
}

#[test]
fn a_number_cannot_be_padded_without_end() {
    let limits = Limits { value_size: 1 << 16, output_bytes: 1 << 16, ..Limits::default() };
    let text = refused(r#"{{ range until 60000 }}{{ printf "%999999d" 1 }}{{ end }}"#, &limits);
    assert!(text.contains("limit"), "{text}");
}

#[test]
fn keys_are_counted() {
    let limits = Limits { expensive_calls: 2, ..Limits::default() };
    let error = refused(r#"{{ range until 3 }}{{ genPrivateKey "ed25519" }}{{ end }}"#, &limits);
    assert!(error.contains("(limit: expensive_calls)"), "{error}");
}

#[test]
fn hashes_and_derived_passwords_are_counted() {
    for call in [r#"bcrypt "x""#, r#"htpasswd "u" "x""#, r#"derivePassword 1 "pin" "a" "b" "c""#] {
        let error = refused(&format!("{{{{ {call} }}}}"), &Limits { expensive_calls: 0, ..Limits::default() });
        assert!(error.contains("(limit: expensive_calls)"), "{error}");
    }
}

#[test]
fn a_certificate_ends_before_the_calendar_does() {
    for days in [i64::MAX, i64::MIN + 1] {
        let error = refused(&format!(r#"{{{{ genSelfSignedCert "x" nil nil {days} }}}}"#), &Limits::default());
        assert!(error.contains("(limit: days of a certificate)"), "{error}");
    }
}

#[test]
fn toml_nests_only_so_deep() {
    let functions = crate::functions(&crate::Options::default());
    let mut set = Set::new("caps");
    let template = r#"{{ fromToml (printf "a = %s" (repeat 100000 "[")) }}"#;
    set.parse("caps", template, &functions).expect("the template is well-formed");
    let text =
        execute(&Arc::new(set), "caps", Value::Nil, &functions, &Limits::default()).expect("an error as a value");
    assert!(text.contains("(limit: toml depth)"), "{text}");
}
