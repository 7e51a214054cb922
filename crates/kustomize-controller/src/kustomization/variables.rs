//! The variables of `spec.postBuild` (spec/flux/kustomize.md §4 "Post-build substitution").

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use sluice_api::kustomize::{Kustomization, SubstituteKind};

use super::failure::Failure;
use crate::context::Context;

/// The variables: those of the named objects in order, then the inline ones, later ones winning.
pub async fn collect(object: &Kustomization, ctx: &Context) -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    let Some(post_build) = &object.spec.post_build else { return Ok(variables) };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    for from in &post_build.substitute_from {
        let what = format!("spec.postBuild.substituteFrom: {} '{namespace}/{}'", from.kind, from.name);
        let found = match from.kind {
            SubstituteKind::ConfigMap => config_map(ctx, namespace, &from.name).await,
            SubstituteKind::Secret => secret(ctx, namespace, &from.name).await,
            SubstituteKind::Other(_) => {
                return Err(Failure::Build(format!("{what}: neither a Secret nor a ConfigMap")));
            }
        };
        match found.map_err(|error| Failure::Build(format!("{what}: {error}")))? {
            Some(data) => variables.extend(data),
            None if from.optional => {}
            None => return Err(Failure::Build(format!("{what} not found; create it, or set `optional: true`"))),
        }
    }
    variables.extend(post_build.substitute.clone());
    Ok(variables)
}

type Data = BTreeMap<String, String>;

async fn config_map(ctx: &Context, namespace: &str, name: &str) -> Result<Option<Data>, kube::Error> {
    watch(ctx, "ConfigMap", "configmaps").await;
    let api: Api<ConfigMap> = Api::namespaced(ctx.runtime.client(), namespace);
    Ok(api.get_opt(name).await?.map(|it| it.data.unwrap_or_default()))
}

async fn secret(ctx: &Context, namespace: &str, name: &str) -> Result<Option<Data>, kube::Error> {
    watch(ctx, "Secret", "secrets").await;
    let api: Api<Secret> = Api::namespaced(ctx.runtime.client(), namespace);
    // A value that is no text cannot be put into YAML; Go would put its bytes there, which no YAML reader takes.
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let data = api.get_opt(name).await?.map(|it| it.data.unwrap_or_default());
    Ok(data.map(|data| data.into_iter().map(|(key, value)| (key, text(value.0))).collect()))
}

/// From the first use on, a change of what is referred to wakes whoever refers to it.
async fn watch(ctx: &Context, kind: &str, plural: &str) {
    if !ctx.options.watch_references || ctx.gate("DisableConfigWatchers") {
        return;
    }
    let resource = kube::api::ApiResource {
        group: String::new(),
        version: "v1".to_owned(),
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    if let Err(error) = ctx.index.watch(&resource).await {
        tracing::warn!(%error, "changes of referenced objects are seen at the interval alone");
    }
}
