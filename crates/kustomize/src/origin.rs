//! Where an object came from, and who changed it: the annotations that `buildMetadata` asks for.

use std::fmt::Write as _;

/// A file, or a generator or transformer and where it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) path: String,
    pub(crate) repo: String,
    pub(crate) reference: String,
    pub(crate) configured_in: String,
    pub(crate) configured_by: Configurer,
}

/// A generator or transformer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Configurer {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}

impl Origin {
    /// The origin of what `path` names, as seen from here.
    pub(crate) fn append(&self, path: &str) -> Self {
        Self { path: clean(&self.path, path), ..self.clone() }
    }

    /// The origin of what a field of the kustomization file `file` here makes.
    pub(crate) fn builtin(&self, file: &str, kind: &str) -> Self {
        Self {
            repo: self.repo.clone(),
            reference: self.reference.clone(),
            configured_in: clean(&self.path, file),
            configured_by: Configurer { api_version: "builtin".into(), kind: kind.into(), ..Configurer::default() },
            path: String::new(),
        }
    }

    /// Lines of YAML, each after `indent` spaces.
    pub(crate) fn to_yaml(&self, indent: usize) -> String {
        let mut out = String::new();
        let mut line = |extra: usize, key: &str, value: &str| {
            if !value.is_empty() {
                let text = sluice_yaml::emit(&value.into()).unwrap_or_default();
                let _ = write!(out, "{:width$}{key}: {text}", "", width = indent + extra);
            }
        };
        line(0, "path", &self.path);
        line(0, "repo", &self.repo);
        line(0, "ref", &self.reference);
        line(0, "configuredIn", &self.configured_in);
        if self.configured_by != Configurer::default() {
            let _ = writeln!(out, "{:indent$}configuredBy:", "");
            let mut line = |key: &str, value: &str| {
                if !value.is_empty() {
                    let text = sluice_yaml::emit(&value.into()).unwrap_or_default();
                    let _ = write!(out, "{:width$}{key}: {text}", "", width = indent + 2);
                }
            };
            line("apiVersion", &self.configured_by.api_version);
            line("kind", &self.configured_by.kind);
            line("name", &self.configured_by.name);
            line("namespace", &self.configured_by.namespace);
        }
        if out.is_empty() { "{}\n".to_owned() } else { out }
    }

    /// As an element of a list.
    pub(crate) fn to_list_item(&self) -> String {
        format!("- {}", self.to_yaml(2).trim_start())
    }
}

/// `path` as seen from `base`, cleaned by names alone; unlike in a tree, `..` may stay in front.
fn clean(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
