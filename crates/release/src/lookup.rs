//! `lookup` in templates: what the cluster has, as whoever the release is made as.

use std::sync::Arc;

use kube::Client;
use kube::core::request::Request as KubeRequest;
use serde_json::{Value, json};
use sluice_apply::{Applier, Mapper};
use sluice_helm::Lookup;
use sluice_object::GroupVersionKind;
use tokio::runtime::Handle;

use crate::error::text;

/// What `lookup` asks. It blocks the thread of the template, which is none of the runtime's.
pub(crate) fn of(applier: &Applier) -> Lookup {
    let (client, mapper, handle) = (applier.client.clone(), applier.mapper.clone(), Handle::current());
    Arc::new(move |api_version: &str, kind: &str, namespace: &str, name: &str| {
        handle.block_on(find(&client, &mapper, GroupVersionKind::from_api_version(api_version, kind), namespace, name))
    })
}

async fn find(
    client: &Client,
    mapper: &Mapper,
    gvk: GroupVersionKind,
    namespace: &str,
    name: &str,
) -> Result<Value, String> {
    let failed = |error: kube::Error| text(&error);
    let Some(at) = mapper.resolve(&gvk).await.map_err(failed)? else {
        return Err(format!("unable to get apiresource from unstructured: {}", gvk.kind));
    };
    let fits = |text: &str| text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '%' | '?' | '#'));
    if !fits(namespace) || !fits(name) || name == ".." || name == "." {
        return Ok(json!({}));
    }
    let namespace = (at.namespaced && !namespace.is_empty()).then_some(namespace);
    if at.namespaced && namespace.is_none() && !name.is_empty() {
        return Err("an empty namespace may not be set when a resource name is provided".to_owned());
    }
    let request = KubeRequest::new(<kube::api::DynamicObject as kube::Resource>::url_path(&at.resource, namespace));
    let request = match name {
        "" => request.list(&kube::api::ListParams::default()),
        name => request.get(name, &kube::api::GetParams::default()),
    };
    match client.request(request.map_err(|error| error.to_string())?).await {
        Ok(found) => Ok(found),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(json!({})),
        Err(error) => Err(failed(error)),
    }
}
