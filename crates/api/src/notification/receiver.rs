use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Condition, Duration, INTERVAL, LocalObjectReference, impl_status};
use crate::notification::EventKind;
use crate::resource::{Column, resource};
use crate::schema::rule;
use crate::string_enum::string_enum;

resource! {
    /// Reconciles objects when a webhook is called.
    pub struct Receiver { spec: ReceiverSpec, status: ReceiverStatus }
    api: "notification.toolkit.fluxcd.io" / "v1" / "Receiver",
    plural: "receivers",
    short: [],
    categories: ["all", "fluxcd", "fluxcd-notifications"],
    columns: [Column::AGE, Column::READY, Column::STATUS],
}

/// Who calls, and what is then reconciled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [
    rule(
        "generic-oidc receivers must define at least one oidcProvider",
        "self.type != 'generic-oidc' || (has(self.oidcProviders) && size(self.oidcProviders) > 0)",
    ),
    rule(
        "oidcProviders can only be set when type is generic-oidc",
        "self.type == 'generic-oidc' || !has(self.oidcProviders) || size(self.oidcProviders) == 0",
    ),
    rule(
        "secretRef cannot be set when type is generic-oidc",
        "self.type != 'generic-oidc' || !has(self.secretRef)",
    ),
    rule(
        "secretRef is required when type is not generic-oidc",
        "self.type == 'generic-oidc' || has(self.secretRef)",
    ),
]))]
pub struct ReceiverSpec {
    /// Who calls.
    pub type_: ReceiverType,
    /// How often to read the Secret again.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL), extend("default" = "10m"))]
    pub interval: Option<Duration>,
    /// Events to act on; by default all.
    #[serde(skip_serializing_if = "unset")]
    pub events: Vec<String>,
    /// Objects to reconcile.
    pub resources: Vec<ReceiverResource>,
    /// CEL expression over the call that says which objects to reconcile.
    #[serde(skip_serializing_if = "unset")]
    pub resource_filter: String,
    /// Secret with the token that makes the path and proves the caller.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Who may vouch for the caller; for `generic-oidc` only.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["issuerURL"]))]
    pub oidc_providers: Vec<OidcProvider>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
}

/// Objects to reconcile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ReceiverResource {
    /// API version; by default the newest that is known.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Kind.
    pub kind: EventKind,
    /// Name, or `*` for all.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; by default that of the Receiver.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 253))]
    pub namespace: String,
    /// Labels the objects must have; only with the name `*`.
    #[serde(skip_serializing_if = "unset")]
    pub match_labels: BTreeMap<String, String>,
    /// CEL expression over the call and the object that says whether to reconcile it.
    #[serde(skip_serializing_if = "unset")]
    pub filter: String,
}

/// Who may vouch for a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OidcProvider {
    /// Address of the issuer of tokens.
    #[serde(rename = "issuerURL")]
    #[schemars(regex(pattern = "^https?://"))]
    pub issuer_url: String,
    /// Audience that a token must be for.
    #[serde(skip_serializing_if = "unset")]
    pub audience: String,
    /// Names for parts of a token.
    #[serde(skip_serializing_if = "unset")]
    pub variables: Vec<OidcVariable>,
    /// What must be true of a token.
    #[schemars(length(min = 1))]
    pub validations: Vec<OidcValidation>,
}

/// A name for a part of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OidcVariable {
    /// The name.
    pub name: String,
    /// CEL expression of the part.
    pub expression: String,
}

/// What must be true of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OidcValidation {
    /// CEL expression.
    pub expression: String,
    /// What to say when it is false.
    pub message: String,
}

string_enum! {
    /// Who calls a webhook.
    pub enum ReceiverType {
        /// Anybody.
        Generic = "generic",
        /// Anybody who signs.
        GenericHmac = "generic-hmac",
        /// Anybody with a token of a known issuer.
        GenericOidc = "generic-oidc",
        /// GitHub.
        Github = "github",
        /// GitLab.
        Gitlab = "gitlab",
        /// Bitbucket.
        Bitbucket = "bitbucket",
        /// Harbor.
        Harbor = "harbor",
        /// Docker Hub.
        Dockerhub = "dockerhub",
        /// Quay.
        Quay = "quay",
        /// Google Container Registry.
        Gcr = "gcr",
        /// Nexus.
        Nexus = "nexus",
        /// Azure Container Registry.
        Acr = "acr",
        /// CDEvents.
        CdEvents = "cdevents",
    }
}

/// Where to call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct ReceiverStatus {
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// Path of the webhook.
    #[serde(skip_serializing_if = "unset")]
    pub webhook_path: String,
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
}

impl_status!(ReceiverStatus);
