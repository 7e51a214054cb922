//! `sluice helm upgrade`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use sluice_helm::Limits;
use sluice_helm::release::Status;
use sluice_release::{Chosen, Rollback, ServerSide, Upgrade, latest};

use super::install::{CommonArgs, chart, install};
use super::print;
use super::{Session, failed, timeout, wait};
use crate::cluster::KubeFlags;
use crate::helm::load::ValueArgs;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  sluice helm upgrade podinfo ./charts/podinfo -n apps --install --wait
  sluice helm upgrade podinfo podinfo-6.9.0.tgz --reuse-values --set replicaCount=5";

/// Make a new revision of a release
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct UpgradeArgs {
    /// Name of the release
    name: String,
    /// The chart: a folder or a .tgz file
    chart: String,
    #[command(flatten)]
    values: ValueArgs,
    #[command(flatten)]
    common: CommonArgs,
    /// Install it if there is no such release
    #[arg(short, long)]
    install: bool,
    /// With --install: create the namespace if it is not there
    #[arg(long)]
    create_namespace: bool,
    /// Keep the values of the last revision under the new ones
    #[arg(long, conflicts_with = "reset_values")]
    reuse_values: bool,
    /// Take the chart's values and the new ones alone
    #[arg(long)]
    reset_values: bool,
    /// Take the chart's values, those of the last revision, and the new ones
    #[arg(long, conflicts_with_all = ["reuse_values", "reset_values"])]
    reset_then_reuse_values: bool,
    /// Delete what a failed upgrade created
    #[arg(long)]
    cleanup_on_fail: bool,
    /// Without --server-side: replace objects instead of patching them
    #[arg(long, alias = "force")]
    force_replace: bool,
    /// Records that are kept, 0 for all
    #[arg(long, default_value_t = 10)]
    history_max: usize,
    /// Apply on the server; `auto` as the release was last applied
    #[arg(long, value_enum, default_value = "auto")]
    server_side: Server,
}

/// Whether objects are applied on the server.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Server {
    /// Yes
    True,
    /// No
    False,
    /// As the release was last applied
    Auto,
}

impl From<Server> for ServerSide {
    fn from(it: Server) -> Self {
        match it {
            Server::True => ServerSide::Yes,
            Server::False => ServerSide::No,
            Server::Auto => ServerSide::Auto,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// As Helm words it; what was stored says so too.
pub async fn run(args: UpgradeArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let labels = args.common.labels()?;
    let chart = chart(&args.chart)?;
    let mut values = args.values.merge()?;
    let session = Session::connect(flags).await?;
    let history = session.history(&args.name).await?;
    if args.install && latest(&history).is_none_or(|it| it.status() == Status::Uninstalled) {
        let chosen = Chosen { chart, values, post: None, crd_labels: Vec::new(), limits: Limits::default() };
        output::data(&format!("Release \"{}\" does not exist. Installing it now.\n", args.name))?;
        return install(&args.name, &chosen, &args.common, labels, flags, |options| {
            options.create_namespace = args.create_namespace;
            options.replace = !history.is_empty();
        })
        .await;
    }
    let last =
        latest(&history).with_context(|| format!("UPGRADE FAILED: \"{}\" has no deployed releases", args.name))?;
    let deployed = history.iter().rev().find(|it| it.status() == Status::Deployed).unwrap_or(last);
    let known = deployed.config.clone().unwrap_or_default();
    if args.reset_then_reuse_values {
        let mut merged = known;
        sluice_helm::values::overlay(&mut merged, values);
        values = merged;
    } else if values.is_empty() && !args.reset_values && !args.reuse_values {
        // As in Helm: who names no values keeps those that are.
        values = known;
    }
    let options = Upgrade {
        timeout: timeout(flags),
        wait: wait(args.common.wait, args.common.wait_for_jobs, args.common.default_wait()),
        hooks: !args.common.no_hooks,
        take_ownership: args.common.take_ownership,
        reuse_values: args.reuse_values,
        cleanup_on_fail: args.cleanup_on_fail,
        force: args.force_replace,
        crds: args.common.crds(),
        server_side: args.server_side.into(),
        skip_schema: args.common.skip_schema_validation,
        labels,
        description: args.common.description.clone(),
    };
    let chosen = Chosen { chart, values, post: None, crd_labels: Vec::new(), limits: Limits::default() };
    let release = session.release(&args.name, args.history_max);
    match release.upgrade(&chosen, &options, &history).await {
        Ok(record) => {
            if args.common.output == print::Form::Table {
                output::data(&format!("Release \"{}\" has been upgraded. Happy Helming!\n", args.name))?;
            }
            print::status(&record, args.common.output, !args.common.hide_notes)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            let good = history.iter().rev().find(|it| matches!(it.status(), Status::Deployed | Status::Superseded));
            let (Some(good), true, true) = (good, args.common.rollback_on_failure, failure.record.is_some()) else {
                return Err(failed("UPGRADE FAILED", &failure));
            };
            let undo = Rollback {
                version: good.version,
                timeout: options.timeout,
                wait: options.wait,
                hooks: options.hooks,
                cleanup_on_fail: options.cleanup_on_fail,
                force: options.force,
                server_side: options.server_side,
            };
            let now = session.history(&args.name).await?;
            release.rollback(&undo, &now).await.map_err(|error| {
                failed(
                    &format!("an error occurred while rolling back the release. original upgrade error: {failure}"),
                    &error,
                )
            })?;
            bail!(
                "UPGRADE FAILED: release {} failed, and has been rolled back due to rollback-on-failure being set: {failure}",
                args.name
            );
        }
    }
}
