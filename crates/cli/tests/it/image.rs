//! Image automation as people and scripts see it.

use crate::{sluice, write};

#[track_caller]
fn exported(arguments: &[&str], want: &str) {
    let folder = tempfile::tempdir().unwrap();
    let run = sluice(folder.path(), &[&["create", "image"], arguments, &["--export"]].concat());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(run.stdout, want);
}

#[test]
fn image_objects_are_exported_without_a_cluster() {
    exported(
        &["repository", "web", "--image", "ghcr.io/acme/web", "--interval", "5m", "--scan-timeout", "10s"],
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata:\n  name: web\n  namespace: \
         flux-system\nspec:\n  image: ghcr.io/acme/web\n  interval: 5m\n  timeout: 10s\n",
    );
    exported(
        &["policy", "web", "--image-ref", "web", "--select-semver", "1.x", "--reflect-digest", "Always"],
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n  name: web\n  namespace: \
         flux-system\nspec:\n  digestReflectionPolicy: Always\n  imageRepositoryRef:\n    name: web\n  interval: 1m\n  \
         policy:\n    semver:\n      range: 1.x\n",
    );
    exported(
        &[
            "update",
            "fleet",
            "--git-repo-ref",
            "fleet",
            "--push-branch",
            "images",
            "--author-name",
            "A",
            "--author-email",
            "a@b.c",
        ],
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata:\n  name: fleet\n  \
         namespace: flux-system\nspec:\n  git:\n    commit:\n      author:\n        email: a@b.c\n        name: A\n    \
         push:\n      branch: images\n  interval: 1m\n  sourceRef:\n    kind: GitRepository\n    name: fleet\n  update:\n    \
         strategy: Setters\n",
    );
}

#[test]
fn a_policy_chooses_in_one_way() {
    let folder = tempfile::tempdir().unwrap();
    let create = |more: &[&str]| {
        let run = sluice(
            folder.path(),
            &[&["create", "image", "policy", "web", "--image-ref", "web", "--export"], more].concat(),
        );
        assert_eq!((run.code, run.stdout.as_str()), (1, ""));
        run.stderr
    };
    assert!(create(&[]).contains("--select-semver"));
    assert!(create(&["--select-semver", "1.x", "--select-alpha", "asc"]).contains("exclude each other"));
    assert!(create(&["--select-numeric", "asc", "--filter-extract", "$n"]).contains("--filter-regex"));
}

const POD: &str = "kind: Pod\nspec:\n  containers:\n  - image:   acme/web:1.0.0 # {\"$imagepolicy\": \"apps:web\"}\n";

#[test]
fn what_would_change_is_shown_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "apps/pod.yaml", POD);
    write(folder.path(), ".git/pod.yaml", POD);
    write(folder.path(), "other.txt", POD);
    let run = sluice(folder.path(), &["image", "diff", "--policy", "apps/web=acme/web:1.1.0"]);
    let marker = "# {\"$imagepolicy\": \"apps:web\"}";
    assert_eq!(
        run.stdout,
        format!("apps/pod.yaml:4\n-  - image:   acme/web:1.0.0 {marker}\n+  - image:   acme/web:1.1.0 {marker}\n")
    );
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    assert_eq!(std::fs::read_to_string(folder.path().join("apps/pod.yaml")).unwrap(), POD);
    let run = sluice(folder.path(), &["image", "diff", "--policy", "apps/web=acme/web:1.0.0"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    let run = sluice(folder.path(), &["image", "diff", "nowhere", "--policy", "apps/web=acme/web:1.0.0"]);
    assert!(run.code == 2 && run.stderr.contains("nowhere"), "{} {}", run.code, run.stderr);
}

#[test]
fn policies_are_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "apps/pod.yaml", POD);
    write(
        folder.path(),
        "policies.yaml",
        "kind: ImagePolicy\nmetadata: {name: web, namespace: apps}\nstatus: {latestRef: {name: acme/web, tag: 2.0.0}}\n",
    );
    let run = sluice(folder.path(), &["image", "diff", "apps", "-f", "policies.yaml"]);
    assert!(run.code == 1 && run.stdout.starts_with("pod.yaml:4\n"), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("acme/web:2.0.0"));
}
