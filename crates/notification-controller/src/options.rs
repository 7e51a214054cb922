//! The flags of this controller's own (spec/flux/notification.md §6), Flux's first, then ours.

use std::path::PathBuf;

use anyhow::bail;
use clap::{ArgAction, Args};
use sluice_runtime::{GoDuration, Listen, SharedFlags, listen_address};

/// The feature gates that Flux's controller knows, with their defaults.
pub const GATES: &[(&str, bool)] =
    &[("CacheSecretsAndConfigMaps", false), ("DisableConfigWatchers", false), ("ObjectLevelWorkloadIdentity", false)];

/// The flags of this controller's own.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Passes over Receivers that work at once
    #[arg(long, default_value_t = 4)]
    pub concurrent: usize,
    /// Address that takes the calls of webhooks
    #[arg(long = "receiverAddr", default_value = ":9292", value_parser = listen_address)]
    pub receiver_addr: Listen,
    /// An event that is the same as one before is left out for this long
    #[arg(long, default_value = "5m")]
    pub rate_limit_interval: GoDuration,
    /// Refuse sources and resources of other namespaces
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_cross_namespace_refs: bool,
    /// Name the path of each webhook in the metrics of the server that takes their calls
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub export_http_path_metrics: bool,
    /// As Flux's; needs the gate ObjectLevelWorkloadIdentity
    #[arg(long, default_value = "")]
    pub default_service_account: String,
    /// Accepted for Flux's sake
    #[arg(long, default_value_t = 100)]
    pub token_cache_max_size: u32,

    /// Folder that keeps accepted events until they are delivered; without one they are in memory alone
    #[arg(long)]
    pub storage_path: Option<PathBuf>,
    /// Events that may wait to be delivered; beyond that none is accepted
    #[arg(long, default_value_t = 100_000)]
    pub queue_limit: usize,
    /// How long a delivery is tried before it is given up
    #[arg(long, default_value = "24h")]
    pub delivery_deadline: GoDuration,
    /// Tell people of a failure that goes on only now and then, and of its end once; `false` sends what Flux sends
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub fold_failures: bool,
    /// Tell people where in Git an object comes from: its path, and a link to the commit where the forge is known
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub commit_links: bool,
    /// How often people are told of a failure that goes on
    #[arg(long, default_value = "1h")]
    pub fold_interval: GoDuration,
}

impl Options {
    /// Checks what one flag alone cannot know.
    ///
    /// # Errors
    /// When a flag needs a gate that is closed, or does not fit this controller.
    pub fn check(&self, shared: &SharedFlags) -> anyhow::Result<()> {
        let identity = shared.feature_gates.enabled("ObjectLevelWorkloadIdentity", false);
        if !self.default_service_account.is_empty() && !identity {
            bail!("--default-service-account needs --feature-gates=ObjectLevelWorkloadIdentity=true");
        }
        if !shared.watch_label_selector.is_empty() {
            bail!("--watch-label-selector: this controller looks after all Alerts, Providers and Receivers");
        }
        Ok(())
    }
}
