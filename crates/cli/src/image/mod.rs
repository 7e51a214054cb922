//! `sluice image`: what image automation would do, without doing it.

mod diff;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cluster::KubeFlags;

/// See what image automation would change
#[derive(Args)]
pub struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Subcommand)]
enum ImageCommand {
    Diff(diff::DiffArgs),
}

/// Runs the command.
///
/// # Errors
/// As the command says.
pub async fn run(args: ImageArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    match args.command {
        ImageCommand::Diff(args) => diff::run(args, flags).await,
    }
}
