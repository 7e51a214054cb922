//! What holds for every input.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use sluice_kustomize::{Cache, Disk, Limits, Options, Reorder, build};

use crate::tree;

/// A sample's folder and its files.
type Sample = (String, Vec<(String, Vec<u8>)>);

fn samples() -> Vec<Sample> {
    fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read(&path).unwrap()));
            }
        }
        files.sort();
    }
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut samples = Vec::new();
    for case in fs::read_dir(cases).unwrap() {
        let root = case.unwrap().path().join("in");
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        samples.push((root.display().to_string(), files));
    }
    samples.sort();
    samples
}

#[test]
fn what_a_build_prints_builds_to_itself() {
    for (root, _) in samples() {
        let files = Disk::new(&root).unwrap();
        let first = build(&files, "", &Options::default()).unwrap().to_yaml().unwrap();
        let again = tree(&[("kustomization.yaml", "resources: [all.yaml]"), ("all.yaml", &first)]);
        let options = Options { reorder: Reorder::None, ..Options::default() };
        // Origins are notes of one build.
        if !first.contains("config.kubernetes.io/origin") {
            assert_eq!(build(&again, "", &options).unwrap().to_yaml().unwrap(), first, "{root}");
        }
    }
}

#[test]
fn builds_that_share_a_cache_are_the_same_as_builds_alone() {
    let cache = Cache::new(1 << 20);
    for _ in 0..2 {
        for (root, _) in samples() {
            let files = Disk::new(&root).unwrap();
            let alone = build(&files, "", &Options::default()).unwrap();
            let options = Options { cache: Some(cache.clone()), ..Options::default() };
            let shared = build(&files, "", &options).unwrap();
            assert_eq!(shared.objects, alone.objects);
            assert!(shared.reads.same_in(&files));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes changed anywhere give a build or an error, never a panic.
    #[test]
    fn mutated_samples_do_not_panic(
        which in 0usize..64,
        edits in prop::collection::vec((0usize..64, any::<prop::sample::Index>(), 0usize..12), 1..6),
    ) {
        const SPICE: [&str; 12] =
            ["", "\n", ": ", "- ", "{", "]", "\"", "&a ", "*a", "$patch: delete\n", "9", "\u{0}"];
        let samples = samples();
        let (_, mut files) = samples[which % samples.len()].clone();
        for (file, at, spice) in edits {
            let count = files.len();
            let bytes = &mut files[file % count].1;
            let at = at.index(bytes.len() + 1);
            let end = (at + 3).min(bytes.len());
            bytes.splice(at..end, SPICE[spice].bytes());
        }
        let mut builder = sluice_tree::TreeBuilder::new(sluice_tree::Limits::default());
        for (path, bytes) in files {
            builder.file(&path, bytes, false).unwrap();
        }
        let options = Options { limits: Limits { loads: 200, ..Limits::default() }, ..Options::default() };
        if let Err(errors) = build(&builder.build(), "", &options) {
            prop_assert!(!errors.0.is_empty() && errors.0.iter().all(|error| !error.message.is_empty()));
        }
    }
}
