use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Condition, Duration, INTERVAL, NamespacedObjectReference, impl_status};
use crate::resource::{Column, resource};
use crate::schema::rule;
use crate::string_enum::string_enum;

resource! {
    /// Chooses one of the tags of an image repository.
    pub struct ImagePolicy { spec: ImagePolicySpec, status: ImagePolicyStatus }
    api: "image.toolkit.fluxcd.io" / "v1" / "ImagePolicy",
    plural: "imagepolicies",
    short: ["imgpol", "imagepol"],
    categories: ["all", "fluxcd", "fluxcd-images"],
    columns: [
        Column::text("Image", ".status.latestRef.name"),
        Column::text("Tag", ".status.latestRef.tag"),
        Column::READY,
        Column::STATUS,
        Column::AGE,
    ],
}

/// What to choose from, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
        "!has(self.interval) || (has(self.digestReflectionPolicy) && self.digestReflectionPolicy == 'Always')",
    ),
    rule(
        "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        "has(self.interval) || !has(self.digestReflectionPolicy) || self.digestReflectionPolicy != 'Always'",
    ),
]))]
pub struct ImagePolicySpec {
    /// The ImageRepository with the tags.
    pub image_repository_ref: NamespacedObjectReference,
    /// How to choose.
    pub policy: ImagePolicyChoice,
    /// Tags to choose from; by default all.
    #[serde(skip_serializing_if = "unset")]
    pub filter_tags: Option<TagFilter>,
    /// When to look up the digest of the chosen tag.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "Never"))]
    pub digest_reflection_policy: ReflectionPolicy,
    /// How often to look up the digest; only for `Always`.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Option<Duration>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
}

/// How to choose: one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ImagePolicyChoice {
    /// The highest version.
    #[serde(skip_serializing_if = "unset")]
    pub semver: Option<SemVerPolicy>,
    /// The last or first in the order of letters.
    #[serde(skip_serializing_if = "unset")]
    pub alphabetical: Option<AlphabeticalPolicy>,
    /// The last or first in the order of numbers.
    #[serde(skip_serializing_if = "unset")]
    pub numerical: Option<NumericalPolicy>,
}

/// The highest version in a range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SemVerPolicy {
    /// The range.
    pub range: String,
}

/// The last or first in the order of letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AlphabeticalPolicy {
    /// Ascending chooses the last.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "asc"))]
    pub order: Order,
}

/// The last or first in the order of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NumericalPolicy {
    /// Ascending chooses the last.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "asc"))]
    pub order: Order,
}

/// Tags to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TagFilter {
    /// Regular expression of the tags.
    #[serde(skip_serializing_if = "unset")]
    pub pattern: String,
    /// What of a tag is compared, by the groups of the expression.
    #[serde(skip_serializing_if = "unset")]
    pub extract: String,
}

string_enum! {
    /// Directions.
    pub enum Order = Asc {
        /// From small to great.
        Asc = "asc",
        /// From great to small.
        Desc = "desc",
    }
}

string_enum! {
    /// When to look up a digest.
    pub enum ReflectionPolicy = Never {
        /// Every interval.
        Always = "Always",
        /// When another tag is chosen.
        IfNotPresent = "IfNotPresent",
        /// Never.
        Never = "Never",
    }
}

/// What was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct ImagePolicyStatus {
    /// The chosen image.
    #[serde(skip_serializing_if = "unset")]
    pub latest_ref: Option<ImageRef>,
    /// The image that was chosen before.
    #[serde(skip_serializing_if = "unset")]
    pub observed_previous_ref: Option<ImageRef>,
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
}

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ImageRef {
    /// Its name.
    pub name: String,
    /// Its tag.
    pub tag: String,
    /// Its digest, if it was looked up.
    #[serde(skip_serializing_if = "unset")]
    pub digest: String,
}

impl_status!(ImagePolicyStatus);
