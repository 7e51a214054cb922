use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Artifact, Condition, Duration, INTERVAL, LocalObjectReference, TIMEOUT, impl_status};
use crate::resource::{Column, resource};
use crate::string_enum::string_enum;

resource! {
    /// Makes an artifact from an OCI artifact.
    pub struct OciRepository { spec: OciRepositorySpec, status: OciRepositoryStatus }
    api: "source.toolkit.fluxcd.io" / "v1" / "OCIRepository",
    plural: "ocirepositories",
    short: ["ocirepo"],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    columns: [Column::text("URL", ".spec.url"), Column::READY, Column::STATUS, Column::AGE],
}

/// What to pull from an OCI registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OciRepositorySpec {
    /// Address of the repository, without a tag.
    #[schemars(regex(pattern = "^oci://.*$"))]
    pub url: String,
    /// What to pull; by default the tag `latest`.
    #[serde(rename = "ref", skip_serializing_if = "unset")]
    pub reference: Option<OciRepositoryRef>,
    /// Which layer to take; by default the first.
    #[serde(skip_serializing_if = "unset")]
    pub layer_selector: Option<OciLayerSelector>,
    /// How to sign in; by default with Secrets.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "generic"))]
    pub provider: OciProvider,
    /// Secret with credentials.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Signatures that the OCI artifact must have.
    #[serde(skip_serializing_if = "unset")]
    pub verify: Option<OciRepositoryVerification>,
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
    /// Whether to use HTTP, or HTTPS that is not verified.
    #[serde(skip_serializing_if = "unset")]
    pub insecure: bool,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
}

/// What to pull. The first that is set wins: digest, semver, tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OciRepositoryRef {
    /// A digest.
    #[serde(skip_serializing_if = "unset")]
    pub digest: String,
    /// The highest tag in a range of versions.
    #[serde(skip_serializing_if = "unset")]
    pub semver: String,
    /// Regular expression of the tags among which `semver` chooses.
    #[serde(skip_serializing_if = "unset")]
    pub semver_filter: String,
    /// A tag; by default `latest`.
    #[serde(skip_serializing_if = "unset")]
    pub tag: String,
}

/// Which layer to take, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OciLayerSelector {
    /// Media type of the layer; the first of the type is taken.
    #[serde(skip_serializing_if = "unset")]
    pub media_type: String,
    /// What to do with the layer; by default extract it.
    #[serde(skip_serializing_if = "unset")]
    pub operation: OciLayerOperation,
}

/// Signatures that an OCI artifact must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OciRepositoryVerification {
    /// Who checks.
    #[schemars(extend("default" = "cosign"))]
    pub provider: OciVerificationProvider,
    /// Secret with the public keys of trusted authors.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Identities that may have signed without a key; one match suffices.
    #[serde(rename = "matchOIDCIdentity", skip_serializing_if = "unset")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
    /// Secret with a root of trust, `trusted_root.json`, instead of the public one.
    #[serde(skip_serializing_if = "unset")]
    pub trusted_root_secret_ref: Option<LocalObjectReference>,
}

/// An identity, by regular expressions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OidcIdentityMatch {
    /// Who vouches for it.
    pub issuer: String,
    /// Who it is.
    pub subject: String,
}

string_enum! {
    /// How to sign in to a registry.
    pub enum OciProvider = Generic {
        /// With Secrets.
        Generic = "generic",
        /// With an identity at AWS.
        Aws = "aws",
        /// With an identity at Azure.
        Azure = "azure",
        /// With an identity at Google Cloud.
        Gcp = "gcp",
    }
}

string_enum! {
    /// What becomes of a layer.
    pub enum OciLayerOperation = Extract {
        /// Its files make the artifact.
        Extract = "extract",
        /// It is the artifact, as it is.
        Copy = "copy",
    }
}

string_enum! {
    /// Who checks a signature.
    pub enum OciVerificationProvider = Cosign {
        /// Cosign.
        Cosign = "cosign",
        /// Notation.
        Notation = "notation",
    }
}

/// What was pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct OciRepositoryStatus {
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
    /// `layerSelector` of the artifact.
    #[serde(skip_serializing_if = "unset")]
    pub observed_layer_selector: Option<OciLayerSelector>,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
}

impl_status!(OciRepositoryStatus);
