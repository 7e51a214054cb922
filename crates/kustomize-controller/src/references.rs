//! Who refers to what, so that a change wakes exactly whom it concerns.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// All references, both ways.
#[derive(Default)]
pub struct References(Mutex<Maps>);

#[derive(Default)]
struct Maps {
    of: HashMap<Key, Vec<Reference>>,
    to: HashMap<Reference, HashSet<Key>>,
}

impl References {
    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what a Kustomization refers to.
    pub fn set(&self, object: &Kustomization) {
        let (key, references) = (Key::of(object), of(object));
        let mut maps = self.lock();
        if maps.of.get(&key) == Some(&references) {
            return;
        }
        maps.remove(&key);
        for reference in &references {
            maps.to.entry(reference.clone()).or_default().insert(key.clone());
        }
        maps.of.insert(key, references);
    }

    /// Forgets a Kustomization.
    pub fn remove(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// Who refers to something.
    #[must_use]
    pub fn to(&self, reference: &Reference) -> Vec<Key> {
        self.lock().to.get(reference).into_iter().flatten().cloned().collect()
    }
}

impl Maps {
    fn remove(&mut self, key: &Key) {
        for reference in self.of.remove(key).unwrap_or_default() {
            if let Some(keys) = self.to.get_mut(&reference) {
                keys.remove(key);
                if keys.is_empty() {
                    self.to.remove(&reference);
                }
            }
        }
    }
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
        references.set(&kustomization("a", "repo"));
        references.set(&kustomization("b", "repo"));
        let repo = Reference::Source(SourceKind::GitRepository, Key::new("ns", "repo"));
        assert_eq!(references.to(&repo).len(), 2);
        assert_eq!(references.to(&Reference::Dependency(Key::new("else", "other"))).len(), 2);
        assert_eq!(references.to(&Reference::ConfigMap(Key::new("ns", "vars"))).len(), 2);
        references.set(&kustomization("a", "fork"));
        assert_eq!(references.to(&repo), [Key::new("ns", "b")]);
        references.remove(&Key::new("ns", "b"));
        assert!(references.to(&repo).is_empty());
    }
}
