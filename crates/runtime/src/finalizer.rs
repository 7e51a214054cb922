//! The finalizer by which a controller gets to clean up before its object is gone.

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use sluice_api::meta::FINALIZER;

use crate::{Cached, Runtime};

/// Whether an object carries Flux's finalizer; a takeover in either direction keeps it.
pub fn is_set<K: Cached>(object: &K) -> bool {
    object.finalizers().iter().any(|it| it == FINALIZER)
}

/// Puts the finalizer on; returns the object as it then is.
///
/// # Errors
/// As the API server says; a conflict when the object has changed meanwhile.
pub async fn add<K: Cached>(object: &K, runtime: &Runtime) -> Result<K, kube::Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    set(object, &finalizers, runtime).await
}

/// Takes the finalizer off; that the object is gone already is no error.
///
/// # Errors
/// As [`add`].
pub async fn remove<K: Cached>(object: &K, runtime: &Runtime) -> Result<(), kube::Error> {
    let rest: Vec<String> = object.finalizers().iter().filter(|it| *it != FINALIZER).cloned().collect();
    match set(object, &rest, runtime).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

async fn set<K: Cached>(object: &K, finalizers: &[String], runtime: &Runtime) -> Result<K, kube::Error> {
    let api: Api<K> = Api::namespaced(runtime.client(), &object.namespace().unwrap_or_default());
    // The list is replaced whole, so it must be the one that was seen; and the object the same.
    let body = json!({"metadata": {
        "finalizers": finalizers,
        "uid": object.uid(),
        "resourceVersion": object.resource_version(),
    }});
    let params = PatchParams { field_manager: Some(runtime.status_manager()), ..PatchParams::default() };
    api.patch(&object.name_any(), &params, &Patch::Merge(body)).await
}
