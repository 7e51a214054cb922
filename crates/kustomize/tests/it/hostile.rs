//! The bad-input catalogue, part C.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sluice_kustomize::{Limits, Options, build};

use crate::{CONFIG_MAP, build_files, tree};

#[track_caller]
fn refused(files: &[(&str, &str)], want: &str) {
    let error = build_files(files).map(|build| build.objects).unwrap_err().to_string();
    assert!(error.contains(want), "`{error}` does not contain `{want}`");
}

#[test]
fn no_field_leads_out_of_the_tree() {
    for path in ["../secret", "/etc/passwd", "a/../../secret"] {
        for field in [
            "resources: [PATH]",
            "bases: [PATH]",
            "components: [PATH]",
            "patches: [{path: PATH, target: {kind: A}}]",
            "patchesStrategicMerge: [PATH]",
            "patchesJson6902: [{path: PATH, target: {name: a}}]",
            "crds: [PATH]",
            "configurations: [PATH]",
            "openapi: {path: PATH}",
            "generators: [PATH]",
            "transformers: [PATH]",
            "validators: [PATH]",
            "replacements: [{path: PATH}]",
            "configMapGenerator: [{name: a, files: [PATH]}]",
            "secretGenerator: [{name: a, envs: [PATH]}]",
        ] {
            let text = field.replace("PATH", path);
            let files = tree(&[("in/kustomization.yaml", &text), ("secret", CONFIG_MAP)]);
            let inner = files.subtree("in").unwrap();
            assert!(build(&inner, "", &Options::default()).is_err(), "{text}");
        }
    }
}

#[test]
fn cycles_are_shown() {
    refused(
        &[
            ("kustomization.yaml", "resources: [a]"),
            ("a/kustomization.yaml", "resources: [../b]"),
            ("b/kustomization.yaml", "resources: [../a]"),
        ],
        "cycle: `a`",
    );
    refused(&[("kustomization.yaml", "resources: [.]")], "cycle");
    refused(
        &[
            ("kustomization.yaml", "components: [c]"),
            ("c/kustomization.yaml", "kind: Component\ncomponents: [../d]"),
            ("d/kustomization.yaml", "kind: Component\ncomponents: [../c]"),
        ],
        "cycle",
    );
}

