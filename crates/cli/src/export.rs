//! `sluice export`: objects as YAML that could be committed.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::cluster::{Cluster, KubeFlags, item};
use crate::kinds::What;
use crate::yaml;

/// Print objects as YAML that could be committed
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice export kustomization --all > kustomizations.yaml")]
pub struct ExportArgs {
    #[command(subcommand)]
    what: What,
    /// All objects of the kind in the namespace
    #[arg(long, global = true)]
    all: bool,
    /// Sources: print their Secrets too, in clear
    #[arg(long, global = true)]
    with_credentials: bool,
}

/// Runs the command.
///
/// # Errors
/// When an object does not exist.
pub async fn run(args: ExportArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let (kind, names) = args.what.kind();
    if names.is_empty() != args.all {
        bail!("name an object, or say --all");
    }
    let cluster = Cluster::connect(flags).await?;
    let mut objects = Vec::new();
    if args.all {
        objects = cluster.list(&kind.path(&cluster.namespace), "").await?.0;
    }
    for name in names {
        let object = cluster.get(&kind.object(&cluster.namespace, name)).await?;
        objects.push(
            object.with_context(|| format!("{} `{name}` not found in `{}` namespace", kind.kind, cluster.namespace))?,
        );
    }
    let mut documents = Vec::new();
    for object in &objects {
        documents.push(exported(object, kind.api_version, kind.kind));
        let secret = object.pointer("/spec/secretRef/name").and_then(Value::as_str);
        if let (true, Some(secret)) = (args.with_credentials && kind.is_source, secret) {
            documents.push(credentials(&cluster, secret).await?);
        }
    }
    yaml::print_documents(&documents)?;
    Ok(ExitCode::SUCCESS)
}

fn exported(object: &Value, api_version: &str, kind: &str) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "labels", "annotations"] {
        if let Some(value) = yaml::cleaned(object).pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": object["spec"]})
}

async fn credentials(cluster: &Cluster, name: &str) -> anyhow::Result<Value> {
    let secret = cluster.get(&item("v1", "secrets", &cluster.namespace, name)).await?;
    let secret = secret.with_context(|| format!("Secret `{name}` not found in `{}` namespace", cluster.namespace))?;
    let mut exported = yaml::cleaned(&secret);
    exported["apiVersion"] = "v1".into();
    exported["kind"] = "Secret".into();
    let mut clear = Map::new();
    for (key, value) in secret["data"].as_object().into_iter().flatten() {
        let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
        let Ok(text) = String::from_utf8(bytes) else { return Ok(exported) };
        clear.insert(key.clone(), text.into());
    }
    if let Some(map) = exported.as_object_mut() {
        map.remove("data");
        map.insert("stringData".to_owned(), clear.into());
    }
    Ok(exported)
}
