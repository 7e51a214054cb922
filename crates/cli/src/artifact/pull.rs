//! `sluice pull artifact`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use sluice_oci::{Digest, Manifest, Platform, Reference, Repository};
use sluice_tree::archive::{Links, read_with};
use sluice_tree::{Limits, Tree};

use super::{Registry, What, files, reference};
use crate::cluster::KubeFlags;
use crate::output::talk;

/// Fetch manifests from a registry
#[derive(Args)]
pub struct PullArgs {
    #[command(subcommand)]
    what: What<PullArtifactArgs>,
}

#[derive(Args)]
struct PullArtifactArgs {
    /// Which: `oci://registry/repository:tag` or `…@sha256:…`
    url: String,
    /// The folder that gets the files; it must be there
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    registry: Registry,
}

/// Runs the command.
///
/// # Errors
/// When the registry refuses or the files cannot be written.
pub async fn run(args: PullArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Artifact(args) = args.what;
    let reference = reference(&args.url)?;
    talk::action(&format!("pulling artifact from {reference}"));
    let repository = args.registry.repository(&reference.repository, flags.timeout.0)?;
    let (digest, manifest, tree) = fetch(&reference, &repository).await?;
    files::write(&tree, &args.output)?;
    let annotation = |key: &str| manifest.annotations.get(key).map_or("", String::as_str);
    talk::success(&format!("source {}", annotation("org.opencontainers.image.source")));
    talk::success(&format!("revision {}", annotation("org.opencontainers.image.revision")));
    talk::success(&format!("digest {digest}"));
    talk::success(&format!("artifact content extracted to {}", args.output.display()));
    Ok(ExitCode::SUCCESS)
}

/// The files of an artifact: those of its first layer.
pub(super) async fn fetch(reference: &Reference, repository: &Repository) -> anyhow::Result<(Digest, Manifest, Tree)> {
    let (digest, manifest) = repository.image(&reference.target(), &Platform::linux_amd64()).await?;
    let layer = manifest.layers.first().context("the artifact has no layers")?;
    let data = repository.blob_bytes(layer, u64::MAX).await?;
    let archive = read_with(&*data, &Limits::default(), Links::Skip)?;
    for skipped in &archive.skipped {
        talk::warning(&format!("left out: {} ({})", skipped.entry, skipped.kind));
    }
    Ok((digest, manifest, archive.tree))
}
