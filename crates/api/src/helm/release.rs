use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::helm::{
    CrossNamespaceChartReference, DriftDetection, HelmChartTemplate, Install, PostRenderStrategy, PostRenderer,
    Rollback, Test, Uninstall, Upgrade, ValuesReference, WaitStrategy,
};
use crate::lenient::unset;
use crate::meta::{
    CommonMetadata, Condition, CustomHealthCheck, DependencyReference, Duration, INTERVAL, Inventory,
    KubeConfigReference, Time, impl_status,
};
use crate::resource::{Column, resource};
use crate::schema::{any_width, rule};
use crate::string_enum::string_enum;

resource! {
    /// Installs, upgrades and tests a Helm chart.
    pub struct HelmRelease { spec: HelmReleaseSpec, status: HelmReleaseStatus }
    api: "helm.toolkit.fluxcd.io" / "v2" / "HelmRelease",
    plural: "helmreleases",
    short: ["hr"],
    categories: ["all", "fluxcd", "fluxcd-appliers"],
    columns: [Column::AGE, Column::READY, Column::STATUS],
}

/// What chart to release, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        "either chart or chartRef must be set",
        "(has(self.chart) && !has(self.chartRef)) || (!has(self.chart) && has(self.chartRef))",
    ),
]))]
pub struct HelmReleaseSpec {
    /// The HelmChart to make for the release.
    #[serde(skip_serializing_if = "unset")]
    pub chart: Option<HelmChartTemplate>,
    /// The source that has the chart.
    #[serde(skip_serializing_if = "unset")]
    pub chart_ref: Option<CrossNamespaceChartReference>,
    /// How often to reconcile; approximate.
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Duration,
    /// Kubeconfig of the cluster to release to; by default this one.
    #[serde(skip_serializing_if = "unset")]
    pub kube_config: Option<KubeConfigReference>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
    /// Name of the release; by default `[<targetNamespace>-]<name>`.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 53))]
    pub release_name: String,
    /// Namespace to release to; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 63))]
    pub target_namespace: String,
    /// Namespace of the records of the release; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 63))]
    pub storage_namespace: String,
    /// HelmReleases that must be ready first.
    #[serde(skip_serializing_if = "unset")]
    pub depends_on: Vec<DependencyReference>,
    /// Time for each operation of Helm; by default 5m.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub timeout: Option<Duration>,
    /// How many records to keep, 0 for all; by default 5.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(transform = any_width)]
    pub max_history: Option<i64>,
    /// Account to release as.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: String,
    /// Whether one client serves a whole reconcile; by default yes.
    #[serde(skip_serializing_if = "unset")]
    pub persistent_client: Option<bool>,
    /// What to do about objects that others changed; by default nothing.
    #[serde(skip_serializing_if = "unset")]
    pub drift_detection: Option<DriftDetection>,
    /// How to install.
    #[serde(skip_serializing_if = "unset")]
    pub install: Option<Install>,
    /// How to upgrade.
    #[serde(skip_serializing_if = "unset")]
    pub upgrade: Option<Upgrade>,
    /// How to test.
    #[serde(skip_serializing_if = "unset")]
    pub test: Option<Test>,
    /// How to roll back.
    #[serde(skip_serializing_if = "unset")]
    pub rollback: Option<Rollback>,
    /// How to uninstall.
    #[serde(skip_serializing_if = "unset")]
    pub uninstall: Option<Uninstall>,
    /// ConfigMaps and Secrets with values; later ones win.
    #[serde(skip_serializing_if = "unset")]
    pub values_from: Vec<ValuesReference>,
    /// Values; they win over all others.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(schema_with = "anything")]
    pub values: Option<serde_json::Value>,
    /// Metadata for every object; it wins over what the object has.
    #[serde(skip_serializing_if = "unset")]
    pub common_metadata: Option<CommonMetadata>,
    /// What to change in the rendered objects, in this order.
    #[serde(skip_serializing_if = "unset")]
    pub post_renderers: Vec<PostRenderer>,
    /// How post-renderers treat hooks.
    #[serde(skip_serializing_if = "unset")]
    pub post_render_strategy: Option<PostRenderStrategy>,
    /// How to wait for objects to be ready.
    #[serde(skip_serializing_if = "unset")]
    pub wait_strategy: Option<WaitStrategy>,
    /// Health of custom resources, in CEL.
    #[serde(skip_serializing_if = "unset")]
    pub health_check_exprs: Vec<CustomHealthCheck>,
}

