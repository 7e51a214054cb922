use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{AccessFrom, Condition, Duration, INTERVAL, LocalObjectReference, TIMEOUT, Time, impl_status};
use crate::resource::{Column, resource};
use crate::schema::any_width;
use crate::source::OciProvider;

resource! {
    /// Scans the tags of an image repository.
    pub struct ImageRepository { spec: ImageRepositorySpec, status: ImageRepositoryStatus }
    api: "image.toolkit.fluxcd.io" / "v1" / "ImageRepository",
    plural: "imagerepositories",
    short: ["imgrepo", "imagerepo"],
    categories: ["all", "fluxcd", "fluxcd-images"],
    columns: [
        Column::text("Image", ".spec.image"),
        Column::text("Tags", ".status.lastScanResult.tagCount"),
        Column::READY,
        Column::STATUS,
        Column::text("Last scan", ".status.lastScanResult.scanTime").wide(),
        Column::AGE,
    ],
}

/// What to scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ImageRepositorySpec {
    /// Name of the images, without tag.
    pub image: String,
    /// How often to scan; approximate.
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Duration,
    /// Time for one scan; by default the interval.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = TIMEOUT))]
    pub timeout: Option<Duration>,
    /// Secret with credentials.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with the address of a proxy.
    #[serde(skip_serializing_if = "unset")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Account whose pull secrets or identity sign in.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 253))]
    pub service_account_name: String,
    /// Secret with certificates: `ca.crt`, `tls.crt`, `tls.key`.
    #[serde(skip_serializing_if = "unset")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
    /// Namespaces whose ImagePolicies may use this.
    #[serde(skip_serializing_if = "unset")]
    pub access_from: Option<AccessFrom>,
    /// Regular expressions of tags to leave out.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 25), extend("default" = [r"^.*\.sig$"]))]
    pub exclusion_list: Vec<String>,
    /// How to sign in; by default with Secrets.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "generic"))]
    pub provider: OciProvider,
    /// Whether to use HTTP.
    #[serde(skip_serializing_if = "unset")]
    pub insecure: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct ImageRepositoryStatus {
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
    /// The name with all that was left out.
    #[serde(skip_serializing_if = "unset")]
    pub canonical_image_name: String,
    /// The last scan.
    #[serde(skip_serializing_if = "unset")]
    pub last_scan_result: Option<ScanResult>,
    /// Regular expressions by which the last scan left out tags.
    #[serde(skip_serializing_if = "unset")]
    pub observed_exclusion_list: Vec<String>,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
}

/// A scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ScanResult {
    /// Checksum of the tags.
    #[serde(skip_serializing_if = "unset")]
    pub revision: String,
    /// How many tags there are.
    #[schemars(transform = any_width)]
    pub tag_count: i64,
    /// When it was.
    #[serde(skip_serializing_if = "unset")]
    pub scan_time: Option<Time>,
    /// Some of the tags, last in order first.
    #[serde(skip_serializing_if = "unset")]
    pub latest_tags: Vec<String>,
}

impl_status!(ImageRepositoryStatus);
