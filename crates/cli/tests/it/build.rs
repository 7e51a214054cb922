//! `sluice build kustomization` from files alone.

use std::path::Path;

use crate::{sluice, write};

fn kustomization(name: &str, source: &str, path: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\n\
         spec: {{interval: 1m, path: {path}, prune: true, sourceRef: {{kind: GitRepository, name: {source}}}}}\n"
    )
}

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: n}}\n")
}

/// A cluster's folder that applies one folder beside it and one of another repository.
fn repositories(root: &Path) {
    write(root, "fleet/clusters/main/apps.yaml", &kustomization("apps", "fleet", "./apps"));
    write(root, "fleet/clusters/main/infra.yaml", &kustomization("infra", "infra", "./base"));
    write(root, "fleet/clusters/main/notes.yaml", "not: an object\n");
    write(root, "fleet/apps/web.yaml", &config("web"));
    write(root, "infra/base/dns.yaml", &config("dns"));
    write(root, "main.yaml", &kustomization("main", "fleet", "./clusters/main"));
}

const BUILD: [&str; 9] = [
    "build",
    "ks",
    "main",
    "--path=fleet/clusters/main",
    "--kustomization-file=main.yaml",
    "--dry-run",
    "-n=flux-system",
    "--ignore-paths=notes.yaml,*.md",
    "--recursive",
];

#[test]
fn kustomizations_among_the_objects_are_built_too() {
    let folder = tempfile::tempdir().unwrap();
    repositories(folder.path());
    let local = ["--local-sources=GitRepository/flux-system/infra=infra"];
    let run = sluice(folder.path(), &[&BUILD[..], &local].concat());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let names: Vec<&str> = run.stdout.lines().filter_map(|line| line.strip_prefix("  name: ")).collect();
    assert_eq!(names, ["apps", "infra", "web", "dns"]);
}

#[test]
fn a_source_that_is_not_here_is_named() {
    let folder = tempfile::tempdir().unwrap();
    repositories(folder.path());
    let run = sluice(folder.path(), &BUILD);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("`flux-system/infra`") && run.stderr.contains("--local-sources"), "{}", run.stderr);
}

#[test]
fn paths_are_left_out_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    repositories(folder.path());
    let all: Vec<&str> = BUILD.into_iter().filter(|it| !it.starts_with("--ignore") && *it != "--recursive").collect();
    let run = sluice(folder.path(), &all);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("notes.yaml"), "{}", run.stderr);
}
