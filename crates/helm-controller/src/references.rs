//! What HelmReleases refer to.

use sluice_api::helm::{ChartKind, HelmRelease, ValuesKind};
use sluice_runtime::Key;

/// What a HelmRelease can depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The source of its chart.
    Source(ChartKind, Key),
    /// Another HelmRelease.
    Dependency(Key),
    /// A Secret it reads.
    Secret(Key),
    /// A ConfigMap it reads.
    ConfigMap(Key),
}

/// The name of the HelmChart that is made for a HelmRelease, in the namespace of its source.
#[must_use]
pub fn chart_of(object: &HelmRelease) -> Option<Key> {
    let template = object.spec.chart.as_ref()?;
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let source = &template.spec.source_ref;
    let namespace = if source.namespace.is_empty() { own } else { &source.namespace };
    Some(Key::new(namespace, &format!("{own}-{}", object.metadata.name.as_deref().unwrap_or_default())))
}

/// Which source has the chart of a HelmRelease.
#[must_use]
pub fn source_of(object: &HelmRelease) -> Option<(ChartKind, Key)> {
    if let Some(chart) = chart_of(object) {
        return Some((ChartKind::HelmChart, chart));
    }
    let reference = object.spec.chart_ref.as_ref()?;
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let namespace = if reference.namespace.is_empty() { own } else { &reference.namespace };
    Some((reference.kind.clone(), Key::new(namespace, &reference.name)))
}

/// What a HelmRelease refers to.
#[must_use]
pub fn of(object: &HelmRelease) -> Vec<Reference> {
    let spec = &object.spec;
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let mut references: Vec<Reference> =
        source_of(object).into_iter().map(|(kind, key)| Reference::Source(kind, key)).collect();
    for dependency in &spec.depends_on {
        let namespace = if dependency.namespace.is_empty() { own } else { &dependency.namespace };
        references.push(Reference::Dependency(Key::new(namespace, &dependency.name)));
    }
    references.extend(values_of(object));
    if let Some(secret) = spec.kube_config.as_ref().and_then(|it| it.secret_ref.as_ref()) {
        references.push(Reference::Secret(Key::new(own, &secret.name)));
    }
    references
}

/// The Secrets and ConfigMaps that values come from.
pub fn values_of(object: &HelmRelease) -> impl Iterator<Item = Reference> {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    object.spec.values_from.iter().map(move |from| {
        let key = Key::new(own, &from.name);
        match from.kind {
            ValuesKind::Secret => Reference::Secret(key),
            _ => Reference::ConfigMap(key),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_made_chart_lies_beside_its_source() {
        let release: HelmRelease = serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"interval": "1m", "chart": {"spec": {"chart": "web", "sourceRef": {
                        "kind": "HelmRepository", "name": "r", "namespace": "charts"}}},
                     "dependsOn": [{"name": "base"}],
                     "valuesFrom": [{"kind": "ConfigMap", "name": "vars"}]},
        }))
        .unwrap();
        let source = Reference::Source(ChartKind::HelmChart, Key::new("charts", "apps-web"));
        let others = [Reference::Dependency(Key::new("apps", "base")), Reference::ConfigMap(Key::new("apps", "vars"))];
        assert_eq!(of(&release), [vec![source], others.to_vec()].concat());
    }
}
