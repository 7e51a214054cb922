//! `sluice suspend` and `sluice resume` (spec/flux/cli.md §3).

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::cluster::{Cluster, KubeFlags, MANAGER};
use crate::kinds::{FluxKind, What};
use crate::output::talk;
use crate::{reconcile, wait};

/// Leave objects alone until they are resumed
#[derive(Args)]
#[command(
    after_help = "Examples:\n  # During an incident: no more changes by `apps`\n  sluice suspend kustomization apps"
)]
pub struct SuspendArgs {
    #[command(subcommand)]
    what: What,
    /// All objects of the kind in the namespace
    #[arg(long, global = true)]
    all: bool,
}

/// Look after suspended objects again
#[derive(Args)]
#[command(after_help = "Examples:\n  # Waits until it is ready\n  sluice resume kustomization apps")]
pub struct ResumeArgs {
    #[command(subcommand)]
    what: What,
    /// All objects of the kind in the namespace
    #[arg(long, global = true)]
    all: bool,
    /// Wait until all are ready; one object is waited for in any case
    #[arg(long, global = true)]
    wait: bool,
}

/// Runs `suspend`.
///
/// # Errors
/// When the cluster cannot be asked. An object that is missing is only told about.
pub async fn suspend(args: SuspendArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let (kind, names) = args.what.kind();
    let cluster = Cluster::connect(flags).await?;
    for name in chosen(&cluster, kind, names, args.all).await? {
        talk::action(&format!("suspending {} {name} in {} namespace", kind.human, cluster.namespace));
        if set(&cluster, kind, &name, true).await? {
            talk::success(&format!("{} suspended", kind.human));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `resume`.
///
/// # Errors
/// When the cluster cannot be asked, or an object that is waited for fails.
pub async fn resume(args: ResumeArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let (kind, names) = args.what.kind();
    let cluster = Cluster::connect(flags).await?;
    let names = chosen(&cluster, kind, names, args.all).await?;
    let mut resumed = Vec::new();
    for name in names {
        talk::action(&format!("resuming {} {name} in {} namespace", kind.human, cluster.namespace));
        if set(&cluster, kind, &name, false).await? {
            talk::success(&format!("{} resumed", kind.human));
            resumed.push(name);
        }
    }
    if kind.is_static() || (!args.wait && (args.all || resumed.len() != 1)) {
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = false;
    for name in resumed {
        talk::waiting(&format!("waiting for {} reconciliation", kind.kind));
        let path = kind.object(&cluster.namespace, &name);
        match wait::ready(&cluster, &path, flags.timeout.0).await {
            Ok(object) => {
                talk::success(&format!("{} {name} reconciliation completed", kind.kind));
                talk::success(&reconcile::outcome(kind, &object));
            }
            Err(error) => {
                talk::failure(&format!("{} {name}: {error:#}", kind.kind));
                failed = true;
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn chosen(cluster: &Cluster, kind: &FluxKind, names: &[String], all: bool) -> anyhow::Result<Vec<String>> {
    if !kind.can_be_suspended() {
        bail!("a {} cannot be suspended", kind.kind);
    }
    match (names, all) {
        ([], false) => bail!("name objects, or all of them with --all"),
        ([], true) => {
            let (objects, _) = cluster.list(&kind.path(&cluster.namespace), "").await?;
            if objects.is_empty() {
                talk::failure(&format!("no {} objects found in {} namespace", kind.kind, cluster.namespace));
            }
            Ok(objects.iter().map(|it| sluice_object::name(it).to_owned()).collect())
        }
        (_, true) => bail!("name objects, or say --all"),
        (names, false) => Ok(names.to_vec()),
    }
}

/// Whether the object was there.
async fn set(cluster: &Cluster, kind: &FluxKind, name: &str, suspend: bool) -> anyhow::Result<bool> {
    let path = kind.object(&cluster.namespace, name);
    if cluster.get(&path).await?.is_none() {
        talk::failure(&format!("{} `{name}` not found in {} namespace", kind.kind, cluster.namespace));
        return Ok(false);
    }
    // Absent rather than false, as in a manifest that never named it.
    let value = if suspend { Value::Bool(true) } else { Value::Null };
    cluster.merge(&path, &json!({"spec": {"suspend": value}}), MANAGER).await.context("writing `spec.suspend`")?;
    Ok(true)
}
