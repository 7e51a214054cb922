//! What holds for any input.

use std::cmp::Ordering;

use proptest::prelude::*;
use sluice_version::{Constraint, Version};

fn version() -> impl Strategy<Value = Version> {
    let text = "v?[0-3](\\.[0-3]){0,2}(-(0|1|2|10|a|b|-|99999999999999999999)(\\.(0|1|a|Z)){0,2})?(\\+[a-c]{1,2})?";
    text.prop_map(|text: String| Version::parse(&text).unwrap())
}

proptest! {
    #[test]
    fn parsing_never_panics(text: String, odd in "[v0-9xX*.|<>=!~^, +-]{0,40}") {
        for text in [text, odd] {
            let _ = Version::parse(&text);
            let _ = Version::parse_strict(&text);
            let _ = Version::parse_tag(&text);
            let _ = Constraint::parse(&text);
        }
    }

    #[test]
    fn the_order_is_total(a in version(), b in version(), c in version()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&a), Ordering::Equal);
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }

    #[test]
    fn a_version_reads_back_as_itself(a in version()) {
        let again = Version::parse_strict(&a.to_string()).unwrap();
        prop_assert_eq!(&again, &a);
        prop_assert_eq!(again.to_string(), a.to_string());
    }

    #[test]
    fn a_constraint_reads_back_as_itself(text in "(=|!=|>|<|>=|<=|~|\\^)?[0-3](\\.[0-3x]){0,2}( \\|\\| >=[0-3]-a)?", v in version()) {
        let constraint = Constraint::parse(&text).unwrap();
        let again = Constraint::parse(&constraint.to_string()).unwrap();
        prop_assert_eq!(constraint.matches(&v), again.matches(&v));
    }
}

#[test]
fn constraints_are_bounded() {
    let groups = |n: usize| vec!["1.2.3"; n].join("||");
    Constraint::parse(&groups(32)).unwrap();
    assert_eq!(
        Constraint::parse(&groups(33)).unwrap_err().to_string(),
        "constraint has too many OR groups (max 32, found 33)"
    );
    assert!(Constraint::parse(&">=1.0.0 ".repeat(64)).is_ok());
    let error = Constraint::parse(&format!("{}1", ">=1.0.0 ".repeat(64))).unwrap_err();
    assert_eq!(error.to_string(), "constraint string is too long (max 512 bytes, found 513)");
    assert!(Version::parse(&format!("1.2.3-{}", "a".repeat(250))).is_ok());
    let error = Version::parse(&format!("1.2.3-{}", "a".repeat(251))).unwrap_err();
    assert_eq!(error.to_string(), "version string is too long (max 256 bytes, found 257)");
}
