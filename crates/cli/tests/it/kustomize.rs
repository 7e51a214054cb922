//! `sluice kustomize build`.

use std::fs;

use crate::preview::git;
use crate::{sluice, write};

#[test]
fn a_build_goes_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base/kustomization.yaml", "resources: [config.yaml]\n");
    write(
        folder.path(),
        "base/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {b: 'yes', a: '1'}\n",
    );
    write(folder.path(), "overlay/kustomization.yaml", "namePrefix: p-\nnamespace: apps\nresources: [../base]\n");
    let run = sluice(folder.path(), &["kustomize", "build", "overlay"]);
    assert_eq!(
        run.stdout,
        "apiVersion: v1\ndata:\n  a: \"1\"\n  b: \"yes\"\nkind: ConfigMap\nmetadata:\n  name: p-c\n  namespace: apps\n"
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn a_build_can_go_to_a_file_per_object() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "kustomization.yaml",
        "configMapGenerator: [{name: c, literals: [a=1]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n",
    );
    fs::create_dir(folder.path().join("out")).unwrap();
    let run = sluice(folder.path(), &["kustomize", "build", "-o", "out"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    let text = fs::read_to_string(folder.path().join("out/v1_configmap_c.yaml")).unwrap();
    assert_eq!(text, "apiVersion: v1\ndata:\n  a: \"1\"\nkind: ConfigMap\nmetadata:\n  name: c\n");
}

#[test]
fn what_cannot_be_built_is_an_error_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "kustomization.yaml", "resources: [missing.yaml]\n");
    for arguments in [
        &["kustomize", "build"][..],
        &["kustomize", "build", "nowhere"],
        &["kustomize", "build", "http://127.0.0.1:1/org/repo.git"],
        &["kustomize", "build", "--no-remote-bases", "https://example.com/org/repo"],
        &["kustomize", "build", "https://169.254.169.254/org/repo"],
        &["kustomize", "build", "git::ext::sh -c id"],
    ] {
        let run = sluice(folder.path(), arguments);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(run.stderr.starts_with("Error: "), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn a_build_reads_archives_and_revisions() {
    let config =
        |value: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{a: {value}}}\n");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "app/kustomization.yaml", "resources: [c.yaml]\n");
    write(folder.path(), "app/c.yaml", &config("old"));
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-qm", "one"]);
    let tree = sluice_tree::disk::read(folder.path(), &sluice_tree::Limits::default()).unwrap();
    let packed = fs::File::create(folder.path().join("old.tar.gz")).unwrap();
    sluice_tree::archive::write_tar_gz(&tree, packed).unwrap();
    write(folder.path(), "app/c.yaml", &config("new"));
    for (dir, want) in [("app", "new"), ("git:HEAD:app", "old"), ("git:HEAD:/app/", "old"), ("old.tar.gz//app", "old")]
    {
        let run = sluice(folder.path(), &["kustomize", "build", dir]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{dir}");
        assert!(run.stdout.contains(&format!("a: {want}\n")), "{dir}: {}", run.stdout);
    }
    for (dir, want) in
        [("git:nope:app", "nope"), ("git:HEAD:nope", "`nope` not found"), ("old.tar.gz//nope", "`nope` not found")]
    {
        let run = sluice(folder.path(), &["kustomize", "build", dir]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{dir}");
        assert!(run.stderr.contains(want), "{dir}: {}", run.stderr);
    }
}
