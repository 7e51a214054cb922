//! `sluice get`: tables of Flux objects, with Flux's columns (spec/flux/cli.md §2).

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use kube::api::WatchEvent;
use serde_json::Value;

use crate::cluster::{Cluster, KubeFlags, encode};
use crate::escape::short_hashes;
use crate::kinds::{self, FluxKind};
use crate::output::{self, talk};
use crate::table::Table;
use crate::wait::condition;

const EXAMPLES: &str = "\
Examples:
  # Everything in every namespace
  sluice get all -A

  # What is not ready
  sluice get kustomizations -A --status-selector ready=false

  # Follow a source
  sluice get sources git web-app -w";

/// List Flux objects and how they are
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct GetArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every kind
    All(Filter),
    /// Sources of files
    #[command(visible_alias = "source")]
    Sources {
        #[command(subcommand)]
        what: Sources,
    },
    /// Kustomizations
    #[command(visible_alias = "ks", alias = "kustomization")]
    Kustomizations(Filter),
    /// HelmReleases
    #[command(visible_alias = "hr", alias = "helmrelease")]
    Helmreleases(Filter),
    /// Image repositories, policies and updates
    #[command(visible_alias = "image")]
    Images {
        #[command(subcommand)]
        what: Images,
    },
    /// Alerts
    #[command(alias = "alert")]
    Alerts(Filter),
    /// Providers of alerts
    #[command(alias = "alert-provider")]
    AlertProviders(Filter),
    /// Webhook receivers
    #[command(alias = "receiver")]
    Receivers(Filter),
}

#[derive(Subcommand)]
enum Sources {
    /// Every kind of source
    All(Filter),
    /// GitRepositories
    Git(Filter),
    /// OCIRepositories
    Oci(Filter),
    /// HelmRepositories
    Helm(Filter),
    /// HelmCharts
    Chart(Filter),
    /// Buckets
    Bucket(Filter),
    /// ExternalArtifacts
    External(Filter),
}

#[derive(Subcommand)]
enum Images {
    /// Every kind of image automation
    All(Filter),
    /// ImagePolicies
    Policy(Filter),
    /// ImageRepositories
    Repository(Filter),
    /// ImageUpdateAutomations
    Update(Filter),
}

/// Which objects, and how.
#[derive(Args)]
struct Filter {
    /// Only the object of this name
    name: Option<String>,
    /// Objects of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only objects with these labels, for example `team=a,tier!=db`
    #[arg(short = 'l', long)]
    label_selector: Option<String>,
    /// Only objects with this condition, for example `ready=false` or `ready!=true`
    #[arg(long)]
    status_selector: Option<String>,
    /// Leave the line of headers out
    #[arg(long)]
    no_header: bool,
    /// Keep printing objects that change
    #[arg(short, long)]
    watch: bool,
    /// Show the source of each Kustomization
    #[arg(long)]
    show_source: bool,
}

