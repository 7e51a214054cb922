//! kustomize.toolkit.fluxcd.io/v1: Kustomization. Behaviour: spec/flux/kustomize.md.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{
    CommonMetadata, Condition, CustomHealthCheck, DependencyReference, DriftIgnoreRule, Duration, INTERVAL, Image,
    Inventory, KubeConfigReference, LocalObjectReference, NamespacedObjectKindReference, Patch, Time, impl_status,
};
use crate::resource::{Column, resource};
use crate::string_enum::string_enum;

resource! {
    /// Builds manifests from a source and keeps them applied.
    pub struct Kustomization { spec: KustomizationSpec, status: KustomizationStatus }
    api: "kustomize.toolkit.fluxcd.io" / "v1" / "Kustomization",
    plural: "kustomizations",
    short: ["ks"],
    categories: ["all", "fluxcd", "fluxcd-appliers"],
    columns: [Column::AGE, Column::READY, Column::STATUS],
}

/// What to build from a source, and how to keep it applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KustomizationSpec {
    /// Metadata for every object; it wins over what the object has.
    #[serde(skip_serializing_if = "unset")]
    pub common_metadata: Option<CommonMetadata>,
    /// Kustomizations that must be ready first.
    #[serde(skip_serializing_if = "unset")]
    pub depends_on: Vec<DependencyReference>,
    /// How to decrypt Secrets before they are applied.
    #[serde(skip_serializing_if = "unset")]
    pub decryption: Option<Decryption>,
    /// How often to reconcile; approximate.
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Duration,
    /// How soon to try again after a failure; by default the interval.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub retry_interval: Option<Duration>,
    /// Kubeconfig of the cluster to apply to; by default this one.
    #[serde(skip_serializing_if = "unset")]
    pub kube_config: Option<KubeConfigReference>,
    /// Folder of the source to build; by default its root.
    #[serde(skip_serializing_if = "unset")]
    pub path: String,
    /// Variables to substitute in what was built.
    #[serde(skip_serializing_if = "unset")]
    pub post_build: Option<PostBuild>,
    /// Whether to delete objects that are no longer built.
    pub prune: bool,
    /// What becomes of the objects when the Kustomization is deleted; by default what `prune` says.
    #[serde(skip_serializing_if = "unset")]
    pub deletion_policy: DeletionPolicy,
    /// Objects whose health is waited for.
    #[serde(skip_serializing_if = "unset")]
    pub health_checks: Vec<NamespacedObjectKindReference>,
    /// Prefix for the names of all objects.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 200))]
    pub name_prefix: String,
    /// Suffix for the names of all objects.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 200))]
    pub name_suffix: String,
    /// Patches, after those of the kustomization file.
    #[serde(skip_serializing_if = "unset")]
    pub patches: Vec<Patch>,
    /// Image names, tags and digests to replace.
    #[serde(skip_serializing_if = "unset")]
    pub images: Vec<Image>,
    /// Account to apply as.
    #[serde(skip_serializing_if = "unset")]
    pub service_account_name: String,
    /// Where the manifests come from.
    pub source_ref: CrossNamespaceSourceReference,
    /// Stops reconciling; what is applied stays.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
    /// Namespace for all objects.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(length(min = 1, max = 63))]
    pub target_namespace: String,
    /// Time for building, applying and health checks; by default the interval less 30 seconds.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = INTERVAL))]
    pub timeout: Option<Duration>,
    /// Whether to recreate objects when an immutable field changed.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = false))]
    pub force: bool,
    /// Whether to wait for the health of all objects; `healthChecks` is then not used.
    #[serde(skip_serializing_if = "unset")]
    pub wait: bool,
    /// Folders of kustomize components to add, relative to `path`.
    #[serde(skip_serializing_if = "unset")]
    pub components: Vec<String>,
    /// Whether to leave out components that are not there.
    #[serde(skip_serializing_if = "unset")]
    pub ignore_missing_components: bool,
    /// Health of custom resources, in CEL.
    #[serde(skip_serializing_if = "unset")]
    pub health_check_exprs: Vec<CustomHealthCheck>,
    /// Which facts of the build to note in annotations.
    #[serde(skip_serializing_if = "unset")]
    pub build_metadata: Vec<BuildMetadata>,
    /// Fields that correction of drift leaves alone.
    #[serde(skip_serializing_if = "unset")]
    pub ignore: Vec<DriftIgnoreRule>,
}

