//! Errors say where, and come all at once.

use crate::{CONFIG_MAP, build_files};

#[track_caller]
fn check(files: &[(&str, &str)], want: &[&str]) {
    let errors = build_files(files).map(|build| build.objects).unwrap_err();
    let got: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert_eq!(got.len(), want.len(), "{got:#?}");
    for (got, want) in got.iter().zip(want) {
        assert!(got.contains(want), "`{got}` does not contain `{want}`");
    }
}

#[test]
fn all_errors_of_a_folder_come_at_once() {
    check(
        &[
            (
                "kustomization.yaml",
                "resources:\n- a.yaml\n- b.yaml\n- ../out.yaml\nconfigMapGenerator:\n- name: x\n  files: [none.txt]\n",
            ),
            ("b.yaml", "kind: A\n"),
        ],
        &[
            "kustomization.yaml:2: resources[0]: `a.yaml` not found",
            "b.yaml:1: an object without `metadata.name`",
            "kustomization.yaml:4: resources[2]: `../out.yaml` leads outside of the root",
            "kustomization.yaml:6: configMapGenerator[0]: `none.txt` not found",
        ],
    );
}

#[test]
fn an_unknown_field_is_named_with_its_line() {
    check(
        &[("kustomization.yaml", "resources: []\nimages:\n- name: a\n  newtag: b\n- name: c\n  newTga: d\n")],
        &["kustomization.yaml:6: images[1].newTga: unknown field `newTga`; did you mean `newTag`?"],
    );
    check(
        &[("kustomization.yaml", "namePrefix: 1\nresources: x\n")],
        &["kustomization.yaml:1: namePrefix: expected a string, found a number; put it in quotes", "a list of strings"],
    );
}

#[test]
fn an_error_in_a_base_names_the_base() {
    check(
        &[
            ("kustomization.yaml", "resources: [base]"),
            ("base/kustomization.yaml", "resources: [c.yaml]\npatches:\n- path: p.yaml\n"),
            ("base/c.yaml", CONFIG_MAP),
            ("base/p.yaml", "kind: Other\nmetadata: {name: x}\n"),
        ],
        &["base/kustomization.yaml:3: patches[0]: no object matches the strategic merge patch in `p.yaml`"],
    );
}

#[test]
fn bad_yaml_is_named_with_its_line() {
    check(
        &[("kustomization.yaml", "resources: [c.yaml]"), ("c.yaml", "a: b\n---\nkind: A\nmetadata: {name: x\n")],
        &["c.yaml:"],
    );
}
