//! Positions of fields for error messages.

use sluice_yaml::{Mark, locate};

const TEXT: &str = "\
# a comment
---
a:
  b:
  - c: 1
  -   d: {e: [x, y]}
---
base: &base {k: v}
use:
  <<: *base
  again: *base
";

#[track_caller]
fn check(document: usize, path: &[&str], want: Option<(u32, u32)>) {
    let found = locate(TEXT, document, path).map(|Mark { line, column }| (line, column));
    assert_eq!(found, want, "{path:?} in document {document}");
}

#[test]
fn a_key_an_item_and_the_document() {
    check(0, &[], Some((3, 1)));
    check(0, &["a"], Some((3, 1)));
    check(0, &["a", "b"], Some((4, 3)));
    check(0, &["a", "b", "0", "c"], Some((5, 5)));
    check(0, &["a", "b", "1"], Some((6, 7)));
    check(0, &["a", "b", "1", "d", "e", "1"], Some((6, 18)));
}

#[test]
fn what_is_not_there() {
    check(0, &["a", "x"], None);
    check(0, &["a", "b", "2"], None);
    check(0, &["a", "b", "first"], None);
    check(0, &["a", "b", "0", "c", "deeper"], None);
    check(2, &[], None);
}

#[test]
fn what_comes_from_elsewhere_is_where_it_is_named() {
    check(1, &["use", "k"], Some((10, 3)));
    check(1, &["use", "again", "k"], Some((11, 3)));
}
