//! `sluice version`: of this command, and of what a cluster runs.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use crate::cluster::{Cluster, KubeFlags, collection, item};
use crate::output;

/// Print versions
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice version --client")]
pub struct VersionArgs {
    /// Only of this command: ask no cluster
    #[arg(long)]
    client: bool,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Yaml,
    Json,
}

/// Runs the command.
///
/// # Errors
/// When the cluster cannot be asked.
pub async fn run(args: VersionArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let mut versions = Map::new();
    versions.insert("sluice".to_owned(), concat!("v", env!("CARGO_PKG_VERSION")).into());
    if !args.client {
        let cluster = Cluster::connect(flags).await?;
        versions.insert("kubernetes".to_owned(), cluster.server_version().await?.into());
        of_cluster(&cluster, &mut versions).await?;
    }
    let versions = Value::Object(versions);
    output::data(&match args.output {
        Form::Yaml => sluice_yaml::emit(&versions)?,
        Form::Json => format!("{versions:#}\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The distribution from the labels of a CRD, the controllers from their images (spec/flux/cli.md §2 "version").
async fn of_cluster(cluster: &Cluster, versions: &mut Map<String, Value>) -> anyhow::Result<()> {
    let crd = "gitrepositories.source.toolkit.fluxcd.io";
    let crd = cluster.get(&item("apiextensions.k8s.io/v1", "customresourcedefinitions", "", crd)).await?;
    let label = |key: &str| crd.as_ref().and_then(|it| sluice_object::label(it, key));
    if let (Some("flux"), Some(version)) = (label("app.kubernetes.io/part-of"), label("app.kubernetes.io/version")) {
        versions.insert("distribution".to_owned(), format!("flux-{version}").into());
    }
    let deployments = collection("apps/v1", "deployments", &cluster.namespace);
    let (deployments, _) = cluster.list(&deployments, "&labelSelector=app.kubernetes.io%2Fpart-of%3Dflux").await?;
    for deployment in &deployments {
        let containers = deployment.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        for image in containers.into_iter().flatten().filter_map(|it| it["image"].as_str()) {
            let (name, tag) = split_image(image);
            versions.insert(name.to_owned(), tag.into());
        }
    }
    Ok(())
}

/// The last part of an image's name, and its tag.
fn split_image(image: &str) -> (&str, &str) {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once(':').unwrap_or((last, "latest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_name_and_a_tag() {
        assert_eq!(split_image("ghcr.io:443/a/source-controller:v1.2"), ("source-controller", "v1.2"));
        assert_eq!(split_image("x:v1@sha256:abc"), ("x", "v1"));
        assert_eq!(split_image("registry:5000/x"), ("x", "latest"));
    }
}
