//! `sluice create source helm`, `chart` and `oci`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::helm_release::reference;
use crate::kinds;

const HELM_EXAMPLES: &str = "\
Examples:
  sluice create source helm podinfo --url https://stefanprodan.github.io/podinfo --export
  sluice create source helm podinfo --url oci://ghcr.io/stefanprodan/charts --export";
const CHART_EXAMPLES: &str = "\
Examples:
  sluice create source chart podinfo --source HelmRepository/podinfo --chart podinfo --chart-version 6.x --export";
const OCI_EXAMPLES: &str = "\
Examples:
  sluice create source oci podinfo --url oci://ghcr.io/stefanprodan/manifests/podinfo --tag-semver 6.x --export";

/// What a HelmRepository is made of.
#[derive(Args)]
#[command(after_help = HELM_EXAMPLES)]
pub struct HelmArgs {
    /// Name of the HelmRepository
    name: String,
    /// Address of the repository: http, https or oci
    #[arg(long)]
    url: String,
    /// User name; makes a Secret
    #[arg(short, long, default_value = "")]
    username: String,
    /// Password or token; makes a Secret
    #[arg(short, long, default_value = "", hide_env_values = true)]
    password: String,
    /// Path of a client's certificate; goes into the Secret
    #[arg(long)]
    cert_file: Option<PathBuf>,
    /// Path of its key; goes into the Secret
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Path of a certificate to trust; goes into the Secret
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Secret with the credentials
    #[arg(long, default_value = "")]
    secret_ref: String,
    /// Where credentials of a registry come from
    #[arg(long, value_parser = ["generic", "aws", "azure", "gcp"])]
    oci_provider: Option<String>,
    /// Send the credentials to other hosts that serve charts, too
    #[arg(long)]
    pass_credentials: bool,
    /// Timeout of one fetch
    #[arg(long, default_value = "")]
    fetch_timeout: String,
}

impl HelmArgs {
    /// The HelmRepository, after the Secret where the flags make one.
    ///
    /// # Errors
    /// When the address is none, or a file cannot be read.
    pub fn objects(&self, namespace: &str, interval: &str) -> anyhow::Result<Vec<Value>> {
        if !["http://", "https://", "oci://"].iter().any(|it| self.url.starts_with(it)) {
            bail!("--url: `{}` must begin with http://, https:// or oci://", self.url);
        }
        let is_oci = self.url.starts_with("oci://");
        let mut data = Map::new();
        for (key, value) in [("username", &self.username), ("password", &self.password)] {
            if !value.is_empty() {
                data.insert(key.to_owned(), value.as_str().into());
            }
        }
        for (key, flag, file) in [
            ("tls.crt", "--cert-file", &self.cert_file),
            ("tls.key", "--key-file", &self.key_file),
            ("ca.crt", "--ca-file", &self.ca_file),
        ] {
            if let Some(file) = file {
                data.insert(key.to_owned(), read(flag, file)?.into());
            }
        }
        let mut objects = Vec::new();
        let mut secret = self.secret_ref.clone();
        let has_tls = data.keys().any(|it| it.contains(".crt"));
        if secret.is_empty() && !data.is_empty() {
            secret.clone_from(&self.name);
            objects.push(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.name, "namespace": namespace},
                "stringData": data,
            }));
        }
        let named = |name: &str| if name.is_empty() { Value::Null } else { json!({"name": name}) };
        let spec = Map::from_iter([
            ("url".to_owned(), json!(self.url)),
            ("type".to_owned(), json!(if is_oci { "oci" } else { "" })),
            ("interval".to_owned(), json!(if is_oci { "" } else { interval })),
            ("secretRef".to_owned(), named(&secret)),
            (
                "certSecretRef".to_owned(),
                if has_tls && self.secret_ref.is_empty() { named(&secret) } else { Value::Null },
            ),
            ("provider".to_owned(), json!(self.oci_provider)),
            ("passCredentials".to_owned(), json!(self.pass_credentials)),
            ("timeout".to_owned(), json!(self.fetch_timeout)),
        ]);
        objects.push(super::object(kinds::HELM_REPOSITORY.api_version, "HelmRepository", namespace, &self.name, spec));
        Ok(objects)
    }
}

/// What a HelmChart is made of.
#[derive(Args)]
#[command(after_help = CHART_EXAMPLES)]
pub struct ChartArgs {
    /// Name of the HelmChart
    name: String,
    /// Source that has the chart, as KIND/NAME: HelmRepository, GitRepository or Bucket
    #[arg(long)]
    source: String,
    /// Name of the chart, or its path in the source
    #[arg(long)]
    chart: String,
    /// Version of the chart, or a range
    #[arg(long, default_value = "")]
    chart_version: String,
    /// What makes another chart: its version, or any change of its source
    #[arg(long, default_value = "ChartVersion", value_parser = ["ChartVersion", "Revision"])]
    reconcile_strategy: String,
}

impl ChartArgs {
    /// The HelmChart.
    ///
    /// # Errors
    /// When the source is none, or in another namespace.
    pub fn object(&self, namespace: &str, interval: &str) -> anyhow::Result<Value> {
        let source = reference("--source", &self.source, namespace, &["HelmRepository", "GitRepository", "Bucket"])?;
        if source.get("namespace").is_some() {
            bail!("--source: `{}` is in another namespace, which a HelmChart cannot name", self.source);
        }
        let spec = Map::from_iter([
            ("chart".to_owned(), json!(self.chart)),
            ("version".to_owned(), json!(self.chart_version)),
            ("sourceRef".to_owned(), source),
            ("interval".to_owned(), json!(interval)),
            ("reconcileStrategy".to_owned(), json!(self.reconcile_strategy)),
        ]);
        Ok(super::object(kinds::CHART.api_version, "HelmChart", namespace, &self.name, spec))
    }
}

