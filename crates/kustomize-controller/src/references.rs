//! What Kustomizations refer to.

use sluice_api::kustomize::{Kustomization, SourceKind, SubstituteKind};
use sluice_runtime::Key;

/// What a Kustomization can depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The source of its files.
    Source(SourceKind, Key),
    /// Another Kustomization.
    Dependency(Key),
    /// A Secret it reads.
    Secret(Key),
    /// A ConfigMap it reads.
    ConfigMap(Key),
}

/// What a Kustomization refers to.
#[must_use]
pub fn of(object: &Kustomization) -> Vec<Reference> {
    let spec = &object.spec;
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let or_own = |namespace: &str| if namespace.is_empty() { own.to_owned() } else { namespace.to_owned() };
    let source = Key::new(&or_own(&spec.source_ref.namespace), &spec.source_ref.name);
    let mut references = vec![Reference::Source(spec.source_ref.kind.clone(), source)];
    for dependency in &spec.depends_on {
        references.push(Reference::Dependency(Key::new(&or_own(&dependency.namespace), &dependency.name)));
    }
    for from in spec.post_build.iter().flat_map(|it| &it.substitute_from) {
        let key = Key::new(own, &from.name);
        references.push(match from.kind {
            SubstituteKind::Secret => Reference::Secret(key),
            _ => Reference::ConfigMap(key),
        });
    }
    let secrets = [
        spec.decryption.as_ref().and_then(|it| it.secret_ref.as_ref()).map(|it| &it.name),
        spec.kube_config.as_ref().and_then(|it| it.secret_ref.as_ref()).map(|it| &it.name),
    ];
    references.extend(secrets.into_iter().flatten().map(|name| Reference::Secret(Key::new(own, name))));
    references
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_runtime::References;

    use super::*;

    fn kustomization(name: &str, source: &str) -> Kustomization {
        serde_json::from_value(json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "ns"},
            "spec": {"interval": "1m", "prune": true, "sourceRef": {"kind": "GitRepository", "name": source},
                     "dependsOn": [{"name": "base"}, {"name": "other", "namespace": "else"}],
                     "postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]}},
        }))
        .unwrap()
    }

    #[test]
    fn a_change_of_a_reference_is_followed() {
        let references = References::default();
        let set = |name: &str, source: &str| references.set(Key::new("ns", name), of(&kustomization(name, source)));
        set("a", "repo");
        set("b", "repo");
        let repo = Reference::Source(SourceKind::GitRepository, Key::new("ns", "repo"));
        assert_eq!(references.to(&repo).len(), 2);
        assert_eq!(references.to(&Reference::Dependency(Key::new("else", "other"))).len(), 2);
        assert_eq!(references.to(&Reference::ConfigMap(Key::new("ns", "vars"))).len(), 2);
        set("a", "fork");
        assert_eq!(references.to(&repo), [Key::new("ns", "b")]);
        references.remove(&Key::new("ns", "b"));
        assert!(references.to(&repo).is_empty());
    }
}
