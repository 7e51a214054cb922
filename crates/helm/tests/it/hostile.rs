//! Charts that mean harm end in an error that says why.

use serde_json::{Map, json};
use sluice_helm::{Capabilities, Chart, Error, Limits, Release, RenderOptions, render, strvals};
use sluice_tree::{Limits as TreeLimits, Tree, TreeBuilder};

const HEAD: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut builder = TreeBuilder::new(TreeLimits::default());
    for (path, text) in files {
        builder.file(path, (*text).to_owned(), false).unwrap();
    }
    builder.build()
}

fn load(files: &[(&str, &str)]) -> Result<Chart, Error> {
    Chart::load(&tree(files), &Limits::default())
}

fn options() -> RenderOptions {
    RenderOptions {
        release: Release { name: "r".into(), namespace: "n".into(), revision: 1, is_upgrade: false },
        capabilities: Capabilities::default(),
        lookup: None,
        skip_schema: false,
        sub_notes: false,
        limits: Limits::default(),
    }
}

fn rendered(files: &[(&str, &str)]) -> String {
    match render(&load(files).unwrap(), &Map::new(), &options()) {
        Ok(rendered) => rendered.manifest(false),
        Err(error) => error.to_string(),
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../x", "/etc", "a/b", ".", ".."] {
        let text = format!("apiVersion: v2\nname: {name:?}\nversion: 1.0.0\n");
        assert!(matches!(load(&[("Chart.yaml", &text)]), Err(Error::Invalid(_))), "{name}");
    }
    let alias = format!("{HEAD}dependencies: [{{name: a, alias: ../x, version: 1}}]\n");
    assert!(matches!(load(&[("Chart.yaml", &alias)]), Err(Error::Invalid(_))));
}

#[test]
fn odd_chart_files_are_errors() {
    for text in [
        "apiVersion: v2\nname: c\n",
        "apiVersion: v2\nname: c\nversion: one\n",
        "apiVersion: v2\nname: c\nversion: 1.0.0\ntype: bogus\n",
        "apiVersion: v2\nname: c\nversion: 1.0.0\nmaintainers: [null]\n",
        "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [null]\n",
        "apiVersion: v2\nname: c\nversion: 1.0.0\nannotations: 5\n",
        "apiVersion: v2\nname: [c]\nversion: 1.0.0\n",
        "[]",
        "",
        "apiVersion: v9\nname: c\nversion: 1.0.0\n",
    ] {
        assert!(load(&[("Chart.yaml", text)]).is_err(), "{text}");
    }
}

#[test]
fn links_are_refused() {
    for path in ["Chart.lock", "values.yaml", "templates/x.yaml", ".helmignore"] {
        let mut builder = TreeBuilder::new(TreeLimits::default());
        builder.file("Chart.yaml", HEAD, false).unwrap();
        builder.symlink(path, "/dev/zero").unwrap();
        assert!(matches!(Chart::load(&builder.build(), &Limits::default()), Err(Error::Symlink(_))), "{path}");
    }
}

#[test]
fn charts_inside_each_other_are_counted() {
    let mut files = vec![("Chart.yaml".to_owned(), HEAD.to_owned())];
    for depth in 1..=50 {
        files.push((format!("{}Chart.yaml", "charts/c/".repeat(depth)), HEAD.to_owned()));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut builder = TreeBuilder::new(TreeLimits { depth: 200, ..TreeLimits::default() });
    for (path, text) in files {
        builder.file(path, text.to_owned(), false).unwrap();
    }
    let error = Chart::load(&builder.build(), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("limit depth"), "{error}");
}

#[test]
fn schemas_stay_inside_the_chart_and_end() {
    for schema in [
        json!({ "$ref": "file:///etc/passwd" }),
        json!({ "$ref": "http://meta/x" }),
        json!({ "$ref": "#" }),
        json!({ "$schema": "http://evil/schema" }),
        json!({ "$defs": { "a": { "allOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/a" }] } }, "$ref": "#/$defs/a" }),
    ] {
        let text = rendered(&[("Chart.yaml", HEAD), ("values.schema.json", &schema.to_string())]);
        assert!(text.starts_with("values don't meet"), "{schema}: {text}");
    }
}

#[test]
fn templates_that_do_not_end_are_stopped() {
    for template in [
        r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ range until 1000000000 }}x{{ end }}"#,
        r#"{{ repeat 1000000000 "xx" }}"#,
        r#"{{ tpl .Values.t . }}"#,
    ] {
        let files =
            [("Chart.yaml", HEAD), ("values.yaml", "t: '{{ tpl .Values.t . }}'\n"), ("templates/a.yaml", template)];
        let chart = load(&files).unwrap();
        assert!(render(&chart, &Map::new(), &options()).is_err(), "{template}");
    }
}

#[test]
fn files_outside_the_chart_are_not_there() {
    let text = rendered(&[
        ("Chart.yaml", HEAD),
        ("templates/a.yaml", r#"a: [{{ .Files.Get "../../etc/passwd" | quote }}, {{ .Files.Glob "../**" | len }}]"#),
    ]);
    assert!(text.contains("a: [\"\", 0]"), "{text}");
}

#[test]
fn hooks_of_unknown_kinds_are_left_out() {
    let hook = |kind: &str, weight: &str| {
        let annotations = format!("{{helm.sh/hook: '{kind}', helm.sh/hook-weight: '{weight}'}}");
        format!("kind: Job\nmetadata: {{name: x, annotations: {annotations}}}\n")
    };
    let (odd, huge) = (hook("pre-nothing", "1"), hook("pre-install", "99999999999999999999"));
    let chart = load(&[("Chart.yaml", HEAD), ("templates/a.yaml", &odd), ("templates/b.yaml", &huge)]).unwrap();
    let rendered = render(&chart, &Map::new(), &options()).unwrap();
    assert_eq!(rendered.hooks.len(), 1);
    assert_eq!(rendered.hooks[0].weight, 0);
}

#[test]
fn values_texts_cannot_ask_for_too_much() {
    let mut values = Map::new();
    for text in ["a[65537]=1", "a[-1]=1", "a[", "a={x", "a[1", "a.b[0"] {
        assert!(strvals::set(text, &mut values).is_err() || values.is_empty(), "{text}");
    }
    let deep = format!("{}=1", vec!["a"; 40].join("."));
    assert!(strvals::set(&deep, &mut Map::new()).is_err());
    let nested = format!("a{}=1", "[0]".repeat(100_000));
    assert!(strvals::set(&nested, &mut Map::new()).is_err());
}
