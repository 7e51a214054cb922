//! Annotations and labels by which people and controllers speak to each other.

/// A new value asks for a reconcile now; its handling is recorded in `status.lastHandledReconcileAt`.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// With the value of [`REQUESTED_AT`]: forces a HelmRelease to install or upgrade once.
pub const FORCE_AT: &str = "reconcile.fluxcd.io/forceAt";
/// With the value of [`REQUESTED_AT`]: forgets the failures of a HelmRelease.
pub const RESET_AT: &str = "reconcile.fluxcd.io/resetAt";

/// `enabled` or `disabled`: whether a Kustomization prunes this object.
pub const PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";
/// `enabled` or `disabled`: whether post-build substitution touches this object.
pub const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// `enabled`: recreate this object when an immutable field changed.
pub const FORCE: &str = "kustomize.toolkit.fluxcd.io/force";
/// How a Kustomization applies this object: `Override`, `Merge`, `IfNotPresent` or `Ignore`.
pub const SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";
/// The older switch: `disabled` keeps a Kustomization away from this object.
pub const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";

/// `disabled`: leave this encrypted object as it is.
pub const DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";

/// Label: the Kustomization that owns this object.
pub const KUSTOMIZE_NAME: &str = "kustomize.toolkit.fluxcd.io/name";
/// Label: the namespace of the Kustomization that owns this object.
pub const KUSTOMIZE_NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";
/// Label: the HelmRelease that owns this object.
pub const HELM_NAME: &str = "helm.toolkit.fluxcd.io/name";
/// Label: the namespace of the HelmRelease that owns this object.
pub const HELM_NAMESPACE: &str = "helm.toolkit.fluxcd.io/namespace";

/// `disabled` stops an ArtifactGenerator.
pub const ARTIFACT_GENERATOR_RECONCILE: &str = "source.extensions.fluxcd.io/reconcile";
/// Label of an ExternalArtifact: the UID of the ArtifactGenerator that made it.
pub const ARTIFACT_GENERATOR: &str = "source.extensions.fluxcd.io/generator";

/// Label that assigns an object to a shard.
pub const SHARD: &str = "sharding.fluxcd.io/key";
/// Label by which controllers are asked to watch a Secret or ConfigMap: `Enabled`.
pub const WATCH: &str = "reconcile.fluxcd.io/watch";
/// Prefix of annotations that travel as metadata of an object's events.
pub const EVENT_PREFIX: &str = "event.toolkit.fluxcd.io/";
