//! What holds for every input.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sluice_kustomize::{Cache, Disk, Limits, Options, Reorder, build};

use crate::tree;

/// A sample's folder and its files.
type Sample = (String, Vec<(String, Vec<u8>)>);

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.is_file() {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(&path).unwrap()));
        }
    }
    files.sort();
}

fn samples() -> Vec<Sample> {
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

/// The same of all that kustomize printed in the recorded cases.
#[test]
fn what_kustomize_printed_builds_to_itself() {
    let Some(suite) = sluice_testing::suite("kustomize") else { return };
    let (mut same, mut differs) = (0, Vec::new());
    for case in fs::read_dir(suite.dir().join("cases")).unwrap() {
        let case = case.unwrap().path();
        let Ok(printed) = fs::read_to_string(case.join("expected.yaml")) else { continue };
        // Nothing is an empty kustomization; origins and transformations are notes of one build, taken off by the next.
        if printed.is_empty() || printed.contains("config.kubernetes.io/") {
            continue;
        }
        let again = tree(&[("kustomization.yaml", "resources: [all.yaml]"), ("all.yaml", &printed)]);
        let options = Options { reorder: Reorder::None, ..Options::default() };
        match build(&again, "", &options).map(|built| built.to_yaml()) {
            Ok(Ok(built)) if built == printed => same += 1,
            other => differs.push(format!("{}: {other:?}", case.display())),
        }
    }
    assert!(same > 900 && differs.is_empty(), "{same} build to themselves, these do not:\n{}", differs.join("\n"));
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

/// The recorded cases that are small, where they are: their folder to build and their files.
fn recorded() -> &'static [Sample] {
    static RECORDED: OnceLock<Vec<Sample>> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let Some(suite) = sluice_testing::suite("kustomize") else { return Vec::new() };
        let mut cases: Vec<_> =
            fs::read_dir(suite.dir().join("cases")).unwrap().map(|case| case.unwrap().path()).collect();
        cases.sort();
        let sample = |case: PathBuf| {
            let about: serde_json::Value = serde_json::from_slice(&fs::read(case.join("case.json")).unwrap()).unwrap();
            let mut files = Vec::new();
            collect(&case.join("input"), &case.join("input"), &mut files);
            let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
            let run = about["run"].as_str().unwrap_or("").trim_start_matches("./").trim_matches(['.', '/']).to_owned();
            (!files.is_empty() && bytes < 8 << 10).then_some((run, files))
        };
        cases.into_iter().filter_map(sample).collect()
    })
}

/// Where to change what, and into which of [`SPICE`].
type Edits = Vec<(usize, prop::sample::Index, usize)>;

const SPICE: [&str; 14] = [
    "",
    "\n",
    ": ",
    "- ",
    "{",
    "]",
    "\"",
    "&a ",
    "*a",
    "$patch: delete\n",
    "9",
    "\u{0}",
    "null",
    "# {\"type\":\"array\"}\n",
];

fn edits() -> impl Strategy<Value = Edits> {
    prop::collection::vec((0usize..64, any::<prop::sample::Index>(), 0..SPICE.len()), 1..6)
}

/// Builds a sample with bytes changed: a build or errors that say something, in time, never a panic.
fn mutated(folder: &str, mut files: Vec<(String, Vec<u8>)>, edits: Edits) -> Result<(), TestCaseError> {
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
    let begun = Instant::now();
    let built = build(&builder.build(), folder, &options);
    prop_assert!(begun.elapsed() < Duration::from_secs(30));
    if let Err(errors) = built {
        prop_assert!(!errors.0.is_empty() && errors.0.iter().all(|error| !error.message.is_empty()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_samples_do_not_panic(which in 0usize..64, edits in edits()) {
        let samples = samples();
        let (_, files) = samples[which % samples.len()].clone();
        mutated("", files, edits)?;
    }

    #[test]
    fn mutated_recorded_cases_do_not_panic(which in any::<prop::sample::Index>(), edits in edits()) {
        if !recorded().is_empty() {
            let (folder, files) = which.get(recorded()).clone();
            mutated(&folder, files, edits)?;
        }
    }
}
