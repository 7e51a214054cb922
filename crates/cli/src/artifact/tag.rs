//! `sluice tag artifact`.

use std::process::ExitCode;

use clap::Args;

use super::push::tag;
use super::{Registry, What, reference};
use crate::cluster::KubeFlags;
use crate::output::talk;

/// Give an artifact of manifests more tags
#[derive(Args)]
pub struct TagArgs {
    #[command(subcommand)]
    what: What<TagArtifactArgs>,
}

#[derive(Args)]
struct TagArtifactArgs {
    /// Which: `oci://registry/repository:tag`
    url: String,
    /// The new tags
    #[arg(long, required = true, value_delimiter = ',')]
    tag: Vec<String>,
    #[command(flatten)]
    registry: Registry,
}

/// Runs the command.
///
/// # Errors
/// When the registry refuses.
pub async fn run(args: TagArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Artifact(args) = args.what;
    let reference = reference(&args.url)?;
    let repository = args.registry.repository(&reference.repository, flags.timeout.0)?;
    for name in &args.tag {
        let digest = repository.tag(&reference.target(), &tag(name)?).await?;
        talk::success(&format!("artifact tagged as {}:{name}@{digest}", reference.repository));
    }
    Ok(ExitCode::SUCCESS)
}
