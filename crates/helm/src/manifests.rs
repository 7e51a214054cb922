//! Rendered texts taken apart into manifests and hooks, in the order they are applied.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sluice_yaml::Dialect;

use crate::Error;

/// One object of the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The path of its template.
    pub path: String,
    /// Its text.
    pub content: String,
    /// Its kind.
    pub kind: String,
}

/// An object that runs beside the release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The path of its template.
    pub path: String,
    /// Its text.
    pub manifest: String,
    /// When it runs.
    pub events: Vec<String>,
    /// Lower ones run first.
    pub weight: i64,
    /// When it is deleted.
    pub delete_policies: Vec<String>,
    /// When its log is shown.
    pub output_log_policies: Vec<String>,
}

impl Hook {
    /// Whether `helm test` runs it.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.events.iter().any(|event| event == "test")
    }
}

/// Manifests and hooks, as Helm keeps them in a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sorted {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) hooks: Vec<Hook>,
}

const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Where a kind stands when a release is installed: the known ones first, others by name.
#[must_use]
pub(crate) fn install_rank(kind: &str) -> (usize, &str) {
    match INSTALL_ORDER.iter().position(|known| *known == kind) {
        Some(rank) => (rank, ""),
        None => (INSTALL_ORDER.len(), kind),
    }
}

/// What stands between documents at the beginning of a line, with the white space behind it.
const SEPARATOR: &str = "---";

/// The documents of a rendered text, their texts as they are.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some((text.trim_start(), true));
    let parts = std::iter::from_fn(move || {
        let (text, at_line_start) = rest?;
        let Some(end) = separator(text, at_line_start) else {
            rest = None;
            return Some(text);
        };
        let after = &text[end + SEPARATOR.len()..];
        let next = after.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
        rest = Some((next, after[..after.len() - next.len()].ends_with('\n')));
        Some(&text[..end])
    });
    parts.map(str::trim_start).filter(|part| !part.is_empty())
}

/// Where the first separator is.
fn separator(text: &str, at_line_start: bool) -> Option<usize> {
    if at_line_start && text.starts_with(SEPARATOR) {
        return Some(0);
    }
    text.find("\n---").map(|at| at + 1)
}

/// Takes apart the rendered templates, by path.
///
/// # Errors
/// A text that is no YAML or no object, or too many of them.
pub(crate) fn sort(files: &BTreeMap<String, String>, most: usize) -> Result<Sorted, Error> {
    let mut documents: Vec<(&str, &str)> = Vec::new();
    for (path, text) in files {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with('_') || text.trim().is_empty() {
            continue;
        }
        documents.extend(split(text).map(|document| (path.as_str(), document)));
        if documents.len() > most {
            return Err(Error::Limit(format!("the chart makes more than {most} objects (limit objects)")));
        }
    }
    sorted(&documents)
}

fn sorted(documents: &[(&str, &str)]) -> Result<Sorted, Error> {
    let mut sorted = Sorted::default();
    for ((path, document), head) in documents.iter().zip(heads(documents)) {
        let head = head.map_err(|why| Error::Render(format!("YAML parse error on {path}: {why}")))?;
        head.place(path, document, &mut sorted);
    }
    sorted.manifests.sort_by(|a, b| install_rank(&a.kind).cmp(&install_rank(&b.kind)));
    sorted.hooks.sort_by(|a, b| install_rank(&a.kind).cmp(&install_rank(&b.kind)));
    Ok(sorted)
}

/// Takes documents, each with the path of its template, apart into manifests and hooks, in the order of an installation: as
/// Helm does with what a post-renderer gives back. Their annotations alone say which of them are hooks, and when those run.
///
/// # Errors
/// A text that is no YAML or no object.
pub fn sort_documents(documents: &[(&str, &str)]) -> Result<(Vec<Manifest>, Vec<Hook>), Error> {
    let sorted = sorted(documents)?;
    Ok((sorted.manifests, sorted.hooks))
}

/// Bytes from which on a second thread is worth its start.
const WORTH_THREAD: usize = 96 << 10;

/// Reads the documents, in two threads if there is much of them.
fn heads(documents: &[(&str, &str)]) -> Vec<Result<Head, String>> {
    let read = |documents: &[(&str, &str)]| documents.iter().map(|(_, text)| Head::read(text)).collect::<Vec<_>>();
    let bytes: usize = documents.iter().map(|(_, text)| text.len()).sum();
    if bytes < WORTH_THREAD || std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return read(documents);
    }
    let mut before = 0;
    let half = documents.iter().position(|(_, text)| {
        before += text.len();
        before > bytes / 2
    });
    let (first, second) = documents.split_at(half.unwrap_or(0));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| read(second));
        let mut all = read(first);
        all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        all
    })
}

