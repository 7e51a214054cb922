//! `sluice helm`: template, lint, show, package.

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

#[test]
fn errors_have_helms_form() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    write(folder.path(), "c/templates/a.yaml", "a: 1\nb: {{ .Values.x.y }}\n");
    let run = sluice(folder.path(), &["helm", "template", "r", "c"]);
    let wanted = "Error: c/templates/a.yaml:2:13\n  executing \"c/templates/a.yaml\" at <.Values.x.y>:\n    nil pointer \
                  evaluating interface {}.y\n\nUse --debug flag to render out invalid YAML\n";
    assert_eq!((run.stderr.as_str(), run.stdout.as_str(), run.code), (wanted, "", 1));
}

#[test]
fn a_folder_takes_the_output() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    write(folder.path(), "c/templates/a.yaml", "kind: A\n---\nkind: B\n");
    let run = sluice(folder.path(), &["helm", "template", "r", "c", "--output-dir", "out"]);
    let wrote = "wrote out/c/templates/a.yaml\n";
    assert_eq!((run.stdout, run.code), (format!("{wrote}{wrote}\n"), 0));
    let text = std::fs::read_to_string(folder.path().join("out/c/templates/a.yaml")).unwrap();
    let source = "---\n# Source: c/templates/a.yaml\n";
    assert_eq!(text, format!("{source}kind: A\n\n{source}kind: B\n\n"));
}

#[test]
fn a_chart_is_looked_over() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: '1'\nodd: 1\n");
    write(folder.path(), "c/templates/a.yaml", "kind: Deployment\nmetadata: {name: a}\nspec: {}\n");
    let run = sluice(folder.path(), &["helm", "lint", "c"]);
    let wanted = "==> Linting c\n[WARNING] Chart.yaml: failed to strictly parse chart metadata file\n\terror unmarshaling \
                  JSON: while decoding JSON: json: unknown field \"odd\"\n[INFO] Chart.yaml: icon is recommended\n\
                  [WARNING] Chart.yaml: version '1' is not a valid SemVerV2\n[INFO] values.yaml: file does not exist\n\
                  [ERROR] templates/a.yaml: a Deployment must contain matchLabels or matchExpressions, and \"a\" does \
                  not\n\n";
    assert_eq!((run.stdout.as_str(), run.code), (wanted, 1));
    assert_eq!(run.stderr, "Error: 1 chart(s) linted, 1 chart(s) failed\n");
}

#[test]
fn a_package_is_a_chart_again_and_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let head = "apiVersion: v2\nname: c\nversion: 1.0.0\ndescription: |\n  two\n  lines\n";
    write(folder.path(), "c/Chart.yaml", head);
    write(folder.path(), "c/values.yaml", "# kept\na: 1\n");
    write(folder.path(), "c/templates/a.yaml", "kind: A\na: {{ .Values.a }}\n");
    write(folder.path(), "c/charts/d/Chart.yaml", "apiVersion: v2\nname: d\nversion: 2.0.0\n");
    let pack = |to: &str| {
        let run = sluice(folder.path(), &["helm", "package", "c", "-d", to, "--version", "1.1.0"]);
        assert_eq!(run.stdout, format!("Successfully packaged chart and saved it to: {to}/c-1.1.0.tgz\n"));
        std::fs::read(folder.path().join(to).join("c-1.1.0.tgz")).unwrap()
    };
    assert_eq!(pack("one"), pack("two"));
    let run = sluice(folder.path(), &["helm", "template", "r", "one/c-1.1.0.tgz"]);
    assert_eq!(run.stdout, "---\n# Source: c/templates/a.yaml\nkind: A\na: 1\n");
    let run = sluice(folder.path(), &["helm", "show", "chart", "one/c-1.1.0.tgz"]);
    assert_eq!(run.stdout, "apiVersion: v2\ndescription: 'two lines '\nname: c\nversion: 1.1.0\n\n");
    let run = sluice(folder.path(), &["helm", "show", "values", "one/c-1.1.0.tgz"]);
    assert_eq!(run.stdout, "# kept\na: 1\n\n");
}

#[test]
fn links_in_a_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    write(folder.path(), "values.yaml", "size: 5\n");
    for target in ["../values.yaml", "..", "nowhere", "/dev/zero"] {
        let link = folder.path().join("c/values.yaml");
        std::os::unix::fs::symlink(target, &link).unwrap();
        for verb in ["template", "lint", "package"] {
            let run = sluice(folder.path(), &["helm", verb, "c"]);
            let told = run.stdout + &run.stderr;
            assert!(run.code == 1 && told.contains("values.yaml") && told.contains("link"), "{verb} {target}: {told}");
        }
        std::fs::remove_file(link).unwrap();
    }
}
