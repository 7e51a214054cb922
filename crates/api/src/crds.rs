use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::resource::Kind;
use crate::{helm, image, kustomize, notification, source, source_extensions};

/// The CRDs of each component, in the order in which an installation lists components.
#[must_use]
pub fn crds_by_component() -> Vec<(&'static str, Vec<CustomResourceDefinition>)> {
    vec![
        (
            "source-controller",
            vec![
                source::Bucket::crd(),
                source::ExternalArtifact::crd(),
                source::GitRepository::crd(),
                source::HelmChart::crd(),
                source::HelmRepository::crd(),
                source::OciRepository::crd(),
            ],
        ),
        ("kustomize-controller", vec![kustomize::Kustomization::crd()]),
        ("helm-controller", vec![helm::HelmRelease::crd()]),
        (
            "notification-controller",
            vec![notification::Alert::crd(), notification::Provider::crd(), notification::Receiver::crd()],
        ),
        (
            "image-automation-controller",
            vec![image::ImagePolicy::crd(), image::ImageRepository::crd(), image::ImageUpdateAutomation::crd()],
        ),
        ("source-watcher", vec![source_extensions::ArtifactGenerator::crd()]),
    ]
}

/// The CRD of every kind.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    crds_by_component().into_iter().flat_map(|(_, crds)| crds).collect()
}
