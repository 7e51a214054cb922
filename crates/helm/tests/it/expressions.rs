//! Expressions beside those of the conformance suite, with what Helm 4.3.1 gave for them.

use sluice_helm::{Capabilities, Chart, Limits, Release, RenderOptions, render_templates};
use sluice_tree::{Limits as TreeLimits, TreeBuilder};

fn rendered(template: &str) -> Result<String, String> {
    let mut tree = TreeBuilder::new(TreeLimits::default());
    for (path, text) in [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
        ("values.yaml", "m: {a: {b: {c: deep}}}\nbig: 12345678901\n"),
        ("f.txt", "by"),
        ("templates/e", template),
    ] {
        tree.file(path, text.to_owned(), false).unwrap();
    }
    let chart = Chart::load(&tree.build(), &Limits::default()).map_err(|error| error.to_string())?;
    let options = RenderOptions {
        release: Release { name: "r".into(), namespace: "default".into(), revision: 1, is_upgrade: false },
        capabilities: Capabilities::default(),
        lookup: None,
        skip_schema: false,
        sub_notes: false,
        limits: Limits::default(),
    };
    let files = render_templates(&chart, &serde_json::Map::new(), &options).map_err(|error| error.to_string())?;
    Ok(files["c/templates/e"].clone())
}

#[test]
fn expressions_give_what_helm_gives() {
    for (template, expected) in [
        (
            "{{ divf 0.000001 0.3 }} {{ divf 0.1 0.3 }} {{ divf 2 3 }} {{ divf -1 3 }}",
            "3.3333333333e-06 0.3333333333333333 0.6666666666666667 -0.3333333333333333",
        ),
        (
            r#"{{ printf "%x %X %.3x %b" 2.5 1e21 0.1 2.5 }}"#,
            "0x1.4p+01 0X1.B1AE4D6E2EF5P+69 0x1.99ap-04 5629499534213120p-51",
        ),
        (r#"{{ printf "%x %U %c" .Values.big -1 -1 }}"#, "0x1.6fee0e1a8p+33 U+FFFFFFFFFFFFFFFF \u{fffd}"),
        (r#"{{ wrapWith 1 "-" "  pad  " }}|{{ wrapWith 5 "-" "a b  c d e f g" }}"#, "p-a-d- |a b -c d e-f g"),
        (
            r#"{{ wrap 3 "héllo wörld" }}|{{ wrap 4 "  " }}|{{ wrap 0 "ab c" }}|{{ wrap -1 "ab" }}"#,
            "héllo\nwörld|  |ab\nc|ab",
        ),
        (r#"{{ regexSplit "x" "y" 0 | toYamlPretty }} {{ .Chart.Annotations | toYamlPretty }}"#, "[] {}"),
        (r#"{{ .Files.GetBytes "f.txt" | toYamlPretty }}"#, "- 98\n- 121"),
        (
            r#"{{ toToml (dict "a" 1e6 "b" 3.0 "c" 123456.5 "d" .Values.big) }}"#,
            "a = 1e+06\nb = 3.0\nc = 123456.5\nd = 1.2345678901e+10\n",
        ),
        ("{{ .Capabilities.KubeVersion | toJson }}", r#"{"Version":"v1.37.0","Major":"1","Minor":"37"}"#),
        (
            "{{ list .Capabilities.KubeVersion | toPrettyJson }}",
            "[\n  {\n    \"Version\": \"v1.37.0\",\n    \"Major\": \"1\",\n    \"Minor\": \"37\"\n  }\n]",
        ),
        ("{{ .Capabilities | toString | trunc 12 }}{{ .Capabilities.KubeVersion }}", "&{{v1.37.0 vv1.37.0"),
        (r#"{{ with $x := 5 }}{{ $x }}{{ end }}{{ $.Values.m.a.b.c }}{{ ($.Values.m).a.b.c | upper }}"#, "5deepDEEP"),
        (r#"{{ $m := dict }}{{ $_ := set $m "a" $m }}[{{ toJson $m }}]"#, "[]"),
    ] {
        assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn errors_are_what_helm_says() {
    for (template, expected) in [
        (
            "{{ eq (dict) (list 1) }}",
            "error calling eq: non-comparable types map[]: map[string]interface {}, []interface {}: [1]",
        ),
        ("{{ eq (list 1) (list 1) }}", "error calling eq: non-comparable type [%!s(int=1)]: []interface {}"),
        (
            r#"{{ mustToDate "2006" "a\tb\"é" }}"#,
            r#"parsing time "a\x09b\"\xc3\xa9" as "2006": cannot parse "a\x09b\"\xc3\xa9" as "2006""#,
        ),
        ("{{ (list 1 2).x }}", "at <2>:\n    can't evaluate field x in type []interface {}"),
        ("{{ ($.Values.m).a.b.c.d }}", "at <$.Values.m>:\n    can't evaluate field d in type interface {}"),
    ] {
        let error = rendered(template).unwrap_err();
        assert!(error.contains(expected), "{template}: {error}");
    }
}
