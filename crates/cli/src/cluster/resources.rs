//! Which kinds a server serves, and where.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sluice_object::GroupVersionKind;

use super::Cluster;

/// Where a kind is served.
#[derive(Clone, Debug)]
pub struct Resource {
    /// `deployments`.
    pub plural: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

/// What is known so far, by apiVersion and kind.
#[derive(Default)]
pub struct Resources(Mutex<HashMap<(String, String), Resource>>);

impl Cluster {
    /// Where a kind is served; `None` when it is not.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn resource(&self, gvk: &GroupVersionKind) -> anyhow::Result<Option<Resource>> {
        let key = (gvk.api_version(), gvk.kind.clone());
        if let Some(known) = self.resources.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(known.clone()));
        }
        let root = if gvk.group.is_empty() { "api" } else { "apis" };
        let Some(list) = self.get(&format!("/{root}/{}", key.0)).await? else { return Ok(None) };
        let mut known = self.resources.0.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in list["resources"].as_array().into_iter().flatten() {
            let text = |field: &str| resource[field].as_str().unwrap_or_default().to_owned();
            // A subresource such as `deployments/scale` has a kind of its own.
            if text("name").contains('/') {
                continue;
            }
            let namespaced = resource["namespaced"].as_bool().unwrap_or(false);
            let found = Resource { plural: text("name"), namespaced };
            known.insert((key.0.clone(), text("kind")), found);
        }
        Ok(known.get(&key).cloned())
    }

    /// Applies objects: definitions and namespaces first, and the rest once the server serves the new kinds.
    ///
    /// # Errors
    /// As the API server says, or when a kind is not served in time.
    pub async fn apply_all(&self, objects: &[Value], manager: &str) -> anyhow::Result<()> {
        let early = |object: &&Value| matches!(sluice_object::kind(object), "CustomResourceDefinition" | "Namespace");
        for object in objects.iter().filter(early) {
            self.apply(object, manager, super::Mode::Write).await?;
        }
        for object in objects.iter().filter(|it| !early(it)) {
            self.until_served(object).await?;
            self.apply(object, manager, super::Mode::Write).await?;
        }
        Ok(())
    }

    async fn until_served(&self, object: &Value) -> anyhow::Result<()> {
        let gvk = GroupVersionKind::from_object(object)?;
        // A new kind is served within a moment (spec/flux/cli.md §1 waits up to a minute).
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        while self.resource(&gvk).await?.is_none() {
            anyhow::ensure!(tokio::time::Instant::now() < end, "the server does not serve `{gvk}`");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
