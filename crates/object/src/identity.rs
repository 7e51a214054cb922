//! Who an object is: its group, version and kind, its reference, and its id in a Flux inventory.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{name, namespace};

/// The type of an object. The core group is the empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupVersionKind {
    /// `apps`; empty for the core group.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `Deployment`.
    pub kind: String,
}

/// Why a value is not an object that can be referred to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// `apiVersion` is absent, empty or no string.
    #[error("object has no `apiVersion`")]
    NoApiVersion,
    /// `kind` is absent, empty or no string.
    #[error("object of apiVersion `{0}` has no `kind`")]
    NoKind(String),
    /// `metadata.name` is absent, empty or no string.
    #[error("{0} has no `metadata.name`")]
    NoName(String),
    /// An inventory id has not the form `<namespace>_<name>_<group>_<kind>`.
    #[error("inventory id `{0}` is not `<namespace>_<name>_<group>_<kind>`")]
    BadInventoryId(String),
}

impl GroupVersionKind {
    /// Puts the three parts together.
    #[must_use]
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// Reads `apiVersion` (`apps/v1` or `v1`) beside a kind. What stands before the first `/` is the group.
    #[must_use]
    pub fn from_api_version(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self::new(group, version, kind)
    }

    /// The type that an object says it has.
    ///
    /// # Errors
    /// When `apiVersion` or `kind` is absent, empty or no string.
    pub fn from_object(object: &Value) -> Result<Self, IdentityError> {
        let text = |field: &str| object.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        let api_version = text("apiVersion").ok_or(IdentityError::NoApiVersion)?;
        let kind = text("kind").ok_or_else(|| IdentityError::NoKind(api_version.to_owned()))?;
        Ok(Self::from_api_version(api_version, kind))
    }

    /// `apps/v1`, or `v1` for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// `apps/v1, Kind=Deployment`, as Kubernetes' own messages have it.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

/// One object, named within a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its type.
    pub gvk: GroupVersionKind,
    /// Its namespace; empty when it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The reference of an object.
    ///
    /// # Errors
    /// When `apiVersion`, `kind` or `metadata.name` is absent, empty or no string.
    pub fn of(object: &Value) -> Result<Self, IdentityError> {
        let gvk = GroupVersionKind::from_object(object)?;
        let name = name(object);
        if name.is_empty() {
            return Err(IdentityError::NoName(gvk.kind));
        }
        Ok(Self { gvk, namespace: namespace(object).to_owned(), name: name.to_owned() })
    }

    /// The id of a Flux inventory entry: `<namespace>_<name>_<group>_<kind>`, empty parts kept, `:` of RBAC names as
    /// `__` (spec/flux/kustomize.md §2).
    #[must_use]
    pub fn inventory_id(&self) -> String {
        let name = self.name.replace(':', "__");
        format!("{}_{name}_{}_{}", self.namespace, self.gvk.group, self.gvk.kind)
    }

    /// Reads an inventory entry: its id and its version (`v`).
    ///
    /// # Errors
    /// When the id has fewer than four parts, or no name or kind.
    pub fn from_inventory(id: &str, version: &str) -> Result<Self, IdentityError> {
        Self::parse_id(id, version).ok_or_else(|| IdentityError::BadInventoryId(id.to_owned()))
    }

    /// No namespace, group or kind has a `_`, so what lies between the first and the last two belongs to the name.
    fn parse_id(id: &str, version: &str) -> Option<Self> {
        let (namespace, rest) = id.split_once('_')?;
        let (rest, kind) = rest.rsplit_once('_')?;
        let (name, group) = rest.rsplit_once('_')?;
        if name.is_empty() || kind.is_empty() {
            return None;
        }
        let gvk = GroupVersionKind::new(group, version, kind);
        Some(Self { gvk, namespace: namespace.to_owned(), name: name.replace("__", ":") })
    }
}

/// `Kind/namespace/name`, or `Kind/name` without a namespace, as Flux prints it.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.gvk.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.gvk.kind, self.namespace, self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(object: Value, id: &str, text: &str) {
        let reference = ObjectRef::of(&object).unwrap();
        assert_eq!(reference.inventory_id(), id);
        assert_eq!(reference.to_string(), text);
        assert_eq!(ObjectRef::from_inventory(id, &reference.gvk.version), Ok(reference));
    }

    #[test]
    fn inventory_ids_keep_empty_parts_and_escape_colons() {
        check(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "default"}}),
            "default_podinfo__Service",
            "Service/default/podinfo",
        );
        check(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a:b:c"}}),
            "_a__b__c_rbac.authorization.k8s.io_ClusterRole",
            "ClusterRole/a:b:c",
        );
        check(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}),
            "_x__Namespace",
            "Namespace/x",
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let of = |object: Value| ObjectRef::of(&object).unwrap_err().to_string();
        assert_eq!(of(json!({})), "object has no `apiVersion`");
        assert_eq!(of(json!({"apiVersion": "v1"})), "object of apiVersion `v1` has no `kind`");
        assert_eq!(of(json!({"apiVersion": "v1", "kind": "Pod"})), "Pod has no `metadata.name`");
        assert!(ObjectRef::from_inventory("a_b_c", "v1").is_err());
    }

    proptest! {
        #[test]
        fn every_reference_survives_its_inventory_id(
            namespace in "([a-z0-9][a-z0-9-]{0,8}[a-z0-9])?",
            name in "[a-z0-9]([a-z0-9.:-]{0,12}[a-z0-9])?",
            group in "([a-z]{1,6}(\\.[a-z]{1,6}){0,2})?",
            kind in "[A-Z][A-Za-z0-9]{0,10}",
        ) {
            let gvk = GroupVersionKind::new(&group, "v1", &kind);
            let reference = ObjectRef { gvk, namespace, name };
            prop_assert_eq!(ObjectRef::from_inventory(&reference.inventory_id(), "v1"), Ok(reference));
        }

        #[test]
        fn no_inventory_id_panics(id in ".*") {
            let _ = ObjectRef::from_inventory(&id, "v1");
        }
    }
}
