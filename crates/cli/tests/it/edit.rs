//! `sluice kustomize edit` and `explain`.

use std::fs;

use crate::{sluice, write};

/// What a kustomization file says after an edit, and the exit code.
fn edited(before: &str, arguments: &str) -> (String, i32) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "kustomization.yaml", before);
    write(folder.path(), "a.yaml", "{}");
    write(folder.path(), "b.yaml", "{}");
    let arguments: Vec<&str> = ["kustomize", "edit"].into_iter().chain(arguments.split(' ')).collect();
    let run = sluice(folder.path(), &arguments);
    (fs::read_to_string(folder.path().join("kustomization.yaml")).unwrap(), run.code)
}

const HEAD: &str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";

#[test]
fn an_edit_keeps_comments_and_layout() {
    let before =
        format!("# top\n{HEAD}resources:\n  # r\n  - a.yaml # la\n\nimages:\n  - name: node # n\n    newTag: '1'\n");
    for (arguments, from, to) in [
        ("add resource *.yaml", "# la\n", "# la\n  - b.yaml\n"),
        ("add resource a.yaml", "", ""),
        ("remove resource q.yaml", "", ""),
        ("set image node:8", "'1'", "'8'"),
        ("set namespace shop", "\nimages:", "namespace: shop\n\nimages:"),
    ] {
        assert_eq!(edited(&before, arguments), (before.replacen(from, to, 1), 0), "{arguments}");
    }
}

#[test]
fn what_makes_no_sense_leaves_the_file_alone() {
    let before = format!("{HEAD}commonLabels: {{a: x}}\n");
    for arguments in ["add resource nothere.yaml", "add label a:b", "set replicas x=y", "set image node"] {
        assert_eq!(edited(&before, arguments), (before.clone(), 1), "{arguments}");
    }
}

#[test]
fn patches_and_generators_are_added_changed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = || fs::read_to_string(folder.path().join("kustomization.yaml")).unwrap();
    write(folder.path(), "kustomization.yaml", HEAD);
    write(folder.path(), "a.yaml", "{}");
    for (arguments, has, lacks) in [
        ("add patch --path a.yaml --kind Deployment", "path: a.yaml", "nothing"),
        ("remove patch --path a.yaml --kind Deployment", "kind: Kustomization", "a.yaml"),
        ("add configmap c --from-literal=a=b", "- a=b", "nothing"),
        ("set configmap c --from-literal=a=c", "- a=c", "- a=b"),
        ("add configmap d --from-literal=a=b --namespace apps", "namespace: apps", "nothing"),
        ("remove configmap d --namespace apps", "name: c", "name: d"),
        ("add secret s --from-literal=x=y --type Opaque", "type: Opaque", "nothing"),
        ("set secret s --from-literal=x=z", "- x=z", "- x=y"),
        ("remove secret s", "name: c", "secretGenerator"),
    ] {
        let words: Vec<&str> = ["kustomize", "edit"].into_iter().chain(arguments.split(' ')).collect();
        let run = sluice(folder.path(), &words);
        assert_eq!(run.code, 0, "{arguments}: {}", run.stderr);
        assert!(file().contains(has) && !file().contains(lacks), "{arguments}:\n{}", file());
    }
}

#[test]
fn fields_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let run = sluice(folder.path(), &["kustomize", "explain", "images"]);
    assert!(run.stdout.starts_with("FIELD: images <list of maps>"), "{}", run.stdout);
    assert_eq!(sluice(folder.path(), &["kustomize", "explain", "imagse"]).code, 1);
}
