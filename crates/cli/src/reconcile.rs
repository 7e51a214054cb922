//! `sluice reconcile`: asks for a pass now, and waits for it (spec/flux/cli.md §3 "reconcile").

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};
use sluice_api::meta::annotation::{FORCE_AT, REQUESTED_AT, RESET_AT};

use crate::cluster::{Cluster, KubeFlags, MANAGER};
use crate::kinds::{self, FluxKind, What};
use crate::output::talk;
use crate::wait;

const EXAMPLES: &str = "\
Examples:
  # Fetch now, then apply
  sluice reconcile kustomization apps --with-source

  # Fetch now
  sluice reconcile source git web-app";

/// Have an object looked at now, and wait until that is done
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ReconcileArgs {
    #[command(subcommand)]
    what: What,
    /// Reconcile its source first
    #[arg(long, global = true)]
    with_source: bool,
    /// HelmReleases: install or upgrade even if nothing has changed
    #[arg(long, global = true)]
    force: bool,
    /// HelmReleases: forget failures
    #[arg(long, global = true)]
    reset: bool,
}

/// Runs the command.
///
/// # Errors
/// When the object does not exist, is suspended, fails, or is not ready in time.
pub async fn run(args: ReconcileArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let (kind, names) = args.what.kind();
    let [name] = names else { bail!("name one object: `sluice reconcile {} NAME`", kind.human) };
    if (args.force || args.reset) && kind.kind != "HelmRelease" {
        bail!("--force and --reset are for HelmReleases");
    }
    let cluster = Cluster::connect(flags).await?;
    let namespace = cluster.namespace.clone();
    let object = existing(&cluster, kind, &namespace, name).await?;
    if args.with_source {
        let (source, of, source_name) = source_of(kind, &object)?;
        one(&cluster, source, &of, &source_name, flags.timeout.0, &[]).await?;
    }
    let extra: Vec<&str> =
        [(args.force, FORCE_AT), (args.reset, RESET_AT)].iter().filter(|it| it.0).map(|it| it.1).collect();
    one(&cluster, kind, &namespace, name, flags.timeout.0, &extra).await?;
    Ok(ExitCode::SUCCESS)
}

async fn existing(cluster: &Cluster, kind: &FluxKind, namespace: &str, name: &str) -> anyhow::Result<Value> {
    let object = cluster.get(&kind.object(namespace, name)).await?;
    let object = object.with_context(|| format!("{} `{name}` not found in `{namespace}` namespace", kind.kind))?;
    if object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        bail!("{} `{name}` is suspended; `sluice resume {} {name} -n {namespace}` ends that", kind.kind, kind.human);
    }
    Ok(object)
}

async fn one(
    cluster: &Cluster,
    kind: &FluxKind,
    namespace: &str,
    name: &str,
    timeout: Duration,
    extra: &[&str],
) -> anyhow::Result<()> {
    let before = existing(cluster, kind, namespace, name).await?;
    if kind.kind == "HelmRepository" && before.pointer("/spec/type").and_then(Value::as_str) == Some("oci") {
        talk::success("reconciliation not supported by the object");
        return Ok(());
    }
    talk::action(&format!("annotating {} {name} in {namespace} namespace", kind.kind));
    let path = kind.object(namespace, name);
    request(cluster, &path, extra).await?;
    talk::success(&format!("{} annotated", kind.kind));
    talk::waiting(&format!("waiting for {} reconciliation", kind.kind));
    let handled = |object: &Value| object.pointer("/status/lastHandledReconcileAt").cloned();
    let prior = handled(&before);
    let done = wait::until(cluster, &path, timeout, |object| {
        let now = handled(object);
        // Kinds without a status are done at once.
        let seen = (now.is_some() && now != prior) || kind.is_static();
        Ok(if seen && (kind.is_static() || wait::is_ready(object)?) { Some(object.clone()) } else { None })
    });
    let done = done.await.with_context(|| format!("{} reconciliation failed", kind.kind))?;
    talk::success(&outcome(kind, &done));
    Ok(())
}

/// Asks for a pass now; `extra` annotations get the very same value.
///
/// # Errors
/// As the API server says.
pub async fn request(cluster: &Cluster, path: &str, extra: &[&str]) -> anyhow::Result<()> {
    let now = jiff::Timestamp::now().to_string();
    let annotations: serde_json::Map<String, Value> =
        extra.iter().chain([&REQUESTED_AT]).map(|key| ((*key).to_owned(), now.as_str().into())).collect();
    cluster.merge(path, &json!({"metadata": {"annotations": annotations}}), MANAGER).await?;
    Ok(())
}

/// What has been done, for people.
pub fn outcome(kind: &FluxKind, object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match kind.kind {
        "Kustomization" => format!("applied revision {}", text("/status/lastAppliedRevision")),
        "HelmRelease" => format!("applied revision {}", text("/status/history/0/chartVersion")),
        _ if kind.is_source => format!("fetched revision {}", text("/status/artifact/revision")),
        _ => format!("{} reconciliation completed", kind.kind),
    }
}

fn source_of(kind: &FluxKind, object: &Value) -> anyhow::Result<(&'static FluxKind, String, String)> {
    let reference = match kind.kind {
        "Kustomization" | "HelmChart" => object.pointer("/spec/sourceRef"),
        "HelmRelease" => object.pointer("/spec/chartRef").or_else(|| object.pointer("/spec/chart/spec/sourceRef")),
        _ => bail!("--with-source: {} has no source", kind.kind),
    };
    let text = |field: &str| reference.and_then(|it| it.get(field)).and_then(Value::as_str).unwrap_or_default();
    let source = kinds::of_kind(text("kind")).filter(|it| it.is_source && it.kind != "ExternalArtifact");
    let source =
        source.with_context(|| format!("--with-source: a source of kind `{}` cannot be reconciled", text("kind")))?;
    let namespace = if text("namespace").is_empty() { sluice_object::namespace(object) } else { text("namespace") };
    Ok((source, namespace.to_owned(), text("name").to_owned()))
}
