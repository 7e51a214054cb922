//! `sluice create helmrelease`.

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::kinds;

const EXAMPLES: &str = "\
Examples:
  # A chart of a HelmRepository
  sluice create helmrelease podinfo --source HelmRepository/podinfo --chart podinfo --chart-version '>6.0.0' --export

  # A chart that another object serves
  sluice create helmrelease podinfo --chart-ref OCIRepository/podinfo --values values.yaml --export";

/// What a HelmRelease is made of.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct HelmReleaseArgs {
    /// Name of the HelmRelease
    name: String,
    /// Source that has the chart, as KIND/NAME or KIND/NAME.NAMESPACE: HelmRepository, GitRepository or Bucket
    #[arg(long, requires = "chart", conflicts_with = "chart_ref")]
    source: Option<String>,
    /// Name of the chart, or its path in the source
    #[arg(long, requires = "source")]
    chart: Option<String>,
    /// Version of the chart, or a range
    #[arg(long, requires = "source", default_value = "")]
    chart_version: String,
    /// Object that serves the chart, as KIND/NAME or KIND/NAME.NAMESPACE: OCIRepository, HelmChart or ExternalArtifact
    #[arg(long, required_unless_present = "source")]
    chart_ref: Option<String>,
    /// How often the chart is looked for
    #[arg(long, requires = "source", default_value = "")]
    chart_interval: String,
    /// What makes another chart: its version, or any change of its source
    #[arg(long, requires = "source", value_parser = ["ChartVersion", "Revision"])]
    reconcile_strategy: Option<String>,
    /// Name of the release [default: that of the HelmRelease, behind the target namespace]
    #[arg(long, default_value = "")]
    release_name: String,
    /// Namespace of the release
    #[arg(long, default_value = "")]
    target_namespace: String,
    /// Namespace of its records [default: the target namespace]
    #[arg(long, default_value = "")]
    storage_namespace: String,
    /// Create the target namespace
    #[arg(long, requires = "target_namespace")]
    create_target_namespace: bool,
    /// HelmReleases that must be ready first, as NAME or NAMESPACE/NAME
    #[arg(long, value_delimiter = ',')]
    depends_on: Vec<String>,
    /// Files with values, later ones win
    #[arg(long, value_delimiter = ',')]
    values: Vec<std::path::PathBuf>,
    /// Objects with values, as Secret/NAME or ConfigMap/NAME
    #[arg(long, value_delimiter = ',')]
    values_from: Vec<String>,
    /// What becomes of the definitions in the chart
    #[arg(long, value_parser = ["Skip", "Create", "CreateReplace"])]
    crds: Option<String>,
    /// Service account to act as
    #[arg(long, default_value = "")]
    service_account: String,
    /// Secret with the kubeconfig of another cluster
    #[arg(long, default_value = "")]
    kubeconfig_secret_ref: String,
}

