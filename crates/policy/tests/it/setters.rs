//! Marked fields in files of every layout.

use sluice_policy::{Latest, Setters};

fn setters() -> Setters {
    let latest = |name: &str, tag: &str| Latest { name: name.to_owned(), tag: tag.to_owned(), digest: String::new() };
    let (web, number) = (latest("ghcr.io/acme/web", "1.10.0"), latest("acme/number", "42"));
    Setters::new([("ns", "web", &web), ("ns", "number", &number)]).unwrap()
}

#[track_caller]
fn check(before: &str, after: &str) {
    let marker = |text: &str| {
        text.replace("@WEB", "{\"$imagepolicy\": \"ns:web\"}").replace("@TAG", "{\"$imagepolicy\": \"ns:number:tag\"}")
    };
    let (before, after) = (marker(before), marker(after));
    let edited = setters().edit("f.yaml", &before).unwrap();
    assert_eq!(edited.map_or(before, |it| it.text), after);
}

#[test]
fn only_the_marked_scalar_changes() {
    for (before, after) in [
        ("a:\tx:1\t# @WEB\r\nb:   'y'  # z\r\n", "a:\tghcr.io/acme/web:1.10.0\t# @WEB\r\nb:   'y'  # z\r\n"),
        ("a: &n x:1 # @WEB\nb: *n\n", "a: &n ghcr.io/acme/web:1.10.0 # @WEB\nb: *n\n"),
        ("a: 'x:1'  # @WEB", "a: 'ghcr.io/acme/web:1.10.0'  # @WEB"),
        ("a: \"x\\u0031\" # @WEB", "a: \"ghcr.io/acme/web:1.10.0\" # @WEB"),
        ("a:\n    -   x   # @WEB\n    - y\n", "a:\n    -   ghcr.io/acme/web:1.10.0   # @WEB\n    - y\n"),
        ("a: !!str x # @WEB\n", "a: !!str ghcr.io/acme/web:1.10.0 # @WEB\n"),
        ("a: !!int &q 3 # @TAG\n", "a: &q \"42\" # @TAG\n"),
        ("a: 3 # @TAG\n", "a: \"42\" # @TAG\n"),
        ("a: |2+ # @WEB\n   x\n\nb: 1\n", "a: |2- # @WEB\n   ghcr.io/acme/web:1.10.0\n\nb: 1\n"),
        ("a: >\n  x # @WEB\n", "a: >\n  x # @WEB\n"),
        ("a: {b: x, # @WEB\n  c: 1}\n", "a: {b: 'ghcr.io/acme/web:1.10.0', # @WEB\n  c: 1}\n"),
        ("a: x\n  y # @WEB\n", "a: ghcr.io/acme/web:1.10.0 # @WEB\n"),
        ("\u{feff}a: x # @WEB\n", "\u{feff}a: ghcr.io/acme/web:1.10.0 # @WEB\n"),
        (
            "a: é # @WEB\n...\n---\nb: é # @WEB\n",
            "a: ghcr.io/acme/web:1.10.0 # @WEB\n...\n---\nb: ghcr.io/acme/web:1.10.0 # @WEB\n",
        ),
    ] {
        check(before, after);
    }
}

#[test]
fn what_is_no_marker_changes_nothing() {
    for text in [
        "a: x # @WEB and more\n",
        "a: x #@WEB?\n",
        "# @WEB\na: x\n",
        "a: # @WEB\n",
        "a: # @WEB\n  x\n",
        "a: *b # @WEB\n",
        "a: {b: x} # @WEB\n",
        "a: x # {\"$imagepolicy\": \"ns:web\", \"n\": 1}\n",
        "a: x # {\"$imagepolicy\": \"ns:web:\"}\n",
        "- x # @WEB\n",
        "a: [ # @WEB\n",
        "a: \"x\" \"# @WEB\n",
    ] {
        check(text, text);
    }
}
