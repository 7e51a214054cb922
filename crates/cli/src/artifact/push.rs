//! `sluice push artifact`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use sluice_oci::{Digest, Target, Upload, media};
use sluice_tree::Tree;
use sluice_tree::archive::{write_tar, write_tar_gz};

use super::files::LocalFiles;
use super::{Registry, What, reference};
use crate::cluster::KubeFlags;
use crate::output::{self, talk};

const CREATED: &str = "org.opencontainers.image.created";
const EXAMPLES: &str = "\
Examples:
  sluice push artifact oci://ghcr.io/org/manifests/app:v1 -f ./deploy \\
    --source \"$(git config --get remote.origin.url)\" --revision \"main@sha1:$(git rev-parse HEAD)\"";

/// Push manifests to a registry
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct PushArgs {
    #[command(subcommand)]
    what: What<PushArtifactArgs>,
}

#[derive(Args)]
struct PushArtifactArgs {
    /// Where to: `oci://registry/repository:tag`
    url: String,
    #[command(flatten)]
    files: LocalFiles,
    /// Where the files come from, for example a Git address
    #[arg(long)]
    source: String,
    /// The revision of the source, `branch@sha1:…`
    #[arg(long)]
    revision: String,
    /// More annotations, `key=value`
    #[arg(short, long, value_delimiter = ',')]
    annotations: Vec<String>,
    /// What to print
    #[arg(short, long, value_parser = ["json", "yaml"])]
    output: Option<String>,
    /// Say that it was made in 1970, so that equal files are an equal artifact
    #[arg(long)]
    reproducible: bool,
    #[command(flatten)]
    registry: Registry,
}

/// Runs the command.
///
/// # Errors
/// When the files cannot be read or the registry refuses.
pub async fn run(args: PushArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Artifact(args) = args.what;
    let reference = reference(&args.url)?;
    if reference.digest.is_some() {
        bail!("`{}`: push to a tag, not to a digest", args.url);
    }
    let target = reference.target();
    let tree = args.files.read()?;
    if tree.is_empty() {
        bail!("there are no files to push");
    }
    let created = if args.reproducible { "1970-01-01T00:00:00Z".to_owned() } else { now() };
    let upload = upload(&tree, annotations(&args, created)?)?;
    let repository = args.registry.repository(&reference.repository, flags.timeout.0)?;
    if args.output.is_none() {
        talk::action(&format!("pushing artifact to {}:{target}", reference.repository));
    }
    let digest = repository.push(&target, &upload).await?;
    let report = json!({
        "url": format!("oci://{}@{digest}", reference.repository),
        "repository": reference.repository.to_string(),
        "tag": target.to_string(),
        "digest": digest.to_string(),
    });
    match args.output.as_deref() {
        Some("json") => output::data(&format!("{report:#}\n"))?,
        Some(_) => output::data(&sluice_yaml::emit(&report)?)?,
        None => talk::success(&format!("artifact successfully pushed to {}@{digest}", reference.repository)),
    }
    Ok(ExitCode::SUCCESS)
}

fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

fn annotations(args: &PushArtifactArgs, created: String) -> anyhow::Result<BTreeMap<String, String>> {
    let mut annotations = BTreeMap::from([
        (CREATED.to_owned(), created),
        ("org.opencontainers.image.source".to_owned(), args.source.clone()),
        ("org.opencontainers.image.revision".to_owned(), args.revision.clone()),
    ]);
    for text in &args.annotations {
        let (key, value) = text.split_once('=').with_context(|| format!("--annotations {text}: write `key=value`"))?;
        if key == CREATED {
            value.parse::<Timestamp>().with_context(|| format!("--annotations {text}: it is no time (RFC 3339)"))?;
        }
        annotations.insert(key.to_owned(), value.to_owned());
    }
    Ok(annotations)
}

/// The artifact of some files, as `flux push artifact` makes it.
fn upload(tree: &Tree, annotations: BTreeMap<String, String>) -> anyhow::Result<Upload> {
    let (mut plain, mut packed) = (Vec::new(), Vec::new());
    write_tar(tree, &mut plain)?;
    write_tar_gz(tree, &mut packed)?;
    let config = json!({
        "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&plain).to_string()]},
    });
    Ok(Upload {
        config: (media::FLUX_CONFIG.to_owned(), config.to_string().into()),
        layers: vec![(media::FLUX_CONTENT.to_owned(), packed.into())],
        annotations,
    })
}

/// The target of a tag that people type.
pub(super) fn tag(text: &str) -> anyhow::Result<Target> {
    Ok(Target::tag(text)?)
}
