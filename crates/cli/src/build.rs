//! `sluice build kustomization`: what a Kustomization would apply, built from local files (spec/flux/cli.md §3 "build").

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::Value;
use sluice_kustomize::Disk;
use sluice_substitute::Mode;

use crate::cluster::{Cluster, KubeFlags, item};
use crate::kinds::KUSTOMIZATION;
use crate::output::talk;
use crate::render::{self, Settings};
use crate::yaml;

const EXAMPLES: &str = "\
Examples:
  # With the Kustomization that the cluster has
  sluice build kustomization apps --path ./clusters/production/apps

  # Without a cluster
  sluice build ks apps --path ./apps --kustomization-file ./clusters/apps.yaml --dry-run";

/// Build what an object would apply, from local files
#[derive(Args)]
pub struct BuildArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What a Kustomization would apply
    #[command(visible_alias = "ks", alias = "kustomizations", after_help = EXAMPLES)]
    Kustomization(Local),
}

/// A Kustomization and the local files of its source.
#[derive(Args)]
pub struct Local {
    /// Name of the Kustomization
    pub name: String,
    /// The local folder that stands for `spec.path`
    #[arg(long)]
    path: PathBuf,
    /// Take the Kustomization from this file instead of the cluster
    #[arg(long)]
    kustomization_file: Option<PathBuf>,
    /// Do not ask a cluster for anything: `substituteFrom` is left out
    #[arg(long)]
    dry_run: bool,
    /// Variables that are not set are an error, as for the controller
    #[arg(long)]
    strict_substitute: bool,
    /// Accepted for Flux's sake: builds never write into the folder
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    in_memory_build: Option<bool>,
}

/// Runs the command.
///
/// # Errors
/// When the Kustomization cannot be found or built.
pub async fn run(args: BuildArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Kustomization(args) = args.what;
    if args.dry_run && args.kustomization_file.is_none() {
        bail!("--dry-run needs --kustomization-file");
    }
    let cluster = if args.dry_run { None } else { Some(Cluster::connect(flags).await?) };
    let namespace = match &cluster {
        Some(cluster) => cluster.namespace.clone(),
        None => flags.own_namespace()?,
    };
    let (_, objects) = args.build(cluster.as_ref(), &namespace).await?;
    yaml::print_documents(&objects)?;
    Ok(ExitCode::SUCCESS)
}

impl Local {
    /// The Kustomization, with the live one's status, and its objects in apply order.
    ///
    /// # Errors
    /// When the Kustomization cannot be found or built.
    pub async fn build(&self, cluster: Option<&Cluster>, namespace: &str) -> anyhow::Result<(Value, Vec<Value>)> {
        if !self.path.is_dir() {
            bail!("--path: `{}` is no folder", self.path.display());
        }
        let live = match cluster {
            Some(cluster) => cluster.get(&KUSTOMIZATION.object(namespace, &self.name)).await?,
            None => None,
        };
        let object = match &self.kustomization_file {
            Some(_) => {
                let mut object = self.given_file(namespace)?;
                if let Some(status) = live.as_ref().and_then(|it| it.get("status")) {
                    object["status"] = status.clone();
                }
                object
            }
            None => {
                live.with_context(|| format!("Kustomization `{}` not found in `{namespace}` namespace", self.name))?
            }
        };
        let variables = match cluster {
            Some(cluster) => variables(cluster, &object, namespace).await?,
            None => BTreeMap::new(),
        };
        let mode = if self.strict_substitute { Mode::Strict } else { Mode::Lenient };
        // Bases may lie above the folder, so the root is the repository that it is in.
        let full = std::fs::canonicalize(&self.path).with_context(|| format!("`{}`", self.path.display()))?;
        let root = crate::repository::root_of(&full)?.unwrap_or_else(|| PathBuf::from("/"));
        let inner = full.strip_prefix(&root).unwrap_or(&full).to_str().context("--path is not UTF-8")?.to_owned();
        let files = Disk::new(&root).with_context(|| format!("`{}`", root.display()))?;
        let mut objects = render::kustomization(&object, &files, &inner, &Settings { variables, mode })?;
        sluice_object::order::sort(&mut objects);
        Ok((object, objects))
    }

    fn given_file(&self, namespace: &str) -> anyhow::Result<Value> {
        let path = self.kustomization_file.as_deref().unwrap_or_else(|| std::path::Path::new(""));
        let text = std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
        let objects = yaml::objects(&text).with_context(|| format!("`{}`", path.display()))?;
        let is_it = |it: &Value| {
            let own = sluice_object::namespace(it);
            sluice_object::kind(it) == "Kustomization"
                && sluice_object::api_version(it).starts_with("kustomize.toolkit.fluxcd.io/")
                && sluice_object::name(it) == self.name
                && (own.is_empty() || own == namespace)
        };
        let found = objects.into_iter().find(is_it);
        let mut found =
            found.with_context(|| format!("`{}` has no Kustomization `{namespace}/{}`", path.display(), self.name))?;
        sluice_object::set_namespace(&mut found, namespace);
        Ok(found)
    }
}

/// The values of `substituteFrom`.
async fn variables(cluster: &Cluster, object: &Value, namespace: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let from = object.pointer("/spec/postBuild/substituteFrom").and_then(Value::as_array);
    for reference in from.into_iter().flatten() {
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let plural = match text("kind") {
            "ConfigMap" => "configmaps",
            "Secret" => "secrets",
            other => bail!("spec.postBuild.substituteFrom: `{other}` is neither a Secret nor a ConfigMap"),
        };
        let Some(found) = cluster.get(&item("v1", plural, namespace, text("name"))).await? else {
            if reference["optional"].as_bool() != Some(true) {
                talk::warning(&format!(
                    "{} `{namespace}/{}` not found; its variables are empty",
                    text("kind"),
                    text("name")
                ));
            }
            continue;
        };
        for (name, value) in found["data"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let value = if plural == "secrets" {
                String::from_utf8_lossy(&STANDARD.decode(value).unwrap_or_default()).into_owned()
            } else {
                value.to_owned()
            };
            variables.insert(name.clone(), value);
        }
    }
    Ok(variables)
}
