//! `sluice helm template` read by itself.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use super::template::TemplateArgs;
use super::{HelmArgs, HelmCommand};
use crate::cluster::KubeFlags;

#[derive(Parser)]
#[command(name = "sluice")]
struct Alone {
    #[command(flatten)]
    kube: KubeFlags,
    #[command(subcommand)]
    command: Only,
}

#[derive(Subcommand)]
enum Only {
    Helm(OnlyHelm),
}

#[derive(Args)]
struct OnlyHelm {
    #[command(subcommand)]
    command: OnlyTemplate,
}

#[derive(Subcommand)]
enum OnlyTemplate {
    Template(Box<TemplateArgs>),
}

/// Reads a command line that begins with `helm template`, and nothing else: to set up all that the other commands may be
/// asked takes longer than a small chart. What it cannot read the whole command line can, or tells what is wrong with.
pub fn parse_alone(arguments: &[OsString]) -> Option<(HelmArgs, KubeFlags)> {
    let [_, helm, template, ..] = arguments else { return None };
    if helm != "helm" || template != "template" {
        return None;
    }
    let Alone { kube, command: Only::Helm(helm) } = Alone::try_parse_from(arguments).ok()?;
    let OnlyTemplate::Template(args) = helm.command;
    Some((HelmArgs { command: HelmCommand::Template(args) }, kube))
}
