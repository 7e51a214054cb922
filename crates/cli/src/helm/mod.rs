//! `sluice helm`: what Helm does with charts on this disk, without a helm binary.

mod alone;
mod links;
mod lint;
mod load;
mod package;
mod show;
mod template;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use alone::parse_alone;

use crate::cluster::KubeFlags;
use crate::output::talk;

/// Render and check charts, without a helm binary
#[derive(Args)]
pub struct HelmArgs {
    #[command(subcommand)]
    command: HelmCommand,
}

#[derive(Subcommand)]
enum HelmCommand {
    Template(Box<template::TemplateArgs>),
    Lint(lint::LintArgs),
    Show(show::ShowArgs),
    Package(package::PackageArgs),
}

/// Runs the command. What fails is told in Helm's words and form: scripts that read Helm's errors read these.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: HelmArgs, kube: &KubeFlags) -> anyhow::Result<ExitCode> {
    let outcome = match args.command {
        HelmCommand::Template(args) => template::run(*args, kube),
        HelmCommand::Lint(args) => lint::run(args, kube),
        HelmCommand::Show(args) => show::run(args),
        HelmCommand::Package(args) => package::run(args),
    };
    match outcome {
        Err(error) if !error.is::<std::io::Error>() => {
            talk::plain(&format!("Error: {error:#}"));
            Ok(ExitCode::FAILURE)
        }
        outcome => outcome,
    }
}
