use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::kustomize::Kustomization;
use crate::resource::Kind;
use crate::source::GitRepository;

/// The CRD of every kind, by component as an installation lists them.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![GitRepository::crd(), Kustomization::crd()]
}
