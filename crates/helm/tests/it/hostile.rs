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

#[test]
fn packages_that_unpack_to_too_much_are_refused() {
    let limits = Limits { file_bytes: 1 << 10, chart_bytes: 4 << 10, files: 20, ..Limits::default() };
    let packed = |files: &[(String, usize)]| {
        let mut builder = TreeBuilder::new(TreeLimits::default());
        builder.file("c/Chart.yaml", HEAD, false).unwrap();
        for (path, size) in files {
            builder.file(path, "#".repeat(*size), false).unwrap();
        }
        let mut bytes = Vec::new();
        sluice_tree::archive::write_tar_gz(&builder.build(), &mut bytes).unwrap();
        bytes
    };
    let many = |count: usize, size: usize| (0..count).map(|at| (format!("c/f{at}"), size)).collect::<Vec<_>>();
    for (files, why) in [
        (vec![("c/values.yaml".to_owned(), 1025)], "larger than the maximum file size 1024"),
        (many(8, 1000), "larger than the maximum size 4096"),
        (many(30, 1), "limit files"),
    ] {
        let error = Chart::from_archive(&packed(&files), &limits).unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
    assert!(Chart::from_archive(&packed(&many(3, 1000)), &limits).is_ok());
}

#[test]
fn functions_that_ask_for_much_are_stopped() {
    for template in [
        r#"{{ printf "%1000000000d" 1 }}"#,
        r#"{{ range until 300 }}{{ genPrivateKey "ed25519" }}{{ end }}"#,
        r#"{{ $t := "a" }}{{ range until 64 }}{{ $t = regexReplaceAll "a" $t "aaaaaaaaaa" }}{{ end }}"#,
        r#"{{ $t := "a" }}{{ range until 64 }}{{ $t = cat $t $t }}{{ end }}"#,
        r#"{{ $t := "a" }}{{ range until 64 }}{{ $t = print $t $t }}{{ end }}"#,
        r#"{{ $t := """ }}{{ range until 64 }}{{ $t = quote $t $t }}{{ end }}"#,
        r#"{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"#,
        r#"{{ regexMatch "(((a{100}){10}){100})" "a" | toString | fail }}"#,
    ] {
        let mut options = options();
        options.limits.template.value_size = 1 << 20;
        options.limits.template.steps = 3_000_000;
        options.limits.template.expensive_calls = 20;
        let chart = load(&[("Chart.yaml", HEAD), ("templates/a.yaml", template)]).unwrap();
        assert!(render(&chart, &Map::new(), &options).is_err(), "{template}");
    }
}

#[test]
fn objects_and_output_are_counted() {
    let template = "{{ range until 100 }}---\nkind: A\n{{ end }}";
    let chart = load(&[("Chart.yaml", HEAD), ("templates/a.yaml", template)]).unwrap();
    let mut options = options();
    options.limits.objects = 99;
    let error = render(&chart, &Map::new(), &options).unwrap_err();
    assert!(error.to_string().contains("limit objects"), "{error}");
    options.limits.objects = 100;
    assert_eq!(render(&chart, &Map::new(), &options).unwrap().manifests.len(), 100);
    options.limits.rendered_bytes = 100;
    let error = render(&chart, &Map::new(), &options).unwrap_err();
    assert!(error.to_string().contains("limit rendered_bytes"), "{error}");
}

#[test]
fn dependencies_cannot_multiply_without_end() {
    let twice = format!("{HEAD}dependencies: [{{name: d, version: 1.0.0}}, {{name: d, version: 1.0.0}}]\n");
    assert!(matches!(load(&[("Chart.yaml", &twice)]), Err(Error::Invalid(_))));
    let aliases: Vec<String> = (0..50).map(|at| format!("{{name: d, version: 1.0.0, alias: a{at}}}")).collect();
    let many = format!("{HEAD}dependencies: [{}]\n", aliases.join(", "));
    let chart =
        load(&[("Chart.yaml", &many), ("charts/d/Chart.yaml", "apiVersion: v2\nname: d\nversion: 1.0.0\n")]).unwrap();
    let mut options = options();
    options.limits.charts = 49;
    let error = render(&chart, &Map::new(), &options).unwrap_err();
    assert!(error.to_string().contains("limit charts"), "{error}");
}

/// Texts made of the pieces that mean something, from a fixed seed.
fn texts(pieces: &[&str], count: usize) -> impl Iterator<Item = String> {
    let mut seed = 0x5eed_u64;
    let mut next = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    (0..count).map(move |_| (0..next(12)).map(|_| pieces[next(pieces.len())]).collect())
}

#[test]
fn no_text_of_values_panics() {
    const PIECES: [&str; 16] =
        ["a", ".", "[", "]", "0", "1", "-", "=", ",", "{", "}", "\\", "\"", "null", "65536", "é"];
    for text in texts(&PIECES, 20_000) {
        let mut values = Map::new();
        for set in [strvals::set, strvals::set_string, strvals::set_json, strvals::set_literal] {
            // Either way is fine; what was set before stays a map.
            let _ = set(&text, &mut values);
        }
        assert!(values.values().all(|value| !value.is_i64() || value.as_i64().is_some()), "{text}");
    }
}

#[test]
fn no_expression_panics() {
    const PIECES: [&str; 18] =
        ["a", "(", ")", "[", "]", "*", "+", "?", "{2}", "{", "|", "\\", "^", "-", "(?i)", "[:alpha:]", "\\p{L}", "é"];
    let chart = load(&[
        ("Chart.yaml", HEAD),
        ("templates/a.yaml", "{{ range .Values.all }}{{ regexMatch . \"aé\" }}{{ end }}"),
    ])
    .unwrap();
    let all: Vec<String> = texts(&PIECES, 5_000).collect();
    let values = json!({ "all": all });
    let _ = render(&chart, values.as_object().unwrap(), &options());
}
