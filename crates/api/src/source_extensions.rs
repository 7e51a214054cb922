//! source.extensions.fluxcd.io/v1beta1: ArtifactGenerator. Behaviour: spec/flux/source.md §8.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{CommonMetadata, Condition};
use crate::resource::{Column, resource};
use crate::schema::rule;
use crate::string_enum::string_enum;

resource! {
    /// Makes artifacts out of artifacts.
    pub struct ArtifactGenerator { spec: ArtifactGeneratorSpec, status: ArtifactGeneratorStatus }
    api: "source.extensions.fluxcd.io" / "v1beta1" / "ArtifactGenerator",
    plural: "artifactgenerators",
    short: ["ag"],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    columns: [Column::AGE, Column::READY, Column::STATUS],
}

/// What to take, and what to make of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        "artifact names must be valid Kubernetes object names when pathPattern is not set",
        "has(self.pathPattern) && size(self.pathPattern) > 0 || self.artifacts.all(a, \
         a.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'))",
    ),
]))]
pub struct ArtifactGeneratorSpec {
    /// Metadata for every ExternalArtifact.
    #[serde(skip_serializing_if = "unset")]
    pub common_metadata: Option<CommonMetadata>,
    /// Artifacts to take from.
    #[schemars(length(min = 1, max = 1000))]
    pub sources: Vec<SourceReference>,
    /// `@alias/` and a path with `{names}` for folders: artifacts are made for each match.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 1024), regex(pattern = "^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)/(.*)$"))]
    pub path_pattern: String,
    /// Artifacts to make.
    #[schemars(length(min = 1, max = 1000))]
    pub artifacts: Vec<OutputArtifact>,
}

/// An artifact to take from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SourceReference {
    /// Name for it in this object.
    #[schemars(length(max = 63), regex(pattern = "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"))]
    pub alias: String,
    /// Name of the source.
    #[schemars(length(max = 253), regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Namespace of the source; by default that of this object.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// Kind of the source.
    pub kind: ArtifactSourceKind,
}

/// An artifact to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OutputArtifact {
    /// Name of its ExternalArtifact.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its revision: `@alias` for that of a source; by default the digest.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 64), regex(pattern = "^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)$"))]
    pub revision: String,
    /// The revision to note as its origin: `@alias`.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 64), regex(pattern = "^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)$"))]
    pub origin_revision: String,
    /// What goes into it, in this order.
    #[schemars(length(min = 1))]
    pub copy: Vec<CopyOperation>,
}

/// Files to copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CopyOperation {
    /// `@alias/` and a pattern of files.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)/(.*)$"))]
    pub from: String,
    /// `@artifact/` and a path.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^@(artifact)/(.*)$"))]
    pub to: String,
    /// Patterns of files to leave out.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 100))]
    pub exclude: Vec<String>,
    /// What to do with files.
    #[serde(skip_serializing_if = "unset")]
    pub strategy: CopyStrategy,
}

string_enum! {
    /// Kinds that have an artifact.
    pub enum ArtifactSourceKind {
        /// A bucket.
        Bucket = "Bucket",
        /// A Git repository.
        GitRepository = "GitRepository",
        /// An OCI artifact.
        OciRepository = "OCIRepository",
        /// A chart.
        HelmChart = "HelmChart",
        /// An artifact that a third party made.
        ExternalArtifact = "ExternalArtifact",
    }
}

string_enum! {
    /// What to do with files.
    pub enum CopyStrategy = Overwrite {
        /// Replace what is there.
        Overwrite = "Overwrite",
        /// Merge YAML into what is there.
        Merge = "Merge",
        /// Unpack archives.
        Extract = "Extract",
    }
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ArtifactGeneratorStatus {
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// The artifacts.
    #[serde(skip_serializing_if = "unset")]
    pub inventory: Vec<ExternalArtifactReference>,
    /// Checksum of what was taken.
    #[serde(skip_serializing_if = "unset")]
    pub observed_sources_digest: String,
}

/// An artifact that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExternalArtifactReference {
    /// Name of its ExternalArtifact.
    pub name: String,
    /// Namespace of that.
    pub namespace: String,
    /// Checksum of the archive.
    pub digest: String,
    /// Name of the archive.
    pub filename: String,
}

impl crate::meta::Status for ArtifactGeneratorStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
    fn conditions_mut(&mut self) -> &mut Vec<Condition> {
        &mut self.conditions
    }
    fn last_handled_reconcile_at(&self) -> &str {
        &self.last_handled_reconcile_at
    }
    fn set_last_handled_reconcile_at(&mut self, value: &str) {
        value.clone_into(&mut self.last_handled_reconcile_at);
    }
}
