//! `sluice helm install`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgAction, Args};
use sluice_helm::{Chart, Limits, check_installable, name_from_template};
use sluice_release::{Chosen, Crds, Install, Uninstall};

use super::print::{self, Form};
use super::{Session, WaitFor, check_name, failed, timeout, wait};
use crate::cluster::KubeFlags;
use crate::helm::load::{self, ValueArgs};
use crate::helm::template::generated;
use crate::output::talk;

const EXAMPLES: &str = "\
Examples:
  sluice helm install podinfo ./charts/podinfo -n apps --create-namespace --wait
  sluice helm install podinfo podinfo-6.9.0.tgz -f values.yaml --set replicaCount=3";

/// Install a chart
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct InstallArgs {
    /// Name of the release, or only the chart with --generate-name or --name-template
    #[arg(value_name = "NAME|CHART")]
    name_or_chart: String,
    /// The chart: a folder or a .tgz file
    chart: Option<String>,
    #[command(flatten)]
    values: ValueArgs,
    #[command(flatten)]
    common: CommonArgs,
    /// Create the namespace if it is not there
    #[arg(long)]
    create_namespace: bool,
    /// Make up a name for the release
    #[arg(short, long, conflicts_with = "name_template")]
    generate_name: bool,
    /// Template of the release's name
    #[arg(long, value_name = "TEMPLATE")]
    name_template: Option<String>,
    /// Use the name of a release that was uninstalled and whose history was kept
    #[arg(long)]
    replace: bool,
    /// Apply on the server
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    server_side: bool,
}

/// What installing and upgrading share.
#[derive(Args)]
pub struct CommonArgs {
    /// What is waited for; `--wait` alone is `watcher`
    #[arg(long, value_enum, value_name = "STRATEGY", num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    pub(super) wait: Option<WaitFor>,
    /// Wait until Jobs are complete, too
    #[arg(long)]
    pub(super) wait_for_jobs: bool,
    /// Undo it when it fails
    #[arg(long, alias = "atomic")]
    pub(super) rollback_on_failure: bool,
    /// Run no hooks
    #[arg(long)]
    pub(super) no_hooks: bool,
    /// Leave the definitions of the chart alone
    #[arg(long)]
    pub(super) skip_crds: bool,
    /// Do not hold the values against values.schema.json
    #[arg(long)]
    pub(super) skip_schema_validation: bool,
    /// Take objects that belong to nobody, or to others
    #[arg(long)]
    pub(super) take_ownership: bool,
    /// Labels of the record, as `key=value`
    #[arg(short, long, value_delimiter = ',')]
    pub(super) labels: Vec<String>,
    /// Description of the revision
    #[arg(long)]
    pub(super) description: Option<String>,
    /// Leave out the notes
    #[arg(long)]
    pub(super) hide_notes: bool,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) output: Form,
}

impl CommonArgs {
    pub(super) fn labels(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let one = |it: &String| {
            let (key, value) =
                it.split_once('=').with_context(|| format!("--labels: `{it}` is none; write `key=value`"))?;
            if matches!(key, "name" | "owner" | "status" | "version" | "createdAt" | "modifiedAt") {
                bail!("user supplied labels contains system reserved label name: {key}");
            }
            Ok((key.to_owned(), value.to_owned()))
        };
        self.labels.iter().map(one).collect()
    }

    pub(super) fn default_wait(&self) -> WaitFor {
        if self.rollback_on_failure { WaitFor::Watcher } else { WaitFor::HookOnly }
    }

    pub(super) fn crds(&self) -> Crds {
        if self.skip_crds { Crds::Skip } else { Crds::Create }
    }
}

/// A chart that may be released.
pub fn chart(path: &str) -> anyhow::Result<Chart> {
    load::locate(path)?;
    let chart = load::chart(path, &Limits::default())?;
    check_installable(&chart)?;
    if chart.metadata.deprecated {
        talk::plain("level=WARN msg=\"this chart is deprecated\"");
    }
    Ok(chart)
}

/// Runs the command.
///
/// # Errors
/// As Helm words it; what was stored says so too.
pub async fn run(args: InstallArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let (name, path) = args.name_and_chart()?;
    check_name(&name)?;
    let labels = args.common.labels()?;
    let chart = chart(&path)?;
    let chosen =
        Chosen { chart, values: args.values.merge()?, post: None, crd_labels: Vec::new(), limits: Limits::default() };
    install(&name, &chosen, &args.common, labels, flags, |options| {
        options.create_namespace = args.create_namespace;
        options.replace = args.replace;
        options.server_side = args.server_side;
    })
    .await
}

/// Installs; `adapt` sets what is not common to all who do.
pub async fn install(
    name: &str,
    chosen: &Chosen,
    common: &CommonArgs,
    labels: BTreeMap<String, String>,
    flags: &KubeFlags,
    adapt: impl FnOnce(&mut Install),
) -> anyhow::Result<ExitCode> {
    let session = Session::connect(flags).await?;
    let mut options = Install {
        timeout: timeout(flags),
        wait: wait(common.wait, common.wait_for_jobs, common.default_wait()),
        hooks: !common.no_hooks,
        take_ownership: common.take_ownership,
        replace: false,
        create_namespace: false,
        crds: common.crds(),
        server_side: true,
        skip_schema: common.skip_schema_validation,
        labels,
        description: common.description.clone(),
    };
    adapt(&mut options);
    let release = session.release(name, 0);
    let history = session.history(name).await?;
    match release.install(chosen, &options, &history).await {
        Ok(record) => {
            print::status(&record, common.output, !common.hide_notes)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            if common.rollback_on_failure && failure.record.is_some() {
                let undo = Uninstall {
                    timeout: options.timeout,
                    wait: true,
                    hooks: options.hooks,
                    keep_history: false,
                    propagation: kube::api::PropagationPolicy::Background,
                };
                let history = session.history(name).await?;
                release.uninstall(&undo, &history).await.map_err(|error| {
                    failed(
                        &format!("an error occurred while uninstalling the release. original install error: {failure}"),
                        &error,
                    )
                })?;
                bail!(
                    "INSTALLATION FAILED: release {name} failed, and has been uninstalled due to rollback-on-failure being set: {failure}"
                );
            }
            Err(failed("INSTALLATION FAILED", &failure))
        }
    }
}

impl InstallArgs {
    fn name_and_chart(&self) -> anyhow::Result<(String, String)> {
        let named = self.generate_name || self.name_template.is_some();
        match (&self.chart, &self.name_template) {
            (Some(_), _) if named => bail!("cannot set --generate-name or --name-template and also specify a name"),
            (Some(chart), _) => Ok((self.name_or_chart.clone(), chart.clone())),
            (None, Some(template)) => {
                Ok((name_from_template(template, &Limits::default())?, self.name_or_chart.clone()))
            }
            (None, None) if self.generate_name => Ok((generated(&self.name_or_chart), self.name_or_chart.clone())),
            (None, None) => bail!("INSTALLATION FAILED: must either provide a name or specify --generate-name"),
        }
    }
}
