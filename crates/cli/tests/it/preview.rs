//! `sluice preview` on a repository made by Git itself.

use std::path::Path;
use std::process::Command;

use crate::{sluice, write};

const FLUX: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: repo, namespace: flux-system}\n\
spec: {interval: 1m, url: https://git.example.com/repo, ref: {branch: main}}\n---\n\
apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: app, namespace: flux-system}\n\
spec: {interval: 1m, path: ./app, prune: true, sourceRef: {kind: GitRepository, name: repo}}\n";

pub fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "init.defaultBranch=main", "-c", "user.name=t", "-c", "user.email=t@localhost"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", message]);
}

fn secret(value: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: n}}\nstringData: {{password: {value}}}\n")
}

/// Two tagged revisions: one object goes, one comes, two change.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let config = |name: &str, value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: n}}\ndata: {{k: {value}}}\n")
    };
    git(root, &["init", "-q"]);
    write(root, "clusters/flux.yaml", FLUX);
    write(root, "app/kept.yaml", &config("kept", "a"));
    write(root, "app/gone.yaml", &config("gone", "a"));
    write(root, "app/secret.yaml", &secret("hunter2"));
    commit(root, "one");
    git(root, &["tag", "v1"]);
    write(root, "app/kept.yaml", &config("kept", "b"));
    write(root, "app/new.yaml", &config("new", "a"));
    write(root, "app/secret.yaml", &secret("s3cr3t"));
    std::fs::remove_file(root.join("app/gone.yaml")).unwrap();
    commit(root, "two");
    git(root, &["tag", "v2"]);
    folder
}

#[test]
fn two_revisions_are_compared_field_by_field() {
    let folder = repository();
    let run = sluice(folder.path(), &["preview", "v1..v2"]);
    let changes = "Kustomization flux-system/app (./app)\n\
        \x20 - ConfigMap/n/gone\n\
        \x20 ~ ConfigMap/n/kept\n\
        \x20     data.k: a → b\n\
        \x20 + ConfigMap/n/new\n\
        \x20 ~ Secret/n/s\n\
        \x20     stringData.password: *** (before) → *** (after)\n\n";
    assert!(run.stdout.starts_with(changes), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.ends_with(": 1 created, 2 changed, 1 deleted\n"), "{}", run.stdout);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
}

#[test]
fn secrets_are_in_no_form_of_the_answer() {
    let folder = repository();
    for form in ["text", "markdown", "json"] {
        let run = sluice(folder.path(), &["preview", "v1..v2", "-o", form]);
        assert_eq!(run.code, 1, "{form}");
        assert!(!run.stdout.contains("hunter2") && !run.stdout.contains("s3cr3t"), "{form}: {}", run.stdout);
    }
    let json = sluice(folder.path(), &["preview", "v1..v2", "-o", "json"]).stdout;
    let answer: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["summary"], serde_json::json!({"created": 1, "changed": 2, "deleted": 1}));
}

#[test]
fn nothing_changes_where_nothing_differs() {
    let folder = repository();
    let run = sluice(folder.path(), &["preview", "v2"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    assert!(run.stdout.ends_with("→ work tree: 0 created, 0 changed, 0 deleted\n"), "{}", run.stdout);
    write(folder.path(), "app/more.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: more}\n");
    let run = sluice(folder.path(), &["preview"]);
    assert!(run.code == 1 && run.stdout.contains("+ Namespace/more"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_built_ends_with_two() {
    let folder = repository();
    write(folder.path(), "app/kustomization.yaml", "resources: [missing.yaml]\n");
    let run = sluice(folder.path(), &["preview"]);
    assert!(run.code == 2 && run.stdout.contains("missing.yaml"), "{} {}", run.code, run.stdout);
    assert!(!run.stdout.contains("- ConfigMap/n/kept"), "a broken build is not an empty one: {}", run.stdout);
    let run = sluice(folder.path(), &["preview", "nowhere..v2"]);
    assert!(run.code == 2 && run.stderr.contains("`nowhere`"), "{} {}", run.code, run.stderr);
}
