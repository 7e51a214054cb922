//! `conformance/sourceignore`: what is kept of a tree, and the bytes of its tar.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_tree::ignore::{IgnoreLimits, Patterns, filter};
use sluice_tree::{Limits, Tree, TreeBuilder, archive};

#[test]
fn sourceignore() {
    let Some(suite) = sluice_testing::suite("sourceignore") else { return };
    suite.run(264, |case| match case["kind"].as_str() {
        Some("bucket") => bucket(case),
        _ => tree(case),
    });
}

fn tree(case: &Value) -> Result<(), String> {
    let kept =
        filter(&files(&case["files"]), case["ignore"].as_str(), &IgnoreLimits::default()).map_err(|e| e.to_string())?;
    let mut tar = Vec::new();
    archive::write_tar(&kept, &mut tar).map_err(|e| e.to_string())?;
    let mut dirs = vec![];
    let mut names = vec![];
    for entry in tar::Archive::new(tar.as_slice()).entries().expect("a tar") {
        let entry = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        if entry.header().entry_type().is_dir() { dirs.push(path) } else { names.push(path) }
    }
    if let Some(entries) = case["entries"].as_array() {
        let want: Vec<_> = entries.iter().map(|e| &e["name"]).collect();
        same("entries", &json!(want.len()), &json!(dirs.len() + names.len()))?;
    } else {
        dirs.sort();
        names.sort();
        same("keptDirs", &case["keptDirs"], &json!(dirs))?;
        same("keptFiles", &case["keptFiles"], &json!(names))?;
    }
    same("tarSha256", &case["tarSha256"], &json!(hex::encode(Sha256::digest(&tar))))?;
    reads_back(&kept, &tar)
}

/// What we write, we read; folders that the archive does not name come back all the same. Only a backslash is
/// refused, as Flux's consumers refuse it.
fn reads_back(kept: &Tree, tar: &[u8]) -> Result<(), String> {
    if kept.walk().any(|(path, _)| path.contains('\\')) {
        return Ok(());
    }
    let read = archive::read_tar(tar, &Limits::default(), archive::Links::Refuse).map_err(|e| e.to_string())?.tree;
    if read.walk().eq(kept.walk()) { Ok(()) } else { Err(format!("read back {read:?} instead of {kept:?}")) }
}

fn bucket(case: &Value) -> Result<(), String> {
    let object = case["sourceignore"].as_str().map(str::as_bytes);
    let patterns =
        Patterns::of_bucket(object, case["ignore"].as_str(), &IgnoreLimits::default()).map_err(|e| e.to_string())?;
    let keys = case["keys"].as_array().expect("keys");
    let keeps = |key: &&Value| patterns.keeps_key(key.as_str().expect("a key"), &mut 0).expect("few steps");
    let kept: Vec<_> = keys.iter().filter(keeps).collect();
    same("kept", &case["kept"], &json!(kept))
}

fn files(files: &Value) -> Tree {
    let mut builder = TreeBuilder::new(Limits::default());
    for file in files.as_array().expect("files") {
        let path = file.as_str().or(file["path"].as_str()).expect("a path");
        if let Some(target) = file["link"].as_str() {
            builder.symlink(path, target).expect("a link");
        } else if file["dir"] == true {
            builder.directory(path).expect("a folder");
        } else {
            let content = file["content"].as_str().unwrap_or("x").to_owned();
            let mode = u32::from_str_radix(file["mode"].as_str().unwrap_or("0644"), 8).expect("octal");
            builder.file(path, content, mode & 0o111 != 0).expect("a file");
        }
    }
    builder.build()
}

fn same(what: &str, want: &Value, got: &Value) -> Result<(), String> {
    if want == got { Ok(()) } else { Err(format!("{what}: want {want}, got {got}")) }
}
