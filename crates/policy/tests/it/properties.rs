//! Whatever the text, only marked scalars change.

use proptest::prelude::*;
use sluice_policy::{Choice, Latest, Semver, Setters, choose};
use sluice_yaml::{Dialect, parse_all};

const MARKER: &str = "# {\"$imagepolicy\": \"ns:web:tag\"}";

/// Text that is often YAML, and often has markers.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just(" ".to_owned()), 4 => Just("\n".to_owned()), 1 => Just("\r\n".to_owned()), 1 => Just("\t".to_owned()),
        3 => Just("a: ".to_owned()), 2 => Just("- ".to_owned()), 2 => Just("x".to_owned()), 1 => Just("é".to_owned()),
        2 => Just(format!(" {MARKER}")), 1 => Just("|".to_owned()), 1 => Just(">-\n  ".to_owned()), 1 => Just("{".to_owned()),
        1 => Just("}".to_owned()), 1 => Just("[".to_owned()), 1 => Just("]".to_owned()), 1 => Just(", ".to_owned()),
        1 => Just("'y'".to_owned()), 1 => Just("\"z\"".to_owned()), 1 => Just("&a ".to_owned()), 1 => Just("*a".to_owned()),
        1 => Just("!!int ".to_owned()), 1 => Just("---\n".to_owned()), 1 => Just("3".to_owned()), 1 => Just("\u{feff}".to_owned()),
        1 => Just("%".to_owned()), 1 => Just("? ".to_owned()), 2 => Just("\n  b: ".to_owned()), 1 => Just("#".to_owned()),
    ];
    let line =
        prop_oneof![Just(format!("k: v {MARKER}\n")), Just("n: 1\n".to_owned()), Just(format!("l:\n- 7 {MARKER}\n"))];
    prop_oneof![
        proptest::collection::vec(piece.clone(), 0..40)
            .prop_map(|pieces| pieces.concat() + &format!("\nk: v {MARKER}\n")),
        (proptest::collection::vec(line, 1..6), proptest::collection::vec(piece, 0..12))
            .prop_map(|(lines, pieces)| lines.concat() + &pieces.concat() + &format!(" {MARKER}\n")),
    ]
}

fn markers(text: &str) -> usize {
    text.matches(MARKER).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn an_edit_keeps_all_else(text in text()) {
        let latest = Latest { name: "acme/web".to_owned(), tag: "1.10.0".to_owned(), digest: String::new() };
        let setters = Setters::new([("ns", "web", &latest)]).unwrap();
        let Some(edited) = setters.edit("f.yaml", &text).unwrap() else { return Ok(()) };
        // Every marker is still there, but for one that is text within a scalar and no comment.
        let limits = sluice_yaml::Limits::default();
        let before = parse_all(&text, Dialect::V2, &limits);
        if before.as_ref().is_ok_and(|documents| !documents.iter().any(|it| it.value.to_string().contains("$imagepolicy"))) {
            prop_assert_eq!(markers(&edited.text), markers(&text));
        }
        if edited.text.lines().count() == text.lines().count() {
            prop_assert_eq!(edited.text.contains('\r'), text.contains('\r'));
        }
        // It is set now: a second run has nothing to do.
        let again = setters.edit("f.yaml", &edited.text).unwrap();
        prop_assert!(again.is_none(), "{:?} -> {:?} -> {:?}", text, edited.text, again);
        // And it is still YAML, of as many documents.
        if let Ok(before) = before {
            let after = parse_all(&edited.text, Dialect::V2, &limits);
            prop_assert!(after.as_ref().is_ok_and(|after| after.len() == before.len()), "{:?} -> {:?}: {:?}", text, edited.text, after);
        }
    }

    #[test]
    fn any_text_is_taken_without_a_panic(text in "\\PC*", range in "\\PC{0,12}", tags in proptest::collection::vec("\\PC{0,8}", 0..6)) {
        let latest = Latest { name: "acme/web".to_owned(), tag: "1".to_owned(), digest: String::new() };
        let setters = Setters::new([("ns", "web", &latest)]).unwrap();
        let _ = setters.edit("f.yaml", &format!("{text} {MARKER}\n{text}"));
        let choice = Choice { semver: Some(Semver { range: range.clone() }), ..Choice::default() };
        let filter = sluice_policy::FilterTags { pattern: range, extract: text };
        let chosen = choose(&choice, Some(&filter), tags.iter().map(String::as_str));
        if let Ok(tag) = chosen {
            prop_assert!(tags.iter().any(|it| it == tag));
        }
    }
}
