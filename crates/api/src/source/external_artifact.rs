use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Artifact, Condition, NamespacedObjectKindReference};
use crate::resource::{Column, resource};

resource! {
    /// An artifact that a third party made.
    pub struct ExternalArtifact { spec: ExternalArtifactSpec, status: ExternalArtifactStatus }
    api: "source.toolkit.fluxcd.io" / "v1" / "ExternalArtifact",
    plural: "externalartifacts",
    short: ["ea"],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    columns: [Column::AGE, Column::READY, Column::STATUS, Column::text("Source", ".spec.sourceRef.name")],
}

/// Where the artifact comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExternalArtifactSpec {
    /// The object that it was made from.
    #[serde(skip_serializing_if = "unset")]
    pub source_ref: Option<NamespacedObjectKindReference>,
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExternalArtifactStatus {
    /// The artifact.
    #[serde(skip_serializing_if = "unset")]
    pub artifact: Option<Artifact>,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
}

impl crate::meta::Status for ExternalArtifactStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
    fn conditions_mut(&mut self) -> &mut Vec<Condition> {
        &mut self.conditions
    }
}
