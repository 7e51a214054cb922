//! `sluice kustomize build`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use sluice_kustomize::{Build, Disk, LoadRestrictor, Options, Remote, Reorder, Threads};
use sluice_object::GroupVersionKind;

use super::charts::HelmFlags;
use super::source::{self, Source};
use crate::bases::Bases;
use crate::{escape, output};

const EXAMPLES: &str = "\
Examples:
  # An overlay to standard output
  sluice kustomize build overlays/production

  # One file per object
  mkdir out && sluice kustomize build overlays/production -o out

  # As it was a commit ago, without a checkout; or in an archive
  sluice kustomize build git:HEAD~1:overlays/production
  sluice kustomize build release.tar.gz//overlays/production

  # A folder of a repository, at a tag
  sluice kustomize build 'https://github.com/org/repo//overlays/production?ref=v1.2.0'

The output is that of kustomize 5.8.1, byte for byte. Bases that are URLs are fetched within limits, over https
without credentials, over ssh with the keys in ~/.ssh; `--no-remote-bases` refuses them. No program is started: charts are
rendered here (`--enable-helm`), and an exec plugin is an error.";

/// Print the objects of a kustomization
#[derive(Args, Default)]
#[command(after_help = EXAMPLES)]
pub struct BuildArgs {
    /// Folder with a kustomization.yaml; FILE.tar.gz//FOLDER; git:REVISION:FOLDER of the repository around; or the address of
    /// a folder in a Git repository
    #[arg(default_value = ".")]
    dir: String,
    /// Write to this file, or a file per object into this folder
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Which files a kustomization may name: those below its own folder, or any
    #[arg(long, value_enum, default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: Restrictor,
    /// Refuse bases and files that are URLs
    #[arg(long)]
    no_remote_bases: bool,
    /// Order of the objects where the kustomization does not say: by kind, or as read
    #[arg(long, value_enum)]
    reorder: Option<Order>,
    /// Render `helmCharts`, which is an error without it; the charts must be there unpacked, none is pulled
    #[arg(long)]
    enable_helm: bool,
    /// Accepted for kustomize's sake: charts are rendered here, no program is started
    #[arg(long, hide_short_help = true)]
    helm_command: Option<String>,
    /// More API versions that charts find in the cluster, instead of those in the kustomization
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',')]
    helm_api_versions: Vec<String>,
    /// Kubernetes version that charts are rendered for, instead of that in the kustomization
    #[arg(long, value_name = "VERSION")]
    helm_kube_version: Option<String>,
    /// Accepted for kustomize's sake: errors tell what there is to tell
    #[arg(long, hide_short_help = true)]
    helm_debug: bool,
    /// Accepted for kustomize's sake: containers are never started
    #[arg(long, hide_short_help = true)]
    as_current_user: bool,
    /// Accepted for kustomize's sake: functions are never started
    #[arg(short, long, hide_short_help = true)]
    env: Vec<String>,
    /// Accepted for kustomize's sake: functions are never started
    #[arg(long, hide_short_help = true)]
    mount: Vec<String>,
    /// Accepted for kustomize's sake: functions are never started
    #[arg(long, hide_short_help = true)]
    network: bool,
    /// Accepted for kustomize's sake: functions are never started
    #[arg(long, hide_short_help = true)]
    network_name: Option<String>,
    /// Accepted for kustomize's sake: plugins are never started
    #[arg(long, hide_short_help = true)]
    enable_alpha_plugins: bool,
    /// Accepted for kustomize's sake: plugins are never started
    #[arg(long, hide_short_help = true)]
    enable_exec: bool,
    /// Accepted for kustomize's sake: plugins are never started
    #[arg(long, hide_short_help = true)]
    enable_star: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Restrictor {
    #[default]
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    #[value(name = "LoadRestrictionsNone")]
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum Order {
    Legacy,
    None,
}

impl BuildArgs {
    /// A build of `dir` without any flag.
    pub fn of(dir: &str) -> Self {
        Self { dir: dir.to_owned(), ..Self::default() }
    }
}

/// Runs the command.
///
/// # Errors
/// When the result cannot be written. What cannot be built is told here, as kustomize tells it.
pub fn run(args: &BuildArgs) -> anyhow::Result<ExitCode> {
    match build(args) {
        Ok(build) => {
            for warning in &build.warnings {
                let _ = writeln!(io::stderr().lock(), "# {}", escape::lines(warning));
            }
            match &args.output {
                None => output::data(&build.to_yaml()?)?,
                Some(path) if path.is_dir() => write_files(&build, path)?,
                Some(path) => fs::write(path, build.to_yaml()?).with_context(|| path.display().to_string())?,
            }
            // The process ends: to take the objects apart would only cost time.
            std::mem::forget(build);
            Ok(ExitCode::SUCCESS)
        }
        // As kustomize says it, so that scripts find what they look for.
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "Error: {}", escape::lines(&format!("{error:#}")));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn build(args: &BuildArgs) -> anyhow::Result<Build> {
    let bases = Bases::default();
    let charts =
        HelmFlags { kube_version: args.helm_kube_version.clone(), api_versions: args.helm_api_versions.clone() };
    let options = Options {
        load_restrictor: match args.load_restrictor {
            Restrictor::RootOnly => LoadRestrictor::RootOnly,
            Restrictor::None => LoadRestrictor::None,
        },
        reorder: match args.reorder {
            None => Reorder::Unspecified,
            Some(Order::Legacy) => Reorder::Legacy,
            Some(Order::None) => Reorder::None,
        },
        enable_helm: args.enable_helm,
        charts: Some(&charts),
        remote: (!args.no_remote_bases).then_some(&bases as &dyn Remote),
        threads: Threads::Cores,
        ..Options::default()
    };
    Ok(match source::open(&args.dir)? {
        Source::Url => sluice_kustomize::build_url(&args.dir, &options)?,
        // Bases may lie anywhere, so the root is the disk's.
        Source::Folder(path) => sluice_kustomize::build(&Disk::seen_from(".").context("`.`")?, &path, &options)?,
        Source::Tree(tree, path) => sluice_kustomize::build(&tree, &path, &options)?,
    })
}

/// A file per object, named as kustomize names them; the namespace comes first where there are several.
fn write_files(build: &Build, folder: &Path) -> anyhow::Result<()> {
    let mut namespaces: Vec<&str> = build.objects.iter().map(sluice_object::namespace).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    for object in &build.objects {
        let gvk = GroupVersionKind::from_object(object)?;
        let namespace = if namespaces.len() > 1 { sluice_object::namespace(object) } else { "" };
        let parts = [namespace, &gvk.group, &gvk.version, &gvk.kind, sluice_object::name(object)];
        let parts: Vec<String> = parts.iter().filter(|it| !it.is_empty()).map(|it| it.to_lowercase()).collect();
        // A name is not checked by a build: it must not lead out of the folder.
        let file = folder.join(format!("{}.yaml", parts.join("_")).replace(['/', '\\'], "_"));
        let text = sluice_yaml::emit(object)?;
        fs::write(&file, text).with_context(|| file.display().to_string())?;
    }
    Ok(())
}
