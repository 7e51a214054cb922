//! `sluice helm install` and the other verbs that need a cluster: Helm's actions, on the engine of helm-controller.

mod history;
mod install;
mod list;
mod print;
mod rollback;
mod show;
mod uninstall;
mod upgrade;

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use sluice_apply::{Applier, Checks, Managers, Mapper};
use sluice_helm::release::Record;
use sluice_release::{CapabilityCache, Release, Wait};
use sluice_runtime::{Key, MetadataIndex};
use tokio_util::sync::CancellationToken;

use crate::cluster::KubeFlags;

pub use self::history::{HistoryArgs, run as history};
pub use install::{InstallArgs, run as install};
pub use list::{ListArgs, run as list};
pub use rollback::{RollbackArgs, run as rollback};
pub use show::{GetArgs, StatusArgs, TestArgs, get, status, test};
pub use uninstall::{UninstallArgs, run as uninstall};
pub use upgrade::{UpgradeArgs, run as upgrade};

/// The field manager of what is applied, as Helm's own.
const MANAGER: &str = "helm";

/// Runs a story that asks a cluster.
///
/// # Errors
/// The story's.
pub fn block_on(story: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    sluice_runtime::install_crypto();
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = tokio.block_on(story);
    tokio.shutdown_background();
    outcome
}

/// A cluster, and a namespace in it.
struct Session {
    applier: Applier,
    namespace: String,
    capabilities: CapabilityCache,
    checks: Checks,
    stop: CancellationToken,
    owner: Key,
}

impl Session {
    async fn connect(flags: &KubeFlags) -> anyhow::Result<Self> {
        let (config, _) = flags.config().await?;
        // Helm's default is the namespace of the context, not that of Flux.
        let namespace = flags.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = kube::Client::try_from(config).context("setting up the API client")?;
        let stop = CancellationToken::new();
        let applier = Applier {
            client: client.clone(),
            user: String::new(),
            mapper: Arc::new(Mapper::new(client.clone())),
            index: MetadataIndex::new(client, stop.clone()),
            memory: Arc::default(),
            manager: MANAGER.to_owned(),
            overridden: Managers::new(&[]),
            concurrent: 4,
        };
        let owner = Key::new(&namespace, "");
        let session = Session {
            applier,
            namespace,
            capabilities: CapabilityCache::default(),
            checks: Checks::default(),
            stop,
            owner,
        };
        // Ctrl-C ends an action between two steps, and its record says so.
        let stop = session.stop.clone();
        tokio::spawn(async move {
            crate::dev::interrupted().await;
            stop.cancel();
        });
        Ok(session)
    }

    fn release<'a>(&'a self, name: &'a str, max_history: usize) -> Release<'a> {
        Release {
            name,
            namespace: &self.namespace,
            storage_namespace: &self.namespace,
            max_history,
            owner: &self.owner,
            applier: &self.applier,
            capabilities: &self.capabilities,
            checks: &self.checks,
            stop: &self.stop,
        }
    }

    /// What is stored of a release, lowest revision first.
    async fn history(&self, name: &str) -> anyhow::Result<Vec<Record>> {
        check_name(name)?;
        self.release(name, 0).storage().history().await.map_err(anyhow::Error::msg)
    }

    /// One stored revision; the newest when none is named.
    async fn record(&self, name: &str, revision: Option<i64>) -> anyhow::Result<Record> {
        let mut history = self.history(name).await?;
        match revision.filter(|it| *it > 0) {
            None => history.pop().context("release: not found"),
            Some(revision) => history.into_iter().find(|it| it.version == revision).context("release: not found"),
        }
    }
}

/// Helm's names: lower-case DNS names of at most 53 characters.
fn check_name(name: &str) -> anyhow::Result<()> {
    let part = |it: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(it.chars().next())
            && edge(it.chars().last())
            && it.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.is_empty() || name.len() > 53 || !name.split('.').all(part) {
        bail!(
            "release name {name:?}: invalid release name, must match regex \
             ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
        );
    }
    Ok(())
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WaitFor {
    /// Objects are ready
    Watcher,
    /// Hooks are done
    #[value(name = "hookOnly")]
    HookOnly,
    /// As `watcher`
    Legacy,
}

fn wait(wanted: Option<WaitFor>, jobs: bool, default: WaitFor) -> Wait {
    let objects = wanted.unwrap_or(default) != WaitFor::HookOnly;
    Wait { objects, jobs: objects && jobs }
}

/// A failure of an action, with what it left.
fn failed(what: &str, failure: &sluice_release::Failure) -> anyhow::Error {
    anyhow!("{what}: {failure}")
}

fn timeout(flags: &KubeFlags) -> Duration {
    flags.timeout.0
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn a_name_is_one_that_helm_takes() {
        for good in ["web", "web-1", "a.b", "1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Web", "-web", "web-", "a..b", "a/b", &"a".repeat(54)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
