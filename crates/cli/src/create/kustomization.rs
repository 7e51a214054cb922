//! `sluice create kustomization`.

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::kinds;

const EXAMPLES: &str = "\
Examples:
  sluice create kustomization web-app --source GitRepository/web-app --path ./overlays/production --prune \\
    --health-check Deployment/web-app.production --export";

/// What a Kustomization is made of.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct KustomizationArgs {
    /// Name of the Kustomization
    name: String,
    /// Source, as KIND/NAME or KIND/NAME.NAMESPACE; a bare name is a GitRepository
    #[arg(long)]
    source: String,
    /// Folder in the source; begins with `./`
    #[arg(long, default_value = "./")]
    path: String,
    /// Delete what is no longer in the source
    #[arg(long)]
    prune: bool,
    /// Wait until all objects are ready
    #[arg(long)]
    wait: bool,
    /// Objects to wait for, as KIND/NAME.NAMESPACE
    #[arg(long, value_delimiter = ',')]
    health_check: Vec<String>,
    /// How long to wait for them
    #[arg(long, default_value = "2m")]
    health_check_timeout: String,
    /// Kustomizations that must be ready first, as NAME or NAMESPACE/NAME
    #[arg(long, value_delimiter = ',')]
    depends_on: Vec<String>,
    /// Service account to act as
    #[arg(long, default_value = "")]
    service_account: String,
    /// Namespace of all objects
    #[arg(long, default_value = "")]
    target_namespace: String,
    /// How Secrets are decrypted
    #[arg(long, value_parser = ["sops"])]
    decryption_provider: Option<String>,
    /// Secret with the keys for that
    #[arg(long, default_value = "")]
    decryption_secret: String,
    /// Secret with the kubeconfig of another cluster
    #[arg(long, default_value = "")]
    kubeconfig_secret_ref: String,
    /// The wait after a failure
    #[arg(long, default_value = "")]
    retry_interval: String,
}

impl KustomizationArgs {
    /// The Kustomization.
    ///
    /// # Errors
    /// When a reference is none, or the path does not begin with `./`.
    pub fn object(&self, namespace: &str, interval: &str) -> anyhow::Result<Value> {
        if !self.path.starts_with("./") {
            bail!("--path: `{}` must begin with ./", self.path);
        }
        let checks = self.health_check.iter().map(|it| health_check(it)).collect::<anyhow::Result<Vec<_>>>()?;
        let timeout = if checks.is_empty() && !self.wait { Value::Null } else { json!(self.health_check_timeout) };
        let named = |name: &str| if name.is_empty() { Value::Null } else { json!({"name": name}) };
        let depends = self.depends_on.iter().map(|it| match it.split_once('/') {
            Some((namespace, name)) => json!({"name": name, "namespace": namespace}),
            None => json!({"name": it}),
        });
        let secret_ref = |name: &str| if name.is_empty() { Value::Null } else { json!({"secretRef": {"name": name}}) };
        let mut decryption = Value::Null;
        if let Some(provider) = &self.decryption_provider {
            decryption = json!({"provider": provider});
            if !self.decryption_secret.is_empty() {
                decryption["secretRef"] = named(&self.decryption_secret);
            }
        }
        let spec = Map::from_iter([
            ("interval".to_owned(), json!(interval)),
            ("path".to_owned(), json!(self.path)),
            ("sourceRef".to_owned(), source(&self.source, namespace)?),
            ("wait".to_owned(), json!(self.wait)),
            ("healthChecks".to_owned(), checks.into()),
            ("timeout".to_owned(), timeout),
            ("dependsOn".to_owned(), depends.collect()),
            ("serviceAccountName".to_owned(), json!(self.service_account)),
            ("targetNamespace".to_owned(), json!(self.target_namespace)),
            ("decryption".to_owned(), decryption),
            ("kubeConfig".to_owned(), secret_ref(&self.kubeconfig_secret_ref)),
            ("retryInterval".to_owned(), json!(self.retry_interval)),
        ]);
        let mut object = super::object(kinds::KUSTOMIZATION.api_version, "Kustomization", namespace, &self.name, spec);
        // Required, so it is written even when it is false.
        object["spec"]["prune"] = self.prune.into();
        Ok(object)
    }
}

/// `KIND/NAME.NAMESPACE`.
fn source(text: &str, own: &str) -> anyhow::Result<Value> {
    let (kind, rest) = text.split_once('/').unwrap_or(("GitRepository", text));
    let kind = kinds::of_kind(kind).filter(|it| it.is_source && !matches!(it.kind, "HelmRepository" | "HelmChart"));
    let kind = kind.with_context(|| format!("--source: `{text}` names no source of files"))?;
    let (name, namespace) = rest.split_once('.').unwrap_or((rest, ""));
    let mut reference = json!({"kind": kind.kind, "name": name});
    if !namespace.is_empty() && namespace != own {
        reference["namespace"] = namespace.into();
    }
    Ok(reference)
}

fn health_check(text: &str) -> anyhow::Result<Value> {
    let parts = text.split_once('/').and_then(|(kind, rest)| rest.split_once('.').map(|(name, ns)| (kind, name, ns)));
    let Some((kind, name, namespace)) = parts else {
        bail!("--health-check: `{text}` is none; write `Deployment/web-app.production`");
    };
    let api_version = match kind {
        "Deployment" | "DaemonSet" | "StatefulSet" => "apps/v1",
        "HelmRelease" => kinds::HELM_RELEASE.api_version,
        _ => bail!("--health-check: `{kind}` is none of Deployment, DaemonSet, StatefulSet and HelmRelease"),
    };
    Ok(json!({"apiVersion": api_version, "kind": kind, "name": name, "namespace": namespace}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_may_be_in_another_namespace() {
        assert_eq!(source("web", "a").unwrap(), json!({"kind": "GitRepository", "name": "web"}));
        let other = json!({"kind": "OCIRepository", "name": "web", "namespace": "b"});
        assert_eq!(source("ocirepository/web.b", "a").unwrap(), other);
        assert!(source("Kustomization/x", "a").is_err());
    }

    #[test]
    fn a_health_check_names_kind_name_and_namespace() {
        let want = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "namespace": "y"});
        assert_eq!(health_check("Deployment/x.y").unwrap(), want);
        assert!(health_check("Deployment/x").is_err() && health_check("Pod/x.y").is_err());
    }
}
