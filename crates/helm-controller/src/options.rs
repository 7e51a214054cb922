//! The flags of this controller's own (spec/flux/helm.md §9), Flux's first, then ours.

use anyhow::bail;
use clap::{ArgAction, Args};
use sluice_runtime::{GoDuration, SharedFlags};

/// The feature gates that Flux's controller knows, with their defaults.
pub const GATES: &[(&str, bool)] = &[
    ("CacheSecretsAndConfigMaps", false),
    ("DetectDrift", false),
    ("CorrectDrift", false),
    ("AllowDNSLookups", false),
    ("OOMWatch", false),
    ("AdoptLegacyReleases", false),
    ("DisableChartDigestTracking", false),
    ("AdditiveCELDependencyCheck", false),
    ("ExternalArtifact", false),
    ("DisableConfigWatchers", false),
    ("DirectSourceFetch", false),
    ("UseHelm3Defaults", false),
    ("CancelHealthCheckOnNewRevision", false),
    ("DefaultToRetryOnFailure", false),
    ("ObjectLevelWorkloadIdentity", false),
];

/// The flags of this controller's own.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Passes that work at once
    #[arg(long, default_value_t = 4)]
    pub concurrent: usize,
    /// The wait for a dependency or a source that is not there yet; changes wake a pass sooner
    #[arg(long, default_value = "30s")]
    pub requeue_dependency: GoDuration,
    /// How long actions that are under way get to stop at the end
    #[arg(long, default_value = "600s")]
    pub graceful_shutdown_timeout: GoDuration,
    /// How often an artifact is asked for before the pass fails
    #[arg(long, default_value_t = 9)]
    pub http_retry: u32,
    /// Accepted for Flux's sake
    #[arg(long, default_value = "30s")]
    pub http_timeout: GoDuration,
    /// The service account to act as where a HelmRelease names none
    #[arg(long, default_value = "")]
    pub default_service_account: String,
    /// As Flux's; needs the gate ObjectLevelWorkloadIdentity
    #[arg(long, default_value = "")]
    pub default_kubeconfig_service_account: String,
    /// Accepted for Flux's sake: memory is bounded by limits
    #[arg(long, default_value_t = 95)]
    pub oom_watch_memory_threshold: u8,
    /// Accepted for Flux's sake: memory is bounded by limits
    #[arg(long, default_value = "500ms")]
    pub oom_watch_interval: GoDuration,
    /// Accepted for Flux's sake: memory is bounded by limits
    #[arg(long, default_value = "")]
    pub oom_watch_max_memory_path: String,
    /// Accepted for Flux's sake: memory is bounded by limits
    #[arg(long, default_value = "")]
    pub oom_watch_current_memory_path: String,
    /// How snapshots of releases are digested: sha256
    #[arg(long, default_value = "sha256", value_parser = ["sha256"])]
    pub snapshot_digest_algo: String,
    /// Take over the fields of this manager too; may be given several times
    #[arg(long)]
    pub override_manager: Vec<String>,
    /// Refuse sources of other namespaces
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_cross_namespace_refs: bool,
    /// Let kubeconfigs run programs to authenticate
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure_kubeconfig_exec: bool,
    /// Let kubeconfigs skip the check of the server's certificate
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure_kubeconfig_tls: bool,
    /// Accepted for Flux's sake
    #[arg(long, default_value_t = 100)]
    pub token_cache_max_size: u32,
    /// Accepted for Flux's sake
    #[arg(long, default_value = "1h")]
    pub token_cache_max_duration: GoDuration,

    /// Objects of one release that are written at once
    #[arg(long, default_value_t = 4)]
    pub concurrent_ssa: usize,
    /// Watch the Secrets and ConfigMaps that HelmReleases refer to, whatever their labels
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch_references: bool,
}

impl Options {
    /// Checks what one flag alone cannot know.
    ///
    /// # Errors
    /// When a flag needs a gate that is closed (spec/flux/install.md §7).
    pub fn check(&self, shared: &SharedFlags) -> anyhow::Result<()> {
        let workload_identity = shared.feature_gates.enabled("ObjectLevelWorkloadIdentity", false);
        if !workload_identity && !self.default_kubeconfig_service_account.is_empty() {
            bail!("--default-kubeconfig-service-account needs --feature-gates=ObjectLevelWorkloadIdentity=true");
        }
        Ok(())
    }
}
