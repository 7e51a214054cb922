use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Duration, INTERVAL};
use crate::schema::{any_width, rule};
use crate::string_enum::string_enum;

/// How to install.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Install {
    /// Time for each operation of Helm; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub timeout: Option<Duration>,
    /// What to do when it fails.
    #[serde(skip_serializing_if = "unset")]
    pub strategy: Option<InstallStrategy>,
    /// How often to undo and try again.
    #[serde(skip_serializing_if = "unset")]
    pub remediation: Option<InstallRemediation>,
    /// Whether to refuse objects that belong to nobody yet.
    #[serde(skip_serializing_if = "unset")]
    pub disable_take_ownership: bool,
    /// Whether not to wait for objects to be ready.
    #[serde(skip_serializing_if = "unset")]
    pub disable_wait: bool,
    /// Whether not to wait for Jobs to be complete.
    #[serde(skip_serializing_if = "unset")]
    pub disable_wait_for_jobs: bool,
    /// Whether not to run hooks.
    #[serde(skip_serializing_if = "unset")]
    pub disable_hooks: bool,
    /// Whether not to validate manifests by the API of the cluster.
    #[serde(rename = "disableOpenAPIValidation", skip_serializing_if = "unset")]
    pub disable_open_api_validation: bool,
    /// Whether not to validate values by the schema of the chart.
    #[serde(skip_serializing_if = "unset")]
    pub disable_schema_validation: bool,
    /// Whether to reuse the name of a deleted release that left its record.
    #[serde(skip_serializing_if = "unset")]
    pub replace: bool,
    /// No longer used; see `crds`.
    #[serde(rename = "skipCRDs", skip_serializing_if = "unset")]
    pub skip_crds: bool,
    /// What to do with the CRDs of the chart; by default create.
    #[serde(skip_serializing_if = "unset")]
    pub crds: Option<CrdsPolicy>,
    /// Whether to create the target namespace.
    #[serde(skip_serializing_if = "unset")]
    pub create_namespace: bool,
    /// Whether to apply on the server; by default yes.
    #[serde(skip_serializing_if = "unset")]
    pub server_side_apply: Option<bool>,
}

/// What to do when installing fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        ".retryInterval cannot be set when .name is 'RemediateOnFailure'",
        "!has(self.retryInterval) || self.name != 'RemediateOnFailure'",
    ),
]))]
pub struct InstallStrategy {
    /// Undo, or try again.
    pub name: ActionStrategyName,
    /// How soon to try again; by default 5m.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub retry_interval: Option<Duration>,
}

/// How often to undo and try again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InstallRemediation {
    /// How often, -1 for ever; by default not at all.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(transform = any_width)]
    pub retries: i64,
    /// Whether failed tests are no failure; by default as `test` says.
    #[serde(skip_serializing_if = "unset")]
    pub ignore_test_failures: Option<bool>,
    /// Whether to undo the last try too; by default no.
    #[serde(skip_serializing_if = "unset")]
    pub remediate_last_failure: Option<bool>,
}

/// How to upgrade.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Upgrade {
    /// Time for each operation of Helm; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub timeout: Option<Duration>,
    /// What to do when it fails.
    #[serde(skip_serializing_if = "unset")]
    pub strategy: Option<UpgradeStrategy>,
    /// How often to undo and try again.
    #[serde(skip_serializing_if = "unset")]
    pub remediation: Option<UpgradeRemediation>,
    /// Whether to refuse objects that belong to nobody yet.
    #[serde(skip_serializing_if = "unset")]
    pub disable_take_ownership: bool,
    /// Whether not to wait for objects to be ready.
    #[serde(skip_serializing_if = "unset")]
    pub disable_wait: bool,
    /// Whether not to wait for Jobs to be complete.
    #[serde(skip_serializing_if = "unset")]
    pub disable_wait_for_jobs: bool,
    /// Whether not to run hooks.
    #[serde(skip_serializing_if = "unset")]
    pub disable_hooks: bool,
    /// Whether not to validate manifests by the API of the cluster.
    #[serde(rename = "disableOpenAPIValidation", skip_serializing_if = "unset")]
    pub disable_open_api_validation: bool,
    /// Whether not to validate values by the schema of the chart.
    #[serde(skip_serializing_if = "unset")]
    pub disable_schema_validation: bool,
    /// Whether to replace objects; not when applying on the server.
    #[serde(skip_serializing_if = "unset")]
    pub force: bool,
    /// Whether to keep the values of the last release and merge.
    #[serde(skip_serializing_if = "unset")]
    pub preserve_values: bool,
    /// Whether to delete what a failed upgrade created.
    #[serde(skip_serializing_if = "unset")]
    pub cleanup_on_fail: bool,
    /// What to do with the CRDs of the chart; by default skip.
    #[serde(skip_serializing_if = "unset")]
    pub crds: Option<CrdsPolicy>,
    /// Whether to apply on the server.
    #[serde(skip_serializing_if = "unset")]
    pub server_side_apply: ServerSideApplyMode,
    /// What to do when the chart has another name.
    #[serde(skip_serializing_if = "unset")]
    pub chart_name_change_strategy: ChartNameChangeStrategy,
}