/// What was released.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct HelmReleaseStatus {
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
    /// Checksum of the post-renderers that were last used.
    #[serde(skip_serializing_if = "unset")]
    pub observed_post_renderers_digest: String,
    /// Checksum of the metadata that was last used.
    #[serde(skip_serializing_if = "unset")]
    pub observed_common_metadata_digest: String,
    /// The generation that was last tried.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_generation: i64,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// The HelmChart made for the release, `<namespace>/<name>`.
    #[serde(skip_serializing_if = "unset")]
    pub helm_chart: String,
    /// Namespace of the records of the release.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 63))]
    pub storage_namespace: String,
    /// The last releases, newest first.
    #[serde(skip_serializing_if = "unset")]
    pub history: Vec<Snapshot>,
    /// The objects of the release.
    #[serde(skip_serializing_if = "unset")]
    pub inventory: Option<Inventory>,
    /// What was last done.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_release_action: Option<ReleaseAction>,
    /// How long that took.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_release_action_duration: Option<Duration>,
    /// Failures since the last success or change.
    #[serde(skip_serializing_if = "unset")]
    pub failures: i64,
    /// Failures to install.
    #[serde(skip_serializing_if = "unset")]
    pub install_failures: i64,
    /// Failures to upgrade.
    #[serde(skip_serializing_if = "unset")]
    pub upgrade_failures: i64,
    /// Version of the chart that was last tried.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_revision: String,
    /// Digest of the chart that was last tried, when it came from OCI.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_revision_digest: String,
    /// No longer written.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_values_checksum: String,
    /// No longer written.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(transform = any_width)]
    pub last_release_revision: i64,
    /// Checksum of the values that were last tried.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_config_digest: String,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
    /// The last request to force that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_force_at: String,
    /// The last request to reset that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reset_at: String,
}

/// A release that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Snapshot {
    /// Version of the rules by which `digest` is made.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Checksum of the record of the release.
    pub digest: String,
    /// Name of the release.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Number of the release.
    #[schemars(transform = any_width)]
    pub version: i64,
    /// State of the release, as Helm says it.
    pub status: String,
    /// What made it.
    #[serde(skip_serializing_if = "unset")]
    pub action: String,
    /// Name of the chart.
    pub chart_name: String,
    /// Version of the chart.
    pub chart_version: String,
    /// Version of what the chart installs.
    #[serde(skip_serializing_if = "unset")]
    pub app_version: String,
    /// Checksum of the values.
    pub config_digest: String,
    /// When the release was first made.
    pub first_deployed: Time,
    /// When it was last made.
    pub last_deployed: Time,
    /// When it was uninstalled.
    #[serde(skip_serializing_if = "unset")]
    pub deleted: Option<Time>,
    /// Outcome of its tests, by name.
    #[serde(skip_serializing_if = "unset")]
    pub test_hooks: BTreeMap<String, TestHookStatus>,
    /// Digest of the chart, when it came from OCI.
    #[serde(skip_serializing_if = "unset")]
    pub oci_digest: String,
}

/// Outcome of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TestHookStatus {
    /// When it began.
    #[serde(skip_serializing_if = "unset")]
    pub last_started: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "unset")]
    pub last_completed: Option<Time>,
    /// How far it came.
    #[serde(skip_serializing_if = "unset")]
    pub phase: String,
}

string_enum! {
    /// What may be done to a release.
    pub enum ReleaseAction {
        /// It is installed.
        Install = "install",
        /// It is upgraded.
        Upgrade = "upgrade",
    }
}

/// A value of any shape.
fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

impl_status!(HelmReleaseStatus);
