//! `sluice helm get`, `status` and `test`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use sluice_helm::release::Record;

use super::print::{self, Form};
use super::{Session, failed, timeout};
use crate::cluster::KubeFlags;
use crate::output;

/// Print what a release was made of, and what it made
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sluice helm get values podinfo -n apps --all\n  sluice helm get manifest podinfo --revision 2"
)]
pub struct GetArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Everything but the notes' form
    All(Named),
    /// The objects
    Manifest(Named),
    /// The values
    Values(ValuesArgs),
    /// The hooks
    Hooks(Named),
    /// The notes
    Notes(Named),
    /// Chart, version, time
    Metadata(FormArgs),
}

#[derive(Args)]
struct Named {
    /// Name of the release
    name: String,
    /// Revision; the newest without
    #[arg(long)]
    revision: Option<i64>,
}

#[derive(Args)]
struct FormArgs {
    #[command(flatten)]
    named: Named,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

#[derive(Args)]
struct ValuesArgs {
    #[command(flatten)]
    named: Named,
    /// Those of the chart, too
    #[arg(short, long)]
    all: bool,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

/// Show how a release stands
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice helm status podinfo -n apps")]
pub struct StatusArgs {
    #[command(flatten)]
    named: Named,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

/// Run the tests of a release
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice helm test podinfo -n apps --filter name=podinfo-grpc-test")]
pub struct TestArgs {
    /// Name of the release
    name: String,
    /// Tests to run, `name=NAME`, or not to run, `!name=NAME`
    #[arg(long, value_delimiter = ',')]
    filter: Vec<String>,
    /// Leave out the notes
    #[arg(long)]
    hide_notes: bool,
}

/// Runs `get`.
///
/// # Errors
/// When there is no such release or revision.
pub async fn get(args: GetArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let session = Session::connect(flags).await?;
    let record = async |named: &Named| session.record(&named.name, named.revision).await;
    match &args.what {
        What::Manifest(named) => output::data(&format!("{}\n", record(named).await?.manifest))?,
        What::Hooks(named) => output::data(&hooks(&record(named).await?))?,
        What::Notes(named) => {
            let notes = record(named).await?.info.and_then(|it| it.notes).unwrap_or_default();
            if !notes.is_empty() {
                output::data(&format!("NOTES:\n{notes}\n"))?;
            }
        }
        What::Values(args) => {
            let record = record(&args.named).await?;
            let (title, values) =
                if args.all { ("COMPUTED", computed(&record)) } else { ("USER-SUPPLIED", given(&record)) };
            if args.output == Form::Table {
                output::data(&format!("{title} VALUES:\n"))?;
            }
            print::value(args.output, &values)?;
        }
        What::Metadata(args) => metadata(&record(&args.named).await?, args.output)?,
        What::All(named) => {
            let record = record(named).await?;
            print::status(&record, Form::Table, false)?;
            output::data(&format!("USER-SUPPLIED VALUES:\n{}\n", sluice_yaml::emit(&given(&record))?))?;
            output::data(&format!("COMPUTED VALUES:\n{}\n", sluice_yaml::emit(&computed(&record))?))?;
            output::data(&format!("HOOKS:\n{}MANIFEST:\n{}\n", hooks(&record), record.manifest))?;
            if let Some(notes) = record.info.and_then(|it| it.notes).filter(|it| !it.is_empty()) {
                output::data(&format!("NOTES:\n{notes}\n"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn hooks(record: &Record) -> String {
    let all = record.hooks.iter().flatten();
    all.map(|hook| format!("---\n# Source: {}\n{}\n", hook.path, hook.manifest)).collect()
}

fn given(record: &Record) -> Value {
    match record.config.clone().unwrap_or_default() {
        empty if empty.is_empty() => Value::Null,
        values => Value::Object(values),
    }
}

/// The values over those of the chart; what a value of `null` takes away is gone.
fn computed(record: &Record) -> Value {
    let chart = record.chart.as_ref().and_then(|chart| chart.values.clone()).unwrap_or_default();
    let mut merged: Map<String, Value> = chart;
    sluice_helm::values::overlay(&mut merged, record.config.clone().unwrap_or_default());
    without_nulls(&mut merged);
    Value::Object(merged)
}

fn without_nulls(values: &mut Map<String, Value>) {
    values.retain(|_, value| !value.is_null());
    values.values_mut().filter_map(Value::as_object_mut).for_each(without_nulls);
}

fn metadata(record: &Record, form: Form) -> anyhow::Result<()> {
    let it = record.chart.as_ref().and_then(|chart| chart.metadata.clone()).unwrap_or_default();
    let described = json!({
        "name": record.name, "chart": it.name, "version": it.version, "appVersion": it.app_version,
        "namespace": record.namespace, "revision": record.version, "status": record.status().as_str(),
        "deployedAt": print::deployed(record), "applyMethod": record.apply_method,
    });
    if form != Form::Table {
        return print::value(form, &described);
    }
    let line = |key: &str, field: &str| match &described[field] {
        Value::String(text) => format!("{key}: {text}\n"),
        other => format!("{key}: {other}\n"),
    };
    let fields = [
        ("NAME", "name"),
        ("CHART", "chart"),
        ("VERSION", "version"),
        ("APP_VERSION", "appVersion"),
        ("NAMESPACE", "namespace"),
        ("REVISION", "revision"),
        ("STATUS", "status"),
        ("DEPLOYED_AT", "deployedAt"),
        ("APPLY_METHOD", "applyMethod"),
    ];
    let text: String = fields.iter().map(|(key, field)| line(key, field)).collect();
    output::data(&crate::escape::lines(&text))
}

/// Runs `status`.
///
/// # Errors
/// When there is no such release or revision.
pub async fn status(args: StatusArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let session = Session::connect(flags).await?;
    let record = session.record(&args.named.name, args.named.revision).await?;
    print::status(&record, args.output, true)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `test`.
///
/// # Errors
/// When there is no such release, or a test fails.
pub async fn test(args: TestArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let mut filters = Vec::new();
    for filter in &args.filter {
        match filter.strip_prefix('!').unwrap_or(filter).split_once('=') {
            Some(("name", name)) => filters.push((name.to_owned(), filter.starts_with('!'))),
            _ => anyhow::bail!("--filter: `{filter}` is none; write `name=NAME` or `!name=NAME`"),
        }
    }
    let session = Session::connect(flags).await?;
    let record = session.record(&args.name, None).await?;
    let options = sluice_release::Test { timeout: timeout(flags), filters };
    let release = session.release(&args.name, 0);
    match release.test(&options, &record).await {
        Ok(record) => {
            print::status(&record, Form::Table, !args.hide_notes)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            if let Some(record) = &failure.record {
                print::status(record, Form::Table, !args.hide_notes)?;
            }
            Err(failed("test failed", &failure))
        }
    }
}
