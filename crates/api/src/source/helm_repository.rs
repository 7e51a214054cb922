use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{AccessFrom, Artifact, Condition, Duration, INTERVAL, LocalObjectReference, TIMEOUT, impl_status};
use crate::resource::{Column, resource};
use crate::source::OciProvider;
use crate::string_enum::string_enum;

resource! {
    /// Fetches the index of a Helm repository.
    pub struct HelmRepository { spec: HelmRepositorySpec, status: HelmRepositoryStatus }
    api: "source.toolkit.fluxcd.io" / "v1" / "HelmRepository",
    plural: "helmrepositories",
    short: ["helmrepo"],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    columns: [Column::text("URL", ".spec.url"), Column::AGE, Column::READY, Column::STATUS],
}

/// A Helm repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HelmRepositorySpec {
    /// Address of the repository.
    #[schemars(regex(pattern = "^(http|https|oci)://.*$"))]
    pub url: String,
    /// Secret with credentials.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with certificates: `ca.crt`, `tls.crt`, `tls.key`.
    #[serde(skip_serializing_if = "unset")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Whether credentials go to other hosts too, where charts may lie.
    #[serde(skip_serializing_if = "unset")]
    pub pass_credentials: bool,
    /// How often to fetch the index; approximate.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Option<Duration>,
    /// Whether to use HTTP; for OCI only.
    #[serde(skip_serializing_if = "unset")]
    pub insecure: bool,
    /// Time for one fetch; by default 60s.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = TIMEOUT))]
    pub timeout: Option<Duration>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
    /// Who else may use the repository; nothing acts on it.
    #[serde(skip_serializing_if = "unset")]
    pub access_from: Option<AccessFrom>,
    /// What kind of repository it is.
    #[serde(skip_serializing_if = "unset")]
    pub type_: HelmRepositoryType,
    /// How to sign in to an OCI registry.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "generic"))]
    pub provider: OciProvider,
}

string_enum! {
    /// Kinds of Helm repositories.
    pub enum HelmRepositoryType = Default {
        /// One with an index.
        Default = "default",
        /// An OCI registry.
        Oci = "oci",
    }
}

/// What was fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct HelmRepositoryStatus {
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
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

impl_status!(HelmRepositoryStatus);
