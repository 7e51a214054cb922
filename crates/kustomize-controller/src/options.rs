//! The flags of this controller's own (spec/flux/kustomize.md §10), Flux's first, then ours.

use anyhow::bail;
use clap::{ArgAction, Args};
use sluice_runtime::{GoDuration, SharedFlags};

/// The feature gates that Flux's controller knows, with their defaults.
pub const GATES: &[(&str, bool)] = &[
    ("CacheSecretsAndConfigMaps", false),
    ("DisableStatusPollerCache", true),
    ("DisableFailFastBehavior", false),
    ("StrictPostBuildSubstitutions", true),
    ("GroupChangeLog", false),
    ("AdditiveCELDependencyCheck", false),
    ("ExternalArtifact", false),
    ("CancelHealthCheckOnNewRevision", false),
    ("DisableConfigWatchers", false),
    ("DirectSourceFetch", false),
    ("MigrateAPIVersion", false),
    ("ObjectLevelWorkloadIdentity", false),
];

/// The flags of this controller's own.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Passes that work at once; those that wait for health do not count
    #[arg(long, default_value_t = 4)]
    pub concurrent: usize,
    /// Objects of one pass that are applied at once
    #[arg(long, default_value_t = 4)]
    pub concurrent_ssa: usize,
    /// The wait for a dependency or a source that is not there yet; changes wake a pass sooner
    #[arg(long, default_value = "30s")]
    pub requeue_dependency: GoDuration,
    /// Refuse bases that a build would fetch from elsewhere
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_remote_bases: bool,
    /// Refuse sources of other namespaces
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_cross_namespace_refs: bool,
    /// How often an artifact is asked for before the pass fails
    #[arg(long, default_value_t = 9)]
    pub http_retry: u32,
    /// The service account to act as where a Kustomization names none
    #[arg(long, default_value = "")]
    pub default_service_account: String,
    /// As Flux's; needs the gate ObjectLevelWorkloadIdentity
    #[arg(long, default_value = "")]
    pub default_decryption_service_account: String,
    /// As Flux's; needs the gate ObjectLevelWorkloadIdentity
    #[arg(long, default_value = "")]
    pub default_kubeconfig_service_account: String,
    /// Accepted for Flux's sake; decryption is not in this version
    #[arg(long, default_value = "")]
    pub sops_age_secret: String,
    /// Accepted for Flux's sake; decryption is not in this version
    #[arg(long, default_value = "")]
    pub sops_vault_configmap: String,
    /// Take over the fields of this manager too, as those of kubectl; may be given several times
    #[arg(long)]
    pub override_manager: Vec<String>,
    /// Kinds to apply before the rest, as `group/Kind,…`
    #[arg(long, default_value = "", value_parser = stage_kinds)]
    pub custom_apply_stage_kinds: StageKinds,
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

    /// Watch managed objects and put them right when they change; `false` leaves that to the interval, as in Flux
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch_managed_objects: bool,
    /// Watch the Secrets and ConfigMaps that Kustomizations refer to, whatever their labels
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch_references: bool,
    /// Skip build and apply of a revision in which no file that the build reads has changed
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_unchanged_builds: bool,
    /// Stop before deleting more than this many objects, or this share of the inventory (`30%`), in one revision,
    /// until the annotation `sluice.dev/approve-prune` names the revision; empty never stops
    #[arg(long, default_value = "", value_parser = prune_limit)]
    pub prune_limit: PruneLimit,
}

/// Kinds by group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageKinds(pub Vec<(String, String)>);

fn stage_kinds(text: &str) -> Result<StageKinds, String> {
    let kinds = text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(|it| {
        let (group, kind) = it.rsplit_once('/').ok_or_else(|| format!("`{it}`: write a kind as `group/Kind`"))?;
        Ok((group.to_owned(), kind.to_owned()))
    });
    kinds.collect::<Result<_, String>>().map(StageKinds)
}

/// How much may be deleted at once without being asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PruneLimit {
    /// Anything.
    #[default]
    None,
    /// So many objects.
    Objects(usize),
    /// Such a share of the inventory, in percent.
    Percent(usize),
}

impl PruneLimit {
    /// Whether deleting `gone` of `all` objects is more than allowed.
    #[must_use]
    pub fn exceeded(self, gone: usize, all: usize) -> bool {
        match self {
            PruneLimit::None => false,
            PruneLimit::Objects(most) => gone > most,
            PruneLimit::Percent(most) => gone * 100 > most * all,
        }
    }
}

/// Reads `10` or `30%`; empty is no limit.
///
/// # Errors
/// When it is neither.
pub fn prune_limit(text: &str) -> Result<PruneLimit, String> {
    let wrong = || format!("`{text}` is no limit; write a number of objects such as `10`, or a share such as `30%`");
    if text.is_empty() {
        return Ok(PruneLimit::None);
    }
    match text.strip_suffix('%') {
        Some(share) => share.trim().parse().ok().filter(|it| *it <= 100).map(PruneLimit::Percent).ok_or_else(wrong),
        None => text.trim().parse().map(PruneLimit::Objects).map_err(|_| wrong()),
    }
}

impl Options {
    /// Checks what one flag alone cannot know.
    ///
    /// # Errors
    /// When a flag needs a gate that is closed (spec/flux/install.md §7).
    pub fn check(&self, shared: &SharedFlags) -> anyhow::Result<()> {
        if shared.feature_gates.enabled("ObjectLevelWorkloadIdentity", false) {
            return Ok(());
        }
        for (flag, value) in [
            ("--default-decryption-service-account", &self.default_decryption_service_account),
            ("--default-kubeconfig-service-account", &self.default_kubeconfig_service_account),
        ] {
            if !value.is_empty() {
                bail!("{flag} needs --feature-gates=ObjectLevelWorkloadIdentity=true");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prune_limit_is_a_number_or_a_share() {
        assert_eq!(prune_limit("10"), Ok(PruneLimit::Objects(10)));
        assert_eq!(prune_limit("30%"), Ok(PruneLimit::Percent(30)));
        assert_eq!(prune_limit(""), Ok(PruneLimit::None));
        assert!(prune_limit("130%").is_err() && prune_limit("many").is_err());
        assert!(PruneLimit::Percent(50).exceeded(3, 5) && !PruneLimit::Percent(50).exceeded(2, 4));
        assert!(PruneLimit::Objects(2).exceeded(3, 100) && !PruneLimit::None.exceeded(9, 9));
    }

    #[test]
    fn stage_kinds_have_a_group() {
        assert_eq!(stage_kinds("a.io/B,c.d.io/E").unwrap().0[1], ("c.d.io".to_owned(), "E".to_owned()));
        assert!(stage_kinds("B").is_err());
    }
}
