//! Releases as Helm 3 and 4 store them: a Secret for each revision.
//!
//! In: a Secret, or what a rendering made. Out: a [`Record`], or a Secret that Helm lists, diffs and rolls back as its
//! own. Fields that are not known here are kept, so a record that is read and written again loses nothing.

mod build;
mod chart;
mod digest;
mod go_json;
mod secret;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use chart::{ChartMetadata, ChartRecord, DependencyRecord, FileRecord, MaintainerRecord};
pub use digest::{config_digest, snapshot_digest};
pub use secret::{SECRET_TYPE, StoreError, secret_name};

/// Fields of a newer Helm.
pub type Extra = Map<String, Value>;

/// One revision of a release. The fields stand in Helm's order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The release's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What happened to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Info>,
    /// The chart, its dependencies left out as Helm does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<ChartRecord>,
    /// The values given over the chart's.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub config: Option<Map<String, Value>>,
    /// All objects but the hooks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The hooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<HookRecord>>,
    /// The revision, from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: i64,
    /// The release's namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `ssa` or `csa`: how its objects were applied. Helm 3 does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub apply_method: String,
    /// What else a newer Helm wrote.
    #[serde(flatten)]
    pub extra: Extra,
    /// The labels of its Secret, without those that Helm sets itself.
    #[serde(skip)]
    pub labels: std::collections::BTreeMap<String, String>,
}

/// What happened to a release. Times are as Helm writes them, RFC 3339 with nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// When its first revision was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<String>,
    /// When this revision was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<String>,
    /// When it was uninstalled; empty if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<String>,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it stands.
    #[serde(default, skip_serializing_if = "Status::is_unset")]
    pub status: Status,
    /// The revision that it went back to.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rollback_revision: i64,
    /// NOTES.txt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What else a newer Helm wrote.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How a release stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Status {
    /// Nothing is said.
    #[default]
    Unset,
    /// Helm does not know.
    Unknown,
    /// It is the one that runs.
    Deployed,
    /// It was uninstalled, its history kept.
    Uninstalled,
    /// A later revision took its place.
    Superseded,
    /// It failed.
    Failed,
    /// It is being uninstalled.
    Uninstalling,
    /// It is being installed.
    PendingInstall,
    /// It is being upgraded.
    PendingUpgrade,
    /// It is being rolled back.
    PendingRollback,
    /// A status of a newer Helm.
    Other(String),
}

impl Status {
    const NAMED: [(&'static str, Self); 10] = [
        ("", Self::Unset),
        ("unknown", Self::Unknown),
        ("deployed", Self::Deployed),
        ("uninstalled", Self::Uninstalled),
        ("superseded", Self::Superseded),
        ("failed", Self::Failed),
        ("uninstalling", Self::Uninstalling),
        ("pending-install", Self::PendingInstall),
        ("pending-upgrade", Self::PendingUpgrade),
        ("pending-rollback", Self::PendingRollback),
    ];

    /// The word that Helm uses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => Self::NAMED.iter().find(|(_, status)| status == known).map_or("", |(name, _)| name),
        }
    }

    /// Whether an action is under way, or died on its way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback)
    }

    fn is_unset(&self) -> bool {
        *self == Self::Unset
    }
}

impl From<String> for Status {
    fn from(name: String) -> Self {
        let known = Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, status)| status.clone());
        known.unwrap_or(Self::Other(name))
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.as_str().to_owned()
    }
}

/// A hook with its last run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookRecord {
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The path of its template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// How it went.
    #[serde(default)]
    pub last_run: HookRun,
    /// Lower ones run first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_policies: Option<Vec<String>>,
    /// When its log is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_log_policies: Option<Vec<String>>,
    /// What else a newer Helm wrote.
    #[serde(flatten)]
    pub extra: Extra,
}

impl HookRecord {
    /// Whether `helm test` runs it.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.events.iter().flatten().any(|event| event == "test")
    }
}

/// The last run of a hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookRun {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// `Running`, `Succeeded`, `Failed`, `Unknown` or nothing.
    #[serde(default)]
    pub phase: String,
    /// What else a newer Helm wrote.
    #[serde(flatten)]
    pub extra: Extra,
}

pub(super) fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_empty(config: &Option<Map<String, Value>>) -> bool {
    config.as_ref().is_none_or(Map::is_empty)
}
