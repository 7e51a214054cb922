//! Why a pass did not reach its end. The reasons are Flux's (spec/flux/kustomize.md §3).

use sluice_apply::{ApplyError, NotReady};

/// Why a pass did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The source, its artifact or the path in it is missing.
    #[error("{0}")]
    Artifact(String),
    /// The source has no artifact yet; its arrival wakes the pass.
    #[error("Source artifact not found, retrying in {retry}")]
    NoArtifact {
        /// When it is looked for again at the latest.
        retry: String,
    },
    /// A reference that is not allowed.
    #[error("{0}")]
    AccessDenied(String),
    /// A dependency is not ready.
    #[error("{0}")]
    Dependency(String),
    /// An expression that does not compile.
    #[error("Reconciliation failed terminally due to configuration error: {0}")]
    Expression(String),
    /// A field that needs a gate which is closed.
    #[error("{0}")]
    FeatureGate(String),
    /// The build failed, with all its errors.
    #[error("{0}")]
    Build(String),
    /// The cluster cannot be reached as asked, or refused objects.
    #[error("{0}")]
    Reconciliation(String),
    /// Deleting failed.
    #[error("{0}")]
    Prune(String),
    /// A prune larger than allowed waits to be approved.
    #[error("{0}")]
    PruneHeld(String),
    /// Objects did not become ready.
    #[error("health check failed after {after}: {why}")]
    Health {
        /// How long was waited.
        after: String,
        /// Which objects, and why.
        why: String,
        /// The objects.
        objects: Vec<NotReady>,
    },
    /// There is something newer to do.
    #[error("New reconciliation triggered by {0}")]
    Superseded(String),
    /// The process ends.
    #[error("interrupted: the controller is being stopped")]
    Stopped,
    /// The API server cannot be written to; nothing else can be told.
    #[error("{0}")]
    Api(String),
}

impl Failure {
    /// The reason of the Ready condition.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Failure::Artifact(_) | Failure::NoArtifact { .. } => "ArtifactFailed",
            Failure::AccessDenied(_) => "AccessDenied",
            Failure::Dependency(_) => "DependencyNotReady",
            Failure::Expression(_) => "InvalidCELExpression",
            Failure::FeatureGate(_) => "FeatureGateDisabled",
            Failure::Build(_) => "BuildFailed",
            Failure::Reconciliation(_) | Failure::Api(_) => "ReconciliationFailed",
            Failure::Prune(_) => "PruneFailed",
            Failure::PruneHeld(_) => "PruneApprovalRequired",
            Failure::Health { .. } => "HealthCheckFailed",
            Failure::Superseded(_) | Failure::Stopped => "HealthCheckCanceled",
        }
    }

    /// Whether only a change of the specification can help.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Failure::AccessDenied(_) | Failure::Expression(_) | Failure::FeatureGate(_))
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Interrupted => Failure::Stopped,
            other => Failure::Reconciliation(other.to_string()),
        }
    }
}
