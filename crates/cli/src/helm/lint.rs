//! `sluice helm lint`: looks charts over.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use sluice_helm::lint::{Finding, LintOptions, Severity, lint};
use sluice_helm::{Capabilities, KubeVersion, Limits};
use sluice_tree::{Entry, Tree, TreeBuilder};

use super::load::ValueArgs;
use crate::cluster::KubeFlags;
use crate::output;

/// Look over charts for what would not install or breaks with convention
#[derive(Args)]
pub struct LintArgs {
    /// Charts: folders or .tgz files
    #[arg(default_value = ".")]
    charts: Vec<String>,
    #[command(flatten)]
    values: ValueArgs,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
    /// Print only warnings and errors
    #[arg(long)]
    quiet: bool,
    /// Look over the charts in charts/ too
    #[arg(long)]
    with_subcharts: bool,
    /// Kubernetes version to render for [default: 1.37.0]
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Do not hold the values against values.schema.json
    #[arg(long)]
    skip_schema_validation: bool,
}

/// Runs the command.
///
/// # Errors
/// When a chart failed.
pub fn run(args: LintArgs, kube: &KubeFlags) -> anyhow::Result<ExitCode> {
    let values = args.values.merge()?;
    let mut capabilities = Capabilities::default();
    if let Some(version) = &args.kube_version {
        let parsed = KubeVersion::parse(version).map_err(anyhow::Error::msg);
        capabilities.kube_version = parsed.with_context(|| format!("invalid kube version '{version}'"))?;
    }
    let options = LintOptions {
        namespace: kube.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        capabilities,
        skip_schema: args.skip_schema_validation,
        limits: Limits::default(),
    };
    let least = if args.strict { Severity::Warning } else { Severity::Error };
    let (mut failed, mut count) = (0, 0);
    let mut text = String::new();
    let mut charts = Vec::new();
    for path in &args.charts {
        charts.push((path.clone(), open(path)));
        if let (true, Some((_, Ok(tree)))) = (args.with_subcharts, charts.last()) {
            let inner: Vec<_> = tree.list("charts").map(|(name, _)| format!("charts/{name}")).collect();
            let inner = inner.into_iter().filter(|inner| tree.is_dir(inner));
            let inner: Vec<_> = inner.map(|inner| (format!("{path}/{inner}"), Ok(below(tree, &inner)))).collect();
            charts.extend(inner);
        }
    }
    for (path, tree) in charts {
        count += 1;
        let absolute = std::fs::canonicalize(&path).map_or_else(|_| path.clone(), |it| it.display().to_string());
        let findings = match &tree {
            Ok(tree) => lint(tree, &absolute, &values, &options),
            Err(why) => {
                failed += 1;
                text.push_str(&format!("==> Linting {path}\nError {why:#}\n\n"));
                continue;
            }
        };
        failed += usize::from(findings.iter().any(|finding| finding.severity >= least));
        let shown: Vec<&Finding> =
            findings.iter().filter(|it| !args.quiet || it.severity >= Severity::Warning).collect();
        if args.quiet && shown.is_empty() {
            continue;
        }
        text.push_str(&format!("==> Linting {path}\n"));
        shown.iter().for_each(|finding| text.push_str(&format!("{finding}\n")));
        text.push('\n');
    }
    let summary = format!("{count} chart(s) linted, {failed} chart(s) failed");
    if failed > 0 {
        output::data(&text)?;
        bail!(summary);
    }
    if !args.quiet {
        text.push_str(&format!("{summary}\n"));
    }
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The folder of a chart, or what its package holds.
fn open(path: &str) -> anyhow::Result<Tree> {
    let place = Path::new(path);
    if !place.is_dir() && place.extension().is_some_and(|it| it == "tgz") {
        let file = std::fs::File::open(place)?;
        let tree = sluice_tree::archive::read_tar_gz(file, &sluice_tree::Limits::default())
            .context("unable to extract tarball")?;
        let mut top = tree.list("").map(|(name, _)| name.to_owned());
        let top = top.next().context("unable to extract tarball: chart name not specified")?;
        return Ok(below(&tree, &top));
    }
    if !place.join("Chart.yaml").exists() {
        bail!("unable to check Chart.yaml file in chart: stat {path}/Chart.yaml: no such file or directory");
    }
    Ok(sluice_tree::disk::read(place, &sluice_tree::Limits::default())?)
}

/// A folder of a tree as a tree of its own.
fn below(tree: &Tree, folder: &str) -> Tree {
    let mut inner = TreeBuilder::new(sluice_tree::Limits::default());
    for (path, entry) in tree.walk() {
        let Some(path) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else { continue };
        // What fitted into the whole fits into a part.
        let _ = match entry {
            Entry::File { data, executable } => inner.file(path, data.clone(), *executable),
            Entry::Directory => inner.directory(path),
            Entry::Symlink { target } => inner.symlink(path, target),
        };
    }
    inner.build()
}