/// How to decrypt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Decryption {
    /// The tool that encrypted.
    pub provider: DecryptionProvider,
    /// Secret with private keys or credentials.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Account with access to a cloud's key service.
    #[serde(skip_serializing_if = "unset")]
    pub service_account_name: String,
}

/// Variables for what was built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PostBuild {
    /// Variables and their values; they win over `substituteFrom`.
    #[serde(skip_serializing_if = "unset")]
    pub substitute: BTreeMap<String, String>,
    /// ConfigMaps and Secrets whose keys are variables; later ones win.
    #[serde(skip_serializing_if = "unset")]
    pub substitute_from: Vec<SubstituteReference>,
    /// When to substitute; by default when there is at least one variable.
    #[serde(skip_serializing_if = "unset")]
    pub substitute_strategy: SubstituteStrategy,
}

/// A ConfigMap or Secret with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SubstituteReference {
    /// Which of both.
    pub kind: SubstituteKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whether it may be missing.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = false))]
    pub optional: bool,
}

/// A source, perhaps in another namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CrossNamespaceSourceReference {
    /// API version; by default the newest that is known.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Kind.
    pub kind: SourceKind,
    /// Name.
    pub name: String,
    /// Namespace; by default that of the Kustomization.
    #[serde(skip_serializing_if = "unset")]
    pub namespace: String,
}

string_enum! {
    /// Kinds that a Kustomization builds from.
    pub enum SourceKind {
        /// An OCI artifact.
        OciRepository = "OCIRepository",
        /// A Git repository.
        GitRepository = "GitRepository",
        /// A bucket.
        Bucket = "Bucket",
        /// An artifact that a third party made.
        ExternalArtifact = "ExternalArtifact",
    }
}

string_enum! {
    /// Tools that encrypt.
    pub enum DecryptionProvider {
        /// SOPS.
        Sops = "sops",
    }
}

string_enum! {
    /// What becomes of managed objects on deletion.
    pub enum DeletionPolicy = MirrorPrune {
        /// What `prune` says.
        MirrorPrune = "MirrorPrune",
        /// They are deleted.
        Delete = "Delete",
        /// They are deleted, and their end is waited for.
        WaitForTermination = "WaitForTermination",
        /// They stay.
        Orphan = "Orphan",
    }
}

string_enum! {
    /// When variables are substituted.
    pub enum SubstituteStrategy = WithVariables {
        /// When there is at least one variable.
        WithVariables = "WithVariables",
        /// Always.
        Always = "Always",
    }
}

string_enum! {
    /// Where variables come from.
    pub enum SubstituteKind {
        /// A Secret.
        Secret = "Secret",
        /// A ConfigMap.
        ConfigMap = "ConfigMap",
    }
}

string_enum! {
    /// Facts of a build that annotations note.
    pub enum BuildMetadata {
        /// The file an object comes from.
        OriginAnnotations = "originAnnotations",
        /// The transformers that changed it.
        TransformerAnnotations = "transformerAnnotations",
    }
}

/// What was applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct KustomizationStatus {
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// The source's revision that was last applied.
    #[serde(skip_serializing_if = "unset")]
    pub last_applied_revision: String,
    /// The revision of the origin of what was last applied.
    #[serde(skip_serializing_if = "unset")]
    pub last_applied_origin_revision: String,
    /// The source's revision that was last tried.
    #[serde(skip_serializing_if = "unset")]
    pub last_attempted_revision: String,
    /// The objects that are managed.
    #[serde(skip_serializing_if = "unset")]
    pub inventory: Option<Inventory>,
    /// The last reconciles, newest first.
    #[serde(skip_serializing_if = "unset")]
    pub history: Vec<Snapshot>,
}

/// Reconciles of one digest with one outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Snapshot {
    /// Checksum of the built manifests.
    pub digest: String,
    /// When this was first reconciled.
    pub first_reconciled: Time,
    /// When this was last reconciled.
    pub last_reconciled: Time,
    /// How long the last time took.
    pub last_reconciled_duration: Duration,
    /// Reason of the outcome.
    pub last_reconciled_status: String,
    /// How often this was reconciled.
    pub total_reconciliations: i64,
    /// More facts, such as revisions.
    #[serde(skip_serializing_if = "unset")]
    pub metadata: BTreeMap<String, String>,
}

impl_status!(KustomizationStatus);
