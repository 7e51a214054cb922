//! `sluice helm uninstall`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use kube::api::PropagationPolicy;
use sluice_release::Uninstall;

use super::{Session, WaitFor, failed, timeout};
use crate::cluster::KubeFlags;
use crate::output;

/// Delete the objects of releases, and their records
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice helm uninstall podinfo -n apps --wait")]
pub struct UninstallArgs {
    /// Names of the releases
    #[arg(required = true)]
    names: Vec<String>,
    /// Wait until the objects are gone
    #[arg(long, value_enum, value_name = "STRATEGY", num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    wait: Option<WaitFor>,
    /// Run no hooks
    #[arg(long)]
    no_hooks: bool,
    /// Keep the records
    #[arg(long)]
    keep_history: bool,
    /// A release that is not there is no failure
    #[arg(long)]
    ignore_not_found: bool,
    /// What becomes of what the objects have made
    #[arg(long, value_enum, default_value = "background")]
    cascade: Cascade,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cascade {
    Background,
    Foreground,
    Orphan,
}

/// Runs the command.
///
/// # Errors
/// As Helm words it.
pub async fn run(args: UninstallArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let session = Session::connect(flags).await?;
    let options = Uninstall {
        timeout: timeout(flags),
        wait: args.wait.is_some_and(|it| it != WaitFor::HookOnly),
        hooks: !args.no_hooks,
        keep_history: args.keep_history,
        propagation: match args.cascade {
            Cascade::Background => PropagationPolicy::Background,
            Cascade::Foreground => PropagationPolicy::Foreground,
            Cascade::Orphan => PropagationPolicy::Orphan,
        },
    };
    for name in &args.names {
        let history = session.history(name).await?;
        if history.is_empty() {
            if args.ignore_not_found {
                continue;
            }
            anyhow::bail!("uninstall: Release not loaded: {name}: release: not found");
        }
        let release = session.release(name, 0);
        release.uninstall(&options, &history).await.map_err(|error| failed("uninstallation failed", &error))?;
        output::data(&format!("release \"{name}\" uninstalled\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
