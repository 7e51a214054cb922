use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::LocalObjectReference;
use crate::resource::{Column, resource};
use crate::string_enum::string_enum;

resource! {
    /// Sends events of objects to a provider.
    pub struct Alert { spec: AlertSpec }
    api: "notification.toolkit.fluxcd.io" / "v1beta3" / "Alert",
    plural: "alerts",
    short: [],
    categories: ["all", "fluxcd", "fluxcd-notifications"],
    columns: [Column::AGE],
}

/// Which events go where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AlertSpec {
    /// The Provider to send to.
    pub provider_ref: LocalObjectReference,
    /// The least severity to send.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "info"))]
    pub event_severity: EventSeverity,
    /// Objects whose events are sent.
    pub event_sources: Vec<CrossNamespaceObjectReference>,
    /// Regular expressions of messages to send; by default all.
    #[serde(skip_serializing_if = "unset")]
    pub inclusion_list: Vec<String>,
    /// Regular expressions of messages not to send.
    #[serde(skip_serializing_if = "unset")]
    pub exclusion_list: Vec<String>,
    /// Facts to add to every event.
    #[serde(skip_serializing_if = "unset")]
    pub event_metadata: BTreeMap<String, String>,
    /// What the alert is about; no longer used, see `eventMetadata`.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(max = 255))]
    pub summary: String,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
}

/// Objects that an alert is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CrossNamespaceObjectReference {
    /// API version; by default the newest that is known.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Kind.
    pub kind: EventKind,
    /// Name, or `*` for all.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; by default that of the Alert.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 253))]
    pub namespace: String,
    /// Labels the objects must have; only with the name `*`.
    #[serde(skip_serializing_if = "unset")]
    pub match_labels: BTreeMap<String, String>,
}

string_enum! {
    /// How bad an event is.
    pub enum EventSeverity = Info {
        /// Not at all.
        Info = "info",
        /// Something failed.
        Error = "error",
    }
}

string_enum! {
    /// Kinds that alerts and receivers are about.
    pub enum EventKind {
        /// A bucket.
        Bucket = "Bucket",
        /// A Git repository.
        GitRepository = "GitRepository",
        /// A Kustomization.
        Kustomization = "Kustomization",
        /// A Helm release.
        HelmRelease = "HelmRelease",
        /// A chart.
        HelmChart = "HelmChart",
        /// A Helm repository.
        HelmRepository = "HelmRepository",
        /// A repository of images.
        ImageRepository = "ImageRepository",
        /// A choice of image.
        ImagePolicy = "ImagePolicy",
        /// An update of image names.
        ImageUpdateAutomation = "ImageUpdateAutomation",
        /// An OCI artifact.
        OciRepository = "OCIRepository",
        /// A maker of artifacts.
        ArtifactGenerator = "ArtifactGenerator",
        /// An artifact that a third party made.
        ExternalArtifact = "ExternalArtifact",
    }
}
