//! `sluice helm template`: prints what a chart makes.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use sluice_helm::{
    Capabilities, Error, KubeVersion, Limits, Release, RenderOptions, Rendered, check_installable, name_from_template,
    render, render_templates,
};

use super::load::{self, ValueArgs};
use crate::cluster::KubeFlags;
use crate::output;

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
pub struct TemplateArgs {
    /// Name of the release, or only the chart; the name is then `release-name`
    #[arg(value_name = "NAME|CHART")]
    name_or_chart: String,
    /// The chart: a folder or a .tgz file
    chart: Option<String>,
    #[command(flatten)]
    values: ValueArgs,
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
    /// Write the templates to files in this folder and print only their paths
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
    /// Put the release's name behind the folder of --output-dir
    #[arg(long, requires = "output_dir")]
    release_name: bool,
    /// Make up a name for the release
    #[arg(short, long, conflicts_with = "name_template")]
    generate_name: bool,
    /// Accepted for Helm's sake: CRDs are left out unless --include-crds asks for them
    #[arg(long)]
    skip_crds: bool,
    /// Print what the templates wrote even if it is no YAML
    #[arg(long)]
    debug: bool,
}

/// Runs the command.
///
/// # Errors
/// When the chart or the values cannot be read, or do not render, as Helm says it and in its order.
pub fn run(args: TemplateArgs, kube: &KubeFlags) -> anyhow::Result<ExitCode> {
    let limits = Limits::default();
    let capabilities = capabilities(&args)?;
    let (name, path) = release_and_chart(&args, &limits)?;
    load::locate(&path)?;
    let values = args.values.merge()?;
    let chart = load::chart(&path, &limits)?;
    check_installable(&chart)?;
    let namespace = kube.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let options = RenderOptions {
        release: Release { name: name.clone(), namespace, revision: 1, is_upgrade: args.is_upgrade },
        capabilities,
        lookup: None,
        skip_schema: args.skip_schema_validation,
        sub_notes: false,
        limits,
    };
    let rendered = match render(&chart, &values, &options) {
        Ok(rendered) => rendered,
        Err(error) if args.debug && matches!(error, Error::Render(_)) => {
            for (path, text) in render_templates(&chart, &values, &options).unwrap_or_default() {
                output::data(&format!("---\n# Source: {path}\n{text}\n"))?;
            }
            return Err(error.into());
        }
        Err(error) if error.is_rendering() && !args.debug => {
            return Err(anyhow!("{error}\n\nUse --debug flag to render out invalid YAML"));
        }
        Err(error) => return Err(error.into()),
    };
    rendered.warnings.iter().for_each(|warning| output::talk::plain(&format!("level=WARN msg={warning:?}")));
    if let Some(folder) = &args.output_dir {
        let folder = if args.release_name { folder.join(&name) } else { folder.clone() };
        let documents = rendered.documents(args.include_crds, args.no_hooks, args.skip_tests);
        return write_files(&folder, documents);
    }
    if args.show_only.is_empty() {
        let mut out = BufWriter::new(io::stdout().lock());
        rendered.write_template(&mut out, args.include_crds, args.no_hooks, args.skip_tests)?;
        out.flush()?;
    } else {
        let text = rendered.template_output(args.include_crds, args.no_hooks, args.skip_tests);
        output::data(&Rendered::show_only(&text, &args.show_only)?)?;
    }
    // The process ends here: to take apart what was read costs a large chart a tenth of the time.
    std::mem::forget((chart, rendered, values));
    Ok(ExitCode::SUCCESS)
}

fn capabilities(args: &TemplateArgs) -> anyhow::Result<Capabilities> {
    let mut capabilities = Capabilities::default();
    if let Some(version) = &args.kube_version {
        let parsed = KubeVersion::parse(version).map_err(anyhow::Error::msg);
        capabilities.kube_version = parsed.with_context(|| format!("invalid kube version '{version}'"))?;
    }
    capabilities.api_versions.extend(args.api_versions.iter().cloned());
    Ok(capabilities)
}

/// The release's name and the chart's path.
fn release_and_chart(args: &TemplateArgs, limits: &Limits) -> anyhow::Result<(String, String)> {
    let Some(chart) = &args.chart else {
        let name = match &args.name_template {
            Some(template) => name_from_template(template, limits)?,
            None if args.generate_name => generated(&args.name_or_chart),
            None => "release-name".to_owned(),
        };
        return Ok((name, args.name_or_chart.clone()));
    };
    if args.generate_name {
        bail!("cannot set --generate-name and also specify a name");
    }
    if args.name_template.is_some() {
        bail!("cannot set --name-template and also specify a name");
    }
    Ok((args.name_or_chart.clone(), chart.clone()))
}

/// A name of the chart's file name and the seconds of this moment.
pub(super) fn generated(chart: &str) -> String {
    let base = Path::new(chart).file_name().map_or_else(|| "chart".to_owned(), |it| it.to_string_lossy().into_owned());
    let base = base.split_once('.').map_or(base.as_str(), |(base, _)| base);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    format!("{base}-{seconds}")
}

/// Writes each document to the file of its template, which lies in the folder: the chart's names were checked.
fn write_files(folder: &Path, documents: Vec<(String, String)>) -> anyhow::Result<ExitCode> {
    let mut begun = std::collections::BTreeSet::new();
    let mut said = String::new();
    for (path, text) in documents {
        let relative = Path::new(&path);
        if !relative.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
            bail!("{path}: leads out of the folder");
        }
        let file = folder.join(relative);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        let first = begun.insert(file.clone());
        let mut options = fs::OpenOptions::new();
        options.create(true).write(true).truncate(first).append(!first);
        let mut open = options.open(&file).with_context(|| file.display().to_string())?;
        open.write_all(format!("---\n# Source: {path}\n{text}\n").as_bytes())?;
        said.push_str(&format!("wrote {}\n", file.display()));
    }
    output::data(&format!("{said}\n"))?;
    Ok(ExitCode::SUCCESS)
}