impl HelmReleaseArgs {
    /// The HelmRelease.
    ///
    /// # Errors
    /// When a reference is none, or a file cannot be read.
    pub fn object(&self, namespace: &str, interval: &str) -> anyhow::Result<Value> {
        let chart_ref = match &self.chart_ref {
            Some(text) => {
                reference("--chart-ref", text, namespace, &["OCIRepository", "HelmChart", "ExternalArtifact"])?
            }
            None => Value::Null,
        };
        let storage = if self.storage_namespace.is_empty() { &self.target_namespace } else { &self.storage_namespace };
        let depends = self.depends_on.iter().map(|it| match it.split_once('/') {
            Some((namespace, name)) => json!({"name": name, "namespace": namespace}),
            None => json!({"name": it}),
        });
        let values_from = self.values_from.iter().map(|it| values_from(it)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut install = Map::new();
        if self.create_target_namespace {
            install.insert("createNamespace".to_owned(), true.into());
        }
        let mut upgrade = Map::new();
        if let Some(crds) = &self.crds {
            install.insert("crds".to_owned(), crds.as_str().into());
            upgrade.insert("crds".to_owned(), crds.as_str().into());
        }
        let kube_config = match self.kubeconfig_secret_ref.as_str() {
            "" => Value::Null,
            name => json!({"secretRef": {"name": name}}),
        };
        let spec = Map::from_iter([
            ("interval".to_owned(), json!(interval)),
            ("chart".to_owned(), self.chart(namespace)?),
            ("chartRef".to_owned(), chart_ref),
            ("releaseName".to_owned(), json!(self.release_name)),
            ("targetNamespace".to_owned(), json!(self.target_namespace)),
            ("storageNamespace".to_owned(), json!(storage)),
            ("dependsOn".to_owned(), depends.collect()),
            ("install".to_owned(), install.into()),
            ("upgrade".to_owned(), upgrade.into()),
            ("valuesFrom".to_owned(), values_from.into()),
            ("values".to_owned(), self.merged_values()?),
            ("serviceAccountName".to_owned(), json!(self.service_account)),
            ("kubeConfig".to_owned(), kube_config),
        ]);
        Ok(super::object(kinds::HELM_RELEASE.api_version, "HelmRelease", namespace, &self.name, spec))
    }

    fn chart(&self, namespace: &str) -> anyhow::Result<Value> {
        let (Some(source), Some(chart)) = (&self.source, &self.chart) else { return Ok(Value::Null) };
        let kinds = ["HelmRepository", "GitRepository", "Bucket"];
        let mut spec = json!({"chart": chart, "sourceRef": reference("--source", source, namespace, &kinds)?});
        for (field, value) in [("version", &self.chart_version), ("interval", &self.chart_interval)] {
            if !value.is_empty() {
                spec[field] = value.as_str().into();
            }
        }
        if let Some(strategy) = &self.reconcile_strategy {
            spec["reconcileStrategy"] = strategy.as_str().into();
        }
        Ok(json!({"spec": spec}))
    }

    /// The files, one over the other as Helm does.
    fn merged_values(&self) -> anyhow::Result<Value> {
        let mut merged = Map::new();
        for file in &self.values {
            let text = std::fs::read_to_string(file).with_context(|| format!("--values: `{}`", file.display()))?;
            let values = sluice_helm::values::read(&text)
                .map_err(|error| anyhow::anyhow!("--values: `{}`: {error}", file.display()))?;
            sluice_helm::values::overlay(&mut merged, values);
        }
        Ok(Value::Object(merged))
    }
}

/// `KIND/NAME.NAMESPACE`, of one of the kinds.
pub fn reference(flag: &str, text: &str, own: &str, kinds: &[&str]) -> anyhow::Result<Value> {
    let Some((kind, rest)) = text.split_once('/') else { bail!("{flag}: `{text}` is none; write KIND/NAME") };
    let Some(kind) = kinds.iter().find(|it| it.eq_ignore_ascii_case(kind)) else {
        bail!("{flag}: `{kind}` is none of {}", kinds.join(", "));
    };
    let (name, namespace) = rest.split_once('.').unwrap_or((rest, ""));
    let mut reference = json!({"kind": kind, "name": name});
    if !namespace.is_empty() && namespace != own {
        reference["namespace"] = namespace.into();
    }
    Ok(reference)
}

fn values_from(text: &str) -> anyhow::Result<Value> {
    let parts = text.split_once('/').filter(|(_, name)| !name.is_empty());
    let Some((kind, name)) = parts else {
        bail!("--values-from: `{text}` is none; write Secret/NAME or ConfigMap/NAME")
    };
    let Some(kind) = ["Secret", "ConfigMap"].into_iter().find(|it| it.eq_ignore_ascii_case(kind)) else {
        bail!("--values-from: `{kind}` is neither Secret nor ConfigMap");
    };
    Ok(json!({"kind": kind, "name": name}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_kind_and_name() {
        let of = |text: &str| reference("--source", text, "own", &["HelmRepository", "GitRepository"]);
        assert_eq!(of("helmrepository/a").unwrap(), json!({"kind": "HelmRepository", "name": "a"}));
        assert_eq!(of("GitRepository/a.b").unwrap(), json!({"kind": "GitRepository", "name": "a", "namespace": "b"}));
        assert_eq!(of("GitRepository/a.own").unwrap(), json!({"kind": "GitRepository", "name": "a"}));
        assert!(of("a").is_err() && of("OCIRepository/a").is_err());
        assert_eq!(values_from("secret/x").unwrap(), json!({"kind": "Secret", "name": "x"}));
        assert!(values_from("Pod/x").is_err());
    }
}
