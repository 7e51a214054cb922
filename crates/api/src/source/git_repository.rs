use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient::unset;
use crate::meta::{Artifact, Condition, Duration, INTERVAL, LocalObjectReference, TIMEOUT, impl_status};
use crate::resource::{Column, resource};
use crate::schema::rule;
use crate::string_enum::string_enum;

resource! {
    /// Makes an artifact from a revision of a Git repository.
    pub struct GitRepository { spec: GitRepositorySpec, status: GitRepositoryStatus }
    api: "source.toolkit.fluxcd.io" / "v1" / "GitRepository",
    plural: "gitrepositories",
    short: ["gitrepo"],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    columns: [Column::text("URL", ".spec.url"), Column::AGE, Column::READY, Column::STATUS],
}

/// What to fetch from a Git repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("x-kubernetes-validations" = [rule(
    "serviceAccountName can only be set when provider is 'azure' or 'aws'",
    "!has(self.serviceAccountName) || \
     (has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))",
)]))]
pub struct GitRepositorySpec {
    /// Address of the repository: HTTP, HTTPS or SSH.
    #[schemars(regex(pattern = "^(http|https|ssh)://.*$"))]
    pub url: String,
    /// Secret with credentials.
    #[serde(skip_serializing_if = "unset")]
    pub secret_ref: Option<LocalObjectReference>,
    /// How to sign in; by default with the Secret alone.
    #[serde(skip_serializing_if = "unset")]
    pub provider: GitProvider,
    /// Account whose identity signs in to the cloud.
    #[serde(skip_serializing_if = "unset")]
    pub service_account_name: String,
    /// How often to look for a new revision; approximate.
    #[schemars(regex(pattern = INTERVAL))]
    pub interval: Duration,
    /// Time for one fetch.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(regex(pattern = TIMEOUT), extend("default" = "60s"))]
    pub timeout: Option<Duration>,
    /// What to check out; by default the branch `master`.
    #[serde(rename = "ref", skip_serializing_if = "unset")]
    pub reference: Option<GitRepositoryRef>,
    /// Signatures that a revision must have.
    #[serde(skip_serializing_if = "unset")]
    pub verify: Option<GitRepositoryVerification>,
    /// Secret with the address of a proxy.
    #[serde(skip_serializing_if = "unset")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Files to leave out, in the language of .gitignore; it replaces the default list.
    #[serde(skip_serializing_if = "unset")]
    pub ignore: Option<String>,
    /// Stops reconciling.
    #[serde(skip_serializing_if = "unset")]
    pub suspend: bool,
    /// Whether to fetch submodules too.
    #[serde(skip_serializing_if = "unset")]
    pub recurse_submodules: bool,
    /// Artifacts of other GitRepositories to put into this one.
    #[serde(skip_serializing_if = "unset")]
    pub include: Vec<GitRepositoryInclude>,
    /// Folders to keep; by default all.
    #[serde(skip_serializing_if = "unset")]
    pub sparse_checkout: Vec<String>,
}

/// What to check out. The first that is set wins: commit, name, semver, tag, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GitRepositoryRef {
    /// A branch; by default `master`.
    #[serde(skip_serializing_if = "unset")]
    pub branch: String,
    /// A tag.
    #[serde(skip_serializing_if = "unset")]
    pub tag: String,
    /// The highest tag in a range of versions.
    #[serde(skip_serializing_if = "unset")]
    pub semver: String,
    /// A full reference, such as `refs/pull/420/head`.
    #[serde(skip_serializing_if = "unset")]
    pub name: String,
    /// A commit; with a branch it must lie on that.
    #[serde(skip_serializing_if = "unset")]
    pub commit: String,
}

/// Signatures that a revision must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GitRepositoryVerification {
    /// What must be signed.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(extend("default" = "HEAD"))]
    pub mode: GitVerificationMode,
    /// Secret with the public keys of trusted authors.
    pub secret_ref: LocalObjectReference,
}

/// An artifact to put into another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GitRepositoryInclude {
    /// The GitRepository whose artifact is taken.
    pub repository: LocalObjectReference,
    /// Folder to take; by default all.
    #[serde(skip_serializing_if = "unset")]
    pub from_path: String,
    /// Folder to put it into; by default the name of the GitRepository.
    #[serde(skip_serializing_if = "unset")]
    pub to_path: String,
}

impl GitRepositoryInclude {
    /// Where the artifact goes.
    #[must_use]
    pub fn target(&self) -> &str {
        if self.to_path.is_empty() { &self.repository.name } else { &self.to_path }
    }
}

string_enum! {
    /// How to sign in to a Git server.
    pub enum GitProvider = Generic {
        /// With the Secret alone.
        Generic = "generic",
        /// AWS CodeCommit, with the controller's or an account's identity.
        Aws = "aws",
        /// Azure DevOps, with the controller's or an account's identity.
        Azure = "azure",
        /// As a GitHub App.
        Github = "github",
    }
}

string_enum! {
    /// What must be signed.
    pub enum GitVerificationMode = Head {
        /// The commit; the old way to write it.
        LegacyHead = "head",
        /// The commit.
        Head = "HEAD",
        /// The tag.
        Tag = "Tag",
        /// Both.
        TagAndHead = "TagAndHEAD",
    }
}

/// What was fetched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default, extend("default" = { "observedGeneration": -1 }))]
pub struct GitRepositoryStatus {
    /// The generation that was last reconciled.
    #[serde(skip_serializing_if = "unset")]
    pub observed_generation: i64,
    /// The state, by aspect.
    #[serde(skip_serializing_if = "unset")]
    pub conditions: Vec<Condition>,
    /// The artifact of the last revision that was fetched.
    #[serde(skip_serializing_if = "unset")]
    pub artifact: Option<Artifact>,
    /// The artifacts that were put into it, in the order of `include`.
    #[serde(skip_serializing_if = "unset")]
    pub included_artifacts: Vec<Artifact>,
    /// `ignore` of the artifact.
    #[serde(skip_serializing_if = "unset")]
    pub observed_ignore: Option<String>,
    /// `recurseSubmodules` of the artifact.
    #[serde(skip_serializing_if = "unset")]
    pub observed_recurse_submodules: bool,
    /// `include` of the artifact.
    #[serde(skip_serializing_if = "unset")]
    pub observed_include: Vec<GitRepositoryInclude>,
    /// `sparseCheckout` of the artifact.
    #[serde(skip_serializing_if = "unset")]
    pub observed_sparse_checkout: Vec<String>,
    /// What was verified of the artifact.
    #[serde(skip_serializing_if = "unset")]
    #[schemars(with = "String")]
    pub source_verification_mode: Option<GitVerificationMode>,
    /// The last request to reconcile that was handled.
    #[serde(skip_serializing_if = "unset")]
    pub last_handled_reconcile_at: String,
}

impl_status!(GitRepositoryStatus);