/// What Helm reads of a manifest.
struct Head {
    kind: String,
    name: String,
    annotations: Map<String, Value>,
}

impl Head {
    fn read(document: &str) -> Result<Self, String> {
        let value = sluice_yaml::parse(document, Dialect::V2)
            .map_err(|error| sluice_helm_functions::yaml_error(&error, document))?;
        let failed = |what: &str, target: &str| {
            format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {what} into Go {target}")
        };
        let name_of = |value: &Value| match value {
            Value::Array(_) => "array",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Object(_) => "object",
            Value::Null => "null",
        };
        let map = match value {
            Value::Null => Map::new(),
            Value::Object(map) => map,
            other => return Err(failed(name_of(&other), "value of type util.SimpleHead")),
        };
        let text = |value: Option<&Value>, field: &str| match value {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Object(_) | Value::Array(_)) => {
                Err(failed(value.map_or("null", name_of), &format!("struct field SimpleHead.{field} of type string")))
            }
            Some(other) => Ok(other.to_string()),
        };
        text(map.get("apiVersion"), "apiVersion")?;
        let kind = text(map.get("kind"), "kind")?;
        let empty = Map::new();
        let metadata = match map.get("metadata") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(metadata)) => metadata,
            Some(other) => return Err(failed(name_of(other), "struct field SimpleHead.metadata")),
        };
        let name = text(metadata.get("name"), "metadata.name")?;
        let annotations = match metadata.get("annotations") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(found)) => {
                let mut annotations = Map::new();
                for (key, value) in found {
                    annotations.insert(key.clone(), Value::from(text(Some(value), "metadata.annotations")?));
                }
                annotations
            }
            Some(other) => return Err(failed(name_of(other), "struct field SimpleHead.metadata.annotations")),
        };
        Ok(Self { kind, name, annotations })
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).and_then(Value::as_str)
    }

    fn words(&self, annotation: &str) -> Vec<String> {
        let words = self.annotation(annotation).map(|text| text.split(',').map(|it| it.trim().to_lowercase()));
        words.into_iter().flatten().collect()
    }

    fn place(self, path: &str, document: &str, sorted: &mut Sorted) {
        if self.annotation("helm.sh/hook").is_none() {
            sorted.manifests.push(Manifest { path: path.to_owned(), content: document.to_owned(), kind: self.kind });
            return;
        }
        let mut events = Vec::new();
        for event in self.words("helm.sh/hook") {
            match event.as_str() {
                "test-success" => events.push("test".into()),
                "test" | "pre-install" | "post-install" | "pre-delete" | "post-delete" | "pre-upgrade"
                | "post-upgrade" | "pre-rollback" | "post-rollback" => events.push(event),
                other => {
                    tracing::info!(path, hook = other, "skipping an unknown hook");
                    return;
                }
            }
        }
        sorted.hooks.push(Hook {
            weight: self.annotation("helm.sh/hook-weight").and_then(|text| text.parse().ok()).unwrap_or(0),
            delete_policies: self.words("helm.sh/hook-delete-policy"),
            output_log_policies: self.words("helm.sh/hook-output-log-policy"),
            path: path.to_owned(),
            manifest: document.to_owned(),
            events,
            name: self.name,
            kind: self.kind,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn documents_keep_what_stands_behind_them() {
        for (text, expected) in [
            (
                "a: 1\n  \n---  \n\n  b: 1\n---\nc: |+\n  x\n\n\n---\nd: 1\n",
                &["a: 1\n  \n", "b: 1\n", "c: |+\n  x\n\n\n", "d: 1\n"][..],
            ),
            ("\n\n  a: 1\n--- # c\nb: 1\n---abc: 1\n", &["a: 1\n", "# c\nb: 1\n", "abc: 1\n"]),
            ("a: |\n  x\n  ---\n  y\n---\n---\n  \n---\n", &["a: |\n  x\n  ---\n  y\n"]),
            ("------\na: 1\n--- ---\nb: 1", &["---\na: 1\n", "---\nb: 1"]),
        ] {
            assert_eq!(split(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }
}
