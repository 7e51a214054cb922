//! `sluice helm`: what Helm does with charts on this disk and with releases on a cluster, without a helm binary.

mod alone;
mod lint;
mod load;
mod package;
mod release;
mod show;
mod template;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use alone::parse_alone;

use crate::cluster::KubeFlags;
use crate::output::talk;

/// Render, check and release charts, without a helm binary
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
    Install(Box<release::InstallArgs>),
    Upgrade(Box<release::UpgradeArgs>),
    Rollback(release::RollbackArgs),
    Uninstall(release::UninstallArgs),
    Test(release::TestArgs),
    List(release::ListArgs),
    Status(release::StatusArgs),
    History(release::HistoryArgs),
    Get(release::GetArgs),
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
        HelmCommand::Install(args) => release::block_on(release::install(*args, kube)),
        HelmCommand::Upgrade(args) => release::block_on(release::upgrade(*args, kube)),
        HelmCommand::Rollback(args) => release::block_on(release::rollback(args, kube)),
        HelmCommand::Uninstall(args) => release::block_on(release::uninstall(args, kube)),
        HelmCommand::Test(args) => release::block_on(release::test(args, kube)),
        HelmCommand::List(args) => release::block_on(release::list(args, kube)),
        HelmCommand::Status(args) => release::block_on(release::status(args, kube)),
        HelmCommand::History(args) => release::block_on(release::history(args, kube)),
        HelmCommand::Get(args) => release::block_on(release::get(args, kube)),
    };
    match outcome {
        Err(error) if !error.is::<std::io::Error>() => {
            talk::plain(&format!("Error: {error:#}"));
            Ok(ExitCode::FAILURE)
        }
        outcome => outcome,
    }
}
