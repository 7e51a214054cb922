//! `sluice kustomize build --enable-helm`: charts that a kustomization names.

use std::fs;
use std::path::Path;

use sluice_yaml::Value;

use crate::{sluice, write};

/// The recorded answers of kustomize with helm; what is in them to the byte.
const PASS: usize = 28;

#[test]
fn charts_come_out_as_from_kustomize_with_helm() {
    let Some(suite) = sluice_testing::suite("kustomize") else { return };
    let cases = fs::read_dir(suite.dir().join("cases")).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> =
        cases.map(|case| (case.file_name().unwrap().to_string_lossy().into_owned(), case)).collect();
    cases.retain(|(name, _)| name.starts_with("helm--"));
    cases.sort();
    let outcomes: Vec<_> = cases.into_iter().map(|(name, case)| (name, check(&case))).collect();
    suite.named("kustomize-helm").report(PASS, outcomes);
}

fn check(case: &Path) -> Result<(), String> {
    let about: Value = serde_json::from_str(&fs::read_to_string(case.join("case.json")).unwrap()).unwrap();
    let flags = about["flags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let arguments: Vec<&str> =
        ["kustomize", "build"].into_iter().chain(flags).chain([about["run"].as_str().unwrap()]).collect();
    let run = sluice(&case.join("input"), &arguments);
    match fs::read_to_string(case.join("expected.yaml")) {
        Ok(wanted) if run.stdout == wanted => Ok(()),
        Ok(wanted) => Err(format!("wanted {wanted}\n found {}{}", run.stdout, run.stderr)),
        Err(_) if run.code == 0 || run.stderr.is_empty() => Err("built, where kustomize fails".into()),
        Err(_) => Ok(()),
    }
}

#[test]
fn what_is_wrong_with_a_chart_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "kustomization.yaml", "resources: [r.yaml]\nhelmCharts:\n- name: c\n  releaseName: r\n");
    write(path, "r.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n");
    let build = || sluice(path, &["kustomize", "build", "--enable-helm"]);
    assert!(
        build().stderr.contains("helmCharts[0]: no repo specified for pull, no chart found at"),
        "{}",
        build().stderr
    );
    write(path, "charts/c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    write(path, "charts/c/values.yaml", "n: 1\nm: {a: 1, b: 2}\n");
    let template =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {{ toJson .Values.m }}\n";
    write(path, "charts/c/templates/a.yaml", template);
    assert_eq!(build().code, 0, "{}", build().stderr);
    assert!(sluice(path, &["kustomize", "build"]).stderr.contains("must specify --enable-helm"));
    write(path, "charts/c/templates/b.yaml", "{{ fail \"no\" }}");
    let run = build();
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("charts/c`: ") && run.stderr.contains("templates/b.yaml:1:3): no"), "{}", run.stderr);
}

#[test]
fn no_program_is_started_for_a_chart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "helm.sh", "#!/bin/sh\ntouch started\n");
    write(
        path,
        "kustomization.yaml",
        "helmGlobals: {configHome: x}\nhelmCharts:\n- {name: c, releaseName: r, repo: 'https://charts.invalid', version: 1.0.0}\n",
    );
    let run = sluice(path, &["kustomize", "build", "--enable-helm", "--helm-command", "./helm.sh"]);
    assert!(run.code == 1 && run.stderr.contains("charts are not pulled"), "{}", run.stderr);
    assert!(!path.join("started").exists());
}
