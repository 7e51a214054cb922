//! What a server may hold is read, and what is not set is not written.

use kube::core::ObjectList;
use serde_json::{Value, json};
use sluice_api::kustomize::{DeletionPolicy, Kustomization};
use sluice_api::source::{GitProvider, GitRepository};

#[test]
fn one_odd_object_does_not_hide_the_others() {
    let list = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepositoryList", "metadata": {},
        "items": [
            { "metadata": { "name": "bare" } },
            { "metadata": { "name": "null" }, "spec": null, "status": null },
            { "metadata": { "name": "odd" }, "spec": { "interval": "9999999h", "timeout": 5, "provider": "forge" },
              "status": { "conditions": [{ "type": "Ready", "status": "Maybe", "lastTransitionTime": "yesterday" }] } },
            { "metadata": { "name": "newer" }, "spec": { "url": "https://example.com", "warp": { "speed": 9 } } },
            { "metadata": { "name": "good" }, "spec": { "interval": "10m", "url": "ssh://git@example.com/a" } },
        ],
    });
    let list: ObjectList<GitRepository> = serde_json::from_value(list).unwrap();
    assert_eq!(list.items.len(), 5);
    let odd = &list.items[2].spec;
    assert!(odd.interval.to_std().is_err() && odd.timeout.as_ref().unwrap().to_std().is_err());
    assert_eq!(odd.provider, GitProvider::Other("forge".to_owned()));
    assert_eq!(list.items[4].spec.interval.to_std().unwrap().as_secs(), 600);
}

#[test]
fn what_is_not_set_is_not_written() {
    let object: Kustomization = serde_json::from_value(json!({
        "metadata": { "name": "apps" },
        "spec": { "interval": "1h", "prune": false, "sourceRef": { "kind": "GitRepository", "name": "apps" },
                  "deletionPolicy": "Orphan", "suspend": false },
    }))
    .unwrap();
    assert_eq!(object.spec.deletion_policy, DeletionPolicy::Orphan);
    let want: Value = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": { "name": "apps" },
        "spec": { "interval": "1h", "prune": false, "sourceRef": { "kind": "GitRepository", "name": "apps" },
                  "deletionPolicy": "Orphan" },
    });
    assert_eq!(serde_json::to_value(&object).unwrap(), want);
}
