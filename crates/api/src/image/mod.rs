//! image.toolkit.fluxcd.io/v1: what new images there are, and who shall use them. Behaviour: spec/flux/image.md.

mod policy;
mod repository;
mod update_automation;

pub use policy::{
    AlphabeticalPolicy, ImagePolicy, ImagePolicyChoice, ImagePolicySpec, ImagePolicyStatus, ImageRef, NumericalPolicy,
    Order, ReflectionPolicy, SemVerPolicy, TagFilter,
};
pub use repository::{ImageRepository, ImageRepositorySpec, ImageRepositoryStatus, ScanResult};
pub use update_automation::{
    AutomationSourceKind, AutomationSourceReference, CommitSpec, CommitUser, GitCheckoutSpec, GitSpec,
    ImageUpdateAutomation, ImageUpdateAutomationSpec, ImageUpdateAutomationStatus, LabelSelector,
    LabelSelectorRequirement, PushSpec, SigningKey, SigningKeyType, UpdateStrategy, UpdateStrategyName,
};
