//! What a HelmRelease says of its actions, with the defaults (spec/flux/helm.md §1 and §5). Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::PropagationPolicy;
use sluice_api::helm::{
    ActionStrategyName, CrdsPolicy, DeletionPropagation, DriftDetectionMode, HelmRelease, RemediationStrategy,
    ServerSideApplyMode,
};
use sluice_api::meta;
use sluice_release::{Crds, Install, Rollback, ServerSide, Test, Uninstall, Upgrade, Wait};

/// Flux's default for every action.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Flux's default between two tries.
const RETRY: Duration = Duration::from_secs(300);
/// Flux's default of records that are kept.
const MAX_HISTORY: i64 = 5;

/// Gates that change defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// `UseHelm3Defaults`.
    pub helm3: bool,
    /// `DefaultToRetryOnFailure`.
    pub retry: bool,
}

/// What is done when an action fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// It is undone.
    Remediate,
    /// It is tried again.
    Retry(Duration),
}

/// How often an action is undone and tried again, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remediation {
    /// How often, -1 for ever.
    pub retries: i64,
    /// Whether failed tests are no failure.
    pub ignore_test_failures: bool,
    /// Whether the last try is undone too.
    pub last_failure: bool,
    /// Whether undoing is uninstalling; else it is rolling back.
    pub uninstalls: bool,
}

impl Remediation {
    /// Whether so many failures are more than may be.
    #[must_use]
    pub fn exhausted(&self, failures: i64) -> bool {
        self.retries >= 0 && failures > self.retries
    }
}

fn timeout(own: Option<&meta::Duration>, object: &HelmRelease) -> Duration {
    let given = own.or(object.spec.timeout.as_ref());
    given.and_then(|it| it.to_std().ok()).unwrap_or(TIMEOUT)
}

fn crds(policy: Option<&CrdsPolicy>) -> Crds {
    match policy {
        Some(CrdsPolicy::Skip) => Crds::Skip,
        Some(CrdsPolicy::CreateReplace) => Crds::CreateReplace,
        // Flux creates them when upgrading too, whatever its reference says.
        Some(CrdsPolicy::Create | CrdsPolicy::Other(_)) | None => Crds::Create,
    }
}

fn server_side(mode: &ServerSideApplyMode, defaults: Defaults) -> ServerSide {
    match mode {
        ServerSideApplyMode::Enabled => ServerSide::Yes,
        ServerSideApplyMode::Disabled => ServerSide::No,
        ServerSideApplyMode::Auto | ServerSideApplyMode::Other(_) if defaults.helm3 => ServerSide::No,
        ServerSideApplyMode::Auto | ServerSideApplyMode::Other(_) => ServerSide::Auto,
    }
}

/// How to install.
#[must_use]
pub fn install(object: &HelmRelease, defaults: Defaults) -> Install {
    let it = object.spec.install.clone().unwrap_or_default();
    Install {
        timeout: timeout(it.timeout.as_ref(), object),
        wait: Wait { objects: !it.disable_wait, jobs: !it.disable_wait_for_jobs },
        hooks: !it.disable_hooks,
        take_ownership: !it.disable_take_ownership,
        replace: it.replace,
        create_namespace: it.create_namespace && !object.spec.target_namespace.is_empty(),
        crds: crds(it.crds.as_ref()),
        server_side: it.server_side_apply.unwrap_or(!defaults.helm3),
        skip_schema: it.disable_schema_validation,
        labels: BTreeMap::new(),
        description: None,
    }
}

/// How to upgrade.
#[must_use]
pub fn upgrade(object: &HelmRelease, defaults: Defaults) -> Upgrade {
    let it = object.spec.upgrade.clone().unwrap_or_default();
    Upgrade {
        timeout: timeout(it.timeout.as_ref(), object),
        wait: Wait { objects: !it.disable_wait, jobs: !it.disable_wait_for_jobs },
        hooks: !it.disable_hooks,
        take_ownership: !it.disable_take_ownership,
        reuse_values: it.preserve_values,
        cleanup_on_fail: it.cleanup_on_fail,
        force: it.force,
        crds: crds(it.crds.as_ref()),
        server_side: server_side(&it.server_side_apply, defaults),
        skip_schema: it.disable_schema_validation,
        labels: BTreeMap::new(),
        description: None,
    }
}

/// How to roll back to a revision.
#[must_use]
pub fn rollback(object: &HelmRelease, version: i64, defaults: Defaults) -> Rollback {
    let it = object.spec.rollback.clone().unwrap_or_default();
    Rollback {
        version,
        timeout: timeout(it.timeout.as_ref(), object),
        wait: Wait { objects: !it.disable_wait, jobs: !it.disable_wait_for_jobs },
        hooks: !it.disable_hooks,
        cleanup_on_fail: it.cleanup_on_fail,
        force: it.force,
        server_side: server_side(&it.server_side_apply, defaults),
    }
}

/// How to uninstall.
#[must_use]
pub fn uninstall(object: &HelmRelease) -> Uninstall {
    let it = object.spec.uninstall.clone().unwrap_or_default();
    Uninstall {
        timeout: timeout(it.timeout.as_ref(), object),
        wait: !it.disable_wait,
        hooks: !it.disable_hooks,
        keep_history: it.keep_history,
        propagation: match it.deletion_propagation {
            DeletionPropagation::Foreground => PropagationPolicy::Foreground,
            DeletionPropagation::Orphan => PropagationPolicy::Orphan,
            DeletionPropagation::Background | DeletionPropagation::Other(_) => PropagationPolicy::Background,
        },
    }
}

