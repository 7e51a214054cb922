//! Which object is which: group, version, kind, name, namespace.

use std::borrow::Cow;
use std::fmt;

use sluice_yaml::Value;

use crate::scalar::node_text;
use crate::schema;

/// A group, version and kind; in a selector an empty part matches anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Gvk {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl Gvk {
    /// Whether `self` as a selector takes `group`, `version` and `kind`.
    pub(crate) fn selects(&self, group: &str, version: &str, kind: &str) -> bool {
        (self.group.is_empty() || self.group == group)
            && (self.version.is_empty() || self.version == version)
            && (self.kind.is_empty() || self.kind == kind)
    }

    pub(crate) fn selects_id(&self, id: &Id<'_>) -> bool {
        self.selects(id.group, id.version, id.kind)
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
        let (kind, version) = (or(&self.kind, "[noKind]"), or(&self.version, "[noVer]"));
        write!(f, "{kind}.{version}.{}", or(&self.group, "[noGrp]"))
    }
}

/// What identifies an object in a build.
#[derive(Debug, Clone)]
pub(crate) struct Id<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: Cow<'a, str>,
    pub(crate) namespace: Cow<'a, str>,
    /// Certainly without namespace; ids from before a change are never certain.
    pub(crate) cluster_scoped: bool,
}

/// The namespace of what has none.
pub(crate) const CLUSTER: &str = "_non_namespaceable_";

impl<'a> Id<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        let (group, version) = split_api_version(api_version(value));
        let kind = kind(value);
        let metadata = value.get("metadata");
        let part = |key: &str| metadata.and_then(|map| map.get(key)).map_or(Cow::Borrowed(""), node_text);
        Self {
            group,
            version,
            kind,
            name: part("name"),
            namespace: part("namespace"),
            cluster_scoped: schema::is_cluster_scoped(group, version, kind),
        }
    }

    /// The namespace that counts in comparisons.
    pub(crate) fn effective_namespace(&self) -> &str {
        match &*self.namespace {
            _ if self.cluster_scoped => CLUSTER,
            "" => "default",
            namespace => namespace,
        }
    }

    /// Equal exactly when two ids name the same object.
    pub(crate) fn key(&self) -> Key {
        let namespace = self.effective_namespace();
        let mut key = String::with_capacity(
            self.group.len() + self.version.len() + self.kind.len() + self.name.len() + namespace.len() + 4,
        );
        for part in [&self.name, self.kind, self.group, self.version] {
            key.push_str(part);
            key.push('\0');
        }
        key.push_str(namespace);
        Key(key)
    }
}

/// An [`Id`] to look up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gvk = Gvk { group: self.group.into(), version: self.version.into(), kind: self.kind.into() };
        let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
        write!(f, "{gvk}/{}.{}", or(&self.name, "[noName]"), or(&self.namespace, "[noNs]"))
    }
}

pub(crate) fn api_version(value: &Value) -> &str {
    value.get("apiVersion").and_then(Value::as_str).unwrap_or("")
}

pub(crate) fn kind(value: &Value) -> &str {
    value.get("kind").and_then(Value::as_str).unwrap_or("")
}

/// `apps/v1` as `("apps", "v1")`.
pub(crate) fn split_api_version(text: &str) -> (&str, &str) {
    text.split_once('/').unwrap_or(("", text))
}
