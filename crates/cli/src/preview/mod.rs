//! `sluice preview`: what a change of the repository would change in the cluster, without a cluster.

mod plan;
mod print;
mod revisions;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::output;

const EXAMPLES: &str = "\
Examples:
  # What the last commit changed
  sluice preview HEAD~1..HEAD

  # What is not committed yet
  sluice preview

  # For the description of a pull request
  sluice preview origin/main..HEAD -o markdown

Builds every Flux Kustomization in the repository's YAML whose source is this repository, at both revisions (where there
is none: every kustomization that no other builds on). Values of Secrets are never printed.

Exit codes: 0 nothing changes, 1 something does, 2 something is wrong.";

/// Show what a change of the repository would create, change and delete, without a cluster
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct PreviewArgs {
    /// `OLD..NEW`, or `OLD` to compare with the work tree: branches, tags, commits, `HEAD~2`
    #[arg(default_value = "HEAD")]
    revisions: String,
    /// Folder of the repository
    #[arg(short = 'C', long, default_value = ".")]
    directory: PathBuf,
    /// Compare with the files as they are, whatever is committed
    #[arg(long)]
    worktree: bool,
    /// Build only Kustomizations of this name; may be repeated
    #[arg(short, long)]
    kustomization: Vec<String>,
    /// Refuse bases and files that are URLs
    #[arg(long)]
    no_remote_bases: bool,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Markdown,
    Json,
}

/// Runs the command.
///
/// # Errors
/// When a revision does not exist; problems of builds are part of the answer.
pub fn run(args: &PreviewArgs) -> anyhow::Result<ExitCode> {
    let (old, new) = revisions::open(&args.directory, &args.revisions, args.worktree, !args.no_remote_bases)?;
    let mut plan = plan::of(&old, &new)?;
    if !args.kustomization.is_empty() {
        plan.parts.retain(|part| args.kustomization.iter().any(|name| part.is_called(name)));
    }
    output::data(&match args.output {
        Form::Text => print::text(&plan),
        Form::Markdown => print::markdown(&plan),
        Form::Json => print::json(&plan),
    })?;
    Ok(ExitCode::from(if plan.has_errors() { 2 } else { u8::from(plan.has_changes()) }))
}
