use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{CommonMetadata, Duration, INTERVAL, LocalObjectReference};
use crate::source::{HelmChartSourceKind, OciVerificationProvider, ReconcileStrategy};
use crate::string_enum::string_enum;

/// A HelmChart to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HelmChartTemplate {
    /// Its labels and annotations.
    #[serde(skip_serializing_if = "unset")]
    pub metadata: Option<CommonMetadata>,
    /// What chart it is.
    pub spec: HelmChartTemplateSpec,
}

/// What chart to fetch or package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HelmChartTemplateSpec {
    /// Name of the chart in its repository, or its path in its source.
    #[schemars(length(min = 1, max = 2048))]
    pub chart: String,
    /// Range of versions; only for charts in a HelmRepository.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "*"))]
    pub version: String,
    /// Where the chart lies.
    pub source_ref: CrossNamespaceSourceReference,
    /// How often to look for a new version; by default as often as the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Option<Duration>,
    /// What makes a new artifact.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "ChartVersion"))]
    pub reconcile_strategy: ReconcileStrategy,
    /// Files that make the values of the chart; later ones win.
    #[serde(skip_serializing_if = "unset")]
    pub values_files: Vec<String>,
    /// Whether to leave out values files that are not there.
    #[serde(skip_serializing_if = "unset")]
    pub ignore_missing_values_files: bool,
    /// Signatures that the chart must have; for OCI only.
    #[serde(skip_serializing_if = "unset")]
    pub verify: Option<HelmChartTemplateVerification>,
}

/// Signatures that a chart must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HelmChartTemplateVerification {
    /// Who checks.
    #[schemars(extend("default" = "cosign"))]
    pub provider: OciVerificationProvider,
    /// Secret with the public keys of trusted authors.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
}

/// A source of charts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CrossNamespaceSourceReference {
    /// API version; by default the newest that is known.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Kind.
    pub kind: HelmChartSourceKind,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
}

/// A source that has one chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CrossNamespaceChartReference {
    /// API version; by default the newest that is known.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Kind.
    pub kind: ChartKind,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
}

string_enum! {
    /// Kinds that have one chart.
    pub enum ChartKind {
        /// An OCI artifact.
        OciRepository = "OCIRepository",
        /// A chart.
        HelmChart = "HelmChart",
        /// An artifact that a third party made.
        ExternalArtifact = "ExternalArtifact",
    }
}
