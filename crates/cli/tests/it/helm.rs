//! `sluice helm template`.

use crate::{sluice, write};

#[test]
fn a_chart_goes_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    write(folder.path(), "c/values.yaml", "size: 1\n");
    write(folder.path(), "c/crds/x.yaml", "kind: CustomResourceDefinition\n");
    write(
        folder.path(),
        "c/templates/a.yaml",
        "kind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\ndata:\n  \
         size: {{ .Values.size }}\n  found: {{ .Capabilities.APIVersions.Has \"x/v1\" }}\n",
    );
    write(folder.path(), "c/templates/b.yaml", "kind: Service\n");
    write(folder.path(), "v.yaml", "size: 2\n");
    let config = |name: &str, namespace: &str, size: &str, found: bool| {
        format!(
            "---\n# Source: c/templates/a.yaml\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             data:\n  size: {size}\n  found: {found}\n"
        )
    };
    let service = "---\n# Source: c/templates/b.yaml\nkind: Service\n";
    for (arguments, expected) in [
        ("c", format!("{}\n{service}", config("release-name", "default", "1", false))),
        ("r c -n apps -f v.yaml -a x/v1 -s templates/a.yaml", format!("{}\n\n", config("r", "apps", "2", true))),
        (
            "--name-template r-{{1}} c -s templates/a.* --set size=3",
            format!("{}\n\n", config("r-1", "default", "3", false)),
        ),
        (
            "r c --include-crds -s crds/x.yaml",
            "---\n# Source: c/crds/x.yaml\nkind: CustomResourceDefinition\n\n\n".into(),
        ),
    ] {
        let arguments: Vec<&str> = ["helm", "template"].into_iter().chain(arguments.split(' ')).collect();
        let run = sluice(folder.path(), &arguments);
        assert_eq!((run.stdout, run.stderr, run.code), (expected, String::new(), 0), "{arguments:?}");
    }
}

#[test]
fn what_does_not_render_is_an_error_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    for (arguments, why) in [
        (&["r", "nowhere"][..], "not found"),
        (&["r", "oci://example.com/x"], "nothing is fetched"),
        (&["R", "c"], "invalid release name"),
        (&["r", "c", "--name-template", "x"], "cannot set --name-template"),
        (&["r", "c", "-s", "nope"], "could not find template nope in chart"),
        (&["r", "c", "--post-renderer", "x"], "--post-renderer"),
    ] {
        let run = sluice(folder.path(), &[&["helm", "template"], arguments].concat());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(run.stderr.contains(why), "{arguments:?}: {}", run.stderr);
    }
}
