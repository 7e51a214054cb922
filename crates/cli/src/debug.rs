//! `sluice debug`: what stands behind an object, in clear (spec/flux/cli.md §2).

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sluice_api::helm::HelmRelease;

use crate::cluster::{Cluster, KubeFlags};
use crate::kinds::{self, FluxKind};
use crate::output;

/// Show what stands behind an object: its status, its history, the values of a HelmRelease
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sluice debug helmrelease podinfo --show-values\n  sluice debug ks apps --show-history\n\nWhat comes from Secrets is printed in clear."
)]
pub struct DebugArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A HelmRelease
    #[command(visible_alias = "hr", alias = "helmreleases")]
    Helmrelease(HelmReleaseArgs),
    /// A Kustomization
    #[command(visible_alias = "ks", alias = "kustomizations")]
    Kustomization(KustomizationArgs),
}

#[derive(Args)]
#[group(required = true, multiple = false, id = "helm-shown", args = ["show_status", "show_values", "show_history"])]
struct HelmReleaseArgs {
    /// Name of the HelmRelease
    name: String,
    /// Print its status
    #[arg(long)]
    show_status: bool,
    /// Print the values that it releases with: those of `valuesFrom` and its own
    #[arg(long)]
    show_values: bool,
    /// Print its revisions
    #[arg(long)]
    show_history: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false, id = "kustomize-shown", args = ["kustomize_status", "kustomize_history"])]
struct KustomizationArgs {
    /// Name of the Kustomization
    name: String,
    /// Print its status
    #[arg(long = "show-status")]
    kustomize_status: bool,
    /// Print its history
    #[arg(long = "show-history")]
    kustomize_history: bool,
}

/// Runs the command.
///
/// # Errors
/// When the object does not exist, or what it refers to cannot be read.
pub async fn run(args: DebugArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let cluster = Cluster::connect(flags).await?;
    let text = match args.what {
        What::Helmrelease(args) => {
            let object = get(&cluster, &kinds::HELM_RELEASE, &args.name).await?;
            if args.show_values { values(object, flags).await? } else { shown(&object, args.show_history)? }
        }
        What::Kustomization(args) => {
            let object = get(&cluster, &kinds::KUSTOMIZATION, &args.name).await?;
            shown(&object, args.kustomize_history)?
        }
    };
    output::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn get(cluster: &Cluster, kind: &FluxKind, name: &str) -> anyhow::Result<Value> {
    let object = cluster.get(&kind.object(&cluster.namespace, name)).await?;
    object.with_context(|| format!("{} `{name}` not found in `{}` namespace", kind.kind, cluster.namespace))
}

fn shown(object: &Value, history: bool) -> anyhow::Result<String> {
    let (what, value) = if history {
        ("history", object.pointer("/status/history").cloned().unwrap_or_else(|| json!([])))
    } else {
        ("status", object.get("status").cloned().unwrap_or_else(|| json!({})))
    };
    sluice_yaml::emit(&value).with_context(|| format!("printing the {what}"))
}

async fn values(object: Value, flags: &KubeFlags) -> anyhow::Result<String> {
    let object: HelmRelease = serde_json::from_value(object).context("the HelmRelease cannot be read")?;
    let (config, _) = flags.config().await?;
    let client = kube::Client::try_from(config).context("setting up the API client")?;
    match sluice_helm_controller::final_values(&object, &client).await {
        Ok(values) => sluice_yaml::emit(&Value::Object(values)).context("printing the values"),
        Err(why) => bail!("{why}"),
    }
}
