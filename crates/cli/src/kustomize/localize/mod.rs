//! `sluice kustomize localize`: a copy of a kustomization that needs nothing from elsewhere.

mod copy;
mod recorder;
mod rewrite;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use sluice_kustomize::{Disk, Files, Options, Remote as _, RepoSpec, build};

use super::charts::HelmFlags;
use crate::bases::Bases;
use crate::output::talk;
use copy::Copy;
use recorder::{Recorder, RemoteRecorder};

const EXAMPLES: &str = "\
Examples:
  # A folder whose bases lie beside it
  sluice kustomize localize overlays/production production-copy --scope .

  # A folder of a repository
  sluice kustomize localize 'https://github.com/org/repo//overlays/production?ref=v1.2.0'

What a build reads is copied, and nothing else; files and repositories of other hosts go to `localized-files` beside the
kustomization that names them. Only the addresses change in a kustomization: comments and layout stay, where kustomize
prints it anew.";

/// Copy a kustomization, with what it reads from other hosts
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct LocalizeArgs {
    /// Folder with a kustomization.yaml, or the address of one in a Git repository, with a ref
    #[arg(default_value = ".")]
    target: String,
    /// Folder to make [default: localized-NAME, or localized-REPOSITORY-REF]
    destination: Option<PathBuf>,
    /// Folder that what is copied lies in [default: the target; for an address, its repository]
    #[arg(long)]
    scope: Option<PathBuf>,
    /// Do not compare what the copy builds with what the original builds
    #[arg(long)]
    no_verify: bool,
}

/// What is to be copied.
struct Origin {
    files: Arc<Recorder>,
    /// The folder to build.
    folder: String,
    /// The folder that all of it lies in.
    scope: String,
    /// What the copy is called when nothing else is said.
    name: String,
}

/// Runs the command.
///
/// # Errors
/// When the target does not build, reads what lies outside of the scope, or the copy builds something else. Nothing is
/// left at the destination then.
pub fn run(args: &LocalizeArgs) -> anyhow::Result<()> {
    let bases = Bases::default();
    let remote = RemoteRecorder::new(&bases);
    let origin = origin(args, &bases)?;
    let destination = args.destination.clone().unwrap_or_else(|| PathBuf::from(&origin.name));
    if destination.symlink_metadata().is_ok() {
        bail!("`{}` is there already; name a new folder", destination.display());
    }
    let parent = destination.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = fs::canonicalize(parent).with_context(|| format!("`{}`", parent.display()))?;

    let charts = HelmFlags::default();
    let mut options = Options { enable_helm: true, charts: Some(&charts), remote: Some(&remote), ..Options::default() };
    let original = build(&*origin.files, &origin.folder, &options)?;

    let copy = Copy::of(&origin, &remote)?;
    let place = tempfile::Builder::new().prefix(".localize-").tempdir_in(&parent)?;
    copy.write(place.path())?;
    if !args.no_verify {
        options.remote = None;
        let folder = copy::below(&origin.scope, &origin.folder).unwrap_or_default();
        let built = build(&Disk::new(place.path())?, folder, &options).context("the copy does not build")?;
        if built.to_yaml()? != original.to_yaml()? {
            bail!("the copy builds something else than the original; see what with `--no-verify` and `diff`");
        }
    }
    let there = parent.join(destination.file_name().context("the destination has no name")?);
    fs::rename(place.keep(), &there).with_context(|| format!("`{}`", there.display()))?;
    let (files, fetched) = copy.counts();
    talk::success(&format!(
        "localized `{}` to `{}`: {files} files, {fetched} of them from other hosts",
        args.target,
        destination.display()
    ));
    Ok(())
}

fn origin(args: &LocalizeArgs, bases: &Bases) -> anyhow::Result<Origin> {
    let path = Path::new(&args.target);
    if !path.exists()
        && let Ok(spec) = RepoSpec::parse(&args.target)
    {
        if args.scope.is_some() {
            bail!("`--scope` is for folders: of an address it is the repository");
        }
        if spec.reference.is_empty() {
            bail!("`{}` has no revision; add `?ref=TAG`", args.target);
        }
        let tree = bases.tree(&spec).map_err(anyhow::Error::msg).with_context(|| format!("`{}`", args.target))?;
        let repository = spec.repository.trim_end_matches('/').trim_end_matches(".git");
        let repository = repository.rsplit('/').next().unwrap_or(repository);
        let name = format!("localized-{repository}-{}", spec.reference.replace('/', "-"));
        let files = Arc::new(Recorder::new(tree));
        return Ok(Origin { files, folder: spec.folder, scope: String::new(), name });
    }
    let target = full(path)?;
    let scope = args.scope.as_deref().map(full).transpose()?.unwrap_or_else(|| target.clone());
    if copy::below(&scope, &target).is_none() {
        bail!("`{}` does not lie in the scope `{scope}`", args.target);
    }
    let disk: Arc<dyn Files> = Arc::new(Disk::seen_from(".").context("`.`")?);
    let name = format!("localized-{}", target.rsplit('/').next().unwrap_or_default());
    Ok(Origin { files: Arc::new(Recorder::new(disk)), folder: target, scope, name })
}

/// The path of a folder from the root of the disk.
fn full(path: &Path) -> anyhow::Result<String> {
    let full = fs::canonicalize(path).with_context(|| format!("`{}`", path.display()))?;
    if !full.is_dir() {
        bail!("`{}` must be a folder", path.display());
    }
    let text = full.to_str().with_context(|| format!("`{}` is not UTF-8", full.display()))?;
    Ok(text.trim_start_matches('/').to_owned())
}
