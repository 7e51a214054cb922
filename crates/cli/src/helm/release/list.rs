//! `sluice helm list`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use regex::Regex;
use serde_json::Value;
use sluice_helm::release::{Record, Status};
use sluice_object::{GroupVersionKind, ObjectRef};

use super::Session;
use super::print::{self, Form};
use crate::cluster::KubeFlags;
use crate::output;
use crate::table::Table;

/// What one stored release may unpack to.
const RELEASE_BYTES: usize = 64 << 20;

/// List releases
#[derive(Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:\n  sluice helm list -A\n  sluice helm list -n apps --failed -o json"
)]
pub struct ListArgs {
    /// Of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Whatever their status
    #[arg(short, long)]
    all: bool,
    /// Those that are deployed
    #[arg(long)]
    deployed: bool,
    /// Those that failed
    #[arg(long)]
    failed: bool,
    /// Those in the middle of an action
    #[arg(long)]
    pending: bool,
    /// Those that were uninstalled and whose history is kept
    #[arg(long)]
    uninstalled: bool,
    /// Those that are being uninstalled
    #[arg(long)]
    uninstalling: bool,
    /// Those that were superseded
    #[arg(long)]
    superseded: bool,
    /// Those whose name matches an expression
    #[arg(short, long)]
    filter: Option<String>,
    /// Those whose records have these labels
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// By the time of their deployment
    #[arg(short, long)]
    date: bool,
    /// The other way round
    #[arg(short, long)]
    reverse: bool,
    /// Names alone
    #[arg(short = 'q', long)]
    short: bool,
    /// Leave out the headers
    #[arg(long)]
    no_headers: bool,
    /// At most so many, 0 for all
    #[arg(short, long, default_value_t = 256)]
    max: usize,
    /// Begin after so many
    #[arg(long, default_value_t = 0)]
    offset: usize,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

/// Runs the command.
///
/// # Errors
/// As the API server says; a record that cannot be read.
pub async fn run(args: ListArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let filter = args.filter.as_deref().map(Regex::new).transpose().context("--filter")?;
    let session = Session::connect(flags).await?;
    let mut records = newest(stored(&session, &args).await?);
    records.retain(|it| args.wants(&it.status()) && filter.as_ref().is_none_or(|filter| filter.is_match(&it.name)));
    if args.date {
        records.sort_by_key(print::deployed);
    }
    if args.reverse {
        records.reverse();
    }
    let most = if args.max == 0 { usize::MAX } else { args.max };
    let records: Vec<Record> = records.into_iter().skip(args.offset).take(most).collect();
    if args.short {
        let names: String = records.iter().map(|it| format!("{}\n", it.name)).collect();
        output::data(&names)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.output != Form::Table {
        print::value(args.output, &Value::Array(records.iter().map(print::listed).collect()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = ["name", "namespace", "revision", "updated", "status", "chart", "app_version"];
    let mut table = Table::new(&columns);
    if args.no_headers {
        table = table.without_headers();
    }
    for record in &records {
        let row = print::listed(record);
        table.row(columns.map(|it| row[it].as_str().unwrap_or_default().to_owned()));
    }
    output::data(&table.render())?;
    Ok(ExitCode::SUCCESS)
}

async fn stored(session: &Session, args: &ListArgs) -> anyhow::Result<Vec<Record>> {
    let gvk = GroupVersionKind::new("", "v1", "Secret");
    let object = ObjectRef { gvk, namespace: String::new(), name: "any".to_owned() };
    let at = session.applier.locate(&object, &session.namespace).await?;
    let mut at = at.context("the cluster has no Secrets")?;
    if args.all_namespaces {
        at.at.namespaced = false;
    }
    let selector =
        if args.selector.is_empty() { "owner=helm".to_owned() } else { format!("owner=helm,{}", args.selector) };
    let secrets = session.applier.list(&at, &selector).await?;
    let mut records = Vec::with_capacity(secrets.len());
    for mut secret in secrets {
        secret["kind"] = "Secret".into();
        records.push(Record::from_secret(&secret, RELEASE_BYTES)?);
    }
    Ok(records)
}

/// The newest revision of each release, by namespace and name.
fn newest(records: Vec<Record>) -> Vec<Record> {
    let mut newest: BTreeMap<(String, String), Record> = BTreeMap::new();
    for record in records {
        let key = (record.name.clone(), record.namespace.clone());
        if newest.get(&key).is_none_or(|it| it.version < record.version) {
            newest.insert(key, record);
        }
    }
    newest.into_values().collect()
}

impl ListArgs {
    fn wants(&self, status: &Status) -> bool {
        let named = [
            (self.deployed, *status == Status::Deployed),
            (self.failed, *status == Status::Failed),
            (self.pending, status.is_pending()),
            (self.uninstalled, *status == Status::Uninstalled),
            (self.uninstalling, *status == Status::Uninstalling),
            (self.superseded, *status == Status::Superseded),
        ];
        // Helm 4 lists all of them unless some are named.
        self.all || named.iter().all(|it| !it.0) || named.iter().any(|it| it.0 && it.1)
    }
}
