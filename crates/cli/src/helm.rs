//! `sluice helm template`: what Helm prints, without a helm binary.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use sluice_helm::values::ValueFlags;
use sluice_helm::{
    Capabilities, Chart, KubeVersion, Limits, Release, RenderOptions, Rendered, name_from_template, render,
};

use crate::cluster::KubeFlags;
use crate::output::{self, talk};

/// Render charts, without a helm binary
#[derive(Args)]
pub struct HelmArgs {
    #[command(subcommand)]
    command: HelmCommand,
}

#[derive(Subcommand)]
enum HelmCommand {
    Template(Box<TemplateArgs>),
}

const EXAMPLES: &str = "\
Examples:
  # A chart in a folder, as release `podinfo` in the namespace `apps`
  sluice helm template podinfo ./charts/podinfo -n apps -f values.yaml

  # A packaged chart, one template of it
  sluice helm template podinfo podinfo-6.9.0.tgz -s templates/deployment.yaml --set replicaCount=3

The output is that of Helm 4.3. No cluster is asked, so `lookup` finds nothing, and nothing is fetched: a chart is a
folder or a .tgz file, with its dependencies in charts/.";

/// Print what a chart makes
#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct TemplateArgs {
    /// Name of the release, or only the chart; the name is then `release-name`
    #[arg(value_name = "NAME|CHART")]
    name_or_chart: String,
    /// The chart: a folder or a .tgz file
    chart: Option<String>,
    /// File with values, `-` for standard input; may be repeated, later ones win
    #[arg(short = 'f', long = "values", value_name = "FILE", value_delimiter = ',')]
    values: Vec<String>,
    /// Values: `a.b=1,c={x,y}`
    #[arg(long, value_name = "VALUES")]
    set: Vec<String>,
    /// Values that are always texts
    #[arg(long, value_name = "VALUES")]
    set_string: Vec<String>,
    /// Values in JSON: `a={"b": 1}`
    #[arg(long, value_name = "VALUES")]
    set_json: Vec<String>,
    /// One value, taken as it stands
    #[arg(long, value_name = "VALUE")]
    set_literal: Vec<String>,
    /// Values from files: `a=path`
    #[arg(long, value_name = "VALUES")]
    set_file: Vec<String>,
    /// Kubernetes version to render for [default: 1.37.0]
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// More API versions that the cluster has: `monitoring.coreos.com/v1`
    #[arg(short, long, value_name = "VERSIONS", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Print the CRDs of the chart too
    #[arg(long)]
    include_crds: bool,
    /// Print only the templates whose paths match
    #[arg(short, long, value_name = "PATTERN", value_delimiter = ',')]
    show_only: Vec<String>,
    /// Leave hooks out
    #[arg(long)]
    no_hooks: bool,
    /// Leave tests out
    #[arg(long)]
    skip_tests: bool,
    /// Render as for an upgrade: `.Release.IsUpgrade`
    #[arg(long)]
    is_upgrade: bool,
    /// Template of the release's name
    #[arg(long, value_name = "TEMPLATE")]
    name_template: Option<String>,
    /// Do not hold the values against values.schema.json
    #[arg(long)]
    skip_schema_validation: bool,
}

/// Runs the command.
///
/// # Errors
/// When the chart or the values cannot be read, or do not render, as Helm says it.
pub fn run(args: HelmArgs, kube: &KubeFlags) -> anyhow::Result<ExitCode> {
    let HelmCommand::Template(args) = args.command;
    let limits = Limits::default();
    let (name, path) = match &args.chart {
        Some(chart) => (Some(&args.name_or_chart), chart),
        None => (None, &args.name_or_chart),
    };
    let name = match (name, &args.name_template) {
        (Some(_), Some(_)) => bail!("cannot set --name-template and also specify a name"),
        (Some(name), None) => name.clone(),
        (None, Some(template)) => name_from_template(template, &limits)?,
        (None, None) => "release-name".to_owned(),
    };
    let chart = load(path, &limits)?;
    let mut capabilities = Capabilities::default();
    if let Some(version) = &args.kube_version {
        let parsed = KubeVersion::parse(version).map_err(anyhow::Error::msg);
        capabilities.kube_version = parsed.with_context(|| format!("invalid kube version '{version}'"))?;
    }
    capabilities.api_versions.extend(args.api_versions);
    let namespace = kube.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let options = RenderOptions {
        release: Release { name, namespace, revision: 1, is_upgrade: args.is_upgrade },
        capabilities,
        lookup: None,
        skip_schema: args.skip_schema_validation,
        sub_notes: false,
        limits,
    };
    let values = ValueFlags {
        files: args.values,
        json: args.set_json,
        set: args.set,
        string: args.set_string,
        file: args.set_file,
        literal: args.set_literal,
    };
    let values = values.merge(&read).map_err(anyhow::Error::msg)?;
    let rendered = render(&chart, &values, &options)?;
    rendered.warnings.iter().for_each(|warning| talk::warning(warning));
    let mut text = rendered.template_output(args.include_crds, args.no_hooks, args.skip_tests);
    if !args.show_only.is_empty() {
        text = Rendered::show_only(&text, &args.show_only)?;
    }
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn load(path: &str, limits: &Limits) -> anyhow::Result<Chart> {
    if path.contains("://") {
        bail!("{path}: nothing is fetched; pull the chart first and name its folder or .tgz file");
    }
    let place = Path::new(path);
    if place.is_dir() {
        let tree = sluice_tree::disk::read(place, &sluice_tree::Limits::default()).with_context(|| path.to_owned())?;
        return Ok(Chart::load(&tree, limits)?);
    }
    if !place.exists() {
        bail!("path {path:?} not found");
    }
    let bytes = fs::read(place).with_context(|| path.to_owned())?;
    Ok(Chart::from_archive(&bytes, limits)?)
}

/// A file that a flag names.
fn read(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match path.trim() {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(drop).map_err(|e| e.to_string())?,
        url if url.contains("://") => return Err(format!("{url}: nothing is fetched; name a file")),
        path => bytes = fs::read(path).map_err(|e| format!("open {path}: {e}"))?,
    }
    Ok(bytes)
}
