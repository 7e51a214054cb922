use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Artifact, Condition, Duration, INTERVAL, LocalObjectReference, TIMEOUT, impl_status};
use crate::resource::{Column, resource};
use crate::schema::rule;
use crate::string_enum::string_enum;

resource! {
    /// Makes an artifact from the objects of a bucket.
    pub struct Bucket { spec: BucketSpec, status: BucketStatus }
    api: "source.toolkit.fluxcd.io" / "v1" / "Bucket",
    plural: "buckets",
    short: [],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    columns: [Column::text("Endpoint", ".spec.endpoint"), Column::AGE, Column::READY, Column::STATUS],
}

/// What to fetch from a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        "STS configuration is only supported for the 'aws' and 'generic' Bucket providers",
        "self.provider == 'aws' || self.provider == 'generic' || !has(self.sts)",
    ),
    rule(
        "'aws' is the only supported STS provider for the 'aws' Bucket provider",
        "self.provider != 'aws' || !has(self.sts) || self.sts.provider == 'aws'",
    ),
    rule(
        "'ldap' is the only supported STS provider for the 'generic' Bucket provider",
        "self.provider != 'generic' || !has(self.sts) || self.sts.provider == 'ldap'",
    ),
    rule(
        "spec.sts.secretRef is not required for the 'aws' STS provider",
        "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.secretRef)",
    ),
    rule(
        "spec.sts.certSecretRef is not required for the 'aws' STS provider",
        "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.certSecretRef)",
    ),
    rule(
        "ServiceAccountName is not supported for the 'generic' Bucket provider",
        "self.provider != 'generic' || !has(self.serviceAccountName)",
    ),
    rule(
        "cannot set both .spec.secretRef and .spec.serviceAccountName",
        "!has(self.secretRef) || !has(self.serviceAccountName)",
    ),
]))]
pub struct BucketSpec {
    /// Whose API the bucket speaks.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "generic"))]
    pub provider: BucketProvider,
    /// Name of the bucket.
    pub bucket_name: String,
    /// Address of the service.
    pub endpoint: String,
    /// Service that gives out temporary credentials.
    #[serde(skip_serializing_if = "unset")]
    pub sts: Option<BucketStsSpec>,
    /// Whether to use HTTP.
    #[serde(skip_serializing_if = "unset")]
    pub insecure: bool,
    /// Region of the bucket.
    #[serde(skip_serializing_if = "unset")]
    pub region: String,
    /// Only objects whose names begin so.
    #[serde(skip_serializing_if = "unset")]
    pub prefix: String,
    /// Secret with credentials.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Account whose identity signs in.
    #[serde(skip_serializing_if = "unset")]
    pub service_account_name: String,
    /// Secret with certificates: `ca.crt`, `tls.crt`, `tls.key`.
    #[serde(skip_serializing_if = "unset")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Secret with the address of a proxy.
    #[serde(skip_serializing_if = "unset")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// How often to look for a new revision; approximate.
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Duration,
    /// Time for one fetch.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = TIMEOUT), extend("default" = "60s"))]
    pub timeout: Option<Duration>,
    /// Files to leave out, in the language of .gitignore; it replaces the default list.
    #[serde(skip_serializing_if = "unset")]
    pub ignore: Option<String>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
}

/// A service that gives out temporary credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BucketStsSpec {
    /// Whose API it speaks.
    pub provider: BucketStsProvider,
    /// Its address.
    #[schemars(regex(pattern = "^(http|https)://.*$"))]
    pub endpoint: String,
    /// Secret with `username` and `password`; for LDAP only.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with certificates; for LDAP only.
    #[serde(skip_serializing_if = "unset")]
    pub cert_secret_ref: Option<LocalObjectReference>,
}

string_enum! {
    /// APIs of buckets.
    pub enum BucketProvider = Generic {
        /// S3, by whomever.
        Generic = "generic",
        /// S3 at AWS.
        Aws = "aws",
        /// Google Cloud Storage.
        Gcp = "gcp",
        /// Azure Blob Storage.
        Azure = "azure",
    }
}

string_enum! {
    /// APIs of services that give out credentials.
    pub enum BucketStsProvider {
        /// That of AWS.
        Aws = "aws",
        /// MinIO's, for accounts in LDAP.
        Ldap = "ldap",
    }
}

/// What was fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct BucketStatus {
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
    /// `ignore` of the artifact.
    #[serde(skip_serializing_if = "unset")]
    pub observed_ignore: Option<String>,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
}

impl_status!(BucketStatus);