impl What {
    fn kinds(&self) -> (Vec<&'static FluxKind>, &Filter) {
        let sources = || kinds::ALL.into_iter().filter(|it| it.is_source).collect();
        let images = || vec![&kinds::IMAGE_REPOSITORY, &kinds::IMAGE_POLICY, &kinds::IMAGE_UPDATE];
        match self {
            What::All(filter) => (kinds::ALL.to_vec(), filter),
            What::Sources { what } => match what {
                Sources::All(filter) => (sources(), filter),
                Sources::Git(filter) => (vec![&kinds::GIT], filter),
                Sources::Oci(filter) => (vec![&kinds::OCI], filter),
                Sources::Helm(filter) => (vec![&kinds::HELM_REPOSITORY], filter),
                Sources::Chart(filter) => (vec![&kinds::CHART], filter),
                Sources::Bucket(filter) => (vec![&kinds::BUCKET], filter),
                Sources::External(filter) => (vec![&kinds::EXTERNAL], filter),
            },
            What::Kustomizations(filter) => (vec![&kinds::KUSTOMIZATION], filter),
            What::Helmreleases(filter) => (vec![&kinds::HELM_RELEASE], filter),
            What::Images { what } => match what {
                Images::All(filter) => (images(), filter),
                Images::Policy(filter) => (vec![&kinds::IMAGE_POLICY], filter),
                Images::Repository(filter) => (vec![&kinds::IMAGE_REPOSITORY], filter),
                Images::Update(filter) => (vec![&kinds::IMAGE_UPDATE], filter),
            },
            What::Alerts(filter) => (vec![&kinds::ALERT], filter),
            What::AlertProviders(filter) => (vec![&kinds::PROVIDER], filter),
            What::Receivers(filter) => (vec![&kinds::RECEIVER], filter),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the cluster cannot be asked, or the object that is named does not exist.
pub async fn run(args: GetArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let (kinds, filter) = args.what.kinds();
    let several = kinds.len() > 1;
    if several && filter.watch {
        bail!("-w watches one kind; name it");
    }
    let selector = filter.status_selector.as_deref().map(StatusSelector::parse).transpose()?;
    let cluster = Cluster::connect(flags).await?;
    let namespace = if filter.all_namespaces { "" } else { &cluster.namespace };
    let (mut text, mut any) = (String::new(), false);
    for kind in kinds {
        let labels =
            filter.label_selector.as_deref().map(|it| format!("&labelSelector={}", encode(it))).unwrap_or_default();
        let (mut objects, version) = cluster.list(&kind.path(namespace), &labels).await?;
        objects.retain(|it| is_wanted(it, filter, selector.as_ref()));
        if objects.is_empty() && !filter.watch {
            continue;
        }
        let prefix = if several { format!("{}/", kind.kind.to_lowercase()) } else { String::new() };
        let table = table(kind, &objects, filter, &prefix);
        if several && any {
            text.push('\n');
        }
        any = true;
        text.push_str(&table.render());
        if filter.watch {
            output::data(&text)?;
            return follow(&cluster, kind, namespace, &labels, &version, filter, selector.as_ref()).await;
        }
    }
    output::data(&text)?;
    match (any, &filter.name) {
        (false, Some(name)) => bail!("no object `{name}` found in `{}` namespace", cluster.namespace),
        (false, None) => {
            talk::failure(&format!("no {} found in `{}` namespace", args.what.described(), cluster.namespace))
        }
        (true, _) => {}
    }
    Ok(ExitCode::SUCCESS)
}

impl What {
    fn described(&self) -> String {
        match self.kinds().0.as_slice() {
            [kind] => format!("{} objects", kind.kind),
            _ => "objects".to_owned(),
        }
    }
}

async fn follow(
    cluster: &Cluster,
    kind: &FluxKind,
    namespace: &str,
    labels: &str,
    version: &str,
    filter: &Filter,
    selector: Option<&StatusSelector>,
) -> anyhow::Result<ExitCode> {
    let mut version = version.to_owned();
    loop {
        let events = cluster.watch(&kind.path(namespace), labels, &version).await?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    sluice_object::resource_version(&object).clone_into(&mut version);
                    if is_wanted(&object, filter, selector) {
                        output::data(&table(kind, &[object], filter, "").without_headers().render())?;
                    }
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Deleted(_) => {}
                WatchEvent::Error(status) => bail!("{}", status.message),
            }
        }
    }
}

fn is_wanted(object: &Value, filter: &Filter, selector: Option<&StatusSelector>) -> bool {
    filter.name.as_ref().is_none_or(|name| sluice_object::name(object) == name)
        && selector.is_none_or(|it| it.matches(object))
}

/// The rows of one kind, columns as Flux's.
fn table(kind: &FluxKind, objects: &[Value], filter: &Filter, prefix: &str) -> Table {
    let mut headers = if filter.all_namespaces { vec!["namespace", "name"] } else { vec!["name"] };
    headers.extend_from_slice(match kind.kind {
        "ExternalArtifact" => &["revision", "source", "ready", "message"],
        "Kustomization" if filter.show_source => &["source", "revision", "suspended", "ready", "message"],
        "ImagePolicy" => &["image", "tag", "ready", "message"],
        "ImageRepository" => &["last_scan", "suspended", "ready", "message"],
        "ImageUpdateAutomation" => &["last_run", "suspended", "ready", "message"],
        "Alert" | "Receiver" => &["suspended", "ready", "message"],
        "Provider" => &["ready", "message"],
        _ => &["revision", "suspended", "ready", "message"],
    });
    let mut table = Table::new(&headers);
    if filter.no_header {
        table = table.without_headers();
    }
    for object in objects {
        table.row(headers.iter().map(|header| match *header {
            "namespace" => sluice_object::namespace(object).to_owned(),
            "name" => format!("{prefix}{}", sluice_object::name(object)),
            column => cell(kind, object, column),
        }));
    }
    table
}

fn cell(kind: &FluxKind, object: &Value, column: &str) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    // Alerts and providers have no status: they are ready by being there.
    let static_kind = kind.is_static();
    match column {
        "revision" => short_hashes(&match kind.kind {
            "Kustomization" => text("/status/lastAppliedRevision"),
            "HelmRelease" => match text("/status/history/0/chartVersion") {
                none if none.is_empty() => text("/status/lastAttemptedRevision"),
                version => version,
            },
            _ => text("/status/artifact/revision"),
        }),
        "suspended" => title(object.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false)),
        "ready" => match condition(object, "Ready") {
            Some(ready) => ready["status"].as_str().unwrap_or("Unknown").to_owned(),
            None if static_kind => "True".to_owned(),
            None => "Unknown".to_owned(),
        },
        "message" => match condition(object, "Ready") {
            // The path in it is to be copied.
            Some(ready) if kind.kind == "Receiver" => ready["message"].as_str().unwrap_or_default().to_owned(),
            Some(ready) => short_hashes(ready["message"].as_str().unwrap_or_default()),
            None if static_kind => format!("{} is Ready", kind.kind),
            None => "waiting to be reconciled".to_owned(),
        },
        "source" => source(object),
        "image" => text("/status/latestRef/name"),
        "tag" => text("/status/latestRef/tag"),
        "last_scan" => text("/status/lastScanResult/scanTime"),
        "last_run" => text("/status/lastAutomationRunTime"),
        _ => String::new(),
    }
}

