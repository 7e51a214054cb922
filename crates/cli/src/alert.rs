//! `sluice alert test`: sends a sample to a Provider and shows what was said.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use clap::{Args, Subcommand};
use sluice_api::notification::Provider;
use sluice_notification_controller::sample;

use crate::cluster::{self, Cluster, KubeFlags};
use crate::kinds;
use crate::output::{self, talk};

/// Try alerts out
#[derive(Args)]
pub struct AlertArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Send a sample to a Provider from here, and print exchange and verdict with secrets masked
    Test {
        /// Name of the Provider
        provider: String,
    },
}

/// Runs the command. The exit code is 1 when the service did not take the sample.
///
/// # Errors
/// When the Provider or one of its Secrets cannot be read.
pub async fn run(args: AlertArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Test { provider: name } = args.what;
    let cluster = Cluster::connect(flags).await?;
    let path = kinds::PROVIDER.object(&cluster.namespace, &name);
    let found =
        cluster.get(&path).await?.with_context(|| format!("Provider {}/{name} not found", cluster.namespace))?;
    let provider: Provider = serde_json::from_value(found).with_context(|| format!("Provider {name}"))?;
    let spec = &provider.spec;
    let mut secrets = sample::Secrets::default();
    if let Some(it) = &spec.secret_ref {
        secrets.own = secret(&cluster, &it.name).await?;
    }
    if let Some(it) = &spec.cert_secret_ref {
        secrets.certificates = Some(secret(&cluster, &it.name).await?);
    }
    if let Some(it) = &spec.proxy_secret_ref {
        secrets.proxy = Some(secret(&cluster, &it.name).await?);
    }
    talk::action(&format!("sending a sample to Provider {name} of type {}", spec.type_));
    let tried = sample::send(&provider, &secrets).await;
    for line in tried.exchange {
        output::data(&format!("{line}\n"))?;
    }
    match tried.failure {
        None => {
            talk::success("the service took the sample");
            Ok(ExitCode::SUCCESS)
        }
        Some(why) => {
            talk::failure(&why);
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn secret(cluster: &Cluster, name: &str) -> anyhow::Result<sample::Data> {
    let path = cluster::item("v1", "secrets", &cluster.namespace, name);
    let found = cluster.get(&path).await?.with_context(|| format!("Secret {}/{name} not found", cluster.namespace))?;
    let mut data = BTreeMap::new();
    for (key, value) in found["data"].as_object().into_iter().flatten() {
        let decoded = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap_or_default());
        let text = decoded.ok().and_then(|it| String::from_utf8(it).ok());
        let text = text.with_context(|| format!("Secret {name}: key `{key}` is no text"))?;
        data.insert(key.clone(), text.into());
    }
    Ok(data)
}
