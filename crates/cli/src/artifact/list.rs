//! `sluice list artifacts`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use sluice_oci::{Content, Target};
use sluice_version::{Constraint, pick};

use super::{Registry, What, reference};
use crate::cluster::KubeFlags;
use crate::output;
use crate::table::Table;

/// List the tags of a repository of manifests
#[derive(Args)]
pub struct ListArgs {
    #[command(subcommand)]
    what: What<ListArtifactArgs>,
}

#[derive(Args)]
struct ListArtifactArgs {
    /// Which: `oci://registry/repository`
    url: String,
    /// Only versions in this range, highest first
    #[arg(long)]
    filter_semver: Option<String>,
    /// Only tags that match this regular expression
    #[arg(long)]
    filter_regex: Option<String>,
    #[command(flatten)]
    registry: Registry,
}

/// Runs the command.
///
/// # Errors
/// When the registry refuses.
pub async fn run(args: ListArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Artifact(args) = args.what;
    let name = reference(&args.url)?.repository;
    let repository = args.registry.repository(&name, flags.timeout.0)?;
    let mut tags = repository.tags().await?;
    if let Some(pattern) = &args.filter_regex {
        let pattern = regex::Regex::new(pattern).context("--filter-regex")?;
        tags.retain(|tag| pattern.is_match(tag));
    }
    if let Some(range) = &args.filter_semver {
        let range = Constraint::parse(range).context("--filter-semver")?;
        let sorted = pick::sorted(Some(&range), tags.iter().map(String::as_str));
        tags = sorted.into_iter().map(str::to_owned).collect();
    } else {
        tags.sort();
    }
    let mut table = Table::new(&["artifact", "digest", "source", "revision"]);
    for tag in tags {
        let pulled = repository.pull(&Target::Tag(tag.clone())).await?;
        let annotations = match pulled.content {
            Content::Manifest(manifest) => manifest.annotations,
            Content::Index(index) => index.annotations,
        };
        let of = |key: &str| annotations.get(&format!("org.opencontainers.image.{key}")).cloned().unwrap_or_default();
        table.row([format!("{name}:{tag}"), pulled.digest.to_string(), of("source"), of("revision")]);
    }
    output::data(&table.render())?;
    Ok(ExitCode::SUCCESS)
}
