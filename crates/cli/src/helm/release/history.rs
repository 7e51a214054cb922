//! `sluice helm history`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::Session;
use super::print::{self, Form};
use crate::cluster::KubeFlags;
use crate::output;
use crate::table::Table;

/// List the revisions of a release
#[derive(Args)]
#[command(visible_alias = "hist", after_help = "Examples:\n  sluice helm history podinfo -n apps")]
pub struct HistoryArgs {
    /// Name of the release
    name: String,
    /// At most so many, the newest
    #[arg(long, default_value_t = 256)]
    max: usize,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

/// Runs the command.
///
/// # Errors
/// When there is no such release.
pub async fn run(args: HistoryArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let session = Session::connect(flags).await?;
    let history = session.history(&args.name).await?;
    if history.is_empty() {
        bail!("release: not found");
    }
    let history = &history[history.len().saturating_sub(args.max)..];
    if args.output != Form::Table {
        let row = |it| {
            let (chart, app) = print::chart(it);
            json!({"revision": it.version, "updated": print::deployed(it), "status": it.status().as_str(),
                   "chart": chart, "app_version": app, "description": print::description(it)})
        };
        print::value(args.output, &Value::Array(history.iter().map(row).collect()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["revision", "updated", "status", "chart", "app_version", "description"]);
    for it in history {
        let (chart, app) = print::chart(it);
        let updated = print::ansi_time(&print::deployed(it)).unwrap_or_default();
        let revision = it.version.to_string();
        table.row([&revision, &updated, it.status().as_str(), &chart, &app, &print::description(it)]);
    }
    output::data(&table.render())?;
    Ok(ExitCode::SUCCESS)
}
