//! What the templates make.

use serde_json::{Map, Value};
use sluice_gotemplate::quote;
use sluice_tree::Tree;
use sluice_yaml::Dialect;

use super::{Findings, LintOptions, Severity, add};
use crate::manifests::split;
use crate::render::lint_templates;
use crate::{Chart, Error, Release, RenderOptions};

const KINDS_WITH_SELECTOR: [&str; 4] = ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"];

pub(super) fn check(
    tree: &Tree,
    chart: &Result<Chart, Error>,
    values: &Map<String, Value>,
    options: &LintOptions,
    findings: &mut Findings,
) {
    const FOLDER: &str = "templates/";
    if !tree.is_dir("templates") {
        return add(findings, Severity::Warning, FOLDER, "directory does not exist");
    }
    let rendered = chart.clone().and_then(|mut chart| {
        // Helm renders a library chart here too, and does not miss dependencies.
        chart.metadata.kind.clear();
        chart.metadata.kube_version.clear();
        let there: Vec<String> = chart.dependencies.iter().map(|it| it.name().to_owned()).collect();
        if let Some(wanted) = &mut chart.metadata.dependencies {
            wanted.retain(|it| there.contains(&it.name));
        }
        let release = Release {
            name: "test-release".into(),
            namespace: options.namespace.clone(),
            revision: 1,
            is_upgrade: false,
        };
        let options = RenderOptions {
            release,
            capabilities: options.capabilities.clone(),
            lookup: None,
            skip_schema: options.skip_schema,
            sub_notes: false,
            limits: options.limits,
        };
        lint_templates(&chart, values, &options).map(|texts| (chart, texts))
    });
    let (chart, texts) = match rendered {
        Ok(rendered) => rendered,
        // Helm does not say it twice, but says it.
        Err(Error::ApiVersion) => return,
        Err(error @ Error::Schema(_)) => return add(findings, Severity::Error, FOLDER, format!("{error}\n")),
        Err(error) => return add(findings, Severity::Error, FOLDER, error.to_string()),
    };
    for file in chart.templates.iter() {
        let extension = file.name.rsplit('/').next().and_then(|name| name.rfind('.').map(|at| &name[at..]));
        match extension.unwrap_or_default() {
            ".yaml" | ".yml" => {
                if let Some(text) = texts.get(&format!("{}/{}", chart.name(), file.name)) {
                    check_text(&file.name, text, findings);
                }
            }
            ".tpl" | ".txt" => {}
            other => {
                let valid = "Valid extensions are .yaml, .yml, .tpl, or .txt";
                let message = format!("file extension '{other}' not valid. {valid}");
                add(findings, Severity::Error, &file.name, message);
            }
        }
    }
}

/// Kinds whose names may hold more than a domain's.
const KINDS_WITH_FREE_NAMES: [&str; 5] =
    ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "CertificateSigningRequest"];

fn check_name(file: &str, kind: &str, value: &Value, findings: &mut Findings) {
    let name = value["metadata"]["name"].as_str().unwrap_or_default();
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let label = |part: &str| {
        edge(part.chars().next())
            && edge(part.chars().last())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if KINDS_WITH_FREE_NAMES.contains(&kind) || name.len() <= 253 && name.split('.').all(label) {
        return;
    }
    let name = quote(name);
    let message = format!(
        "object name does not conform to Kubernetes naming requirements: {name}: metadata.name: Invalid value: {name}: \
         a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
         and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    );
    add(findings, Severity::Warning, file, message);
}

fn check_text(file: &str, text: &str, findings: &mut Findings) {
    if text.trim().is_empty() {
        return;
    }
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.starts_with([' ', '\t']) {
        let first = quote(first);
        let message = format!("document starts with an illegal indent: {first}, which may cause parsing problems");
        add(findings, Severity::Error, file, message);
    }
    for document in split(text) {
        let value = match sluice_yaml::parse(document, Dialect::V2) {
            Ok(value) => value,
            Err(error) => {
                let why = sluice_helm_functions::yaml_error(&error, document);
                return add(findings, Severity::Error, file, format!("unable to parse YAML: {why}"));
            }
        };
        let kind = match &value {
            Value::Null => continue,
            Value::Object(_) => value["kind"].as_str().unwrap_or_default(),
            other => {
                let found = match other {
                    Value::Array(_) => "array",
                    Value::Bool(_) => "bool",
                    Value::Number(_) => "number",
                    _ => "string",
                };
                let why = format!(
                    "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of \
                     type rules.k8sYamlStruct"
                );
                return add(findings, Severity::Error, file, format!("unable to parse YAML: {why}"));
            }
        };
        check_name(file, kind, &value, findings);
        let has_selector = document.contains("matchLabels") || document.contains("matchExpressions");
        if KINDS_WITH_SELECTOR.contains(&kind) && !has_selector {
            let name = quote(value["metadata"]["name"].as_str().unwrap_or_default());
            let message = format!("a {kind} must contain matchLabels or matchExpressions, and {name} does not");
            add(findings, Severity::Error, file, message);
        }
    }
}
