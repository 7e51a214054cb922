//! `sluice helm rollback`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use sluice_release::{Rollback, latest};

use super::upgrade::Server;
use super::{Session, WaitFor, failed, timeout, wait};
use crate::cluster::KubeFlags;
use crate::output;

/// Make a new revision that is as an earlier one was
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice helm rollback podinfo -n apps\n  sluice helm rollback podinfo 3 --wait")]
pub struct RollbackArgs {
    /// Name of the release
    name: String,
    /// Revision to go back to; without one, or 0, the one before the last
    revision: Option<i64>,
    /// What is waited for; `--wait` alone is `watcher`
    #[arg(long, value_enum, value_name = "STRATEGY", num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    wait: Option<WaitFor>,
    /// Wait until Jobs are complete, too
    #[arg(long)]
    wait_for_jobs: bool,
    /// Run no hooks
    #[arg(long)]
    no_hooks: bool,
    /// Delete what a failed rollback created
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

/// Runs the command.
///
/// # Errors
/// As Helm words it; what was stored says so too.
pub async fn run(args: RollbackArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let session = Session::connect(flags).await?;
    let history = session.history(&args.name).await?;
    let last = latest(&history).context("release: not found")?;
    let options = Rollback {
        version: args.revision.filter(|it| *it > 0).unwrap_or(last.version - 1),
        timeout: timeout(flags),
        wait: wait(args.wait, args.wait_for_jobs, WaitFor::HookOnly),
        hooks: !args.no_hooks,
        cleanup_on_fail: args.cleanup_on_fail,
        force: args.force_replace,
        server_side: args.server_side.into(),
    };
    let release = session.release(&args.name, args.history_max);
    release.rollback(&options, &history).await.map_err(|error| failed("rollback failed", &error))?;
    output::data("Rollback was a success! Happy Helming!\n")?;
    Ok(ExitCode::SUCCESS)
}
