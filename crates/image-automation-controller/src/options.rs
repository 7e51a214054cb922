//! The flags of this controller's own (spec/flux/image.md §4): those of both of Flux's controllers.

use std::path::PathBuf;

use anyhow::bail;
use clap::{ArgAction, Args};
use sluice_runtime::{GoDuration, SharedFlags};

/// The feature gates that Flux's two controllers know, with their defaults.
pub const GATES: &[(&str, bool)] = &[
    ("CacheSecretsAndConfigMaps", false),
    ("FluxStorage", false),
    ("GitAllBranchReferences", true),
    ("GitForcePushBranch", true),
    ("GitShallowClone", true),
    ("GitSparseCheckout", false),
    ("ObjectLevelWorkloadIdentity", false),
];

/// The flags of this controller's own.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Scans of one registry, and pushes, that are under way at once
    #[arg(long, default_value_t = 4)]
    pub concurrent: usize,
    /// Folder that keeps the tags that were found
    #[arg(long, default_value = "/data")]
    pub storage_path: PathBuf,
    /// Accepted for Flux's sake: tags are kept in a file for each image
    #[arg(long, default_value_t = 268_435_456)]
    pub storage_value_log_file_size: u64,
    /// Accepted for Flux's sake: tags are kept as they are
    #[arg(long, default_value_t = 64)]
    pub storage_compression_threshold: u64,
    /// Minutes between two looks for kept tags that no ImageRepository needs any more; 0 never looks
    #[arg(long, default_value_t = 10)]
    pub gc_interval: u16,
    /// The wait for tags that are not there yet; a scan wakes a pass sooner
    #[arg(long, default_value = "30s")]
    pub requeue_dependency: GoDuration,
    /// Refuse ImageRepositories and GitRepositories of other namespaces
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_cross_namespace_refs: bool,
    /// Key exchange algorithms for SSH, by preference; empty takes the safe ones
    #[arg(long, value_delimiter = ',')]
    pub ssh_kex_algos: Vec<String>,
    /// Host key algorithms for SSH, by preference; empty takes the safe ones
    #[arg(long, value_delimiter = ',')]
    pub ssh_hostkey_algos: Vec<String>,
    /// As Flux's; needs the gate ObjectLevelWorkloadIdentity
    #[arg(long, default_value = "")]
    pub default_service_account: String,
    /// Accepted for Flux's sake
    #[arg(long, default_value_t = 100)]
    pub token_cache_max_size: u32,
    /// Accepted for Flux's sake
    #[arg(long, default_value = "1h")]
    pub token_cache_max_duration: GoDuration,

    /// Tags that a repository may have
    #[arg(long, default_value_t = 1_000_000)]
    pub tags_limit: usize,
    /// Pages that a list of tags may have
    #[arg(long, default_value_t = 1_000)]
    pub tag_pages_limit: usize,
}

impl Options {
    /// Checks what one flag alone cannot know.
    ///
    /// # Errors
    /// When a flag needs a gate that is closed (spec/flux/install.md §7).
    pub fn check(&self, shared: &SharedFlags) -> anyhow::Result<()> {
        let gate = shared.feature_gates.enabled("ObjectLevelWorkloadIdentity", false);
        if !self.default_service_account.is_empty() && !gate {
            bail!("--default-service-account needs --feature-gates=ObjectLevelWorkloadIdentity=true");
        }
        Ok(())
    }
}
