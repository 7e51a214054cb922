//! helm.toolkit.fluxcd.io/v2: HelmRelease. Behaviour: spec/flux/helm.md.

mod action;
mod chart;
mod release;
mod values;

pub use action::{
    ActionStrategyName, ChartNameChangeStrategy, CrdsPolicy, DeletionPropagation, Install, InstallRemediation,
    InstallStrategy, RemediationStrategy, Rollback, ServerSideApplyMode, Test, TestFilter, Uninstall, Upgrade,
    UpgradeRemediation, UpgradeStrategy,
};
pub use chart::{
    ChartKind, CrossNamespaceChartReference, CrossNamespaceSourceReference, HelmChartTemplate, HelmChartTemplateSpec,
    HelmChartTemplateVerification,
};
pub use release::{HelmRelease, HelmReleaseSpec, HelmReleaseStatus, ReleaseAction, Snapshot, TestHookStatus};
pub use values::{
    DriftDetection, DriftDetectionMode, KustomizePostRenderer, PostRenderStrategy, PostRenderer, ValuesKind,
    ValuesReference, WaitStrategy, WaitStrategyName,
};
