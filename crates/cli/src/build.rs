//! `sluice build kustomization`: what a Kustomization would apply, built from local files (spec/flux/cli.md §3 "build").

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::cluster::{Cluster, KubeFlags};
use crate::local::Local;
use crate::yaml;

const EXAMPLES: &str = "\
Examples:
  # With the Kustomization that the cluster has
  sluice build kustomization apps --path ./clusters/production/apps

  # Without a cluster
  sluice build ks apps --path ./apps --kustomization-file ./clusters/apps.yaml --dry-run

  # With the Kustomizations that it applies, and what those apply
  sluice build ks flux-system --path ./clusters/production --recursive \\
    --local-sources GitRepository/flux-system/apps=../apps";

/// Build what an object would apply, from local files
#[derive(Args)]
pub struct BuildArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What a Kustomization would apply
    #[command(visible_alias = "ks", alias = "kustomizations", after_help = EXAMPLES)]
    Kustomization(Local),
}

/// Runs the command.
///
/// # Errors
/// When the Kustomization cannot be found or built.
pub async fn run(args: BuildArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Kustomization(args) = args.what;
    if args.dry_run() && !args.has_file() {
        bail!("--dry-run needs --kustomization-file");
    }
    let cluster = if args.dry_run() { None } else { Some(Cluster::connect(flags).await?) };
    let namespace = match &cluster {
        Some(cluster) => cluster.namespace.clone(),
        None => flags.own_namespace()?,
    };
    let parts = args.build(cluster.as_ref(), &namespace).await?;
    let objects: Vec<_> = parts.into_iter().flat_map(|part| part.objects).collect();
    yaml::print_documents(&objects)?;
    Ok(ExitCode::SUCCESS)
}
