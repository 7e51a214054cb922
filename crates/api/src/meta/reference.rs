//! References and small structures that several kinds use alike.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::schema::rule;

/// An object of a known kind in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LocalObjectReference {
    /// Its name.
    pub name: String,
}

/// An object of a known kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NamespacedObjectReference {
    /// Its name.
    pub name: String,
    /// Its namespace; by default that of the object with this reference.
    #[serde(skip_serializing_if = "unset")]
    pub namespace: String,
}

/// An object of any kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NamespacedObjectKindReference {
    /// Its API version; by default the one that the cluster prefers.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; by default that of the object with this reference.
    #[serde(skip_serializing_if = "unset")]
    pub namespace: String,
}

/// One key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SecretKeyReference {
    /// Name of the Secret.
    pub name: String,
    /// The key; by default one that the reader chooses.
    #[serde(skip_serializing_if = "unset")]
    pub key: String,
}

/// How to reach another cluster: exactly one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(ONE_KUBE_CONFIG, "has(self.configMapRef) || has(self.secretRef)"),
    rule(ONE_KUBE_CONFIG, "!has(self.configMapRef) || !has(self.secretRef)"),
]))]
pub struct KubeConfigReference {
    /// ConfigMap that says how to sign in with a workload identity: keys `provider`, `cluster`, `address`, `ca.crt`,
    /// `audiences`, `serviceAccountName`.
    #[serde(skip_serializing_if = "unset")]
    pub config_map_ref: Option<LocalObjectReference>,
    /// Secret with a kubeconfig; the key defaults to `value`, then `value.yaml`.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<SecretKeyReference>,
}

const ONE_KUBE_CONFIG: &str =
    "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified";

/// An object that must be ready first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DependencyReference {
    /// Its name.
    pub name: String,
    /// Its namespace; by default that of the object with this reference.
    #[serde(skip_serializing_if = "unset")]
    pub namespace: String,
    /// CEL expression over `self` and `dep` that says when it is ready, instead of the usual check.
    #[serde(skip_serializing_if = "unset")]
    pub ready_expr: String,
}

/// How to tell the health of a custom resource, in CEL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CustomHealthCheck {
    /// API version of the resources it is for.
    pub api_version: String,
    /// Their kind; by default all kinds of the group.
    #[serde(skip_serializing_if = "unset")]
    pub kind: String,
    /// True when the resource has reached its state.
    pub current: String,
    /// True when the resource is on its way.
    #[serde(skip_serializing_if = "unset")]
    pub in_progress: String,
    /// True when the resource has failed.
    #[serde(skip_serializing_if = "unset")]
    pub failed: String,
}

/// Labels and annotations for every object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CommonMetadata {
    /// Annotations to set.
    #[serde(skip_serializing_if = "unset")]
    pub annotations: BTreeMap<String, String>,
    /// Labels to set.
    #[serde(skip_serializing_if = "unset")]
    pub labels: BTreeMap<String, String>,
}

/// Chooses objects; an empty part admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Selector {
    /// API group, a regular expression.
    #[serde(skip_serializing_if = "unset")]
    pub group: String,
    /// API version, a regular expression.
    #[serde(skip_serializing_if = "unset")]
    pub version: String,
    /// Kind, a regular expression.
    #[serde(skip_serializing_if = "unset")]
    pub kind: String,
    /// Name, a regular expression.
    #[serde(skip_serializing_if = "unset")]
    pub name: String,
    /// Namespace, a regular expression.
    #[serde(skip_serializing_if = "unset")]
    pub namespace: String,
    /// Annotations, in the language of label selectors.
    #[serde(skip_serializing_if = "unset")]
    pub annotation_selector: String,
    /// Labels, in the language of label selectors.
    #[serde(skip_serializing_if = "unset")]
    pub label_selector: String,
}

/// A patch of rendered objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Patch {
    /// A strategic merge patch, or a JSON 6902 patch, in YAML.
    pub patch: String,
    /// What it is applied to; a strategic merge patch may name its object itself.
    #[serde(skip_serializing_if = "unset")]
    pub target: Option<Selector>,
}

/// A replacement of an image's name, tag or digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Image {
    /// The name to look for, without tag.
    pub name: String,
    /// The name to write.
    #[serde(skip_serializing_if = "unset")]
    pub new_name: String,
    /// The tag to write.
    #[serde(skip_serializing_if = "unset")]
    pub new_tag: String,
    /// The digest to write; it wins over the tag.
    #[serde(skip_serializing_if = "unset")]
    pub digest: String,
}

/// Fields that correction of drift leaves alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DriftIgnoreRule {
    /// JSON pointers of the fields.
    pub paths: Vec<String>,
    /// The objects it is for; by default all.
    #[serde(skip_serializing_if = "unset")]
    pub target: Option<Selector>,
}

/// The objects that an applier manages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Inventory {
    /// One entry an object.
    pub entries: Vec<ResourceRef>,
}

/// A managed object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ResourceRef {
    /// `<namespace>_<name>_<group>_<kind>`.
    pub id: String,
    /// API version without the group.
    #[serde(rename = "v")]
    pub version: String,
}

/// Who else may use the object. Kept for compatibility; nothing acts on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AccessFrom {
    /// Namespaces by label; one match suffices.
    pub namespace_selectors: Vec<NamespaceSelector>,
}

/// Chooses namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NamespaceSelector {
    /// Labels that a namespace must have.
    #[serde(skip_serializing_if = "unset")]
    pub match_labels: BTreeMap<String, String>,
}
