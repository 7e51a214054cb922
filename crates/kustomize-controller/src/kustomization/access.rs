//! As whom, and on which cluster, a Kustomization's objects are applied (spec/flux/kustomize.md §9).

use sluice_api::kustomize::Kustomization;
use sluice_apply::Applier;

use super::failure::Failure;
use crate::context::Context;

/// The applier of a Kustomization.
pub async fn applier(object: &Kustomization, ctx: &Context) -> Result<Applier, Failure> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let named = [&object.spec.service_account_name, &ctx.options.default_service_account];
    let account = named.into_iter().find(|it| !it.is_empty()).map_or("", String::as_str);
    let applier = ctx.clusters.applier(namespace, account, object.spec.kube_config.as_ref()).await;
    applier.map_err(|error| Failure::Reconciliation(error.to_string()))
}