/// How to test; `None` when tests are off.
#[must_use]
pub fn test(object: &HelmRelease) -> Option<Test> {
    let it = object.spec.test.as_ref().filter(|it| it.enable)?;
    Some(Test {
        timeout: timeout(it.timeout.as_ref(), object),
        filters: it.filters.iter().map(|filter| (filter.name.clone(), filter.exclude)).collect(),
    })
}

/// Whether failed tests are no failure.
#[must_use]
pub fn ignores_test_failures(object: &HelmRelease) -> bool {
    object.spec.test.as_ref().is_some_and(|it| it.ignore_failures)
}

/// How drift is dealt with.
#[must_use]
pub fn drift_mode(object: &HelmRelease) -> DriftDetectionMode {
    object.spec.drift_detection.as_ref().map(|it| it.mode.clone()).unwrap_or_default()
}

/// Records that are kept, 0 for all.
#[must_use]
pub fn max_history(object: &HelmRelease) -> usize {
    usize::try_from(object.spec.max_history.unwrap_or(MAX_HISTORY)).unwrap_or(0)
}

/// What is done when the action that was last tried fails.
#[must_use]
pub fn strategy(object: &HelmRelease, upgrading: bool, defaults: Defaults) -> Strategy {
    let (name, interval) = if upgrading {
        let it = object.spec.upgrade.as_ref().and_then(|it| it.strategy.as_ref());
        (it.map(|it| it.name.clone()), it.and_then(|it| it.retry_interval.clone()))
    } else {
        let it = object.spec.install.as_ref().and_then(|it| it.strategy.as_ref());
        (it.map(|it| it.name.clone()), it.and_then(|it| it.retry_interval.clone()))
    };
    let retries = match name {
        Some(ActionStrategyName::RetryOnFailure) => true,
        Some(ActionStrategyName::RemediateOnFailure | ActionStrategyName::Other(_)) => false,
        None => defaults.retry,
    };
    let interval = interval.and_then(|it| it.to_std().ok()).unwrap_or(RETRY);
    if retries { Strategy::Retry(interval) } else { Strategy::Remediate }
}

/// How the action that was last tried is undone.
#[must_use]
pub fn remediation(object: &HelmRelease, upgrading: bool) -> Remediation {
    let ignore = ignores_test_failures(object);
    if upgrading {
        let it = object.spec.upgrade.as_ref().and_then(|it| it.remediation.clone()).unwrap_or_default();
        return Remediation {
            retries: it.retries,
            ignore_test_failures: it.ignore_test_failures.unwrap_or(ignore),
            last_failure: it.remediate_last_failure.unwrap_or(it.retries > 0),
            uninstalls: it.strategy == Some(RemediationStrategy::Uninstall),
        };
    }
    let it = object.spec.install.as_ref().and_then(|it| it.remediation.clone()).unwrap_or_default();
    Remediation {
        retries: it.retries,
        ignore_test_failures: it.ignore_test_failures.unwrap_or(ignore),
        last_failure: it.remediate_last_failure.unwrap_or(false),
        uninstalls: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn release(spec: Value) -> HelmRelease {
        serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "apps"}, "spec": spec})).unwrap()
    }

    #[test]
    fn an_action_s_own_timeout_wins() {
        let of = |spec: Value| install(&release(spec), Defaults::default()).timeout.as_secs();
        assert_eq!(of(json!({})), 300);
        assert_eq!(of(json!({"timeout": "1m"})), 60);
        assert_eq!(of(json!({"timeout": "1m", "install": {"timeout": "2m"}})), 120);
    }

    #[test]
    fn the_namespace_is_created_only_for_a_target() {
        let of = |spec: Value| install(&release(spec), Defaults::default()).create_namespace;
        assert!(!of(json!({"install": {"createNamespace": true}})));
        assert!(of(json!({"install": {"createNamespace": true}, "targetNamespace": "prod"})));
    }

    #[test]
    fn the_last_failed_upgrade_is_undone_where_there_are_retries() {
        let of = |spec: Value| remediation(&release(spec), true);
        assert!(!of(json!({})).last_failure);
        assert!(of(json!({"upgrade": {"remediation": {"retries": 2}}})).last_failure);
        assert!(!of(json!({"upgrade": {"remediation": {"retries": 2, "remediateLastFailure": false}}})).last_failure);
        assert!(remediation(&release(json!({})), false).uninstalls);
        assert!(of(json!({})).exhausted(1) && !of(json!({})).exhausted(0));
        assert!(!of(json!({"upgrade": {"remediation": {"retries": -1}}})).exhausted(99));
    }

    #[test]
    fn a_strategy_has_its_interval() {
        let of = |spec: Value, defaults| strategy(&release(spec), true, defaults);
        let retry = json!({"upgrade": {"strategy": {"name": "RetryOnFailure", "retryInterval": "10s"}}});
        assert_eq!(of(retry, Defaults::default()), Strategy::Retry(Duration::from_secs(10)));
        assert_eq!(of(json!({}), Defaults::default()), Strategy::Remediate);
        assert_eq!(of(json!({}), Defaults { retry: true, helm3: false }), Strategy::Retry(RETRY));
    }
}
