//! How the actions are done. The words are Helm's.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::PropagationPolicy;

/// What to do with the definitions in a chart's `crds/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crds {
    /// Nothing.
    Skip,
    /// Create those that are not there.
    #[default]
    Create,
    /// Create, and replace.
    CreateReplace,
}

/// What is waited for once objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Whether objects are to be ready.
    pub objects: bool,
    /// Whether Jobs are to be complete, too.
    pub jobs: bool,
}

/// Whether objects are applied on the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerSide {
    /// Yes.
    Yes,
    /// No: created, and patched by a three-way merge.
    No,
    /// As the release was last applied.
    #[default]
    Auto,
}

/// How to install.
#[derive(Clone, Debug)]
pub struct Install {
    /// Time for each wait.
    pub timeout: Duration,
    /// What is waited for.
    pub wait: Wait,
    /// Whether hooks are run.
    pub hooks: bool,
    /// Whether objects that belong to nobody, or to others, are taken.
    pub take_ownership: bool,
    /// Whether the name of an uninstalled release may be used again.
    pub replace: bool,
    /// Whether the namespace is created.
    pub create_namespace: bool,
    /// What to do with definitions.
    pub crds: Crds,
    /// Whether objects are applied on the server.
    pub server_side: bool,
    /// Whether values are not held against the chart's schema.
    pub skip_schema: bool,
    /// Labels of the record.
    pub labels: BTreeMap<String, String>,
    /// What the record says of the revision once it is deployed, in place of Helm's words.
    pub description: Option<String>,
}

/// How to upgrade.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Time for each wait.
    pub timeout: Duration,
    /// What is waited for.
    pub wait: Wait,
    /// Whether hooks are run.
    pub hooks: bool,
    /// Whether objects that belong to nobody, or to others, are taken.
    pub take_ownership: bool,
    /// Whether the values of the last revision are kept under the new ones.
    pub reuse_values: bool,
    /// Whether what a failed upgrade created is deleted.
    pub cleanup_on_fail: bool,
    /// Without server-side apply: whether objects are replaced instead of patched.
    pub force: bool,
    /// What to do with definitions.
    pub crds: Crds,
    /// Whether objects are applied on the server.
    pub server_side: ServerSide,
    /// Whether values are not held against the chart's schema.
    pub skip_schema: bool,
    /// Labels of the record, beside those of the last.
    pub labels: BTreeMap<String, String>,
    /// What the record says of the revision once it is deployed, in place of Helm's words.
    pub description: Option<String>,
}

/// How to roll back.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// The revision to go back to.
    pub version: i64,
    /// Time for each wait.
    pub timeout: Duration,
    /// What is waited for.
    pub wait: Wait,
    /// Whether hooks are run.
    pub hooks: bool,
    /// Whether what a failed rollback created is deleted.
    pub cleanup_on_fail: bool,
    /// Without server-side apply: whether objects are replaced instead of patched.
    pub force: bool,
    /// Whether objects are applied on the server.
    pub server_side: ServerSide,
}

/// How to uninstall.
#[derive(Clone, Debug)]
pub struct Uninstall {
    /// Time for each wait.
    pub timeout: Duration,
    /// Whether it is waited until objects are gone.
    pub wait: bool,
    /// Whether hooks are run.
    pub hooks: bool,
    /// Whether the records are kept.
    pub keep_history: bool,
    /// What becomes of dependents.
    pub propagation: PropagationPolicy,
}

/// How to test.
#[derive(Clone, Debug, Default)]
pub struct Test {
    /// Time for each test.
    pub timeout: Duration,
    /// Names of tests to run, or with `true` not to run; all without any.
    pub filters: Vec<(String, bool)>,
}
