//! source.toolkit.fluxcd.io/v1: what artifacts are made from. Behaviour: spec/flux/source.md.

mod bucket;
mod external_artifact;
mod git_repository;
mod helm_chart;
mod helm_repository;
mod oci_repository;

pub use bucket::{Bucket, BucketProvider, BucketSpec, BucketStatus, BucketStsProvider, BucketStsSpec};
pub use external_artifact::{ExternalArtifact, ExternalArtifactSpec, ExternalArtifactStatus};
pub use git_repository::{
    GitProvider, GitRepository, GitRepositoryInclude, GitRepositoryRef, GitRepositorySpec, GitRepositoryStatus,
    GitRepositoryVerification, GitVerificationMode,
};
pub use helm_chart::{
    HelmChart, HelmChartSourceKind, HelmChartSpec, HelmChartStatus, HelmChartVerification,
    LocalHelmChartSourceReference, ReconcileStrategy,
};
pub use helm_repository::{HelmRepository, HelmRepositorySpec, HelmRepositoryStatus, HelmRepositoryType};
pub use oci_repository::{
    OciLayerOperation, OciLayerSelector, OciProvider, OciRepository, OciRepositoryRef, OciRepositorySpec,
    OciRepositoryStatus, OciRepositoryVerification, OciVerificationProvider, OidcIdentityMatch,
};