/// `GitRepository/flux-system/web-app`.
fn source(object: &Value) -> String {
    let reference = &object["spec"]["sourceRef"];
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let namespace = if text("namespace").is_empty() { sluice_object::namespace(object) } else { text("namespace") };
    format!("{}/{namespace}/{}", text("kind"), text("name"))
}

/// As Go's templates print it.
fn title(value: bool) -> String {
    if value { "True" } else { "False" }.to_owned()
}

/// `TYPE=STATUS` or `TYPE!=STATUS`, whatever the case.
#[derive(Debug, PartialEq)]
struct StatusSelector {
    condition: String,
    status: String,
    equal: bool,
}

impl StatusSelector {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (condition, status, equal) = match text.split_once("!=") {
            Some((condition, status)) => (condition, status, false),
            None => match text.split_once('=') {
                Some((condition, status)) => (condition, status, true),
                None => bail!("--status-selector: `{text}` is none; write `ready=false`"),
            },
        };
        Ok(Self { condition: condition.to_lowercase(), status: status.to_lowercase(), equal })
    }

    fn matches(&self, object: &Value) -> bool {
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let mut of_type = conditions
            .into_iter()
            .flatten()
            .filter(|it| it["type"].as_str().is_some_and(|it| it.to_lowercase() == self.condition));
        let equal = of_type.any(|it| it["status"].as_str().is_some_and(|it| it.to_lowercase() == self.status));
        equal == self.equal
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter() -> Filter {
        Filter {
            name: None,
            all_namespaces: false,
            label_selector: None,
            status_selector: None,
            no_header: false,
            watch: false,
            show_source: false,
        }
    }

    #[test]
    fn a_kustomization_is_a_row() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let object = json!({"metadata": {"name": "app", "namespace": "ns"},
            "spec": {"sourceRef": {"kind": "GitRepository", "name": "repo"}},
            "status": {"lastAppliedRevision": format!("main@sha1:{hash}"), "conditions": [
                {"type": "Ready", "status": "True", "message": format!("Applied revision: main@sha1:{hash}")}]}});
        let shown = Filter { all_namespaces: true, show_source: true, ..filter() };
        assert_eq!(
            table(&kinds::KUSTOMIZATION, &[object], &shown, "").render(),
            "NAMESPACE\tNAME\tSOURCE               \tREVISION          \tSUSPENDED\tREADY\tMESSAGE\n\
             ns       \tapp \tGitRepository/ns/repo\tmain@sha1:01234567\tFalse    \tTrue \tApplied revision: main@sha1:01234567\n"
        );
    }

    #[test]
    fn what_was_never_reconciled_is_unknown() {
        let object = json!({"metadata": {"name": "a"}, "spec": {"suspend": true}});
        let plain = Filter { no_header: true, ..filter() };
        let rendered = table(&kinds::GIT, &[object], &plain, "gitrepository/").render();
        assert_eq!(rendered, "gitrepository/a\t\tTrue\tUnknown\twaiting to be reconciled\n");
    }

    #[test]
    fn a_status_selector_compares_whatever_the_case() {
        let object = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
        let check = |text: &str, want: bool| {
            assert_eq!(StatusSelector::parse(text).unwrap().matches(&object), want, "`{text}`");
        };
        check("ready=false", true);
        check("Ready=True", false);
        check("READY!=true", true);
        check("healthy=true", false);
        assert!(StatusSelector::parse("ready").is_err());
    }
}
