//! Any tree builds or is refused, within its limits, and what comes out builds to itself.
//!
//! The input is a tree as one text: each file begins with a line `=== PATH`.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sluice_kustomize::{Limits, Options, Reorder, build};
use sluice_tree::{Tree, TreeBuilder};

fn tree<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Tree> {
    let mut builder = TreeBuilder::new(sluice_tree::Limits::default());
    for (path, text) in files {
        builder.file(path, text.to_owned(), false).ok()?;
    }
    Some(builder.build())
}

fuzz_target!(|text: &str| {
    let files = text.split("=== ").filter_map(|part| part.split_once('\n'));
    let Some(files) = tree(files) else { return };
    let options = Options { limits: Limits { loads: 200, ..Limits::default() }, ..Options::default() };
    let begun = Instant::now();
    let built = build(&files, "", &options);
    assert!(begun.elapsed() < Duration::from_secs(10), "a build without end");
    let Ok(built) = built else { return };
    let Ok(printed) = built.to_yaml() else { return };
    if built.objects.is_empty() || printed.contains("config.k") {
        // Notes for kustomize itself are read and taken away.
        return;
    }
    let again = [("kustomization.yaml", "resources: [all.yaml]"), ("all.yaml", printed.as_str())];
    let Some(again) = tree(again) else { return };
    let options = Options { reorder: Reorder::None, ..options };
    if let Ok(again) = build(&again, "", &options) {
        assert_eq!(again.to_yaml().expect("it was printed before"), printed);
    }
});
