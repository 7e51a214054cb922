//! `sluice kustomize build`: what kustomize prints, byte for byte; and the commands beside it.

mod build;
mod charts;
mod edit;
mod explain;
mod fields;
mod localize;
mod source;

use std::ffi::OsString;
use std::process::ExitCode;

use build::BuildArgs;
use clap::{Args, Parser, Subcommand};

/// Build, edit and explain kustomizations, without a kustomize binary
#[derive(Args)]
pub struct KustomizeArgs {
    #[command(subcommand)]
    command: KustomizeCommand,
}

#[derive(Subcommand)]
enum KustomizeCommand {
    Build(BuildArgs),
    Edit(edit::EditArgs),
    Localize(localize::LocalizeArgs),
    Explain(explain::ExplainArgs),
}

/// `sluice kustomize …` by itself.
#[derive(Parser)]
#[command(name = "sluice")]
struct Alone {
    #[command(subcommand)]
    command: Only,
}

#[derive(Subcommand)]
enum Only {
    Kustomize(KustomizeArgs),
}

/// Reads a command line that begins with `kustomize`, and nothing else: to set up all that the other commands may be asked
/// takes longer than a small build. What it cannot read the whole command line can, or tells what is wrong with.
pub fn parse_alone(arguments: &[OsString]) -> Option<KustomizeArgs> {
    if arguments.get(1).is_none_or(|command| command != "kustomize") {
        return None;
    }
    // Without flags there is nothing to read.
    if let [_, _, build, dir] = arguments
        && let (true, Some(dir)) = (build == "build", dir.to_str())
        && !dir.starts_with('-')
    {
        return Some(KustomizeArgs { command: KustomizeCommand::Build(BuildArgs::of(dir)) });
    }
    Alone::try_parse_from(arguments).ok().map(|Alone { command: Only::Kustomize(args) }| args)
}

/// Runs the command.
///
/// # Errors
/// As the command has it.
pub fn run(args: KustomizeArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        KustomizeCommand::Build(args) => build::run(&args),
        KustomizeCommand::Edit(args) => edit::run(args).map(|()| ExitCode::SUCCESS),
        KustomizeCommand::Localize(args) => localize::run(&args).map(|()| ExitCode::SUCCESS),
        KustomizeCommand::Explain(args) => explain::run(&args).map(|()| ExitCode::SUCCESS),
    }
}
