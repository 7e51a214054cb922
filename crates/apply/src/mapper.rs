//! From a group, version and kind to a path on the server.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use kube::Client;
use kube::api::ApiResource;
use sluice_object::GroupVersionKind;
use sluice_object::schema::builtin;

/// Where objects of a kind live.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The kind with its plural name.
    pub resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// Knows the built-in kinds; asks the server for others, once each.
pub struct Mapper {
    client: Client,
    known: RwLock<HashMap<GroupVersionKind, Mapped>>,
}

impl Mapper {
    /// A mapper that asks `client`'s server.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Mapper { client, known: RwLock::default() }
    }

    /// Where objects of `gvk` live; `None` when the server has no such kind.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn resolve(&self, gvk: &GroupVersionKind) -> Result<Option<Mapped>, kube::Error> {
        if let Some(kind) = builtin().kind(gvk) {
            return Ok(Some(mapped(gvk, kind.plural, kind.namespaced)));
        }
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(gvk) {
            return Ok(Some(known.clone()));
        }
        let resources = match self.client.list_api_group_resources(&gvk.api_version()).await {
            Ok(resources) => resources.resources,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // A name with a slash is a subresource's.
        for resource in resources.into_iter().filter(|it| !it.name.contains('/')) {
            let gvk = GroupVersionKind::new(&gvk.group, &gvk.version, &resource.kind);
            let mapped = mapped(&gvk, &resource.name, resource.namespaced);
            known.insert(gvk, mapped);
        }
        Ok(known.get(gvk).cloned())
    }

    /// Forgets a kind whose path answered 404: its definition may be gone, or another.
    pub fn forget(&self, gvk: &GroupVersionKind) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(gvk);
    }
}

fn mapped(gvk: &GroupVersionKind, plural: &str, namespaced: bool) -> Mapped {
    let resource = ApiResource {
        group: gvk.group.clone(),
        version: gvk.version.clone(),
        api_version: gvk.api_version(),
        kind: gvk.kind.clone(),
        plural: plural.to_owned(),
    };
    Mapped { resource, namespaced }
}