/// What an OCIRepository is made of.
#[derive(Args)]
#[command(after_help = OCI_EXAMPLES)]
pub struct OciArgs {
    /// Name of the OCIRepository
    name: String,
    /// Address of the repository: oci://
    #[arg(long)]
    url: String,
    /// Tag
    #[arg(long, default_value = "")]
    tag: String,
    /// Range of versions; wins over a tag
    #[arg(long, default_value = "")]
    tag_semver: String,
    /// Digest; wins over everything
    #[arg(long, default_value = "")]
    digest: String,
    /// Secret with the credentials
    #[arg(long, default_value = "")]
    secret_ref: String,
    /// Secret with the address of a proxy
    #[arg(long, default_value = "")]
    proxy_secret_ref: String,
    /// Service account with pull secrets
    #[arg(long, default_value = "")]
    service_account: String,
    /// Secret with a client's certificate, and one to trust
    #[arg(long, default_value = "")]
    cert_ref: String,
    /// Where credentials come from
    #[arg(long, value_parser = ["generic", "aws", "azure", "gcp"])]
    provider: Option<String>,
    /// Who checks signatures
    #[arg(long, value_parser = ["cosign", "notation"])]
    verify_provider: Option<String>,
    /// Secret with the keys for that
    #[arg(long, default_value = "", requires = "verify_provider")]
    verify_secret_ref: String,
    /// Who may have signed, as an expression; goes with --verify-issuer
    #[arg(long, default_value = "", requires_all = ["verify_provider", "verify_issuer"])]
    verify_subject: String,
    /// Who may have vouched for that, as an expression
    #[arg(long, default_value = "", requires_all = ["verify_provider", "verify_subject"])]
    verify_issuer: String,
    /// Patterns to leave out, as in .gitignore
    #[arg(long, value_delimiter = ',')]
    ignore_paths: Vec<String>,
    /// Talk to the registry without TLS
    #[arg(long)]
    insecure: bool,
    /// Which layer, and what to do with it: MEDIA-TYPE, or MEDIA-TYPE:extract or :copy
    #[arg(long, default_value = "")]
    layer_selector: String,
    /// Timeout of one fetch
    #[arg(long, default_value = "")]
    fetch_timeout: String,
}

impl OciArgs {
    /// The OCIRepository.
    ///
    /// # Errors
    /// When the address is none, or nothing to fetch is named.
    pub fn object(&self, namespace: &str, interval: &str) -> anyhow::Result<Value> {
        if !self.url.starts_with("oci://") {
            bail!("--url: `{}` must begin with oci://", self.url);
        }
        let references = [("digest", &self.digest), ("semver", &self.tag_semver), ("tag", &self.tag)];
        let Some((field, value)) = references.into_iter().find(|it| !it.1.is_empty()) else {
            bail!("name what to fetch: --tag, --tag-semver or --digest");
        };
        let named = |name: &str| if name.is_empty() { Value::Null } else { json!({"name": name}) };
        let mut verify = Value::Null;
        if let Some(provider) = &self.verify_provider {
            verify = json!({"provider": provider});
            if !self.verify_secret_ref.is_empty() {
                verify["secretRef"] = named(&self.verify_secret_ref);
            }
            if !self.verify_issuer.is_empty() {
                verify["matchOIDCIdentity"] = json!([{"issuer": self.verify_issuer, "subject": self.verify_subject}]);
            }
        }
        let spec = Map::from_iter([
            ("url".to_owned(), json!(self.url)),
            ("interval".to_owned(), json!(interval)),
            ("ref".to_owned(), json!({field: value})),
            ("secretRef".to_owned(), named(&self.secret_ref)),
            ("proxySecretRef".to_owned(), named(&self.proxy_secret_ref)),
            ("certSecretRef".to_owned(), named(&self.cert_ref)),
            ("serviceAccountName".to_owned(), json!(self.service_account)),
            ("provider".to_owned(), json!(self.provider)),
            ("verify".to_owned(), verify),
            ("ignore".to_owned(), json!(self.ignore_paths.join("\n"))),
            ("insecure".to_owned(), json!(self.insecure)),
            ("layerSelector".to_owned(), layer_selector(&self.layer_selector)?),
            ("timeout".to_owned(), json!(self.fetch_timeout)),
        ]);
        Ok(super::object(kinds::OCI.api_version, "OCIRepository", namespace, &self.name, spec))
    }
}

fn layer_selector(text: &str) -> anyhow::Result<Value> {
    match text.split_once(':') {
        None if text.is_empty() => Ok(Value::Null),
        None => Ok(json!({"mediaType": text})),
        Some((media, operation @ ("extract" | "copy"))) => Ok(json!({"mediaType": media, "operation": operation})),
        Some((_, other)) => bail!("--layer-selector: `{other}` is neither extract nor copy"),
    }
}

fn read(flag: &str, file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{flag}: `{}`", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_selector_may_say_what_to_do() {
        assert_eq!(layer_selector("").unwrap(), Value::Null);
        assert_eq!(layer_selector("a/b+gzip").unwrap(), json!({"mediaType": "a/b+gzip"}));
        assert_eq!(layer_selector("a/b:copy").unwrap(), json!({"mediaType": "a/b", "operation": "copy"}));
        assert!(layer_selector("a/b:x").is_err());
    }
}
