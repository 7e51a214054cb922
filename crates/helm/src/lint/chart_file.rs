//! Chart.yaml.

use serde_json::Value;
use sluice_gotemplate::quote;
use sluice_tree::Tree;
use sluice_version::Version;
use sluice_yaml::Dialect;

use super::{Findings, Severity, add, text};
use crate::Metadata;

const FILE: &str = "Chart.yaml";
const FIELDS: [&str; 17] = [
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let text = text(tree, FILE).unwrap_or_default();
    let parsed = sluice_yaml::parse(&text, Dialect::V2)
        .map_err(|error| sluice_helm_functions::yaml_error(&error, &text))
        .and_then(|value| {
            let mut metadata = Metadata::default();
            metadata.read_over(&value).map(|()| (value, metadata))
        });
    let (value, metadata) = match parsed {
        Ok(parsed) => parsed,
        Err(why) => return add(findings, Severity::Error, FILE, format!("unable to parse YAML\n\t{why}")),
    };
    if let Some(field) = value.as_object().and_then(|map| map.keys().find(|key| !FIELDS.contains(&key.as_str()))) {
        let field = quote(field);
        let why = format!("error unmarshaling JSON: while decoding JSON: json: unknown field {field}");
        let message = format!("failed to strictly parse chart metadata file\n\t{why}");
        add(findings, Severity::Warning, FILE, message);
    }
    for field in ["version", "appVersion"] {
        if let Some(kind) = odd_type(&value[field]) {
            let message = format!("{field} should be of type string but it's of type {kind}");
            add(findings, Severity::Error, FILE, message);
        }
    }
    let error = |findings: &mut Findings, message: String| add(findings, Severity::Error, FILE, message);
    if metadata.name.is_empty() {
        error(findings, "name is required".into());
    } else if metadata.name.contains('/') || matches!(metadata.name.as_str(), "." | "..") {
        error(findings, format!("chart name {} is invalid", quote(&metadata.name)));
    }
    match metadata.api_version.as_str() {
        "v1" | "v2" => {}
        "" => error(findings, "apiVersion is required. The value must be either \"v1\" or \"v2\"".into()),
        other => {
            error(findings, format!("apiVersion '{other}' is not valid. The value must be either \"v1\" or \"v2\""));
        }
    }
    if metadata.version.is_empty() {
        error(findings, "version is required".into());
    } else if Version::parse(&metadata.version).is_err() {
        error(findings, format!("version '{}' is not a valid SemVer", metadata.version));
    }
    contacts(&metadata, findings);
    let icon = metadata.icon.as_str();
    if icon.is_empty() {
        add(findings, Severity::Info, FILE, "icon is recommended");
    } else if !is_url(icon) {
        error(findings, format!("invalid icon URL '{icon}'"));
    }
    if metadata.api_version == "v1" {
        let set = |field: &str| !value[field].is_null();
        let only_v2 = |field: &str| {
            format!(
                "{field} are not valid in the Chart file with apiVersion '{}'. {field} are valid in apiVersion 'v2'",
                metadata.api_version
            )
        };
        if set("type") {
            let message = "chart type is not valid in apiVersion 'v1'. It is valid in apiVersion 'v2'";
            error(findings, message.into());
        }
        if set("dependencies") {
            error(findings, only_v2("dependencies"));
        }
    }
    if !is_strict_version(&metadata.version) {
        let message = format!("version '{}' is not a valid SemVerV2", metadata.version);
        add(findings, Severity::Warning, FILE, message);
    }
}

fn contacts(metadata: &Metadata, findings: &mut Findings) {
    for maintainer in &metadata.maintainers {
        let name = &maintainer.name;
        let message = if name.is_empty() {
            "each maintainer requires a name".to_owned()
        } else if !maintainer.email.is_empty() && !is_email(&maintainer.email) {
            format!("invalid email '{}' for maintainer '{name}'", maintainer.email)
        } else if !maintainer.url.is_empty() && !is_url(&maintainer.url) {
            format!("invalid url '{}' for maintainer '{name}'", maintainer.url)
        } else {
            continue;
        };
        add(findings, Severity::Error, FILE, message);
        break;
    }
    if let Some(source) = metadata.sources.iter().find(|source| !is_url(source)) {
        add(findings, Severity::Error, FILE, format!("invalid source URL '{source}'"));
    }
}

/// The type as Go names it, if it is no text.
fn odd_type(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null | Value::String(_) => None,
        Value::Bool(_) => Some("bool"),
        Value::Number(_) => Some("float64"),
        Value::Array(_) => Some("[]interface {}"),
        Value::Object(_) => Some("map[string]interface {}"),
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !text.contains(' '))
}

/// `scheme://host`, as the library that Helm asks sees it.
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        matches!(scheme, "http" | "https" | "ftp" | "tcp" | "udp" | "ws" | "wss" | "git" | "ssh" | "rtmp")
            && rest.contains('.')
            && !text.contains(' ')
    })
}

/// SemVer 2 without Helm's leniency: three numbers, no `v`.
fn is_strict_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    Version::parse(text).is_ok()
        && core.split('.').count() == 3
        && core.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        })
}