/// What to do when upgrading fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        ".retryInterval can only be set when .name is 'RetryOnFailure'",
        "!has(self.retryInterval) || self.name == 'RetryOnFailure'",
    ),
]))]
pub struct UpgradeStrategy {
    /// Undo, or try again.
    pub name: ActionStrategyName,
    /// How soon to try again; by default 5m.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub retry_interval: Option<Duration>,
}

/// How often to undo and try again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UpgradeRemediation {
    /// How often, -1 for ever; by default not at all.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(transform = any_width)]
    pub retries: i64,
    /// Whether failed tests are no failure; by default as `test` says.
    #[serde(skip_serializing_if = "unset")]
    pub ignore_test_failures: Option<bool>,
    /// Whether to undo the last try too; by default when there are retries.
    #[serde(skip_serializing_if = "unset")]
    pub remediate_last_failure: Option<bool>,
    /// How to undo; by default roll back.
    #[serde(skip_serializing_if = "unset")]
    pub strategy: Option<RemediationStrategy>,
}

/// How to test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Test {
    /// Whether to run the tests of the chart.
    #[serde(skip_serializing_if = "unset")]
    pub enable: bool,
    /// Time for each operation of Helm; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub timeout: Option<Duration>,
    /// Whether failed tests are no failure.
    #[serde(skip_serializing_if = "unset")]
    pub ignore_failures: bool,
    /// Which tests to run, or not to run.
    #[serde(skip_serializing_if = "unset")]
    pub filters: Vec<TestFilter>,
}

/// A test to run, or not to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TestFilter {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whether not to run it.
    #[serde(skip_serializing_if = "unset")]
    pub exclude: bool,
}

/// How to roll back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Rollback {
    /// Time for each operation of Helm; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub timeout: Option<Duration>,
    /// Whether not to wait for objects to be ready.
    #[serde(skip_serializing_if = "unset")]
    pub disable_wait: bool,
    /// Whether not to wait for Jobs to be complete.
    #[serde(skip_serializing_if = "unset")]
    pub disable_wait_for_jobs: bool,
    /// Whether not to run hooks.
    #[serde(skip_serializing_if = "unset")]
    pub disable_hooks: bool,
    /// No longer used.
    #[serde(skip_serializing_if = "unset")]
    pub recreate: bool,
    /// Whether to replace objects.
    #[serde(skip_serializing_if = "unset")]
    pub force: bool,
    /// Whether to delete what a failed rollback created.
    #[serde(skip_serializing_if = "unset")]
    pub cleanup_on_fail: bool,
    /// Whether to apply on the server.
    #[serde(skip_serializing_if = "unset")]
    pub server_side_apply: ServerSideApplyMode,
}

/// How to uninstall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Uninstall {
    /// Time for each operation of Helm; by default that of the HelmRelease.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub timeout: Option<Duration>,
    /// Whether not to run hooks.
    #[serde(skip_serializing_if = "unset")]
    pub disable_hooks: bool,
    /// Whether to keep the records of the release.
    #[serde(skip_serializing_if = "unset")]
    pub keep_history: bool,
    /// Whether not to wait until the objects are gone.
    #[serde(skip_serializing_if = "unset")]
    pub disable_wait: bool,
    /// What becomes of dependents.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "background"))]
    pub deletion_propagation: DeletionPropagation,
}

string_enum! {
    /// What to do when an action fails.
    pub enum ActionStrategyName {
        /// Undo it.
        RemediateOnFailure = "RemediateOnFailure",
        /// Try it again.
        RetryOnFailure = "RetryOnFailure",
    }
}

string_enum! {
    /// How to undo an upgrade.
    pub enum RemediationStrategy = Rollback {
        /// Roll back to the last good release.
        Rollback = "rollback",
        /// Uninstall.
        Uninstall = "uninstall",
    }
}

string_enum! {
    /// What to do with the CRDs of a chart.
    pub enum CrdsPolicy {
        /// Nothing.
        Skip = "Skip",
        /// Create those that are not there.
        Create = "Create",
        /// Create, and replace.
        CreateReplace = "CreateReplace",
    }
}

string_enum! {
    /// Whether to apply on the server.
    pub enum ServerSideApplyMode = Auto {
        /// Yes.
        Enabled = "enabled",
        /// No.
        Disabled = "disabled",
        /// As the release was last applied.
        Auto = "auto",
    }
}

string_enum! {
    /// What to do when the chart has another name.
    pub enum ChartNameChangeStrategy = Reinstall {
        /// Upgrade.
        InPlaceUpdate = "InPlaceUpdate",
        /// Uninstall, then install.
        Reinstall = "Reinstall",
    }
}

string_enum! {
    /// What becomes of dependents.
    pub enum DeletionPropagation = Background {
        /// They are deleted afterwards.
        Background = "background",
        /// They are deleted first.
        Foreground = "foreground",
        /// They stay.
        Orphan = "orphan",
    }
}
