//! Hostile `.sourceignore` files: case 17 of the catalogue of bad input.

use sluice_tree::ignore::{IgnoreError, IgnoreLimits, filter};
use sluice_tree::{Limits, Tree, TreeBuilder};

fn tree(ignore: impl Into<Vec<u8>>, files: &[&str]) -> Tree {
    let mut builder = TreeBuilder::new(Limits { extracted: 1 << 30, ..Limits::default() });
    builder.file(".sourceignore", ignore.into(), false).unwrap();
    files.iter().for_each(|file| builder.file(file, "", false).unwrap());
    builder.build()
}

fn kept(tree: &Tree) -> Result<String, IgnoreError> {
    filter(tree, None, &IgnoreLimits::default()).map(|tree| format!("{tree:?}"))
}

#[test]
fn too_much_is_an_error_that_names_the_limit() {
    let big = kept(&tree(vec![b'#'; (1 << 20) + 1], &[])).unwrap_err();
    assert_eq!(big.to_string(), "ignore patterns of `.sourceignore`: limit `bytes` is 1048576, found 1048577");
    kept(&tree(vec![b'#'; 1 << 20], &[])).unwrap();
    let many = kept(&tree("a\n".repeat(20_001), &[])).unwrap_err();
    assert!(many.to_string().contains("limit `patterns` is 20000, found 20001"), "{many}");
    let few = IgnoreLimits { steps: 1000, ..IgnoreLimits::default() };
    let files: Vec<String> = (0..100).map(|i| format!("f{i}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let work = filter(&tree("*x*y\n".repeat(100), &files), None, &few).unwrap_err();
    assert!(work.to_string().contains("limit `steps` is 1000"), "{work}");
}

#[test]
fn a_long_line_does_not_end_the_file() {
    let long = format!("{}\nb\n", "x".repeat(70 << 10));
    assert_eq!(kept(&tree(long, &["a", "b"])).unwrap(), r#"[".sourceignore", "a"]"#);
}

#[test]
fn many_stars_end_in_time() {
    let stars = "**/".repeat(10_000) + "x\n";
    let deep = vec!["d"; 100].join("/");
    assert!(kept(&tree(stars, &[&deep])).is_ok());
    assert!(kept(&tree("*a".repeat(100_000), &[&"a".repeat(255)])).is_ok());
}

#[test]
fn bytes_that_are_no_text_match_nothing_but_count() {
    assert_eq!(kept(&tree(b"caf\xe9\n".to_vec(), &["a.png"])).unwrap(), r#"[".sourceignore", "a.png"]"#);
}

#[test]
fn a_file_of_an_ignored_folder_comes_back() {
    let kept = kept(&tree("docs/\n!docs/a.md\n", &["docs/a.md", "docs/b.md", "docs/c/d"])).unwrap();
    assert_eq!(kept, r#"[".sourceignore", "docs", "docs/a.md"]"#);
}
