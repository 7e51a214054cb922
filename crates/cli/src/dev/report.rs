//! The closing table: objects, health, revision.

use sluice_object::{ObjectRef, name};

use super::plane::Plane;
use crate::cluster::Cluster;
use crate::escape::short_hashes;
use crate::table::Table;
use crate::tree::inventory;

/// The table of everything that is managed.
///
/// # Errors
/// When the cluster cannot be asked.
pub async fn table(plane: &Plane) -> anyhow::Result<String> {
    let state = plane.state.borrow().clone();
    let mut table = Table::new(&["kustomization", "object", "health", "revision"]);
    for kustomization in state.kustomizations.values() {
        let revision = kustomization.pointer("/status/lastAppliedRevision").and_then(|it| it.as_str());
        let revision = short_hashes(revision.unwrap_or("-"));
        for object in inventory(kustomization) {
            let health = health(&plane.cluster, &object).await?;
            table.row([name(kustomization), &object.to_string(), &health, &revision]);
        }
    }
    if table.is_empty() {
        return Ok(String::new());
    }
    Ok(table.render())
}

async fn health(cluster: &Cluster, object: &ObjectRef) -> anyhow::Result<String> {
    let Ok(path) = cluster.path_of_ref(object).await else { return Ok("Unknown".to_owned()) };
    Ok(match cluster.get(&path).await? {
        None => "NotFound".to_owned(),
        Some(live) => sluice_health::status(&live).map_or("Unknown", |status| status.kind.as_str()).to_owned(),
    })
}
