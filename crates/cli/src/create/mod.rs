//! `sluice create`: Flux objects from flags, printed or written.

mod helm_release;
mod helm_source;
mod image;
mod kustomization;
mod notification;
mod secret;
mod source;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::cluster::{Cluster, KubeFlags};
use crate::output::talk;
use crate::{kinds, reconcile, wait, yaml};

/// Create sources, Kustomizations, HelmReleases, image automation, alerts, webhooks and Secrets
#[derive(Args)]
pub struct CreateArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    common: Common,
}

/// What every object can have.
#[derive(Args)]
pub struct Common {
    /// Print the object instead of writing it; no cluster is asked
    #[arg(long, global = true)]
    export: bool,
    /// How often it is looked at
    #[arg(long, global = true, default_value = "1m")]
    interval: String,
    /// Labels, as `key=value`; may be repeated
    #[arg(long, global = true)]
    label: Vec<String>,
}

#[derive(Subcommand)]
enum What {
    /// Sources of files
    Source {
        #[command(subcommand)]
        what: Sources,
    },
    /// A Kustomization
    #[command(visible_alias = "ks")]
    Kustomization(Box<kustomization::KustomizationArgs>),
    /// A HelmRelease
    #[command(visible_alias = "hr")]
    Helmrelease(Box<helm_release::HelmReleaseArgs>),
    /// Image automation: repositories, policies and updates
    Image {
        #[command(subcommand)]
        what: image::Images,
    },
    /// An Alert: which events go to a Provider
    Alert(notification::AlertArgs),
    /// A Provider: a service that events are sent to
    AlertProvider(notification::ProviderArgs),
    /// A Receiver: a webhook that starts reconciles
    Receiver(notification::ReceiverArgs),
    /// Secrets in the form that controllers expect
    Secret {
        #[command(subcommand)]
        what: Secrets,
    },
}

#[derive(Subcommand)]
enum Sources {
    /// A GitRepository
    Git(Box<source::GitArgs>),
    /// An OCIRepository
    Oci(Box<helm_source::OciArgs>),
    /// A HelmRepository
    Helm(Box<helm_source::HelmArgs>),
    /// A HelmChart
    Chart(helm_source::ChartArgs),
}

#[derive(Subcommand)]
enum Secrets {
    /// Credentials of a Git remote
    Git(secret::GitArgs),
    /// The token of a webhook
    Receiver(notification::TokenArgs),
}

/// Runs the command.
///
/// # Errors
/// When flags contradict each other, the server refuses, or the object does not become ready.
pub async fn run(args: CreateArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let CreateArgs { what, common } = args;
    // Both are called --token; it is that of the webhook.
    let of_webhook = matches!(what, What::Secret { what: Secrets::Receiver(_) });
    let flags = &KubeFlags { token: flags.token.clone().filter(|_| !of_webhook), ..flags.clone() };
    let cluster = if common.export { None } else { Some(Cluster::connect(flags).await?) };
    let namespace = match &cluster {
        Some(cluster) => cluster.namespace.clone(),
        None => flags.own_namespace()?,
    };
    let mut objects = match what {
        What::Source { what: Sources::Git(args) } => args.objects(&namespace, &common.interval)?,
        What::Source { what: Sources::Oci(args) } => vec![args.object(&namespace, &common.interval)?],
        What::Source { what: Sources::Helm(args) } => args.objects(&namespace, &common.interval)?,
        What::Source { what: Sources::Chart(args) } => vec![args.object(&namespace, &common.interval)?],
        What::Kustomization(args) => vec![args.object(&namespace, &common.interval)?],
        What::Helmrelease(args) => vec![args.object(&namespace, &common.interval)?],
        What::Image { what } => vec![what.object(&namespace, &common.interval)?],
        What::Alert(args) => vec![args.object(&namespace)?],
        What::AlertProvider(args) => vec![args.object(&namespace)],
        What::Receiver(args) => vec![args.object(&namespace, &common.interval)?],
        What::Secret { what: Secrets::Git(args) } => vec![args.object(&namespace)?],
        What::Secret { what: Secrets::Receiver(args) } => vec![args.object(&namespace)?],
    };
    let labels = common.labels()?;
    for object in &mut objects {
        labels.iter().for_each(|(key, value)| sluice_object::set_label(object, key, value));
    }
    match cluster {
        None => yaml::print_documents(&objects)?,
        Some(cluster) => {
            for object in &objects {
                write(&cluster, object, flags).await?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Common {
    fn labels(&self) -> anyhow::Result<Vec<(String, String)>> {
        let one = |it: &String| match it.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => bail!("--label: `{it}` is no label; write `key=value`"),
        };
        self.label.iter().map(one).collect()
    }
}

/// Creates an object, or replaces its labels and spec; Flux objects are waited for.
async fn write(cluster: &Cluster, object: &Value, flags: &KubeFlags) -> anyhow::Result<()> {
    let (kind, name) = (sluice_object::kind(object), sluice_object::name(object));
    talk::action(&format!("applying {kind}"));
    let path = cluster.path_of(object).await?;
    match cluster.get(&path).await? {
        None => {
            let collection = path.rsplit_once('/').context("an object has a path")?.0;
            cluster.create(collection, object).await?;
            talk::success(&format!("{kind} {name} created"));
        }
        Some(mut live) => {
            for field in ["spec", "data", "stringData", "type"] {
                if let Some(value) = object.get(field) {
                    live[field] = value.clone();
                }
            }
            if let Some(labels) = sluice_object::labels(object) {
                live["metadata"]["labels"] = Value::Object(labels.clone());
            }
            for (key, value) in sluice_object::annotations(object).into_iter().flatten() {
                sluice_object::set_annotation(&mut live, key, value.as_str().unwrap_or_default());
            }
            cluster.replace(&path, &live).await?;
            talk::success(&format!("{kind} {name} updated"));
        }
    }
    // An Alert and a Provider have no status: they are as ready as they will ever be. So is a HelmRepository in a registry.
    let at_rest = object.pointer("/spec/type") == Some(&"oci".into());
    let Some(flux) = kinds::of_kind(kind).filter(|it| !it.is_static() && !at_rest) else { return Ok(()) };
    talk::waiting(&format!("waiting for {kind} reconciliation"));
    let ready = wait::ready(cluster, &path, flags.timeout.0).await.with_context(|| format!("{kind} {name}"))?;
    talk::success(&format!("{kind} {name} is ready"));
    talk::success(&reconcile::outcome(flux, &ready));
    Ok(())
}

/// An object without its empty fields.
fn object(api_version: &str, kind: &str, namespace: &str, name: &str, spec: Map<String, Value>) -> Value {
    let spec: Map<String, Value> = spec.into_iter().filter(|(_, value)| !is_empty(value)).collect();
    serde_json::json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(value) => !value,
        Value::Number(_) => false,
    }
}
