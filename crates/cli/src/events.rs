//! `sluice events`: what was told about Flux objects.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use futures::StreamExt as _;
use jiff::Timestamp;
use kube::api::WatchEvent;
use serde_json::Value;

use crate::cluster::{Cluster, KubeFlags, collection};
use crate::escape::short_hashes;
use crate::kinds::{self, FluxKind};
use crate::output;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
  # What went wrong
  sluice events -A --types Warning

  # One object and the source that it is made from, as it happens
  sluice events --for Kustomization/apps -w";

/// Show the events of Flux objects
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsArgs {
    /// Events of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Keep printing events as they come
    #[arg(short, long)]
    watch: bool,
    /// Only those of this KIND[/NAME], and of its source
    #[arg(long = "for", value_name = "KIND[/NAME]")]
    for_object: Option<String>,
    /// Only those of these types
    #[arg(long, value_delimiter = ',', value_parser = ["Normal", "Warning"])]
    types: Vec<String>,
}

/// The objects that are asked about: kind, namespace, name; empty is any.
type Subject = (String, String, String);

/// Runs the command.
///
/// # Errors
/// When the cluster cannot be asked.
pub async fn run(args: EventsArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let cluster = Cluster::connect(flags).await?;
    let subjects = match &args.for_object {
        Some(text) => Some(subjects(&cluster, text, args.all_namespaces).await?),
        None => None,
    };
    // Events of a source in another namespace are there.
    let elsewhere = subjects.iter().flatten().any(|it| !it.1.is_empty() && it.1 != cluster.namespace);
    let namespace = if args.all_namespaces || elsewhere { "" } else { &cluster.namespace };
    let path = collection("v1", "events", namespace);
    let (mut events, version) = cluster.list(&path, "").await?;
    events.retain(|it| is_wanted(it, &args, subjects.as_deref()));
    events.sort_by_key(last_seen);
    let now = Timestamp::now();
    if events.is_empty() && !args.watch {
        output::talk::plain(&format!(
            "No events found in {} namespace.",
            if namespace.is_empty() { "any" } else { namespace }
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&headers(args.all_namespaces));
    events.iter().for_each(|event| table.row(row(event, args.all_namespaces, now)));
    output::data(&table.render())?;
    if args.watch {
        follow(&cluster, &path, version, &args, subjects.as_deref()).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn follow(
    cluster: &Cluster,
    path: &str,
    mut version: String,
    args: &EventsArgs,
    subjects: Option<&[Subject]>,
) -> anyhow::Result<()> {
    loop {
        let stream = cluster.watch(path, "", &version).await?;
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            match event? {
                WatchEvent::Added(event) | WatchEvent::Modified(event) => {
                    sluice_object::resource_version(&event).clone_into(&mut version);
                    if is_wanted(&event, args, subjects) {
                        let mut table = Table::new(&headers(args.all_namespaces)).without_headers();
                        table.row(row(&event, args.all_namespaces, Timestamp::now()));
                        output::data(&table.render())?;
                    }
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Deleted(_) => {}
                WatchEvent::Error(status) => bail!("{}", status.message),
            }
        }
    }
}

fn headers(all_namespaces: bool) -> Vec<&'static str> {
    let columns = ["namespace", "last_seen", "type", "reason", "object", "message"];
    columns[usize::from(!all_namespaces)..].to_vec()
}

fn row(event: &Value, all_namespaces: bool, now: Timestamp) -> Vec<String> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let object = format!("{}/{}", text("/involvedObject/kind"), text("/involvedObject/name"));
    let seen = last_seen(event).map_or_else(|| "<unknown>".to_owned(), |at| age(now, at));
    let cells = [
        text("/involvedObject/namespace"),
        seen,
        text("/type"),
        text("/reason"),
        object,
        short_hashes(&text("/message")),
    ];
    cells[usize::from(!all_namespaces)..].to_vec()
}

/// When it happened last.
pub fn last_seen(event: &Value) -> Option<Timestamp> {
    let times =
        ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"];
    times.iter().find_map(|pointer| event.pointer(pointer)?.as_str()?.parse().ok())
}

fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    human(Duration::from_secs(seconds.unsigned_abs()))
}

/// A length of time as kubectl prints it: `45s`, `3m2s`, `2h`, `4d`.
pub fn human(time: Duration) -> String {
    let s = time.as_secs();
    let two = |a: u64, unit: &str, b: u64, small: &str| {
        if b == 0 { format!("{a}{unit}") } else { format!("{a}{unit}{b}{small}") }
    };
    match s {
        0..=119 => format!("{s}s"),
        120..=599 => two(s / 60, "m", s % 60, "s"),
        600..=10_799 => format!("{}m", s / 60),
        10_800..=28_799 => two(s / 3600, "h", s % 3600 / 60, "m"),
        28_800..=172_799 => format!("{}h", s / 3600),
        172_800..=691_199 => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
        _ => format!("{}d", s / 86_400),
    }
}

fn is_wanted(event: &Value, args: &EventsArgs, subjects: Option<&[Subject]>) -> bool {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = text("/involvedObject/kind");
    let is_type = args.types.is_empty() || args.types.iter().any(|it| it == text("/type"));
    let is_subject = match subjects {
        None => text("/involvedObject/apiVersion").contains(".toolkit.fluxcd.io/") && kinds::of_kind(kind).is_some(),
        Some(subjects) => subjects.iter().any(|(of_kind, namespace, name)| {
            of_kind == kind
                && (namespace.is_empty() || namespace == text("/involvedObject/namespace"))
                && (name.is_empty() || name == text("/involvedObject/name"))
        }),
    };
    is_type && is_subject
}

/// An object and what it is made from.
async fn subjects(cluster: &Cluster, text: &str, all: bool) -> anyhow::Result<Vec<Subject>> {
    let (kind, name) = text.split_once('/').unwrap_or((text, ""));
    let known: Option<&FluxKind> = kinds::of_kind(kind);
    let kind = known.with_context(|| format!("--for: `{kind}` is no kind of Flux's; write `Kustomization/NAME`"))?;
    let namespace = if all { String::new() } else { cluster.namespace.clone() };
    let mut subjects = vec![(kind.kind.to_owned(), namespace, name.to_owned())];
    if name.is_empty() || all {
        return Ok(subjects);
    }
    let object = cluster.get(&kind.object(&cluster.namespace, name)).await?;
    let object =
        object.with_context(|| format!("{} `{name}` not found in `{}` namespace", kind.kind, cluster.namespace))?;
    for pointer in ["/spec/sourceRef", "/spec/chartRef", "/spec/chart/spec/sourceRef"] {
        let Some(source) = object.pointer(pointer) else { continue };
        let text = |field: &str| source.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let namespace = if text("namespace").is_empty() { cluster.namespace.clone() } else { text("namespace") };
        subjects.push((text("kind"), namespace, text("name")));
    }
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_kubectl_s() {
        let check = |seconds: u64, want: &str| assert_eq!(human(Duration::from_secs(seconds)), want);
        check(0, "0s");
        check(119, "119s");
        check(120, "2m");
        check(185, "3m5s");
        check(3600, "60m");
        check(11_000, "3h3m");
        check(90_000, "25h");
        check(200_000, "2d7h");
        check(2_000_000, "23d");
    }
}
