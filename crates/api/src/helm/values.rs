use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{DriftIgnoreRule, Image, Patch};
use crate::string_enum::string_enum;

/// A ConfigMap or Secret with values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ValuesReference {
    /// Which of both.
    pub kind: ValuesKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key; by default `values.yaml`.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 253), regex(pattern = r"^[\-._a-zA-Z0-9]+$"))]
    pub values_key: String,
    /// Where one value goes; by default the content is a whole set of values.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 250), regex(pattern = r"^([a-zA-Z0-9_\-.\\\/]|\[[0-9]{1,5}\])+$"))]
    pub target_path: String,
    /// Whether it may be missing.
    #[serde(skip_serializing_if = "unset")]
    pub optional: bool,
    /// Whether the value at `targetPath` is taken as it is, not as an expression of Helm.
    #[serde(skip_serializing_if = "unset")]
    pub literal: bool,
}

/// What to change in rendered objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PostRenderer {
    /// Changes in the manner of kustomize.
    #[serde(skip_serializing_if = "unset")]
    pub kustomize: Option<KustomizePostRenderer>,
}

/// Changes in the manner of kustomize.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KustomizePostRenderer {
    /// Patches.
    #[serde(skip_serializing_if = "unset")]
    pub patches: Vec<Patch>,
    /// Image names, tags and digests to replace.
    #[serde(skip_serializing_if = "unset")]
    pub images: Vec<Image>,
}

/// What to do about objects that others changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DriftDetection {
    /// Correct, warn, or nothing.
    #[serde(skip_serializing_if = "unset")]
    pub mode: DriftDetectionMode,
    /// Fields that do not count.
    #[serde(skip_serializing_if = "unset")]
    pub ignore: Vec<DriftIgnoreRule>,
}

/// How to wait for objects to be ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct WaitStrategy {
    /// Which way.
    pub name: WaitStrategyName,
}

string_enum! {
    /// Where values come from.
    pub enum ValuesKind {
        /// A Secret.
        Secret = "Secret",
        /// A ConfigMap.
        ConfigMap = "ConfigMap",
    }
}

string_enum! {
    /// How post-renderers treat hooks.
    pub enum PostRenderStrategy {
        /// They do not see them.
        NoHooks = "nohooks",
        /// They see them together with all objects.
        Combined = "combined",
        /// They see them apart.
        Separate = "separate",
    }
}

string_enum! {
    /// What to do about drift.
    pub enum DriftDetectionMode = Disabled {
        /// Correct it.
        Enabled = "enabled",
        /// Tell.
        Warn = "warn",
        /// Nothing.
        Disabled = "disabled",
    }
}

string_enum! {
    /// Ways to wait.
    pub enum WaitStrategyName {
        /// Flux's own health checks.
        Poller = "poller",
        /// Helm's old checks.
        Legacy = "legacy",
    }
}
