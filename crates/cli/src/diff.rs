//! `sluice diff kustomization`: what applying local files would change in the cluster (spec/flux/cli.md §3 "diff").

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;
use sluice_api::meta::annotation::{PRUNE, RECONCILE, SSA};

use crate::artifact::{self, DiffArtifactArgs};
use crate::cluster::{Cluster, KubeFlags, Mode};
use crate::local::Local;
use crate::output::{self, talk};
use crate::render::describe;
use crate::{compare, escape, tree, yaml};

const EXAMPLES: &str = "\
Examples:
  sluice diff kustomization apps --path ./clusters/production/apps

Exit codes: 0 nothing would change, 1 something would, 2 something is wrong.";

/// Show what local files would change in the cluster
#[derive(Args)]
pub struct DiffArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Compare a Kustomization built from local files with the cluster, by a dry run
    #[command(visible_alias = "ks", alias = "kustomizations", after_help = EXAMPLES)]
    Kustomization(KustomizationArgs),
    /// Compare local files with an OCI artifact
    Artifact(DiffArtifactArgs),
}

#[derive(Args)]
struct KustomizationArgs {
    #[command(flatten)]
    local: Local,
    /// Accepted for Flux's sake: there is no progress bar
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    progress_bar: Option<bool>,
    /// A Kustomization that the cluster does not have is compared as a new one
    #[arg(long)]
    ignore_not_found: bool,
}

/// Runs the command.
///
/// # Errors
/// When the build fails or the server refuses an object.
pub async fn run(args: DiffArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let args = match args.what {
        What::Kustomization(args) => args,
        What::Artifact(args) => return artifact::run_diff(args, flags).await,
    };
    let cluster = Cluster::connect(flags).await?;
    let mut text = String::new();
    for part in args.local.build(Some(&cluster), &cluster.namespace).await? {
        if part.kustomization.get("status").is_none() && !args.ignore_not_found {
            let name = sluice_object::name(&part.kustomization);
            talk::warning(&format!("Kustomization `{name}` was never applied: everything is new"));
        }
        for object in &part.objects {
            text.push_str(&one(&cluster, object).await?);
        }
        text.push_str(&deleted(&cluster, &part.kustomization, &part.objects).await?);
    }
    output::data(&escape::lines(&text))?;
    if text.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    talk::warning("identified at least one change, exiting with non-zero exit code");
    Ok(ExitCode::FAILURE)
}

/// What would happen to one object; empty when nothing would.
async fn one(cluster: &Cluster, object: &Value) -> anyhow::Result<String> {
    let name = describe(object);
    let asks = |key: &str, value: &str| {
        sluice_object::annotation(object, key).is_some_and(|it| it.eq_ignore_ascii_case(value))
    };
    if asks(RECONCILE, "disabled") || asks(SSA, "Ignore") {
        talk::action(&format!("{name} skipped"));
        return Ok(String::new());
    }
    // A kind or a namespace that comes with this very build is not there yet.
    let live = match cluster.live(object).await {
        Ok(live) => live,
        Err(_) if is_custom(object) => return Ok(format!("► {name} created\n")),
        Err(error) => return Err(error.context(name)),
    };
    let Some(live) = live else { return Ok(format!("► {name} created\n")) };
    if asks(SSA, "IfNotPresent") {
        return Ok(String::new());
    }
    let rehearsed = match cluster.apply(object, "kustomize-controller", Mode::DryRun).await {
        Ok(rehearsed) => rehearsed,
        Err(error) => return Err(error.context(name)),
    };
    let fields = compare::fields(&yaml::cleaned(&live), &yaml::cleaned(&rehearsed));
    if fields.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("► {name} drifted\n{}", compare::lines(&fields, "  ")))
}

fn is_custom(object: &Value) -> bool {
    sluice_object::api_version(object)
        .split('/')
        .next()
        .is_some_and(|group| group.contains('.') && !group.ends_with(".k8s.io"))
}

async fn deleted(cluster: &Cluster, kustomization: &Value, objects: &[Value]) -> anyhow::Result<String> {
    if kustomization.pointer("/spec/prune").and_then(Value::as_bool) != Some(true) {
        return Ok(String::new());
    }
    let built: BTreeSet<String> =
        objects.iter().filter_map(|it| sluice_object::ObjectRef::of(it).ok()).map(|it| it.inventory_id()).collect();
    let mut text = String::new();
    for gone in tree::inventory(kustomization).into_iter().filter(|it| !built.contains(&it.inventory_id())) {
        let Ok(path) = cluster.path_of_ref(&gone).await else { continue };
        let Some(live) = cluster.get(&path).await? else { continue };
        if sluice_object::annotation(&live, PRUNE) != Some("disabled") {
            text.push_str(&format!("► {gone} deleted\n"));
        }
    }
    Ok(text)
}
