//! What must hold after every fault (SECURITY §3.1), in one place.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::condition;
use crate::git::Repository;
use crate::world::World;

/// Kinds that scenarios put into repositories; an object of one of them that carries our label is ours.
const KINDS: &[&str] = &[
    "Namespace",
    "ConfigMap",
    "Secret",
    "Service",
    "ServiceAccount",
    "Deployment",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
];

impl World {
    /// Says what is wrong, all of it, when the state of a Kustomization is not exactly what the revision has.
    ///
    /// `expected` holds the inventory ids of the revision's objects. Checked: no orphan and nothing missing (I2, I6),
    /// the inventory exact (I2), the artifact whole and under its digest (I3), nothing half written in the storage
    /// (I11), the status no further than what was done (I4).
    ///
    /// # Errors
    /// A line for each invariant that does not hold.
    pub async fn invariants(
        &self,
        name: &str,
        repository: &Repository,
        revision: &str,
        expected: &BTreeSet<String>,
    ) -> Result<(), String> {
        let mut wrong = Vec::new();
        let object = self.get_kustomization(name).await;
        let status = &object["status"];
        let inventory: BTreeSet<String> = inventory(status);
        difference("inventory", &inventory, expected, &mut wrong);
        difference("live objects", &self.labelled(name).await, expected, &mut wrong);
        for (what, is, wanted) in [
            ("Ready", condition(&object, "Ready").0, "True".to_owned()),
            ("lastAppliedRevision", text(&status["lastAppliedRevision"]), revision.to_owned()),
            (
                "observedGeneration",
                status["observedGeneration"].to_string(),
                object["metadata"]["generation"].to_string(),
            ),
        ] {
            if is != wanted {
                wrong.push(format!("{what} is {is}, not {wanted}"));
            }
        }
        wrong.extend(self.artifact(repository, revision).await.err());
        leftovers(&self.storage(), &mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }

    /// The inventory ids of all live objects that say they belong to a Kustomization.
    pub async fn labelled(&self, name: &str) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for kind in KINDS {
            for object in self.api.list(kind, "").await {
                let meta = &object["metadata"];
                let labels = &meta["labels"];
                let ours = labels["kustomize.toolkit.fluxcd.io/name"] == name
                    && labels["kustomize.toolkit.fluxcd.io/namespace"] == self.namespace.as_str();
                if ours && meta["deletionTimestamp"].is_null() {
                    ids.insert(id(&text(&meta["namespace"]), &text(&meta["name"]), kind));
                }
            }
        }
        ids
    }

    /// Fetches the artifact of a repository and compares it with what the status says of it.
    async fn artifact(&self, repository: &Repository, revision: &str) -> Result<(), String> {
        let object = self.api.get("GitRepository", &self.namespace, repository.name()).await;
        let object = object.ok_or("the GitRepository is not there")?;
        let artifact = &object["status"]["artifact"];
        if artifact["revision"] != revision {
            return Err(format!("the artifact is of {}, not of {revision}", artifact["revision"]));
        }
        let url = text(&artifact["url"]);
        let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
        let response = client.get(&url).send().await.map_err(|error| format!("{url}: {error}"))?;
        let bytes = response.bytes().await.map_err(|error| format!("{url}: {error}"))?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        if artifact["digest"] != digest.as_str() {
            return Err(format!(
                "the artifact at {url} has the digest {digest}, the status says {}",
                artifact["digest"]
            ));
        }
        if artifact["size"].as_u64() != Some(bytes.len() as u64) {
            return Err(format!("the artifact has {} bytes, the status says {}", bytes.len(), artifact["size"]));
        }
        Ok(())
    }
}

/// The ids of an inventory.
#[must_use]
pub fn inventory(status: &Value) -> BTreeSet<String> {
    let entries = status["inventory"]["entries"].as_array().into_iter().flatten();
    entries.map(|entry| text(&entry["id"])).collect()
}

/// The inventory id of an object of a kind that scenarios use.
#[must_use]
pub fn id(namespace: &str, name: &str, kind: &str) -> String {
    let group = match kind {
        "Deployment" => "apps",
        "PodDisruptionBudget" => "policy",
        "Role" | "RoleBinding" => "rbac.authorization.k8s.io",
        _ => "",
    };
    format!("{namespace}_{name}_{group}_{kind}")
}

fn difference(what: &str, is: &BTreeSet<String>, wanted: &BTreeSet<String>, wrong: &mut Vec<String>) {
    let more: Vec<_> = is.difference(wanted).collect();
    let less: Vec<_> = wanted.difference(is).collect();
    if !more.is_empty() || !less.is_empty() {
        wrong.push(format!("{what}: too many: {more:?}, missing: {less:?}"));
    }
}

/// Half files that nobody would ever remove. A finished artifact is `REVISION.tar.gz`.
fn leftovers(folder: &Path, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            leftovers(&path, wrong);
        } else if name.starts_with('.') || !name.ends_with(".tar.gz") {
            wrong.push(format!("left in the storage: {}", path.display()));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