#[test]
fn diamonds_hit_the_limit_of_loads() {
    let mut files = vec![("l30/kustomization.yaml".to_owned(), "configMapGenerator: []".to_owned())];
    for level in 0..30 {
        let next = level + 1;
        let text = format!("resources: [../l{next}, ../l{next}/../l{next}]");
        files.push((format!("l{level}/kustomization.yaml"), text));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let error = build(&tree(&files), "l0", &Options::default()).unwrap_err().to_string();
    assert!(error.contains("limit `loads`"), "{error}");
}

#[test]
fn remote_bases_are_refused_before_any_connection() {
    for url in [
        "https://example.com/a//b?ref=v1",
        "http://169.254.169.254/latest",
        "file:///etc",
        "git::ext::sh -c x",
        "ssh://-oProxyCommand=x/y",
        "github.com/a/b?ref=--upload-pack=x",
        "git@example.com:a/b.git",
    ] {
        let text = format!("resources: ['{url}']");
        assert!(build_files(&[("kustomization.yaml", &text)]).is_err(), "{url}");
    }
}

#[test]
fn nothing_is_executed() {
    refused(&[("kustomization.yaml", "helmCharts: [{name: x}]")], "--enable-helm");
    let plugin = "apiVersion: x.y/v1\nkind: Exec\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./x}\n";
    refused(&[("kustomization.yaml", "generators: [g.yaml]"), ("g.yaml", plugin)], "refused");
    refused(&[("kustomization.yaml", "transformers: [g.yaml]"), ("g.yaml", plugin)], "refused");
}

#[test]
fn one_schema_never_touches_another_build() {
    let own = r##"{"definitions": {"T": {"properties": {"spec": {"$ref": "#/definitions/S"}},
        "x-kubernetes-group-version-kind": [{"group": "x.y", "version": "v1", "kind": "T"}]},
        "S": {"properties": {"list": {"type": "array", "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": "k", "items": {"properties": {"k": {"type": "string"}}}}}}}}"##;
    let object = "apiVersion: x.y/v1\nkind: T\nmetadata: {name: a}\nspec: {list: [{k: a}]}\n";
    let patch = "resources: [r.yaml]\npatches:\n- patch: |-\n    apiVersion: x.y/v1\n    kind: T\n    metadata: {name: a}\n    spec: {list: [{k: b}]}\n";
    let with = format!("{patch}openapi: {{path: o.json}}\n");
    let merged = tree(&[("kustomization.yaml", &with), ("r.yaml", object), ("o.json", own)]);
    let replaced = tree(&[("kustomization.yaml", patch), ("r.yaml", object)]);
    let wrong = AtomicUsize::new(0);
    thread::scope(|scope| {
        for (files, want) in [(&merged, 2), (&replaced, 1), (&merged, 2), (&replaced, 1)] {
            let wrong = &wrong;
            scope.spawn(move || {
                for _ in 0..50 {
                    let built = build(files, "", &Options::default()).unwrap();
                    let length = built.objects[0]["spec"]["list"].as_array().unwrap().len();
                    wrong.fetch_add(usize::from(length != want), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(wrong.into_inner(), 0);
}

#[test]
fn patterns_are_linear_and_bounded() {
    let evil = format!(
        "resources: [c.yaml]\npatches: [{{target: {{name: '(a+)+$', kind: {}}}, patch: '[]'}}]",
        "a".repeat(50)
    );
    let name = "a".repeat(5000);
    let object = format!("kind: A\nmetadata: {{name: {name}b}}\n");
    build_files(&[("kustomization.yaml", &evil), ("c.yaml", &object)]).unwrap();
    let huge = format!("resources: [c.yaml]\npatches: [{{target: {{name: '{}'}}, patch: 'kind: A'}}]", "(a{999}){999}");
    assert!(build_files(&[("kustomization.yaml", &huge), ("c.yaml", CONFIG_MAP)]).is_err());
    let bad =
        "resources: [c.yaml]\npatches: [{target: {name: 'a('}, patch: '[{\"op\": \"remove\", \"path\": \"/data\"}]'}]";
    refused(&[("kustomization.yaml", bad), ("c.yaml", CONFIG_MAP)], "not a regular expression");
}

#[test]
fn json_patches_are_bounded() {
    let check = |operations: &str, want: &str| {
        let text = format!("resources: [c.yaml]\npatches: [{{target: {{kind: ConfigMap}}, patch: '{operations}'}}]");
        refused(&[("kustomization.yaml", &text), ("c.yaml", CONFIG_MAP)], want);
    };
    let doubling: Vec<String> =
        (0..40).map(|i| format!(r#"{{"op":"copy","from":"/data","path":"/data/x{i}"}}"#)).collect();
    check(&format!("[{}]", doubling.join(",")), "bytes of copies");
    check(r#"[{"op":"move","from":"/data","path":"/data/x/y"}]"#, "patches[0]");
    check(r#"[{"op":"test","path":"/data/a","value":"no"}]"#, "patches[0]");
    check(r#"[{"op":"remove","path":"/data/9223372036854775808"}]"#, "patches[0]");
}

#[test]
fn odd_merges_are_errors_not_panics() {
    let check = |patch: &str| {
        let text = "resources: [d.yaml]\npatches: [{path: p.yaml}]";
        let object = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: a}]}}}\n";
        let patch = format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\n{patch}\n");
        build_files(&[("kustomization.yaml", text), ("d.yaml", object), ("p.yaml", &patch)])
    };
    assert!(check("spec: text").is_err());
    assert!(check("spec: {template: {$patch: bogus}}").is_err());
    assert!(check("spec: {template: {spec: {containers: {a: b}}}}").is_err());
    for patch in [
        "spec: {template: {spec: {containers: [null]}}}",
        "spec: {template: {spec: {containers: [{image: x}]}}}",
        "spec: {$retainKeys: [1, {}]}",
        "spec: {template: {spec: {containers: [[]]}}}",
    ] {
        let _ = check(patch);
    }
}

#[test]
fn odd_folders_are_errors() {
    refused(&[("kustomization.yaml", "a: b"), ("Kustomization", "")], "multiple kustomization files");
    refused(&[("kustomization.yaml/x", "")], "unable to find one of");
    refused(&[("kustomization.yaml", "apiVersion: v2\nresources: []")], "apiVersion");
    refused(&[("kustomization.yaml", "configMapGenerator: [{name: a, literals: [..=x]}]")], "`..` is no key");
}

#[test]
fn limits_say_their_name() {
    let files = tree(&[("kustomization.yaml", "resources: [c.yaml]"), ("c.yaml", CONFIG_MAP)]);
    let check = |limits: Limits, want: &str| {
        let error = build(&files, "", &Options { limits, ..Options::default() }).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    };
    check(Limits { loads: 1, ..Limits::default() }, "limit `loads`");
    check(Limits { file_bytes: 30, ..Limits::default() }, "limit `file_bytes`");
    check(Limits { total_bytes: 60, ..Limits::default() }, "limit `total_bytes`");
    check(Limits { objects: 0, ..Limits::default() }, "limit `objects`");
    let cancelled = || true;
    let options = Options { cancelled: Some(&cancelled), ..Options::default() };
    assert!(build(&files, "", &options).unwrap_err().to_string().contains("cancelled"));
}

#[test]
fn aliases_are_counted_over_all_documents() {
    let bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d]\nkind: A\nmetadata: {name: NAME}\n";
    let many: Vec<String> = (0..100).map(|i| bomb.replace("NAME", &format!("n{i}"))).collect();
    refused(&[("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", &many.join("---\n"))], "malformed YAML");
}

#[test]
fn what_aliases_itself_is_an_error() {
    let circle = "kind: A\nmetadata: {name: a}\nspec: &s {self: *s}\n";
    refused(&[("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", circle)], "a.yaml:3");
}
