use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Artifact, Condition, Duration, INTERVAL, LocalObjectReference, impl_status};
use crate::resource::{Column, resource};
use crate::schema::rule;
use crate::source::{OciVerificationProvider, OidcIdentityMatch};
use crate::string_enum::string_enum;

resource! {
    /// Makes an artifact from a Helm chart.
    pub struct HelmChart { spec: HelmChartSpec, status: HelmChartStatus }
    api: "source.toolkit.fluxcd.io" / "v1" / "HelmChart",
    plural: "helmcharts",
    short: ["hc"],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    columns: [
        Column::text("Chart", ".spec.chart"),
        Column::text("Version", ".spec.version"),
        Column::text("Source Kind", ".spec.sourceRef.kind"),
        Column::text("Source Name", ".spec.sourceRef.name"),
        Column::AGE,
        Column::READY,
        Column::STATUS,
    ],
}

/// What chart to fetch or package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        "spec.verify is only supported when spec.sourceRef.kind is 'HelmRepository'",
        "!has(self.verify) || self.sourceRef.kind == 'HelmRepository'",
    ),
]))]
pub struct HelmChartSpec {
    /// Name of the chart in its repository, or its path in its source.
    pub chart: String,
    /// Range of versions; only for charts in a HelmRepository.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "*"))]
    pub version: String,
    /// Where the chart lies.
    pub source_ref: LocalHelmChartSourceReference,
    /// How often to look for a new version; approximate.
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Duration,
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
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
    /// Signatures that the chart must have; for OCI only.
    #[serde(skip_serializing_if = "unset")]
    pub verify: Option<HelmChartVerification>,
}

/// A source of charts in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LocalHelmChartSourceReference {
    /// API version; by default the newest that is known.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Kind.
    pub kind: HelmChartSourceKind,
    /// Name.
    pub name: String,
}

/// Signatures that a chart must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HelmChartVerification {
    /// Who checks.
    #[schemars(extend("default" = "cosign"))]
    pub provider: OciVerificationProvider,
    /// Secret with the public keys of trusted authors.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Identities that may have signed without a key; one match suffices.
    #[serde(rename = "matchOIDCIdentity", skip_serializing_if = "unset")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
}

string_enum! {
    /// Kinds that charts come from.
    pub enum HelmChartSourceKind {
        /// A Helm repository.
        HelmRepository = "HelmRepository",
        /// A Git repository.
        GitRepository = "GitRepository",
        /// A bucket.
        Bucket = "Bucket",
    }
}

string_enum! {
    /// What makes a new artifact of a chart.
    pub enum ReconcileStrategy = ChartVersion {
        /// A new version of the chart.
        ChartVersion = "ChartVersion",
        /// A new revision of its source.
        Revision = "Revision",
    }
}

/// What was fetched or packaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct HelmChartStatus {
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
    /// Revision of the source that the chart was last looked for in.
    #[serde(skip_serializing_if = "unset")]
    pub observed_source_artifact_revision: String,
    /// Name of the chart of the artifact.
    #[serde(skip_serializing_if = "unset")]
    pub observed_chart_name: String,
    /// Values files of the artifact, when some may be missing.
    #[serde(skip_serializing_if = "unset")]
    pub observed_values_files: Vec<String>,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// Where the latest artifact is served.
    #[serde(skip_serializing_if = "unset")]
    pub url: String,
    /// The artifact of the last revision that was fetched.
    #[serde(skip_serializing_if = "unset")]
    pub artifact: Option<Artifact>,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
}

impl_status!(HelmChartStatus);
