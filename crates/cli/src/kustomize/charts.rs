//! Charts that a kustomization names, rendered by the engine of `sluice helm`.

use sluice_helm::values::ValueFlags;
use sluice_helm::{Capabilities, KubeVersion, Limits, Release, RenderOptions, name_from_template, render};
use sluice_kustomize::{Chart, Charts};
use sluice_tree::TreeBuilder;

/// What the command line says of charts; it goes over what the kustomization says.
#[derive(Default)]
pub struct HelmFlags {
    /// Kubernetes version to render for.
    pub kube_version: Option<String>,
    /// More API versions that the cluster has.
    pub api_versions: Vec<String>,
}

impl Charts for HelmFlags {
    fn render(&self, wanted: &Chart) -> Result<String, String> {
        let limits = Limits::default();
        let mut tree = TreeBuilder::new(sluice_tree::Limits::default());
        for (path, data) in &wanted.files {
            tree.file(path, data.clone(), false).map_err(|error| error.to_string())?;
        }
        let chart = sluice_helm::Chart::load(&tree.build(), &limits).map_err(|error| error.to_string())?;
        // The flags of Helm name files; these are their places in the list.
        let names = (0..wanted.values.len()).map(|index| index.to_string()).collect();
        let read = |name: &str| {
            let file = name.parse::<usize>().ok().and_then(|index| wanted.values.get(index));
            Ok(file.map(|data| data.to_vec()).unwrap_or_default())
        };
        let values = ValueFlags { files: names, ..ValueFlags::default() }.merge(&read)?;
        let options = RenderOptions {
            release: Release {
                name: release_name(wanted, &limits)?,
                namespace: or(&wanted.namespace, "default"),
                revision: 1,
                is_upgrade: false,
            },
            capabilities: self.capabilities(wanted)?,
            lookup: None,
            skip_schema: false,
            sub_notes: false,
            limits,
        };
        let rendered = render(&chart, &values, &options).map_err(|error| error.to_string())?;
        Ok(rendered.template_output(wanted.include_crds, wanted.skip_hooks, wanted.skip_tests))
    }
}

impl HelmFlags {
    fn capabilities(&self, wanted: &Chart) -> Result<Capabilities, String> {
        let mut capabilities = Capabilities::default();
        let version = self.kube_version.as_deref().unwrap_or(&wanted.kube_version);
        if !version.is_empty() {
            capabilities.kube_version =
                KubeVersion::parse(version).map_err(|why| format!("invalid kube version '{version}': {why}"))?;
        }
        let versions = if self.api_versions.is_empty() { &wanted.api_versions } else { &self.api_versions };
        capabilities.api_versions.extend(versions.iter().cloned());
        Ok(capabilities)
    }
}

/// kustomize has Helm make up a name where there is none, which Helm does not when it only renders.
fn release_name(wanted: &Chart, limits: &Limits) -> Result<String, String> {
    match (wanted.name_template.as_str(), wanted.release_name.as_str()) {
        ("", name) => Ok(or(name, "release-name")),
        (template, "") => name_from_template(template, limits).map_err(|error| error.to_string()),
        _ => Err("cannot set --name-template and also specify a name".to_owned()),
    }
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
}
