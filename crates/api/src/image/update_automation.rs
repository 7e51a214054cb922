use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::ImageRef;
use crate::lenient::unset;
use crate::meta::{Condition, Duration, INTERVAL, LocalObjectReference, Time, impl_status};
use crate::resource::{Column, resource};
use crate::source::GitRepositoryRef;
use crate::string_enum::string_enum;

resource! {
    /// Writes chosen images to Git.
    pub struct ImageUpdateAutomation { spec: ImageUpdateAutomationSpec, status: ImageUpdateAutomationStatus }
    api: "image.toolkit.fluxcd.io" / "v1" / "ImageUpdateAutomation",
    plural: "imageupdateautomations",
    short: ["iua", "imgupd", "imgauto"],
    categories: ["all", "fluxcd", "fluxcd-images"],
    columns: [
        Column::READY,
        Column::STATUS,
        Column::text("Last run", ".status.lastAutomationRunTime").wide(),
        Column::AGE,
    ],
}

/// What to update, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ImageUpdateAutomationSpec {
    /// The repository to write to.
    pub source_ref: AutomationSourceReference,
    /// How to check out, commit and push.
    #[serde(skip_serializing_if = "unset")]
    pub git: Option<GitSpec>,
    /// How often to run; approximate.
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Duration,
    /// ImagePolicies to take images from; by default all of the namespace.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub policy_selector: Option<LabelSelector>,
    /// How files are updated.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = { "strategy": "Setters" }))]
    pub update: Option<UpdateStrategy>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
}

/// A repository, perhaps in another namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AutomationSourceReference {
    /// API version; by default the newest that is known.
    #[serde(skip_serializing_if = "unset")]
    pub api_version: String,
    /// Kind.
    #[schemars(extend("default" = "GitRepository"))]
    pub kind: AutomationSourceKind,
    /// Name.
    pub name: String,
    /// Namespace; by default that of the ImageUpdateAutomation.
    #[serde(skip_serializing_if = "unset")]
    pub namespace: String,
}

/// How to check out, commit and push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GitSpec {
    /// What to check out; by default what the GitRepository says.
    #[serde(skip_serializing_if = "unset")]
    pub checkout: Option<GitCheckoutSpec>,
    /// How to commit.
    pub commit: CommitSpec,
    /// Where to push; by default to the branch that was checked out.
    #[serde(skip_serializing_if = "unset")]
    pub push: Option<PushSpec>,
}

/// What to check out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GitCheckoutSpec {
    /// Branch, tag or commit.
    #[serde(rename = "ref")]
    pub reference: GitRepositoryRef,
}

/// How to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CommitSpec {
    /// Who commits.
    pub author: CommitUser,
    /// Key to sign with.
    #[serde(skip_serializing_if = "unset")]
    pub signing_key: Option<SigningKey>,
    /// Template of the message.
    #[serde(skip_serializing_if = "unset")]
    pub message_template: String,
    /// Values for the template.
    #[serde(skip_serializing_if = "unset")]
    pub message_template_values: BTreeMap<String, String>,
}

/// Who commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CommitUser {
    /// Name.
    #[serde(skip_serializing_if = "unset")]
    pub name: String,
    /// Address for mail.
    pub email: String,
}

/// A key to sign with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SigningKey {
    /// Secret with the key, and perhaps its passphrase.
    pub secret_ref: LocalObjectReference,
    /// What key it is; by default it is looked at.
    #[serde(skip_serializing_if = "unset")]
    pub type_: Option<SigningKeyType>,
}

/// Where to push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PushSpec {
    /// Branch; it is made when it is not there.
    #[serde(skip_serializing_if = "unset")]
    pub branch: String,
    /// Refspec, in place of a branch or beside it.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = "^$|^[^+:]"))]
    pub refspec: String,
    /// Options for the server.
    #[serde(skip_serializing_if = "unset")]
    pub options: BTreeMap<String, String>,
}

/// How files are updated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UpdateStrategy {
    /// Which way.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "Setters"))]
    pub strategy: UpdateStrategyName,
    /// Folder to update; by default all.
    #[serde(skip_serializing_if = "unset")]
    pub path: String,
}

/// Chooses objects by label; all parts must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LabelSelector {
    /// Labels and their values.
    #[serde(skip_serializing_if = "unset")]
    pub match_labels: BTreeMap<String, String>,
    /// Rules for labels.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// A rule for a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values, for the first two.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub values: Vec<String>,
}

string_enum! {
    /// Kinds that can be written to.
    pub enum AutomationSourceKind = GitRepository {
        /// A Git repository.
        GitRepository = "GitRepository",
    }
}

string_enum! {
    /// Kinds of keys.
    pub enum SigningKeyType {
        /// OpenPGP.
        Gpg = "gpg",
        /// SSH.
        Ssh = "ssh",
    }
}

string_enum! {
    /// Ways to update.
    pub enum UpdateStrategyName = Setters {
        /// By marks in comments.
        Setters = "Setters",
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct ImageUpdateAutomationStatus {
    /// When it last ran.
    #[serde(skip_serializing_if = "unset")]
    pub last_automation_run_time: Option<Time>,
    /// The last commit that was pushed.
    #[serde(skip_serializing_if = "unset")]
    pub last_push_commit: String,
    /// When that was.
    #[serde(skip_serializing_if = "unset")]
    pub last_push_time: Option<Time>,
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
    /// The images that were last written, by ImagePolicy.
    #[serde(skip_serializing_if = "unset")]
    pub observed_policies: BTreeMap<String, ImageRef>,
    /// The revision that was last looked at.
    #[serde(skip_serializing_if = "unset")]
    pub observed_source_revision: String,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
}

impl_status!(ImageUpdateAutomationStatus);
