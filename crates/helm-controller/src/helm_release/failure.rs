//! Why a pass did not reach its end. The reasons are Flux's (spec/flux/helm.md §4).

/// Why a pass did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A dependency is not ready.
    #[error("{0}")]
    Dependency(String),
    /// An expression that does not compile.
    #[error("{0}")]
    Expression(String),
    /// A reference that is not allowed.
    #[error("{0}")]
    AccessDenied(String),
    /// The HelmChart of the template cannot be made, the source is missing, or its chart cannot be read.
    #[error("{0}")]
    Artifact(String),
    /// The source serves nothing yet; its readiness wakes the pass.
    #[error("{message}")]
    SourceNotReady {
        /// What it says.
        message: String,
        /// Whether the status need not say so yet: the source was made just now.
        just_made: bool,
    },
    /// The artifact is not there; another one is to come.
    #[error("Source not ready: artifact not found. Retrying in {retry}")]
    ArtifactGone {
        /// When it is looked for again at the latest.
        retry: String,
    },
    /// The values cannot be put together.
    #[error("{0}")]
    Values(String),
    /// The chart is not what its source says.
    #[error("{0}")]
    ChartMutate(String),
    /// The cluster cannot be reached as asked.
    #[error("{0}")]
    Client(String),
    /// The records of the release cannot be read, or say what cannot be.
    #[error("{0}")]
    State(String),
    /// An action failed; the conditions say so already.
    #[error("{message}")]
    Action {
        /// Its message.
        message: String,
        /// What becomes of it.
        next: Next,
    },
    /// Only a change of the specification, or a request, can help.
    #[error("{message}")]
    Stalled {
        /// `RetriesExceeded` or `MissingRollbackTarget`.
        reason: &'static str,
        /// Why.
        message: String,
    },
    /// There is something newer to do.
    #[error("superseded by a newer revision or specification")]
    Superseded,
    /// The process ends.
    #[error("interrupted: the controller is being stopped")]
    Stopped,
    /// The API server cannot be written to; nothing else can be told.
    #[error("{0}")]
    Api(String),
}

/// What becomes of a failed action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next pass, at once.
    AtOnce,
    /// The next pass after the backoff.
    Backoff,
    /// The next pass after the retry interval of the strategy.
    Retry(std::time::Duration),
}

impl Failure {
    /// The reason of the Ready condition; `None` when the conditions say what there is to say.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        Some(match self {
            Failure::Dependency(_) => "DependencyNotReady",
            Failure::Expression(_) => "InvalidCELExpression",
            Failure::AccessDenied(_) => "AccessDenied",
            Failure::Artifact(_) | Failure::ArtifactGone { .. } => "ArtifactFailed",
            Failure::SourceNotReady { .. } => "SourceNotReady",
            Failure::Values(_) => "ValuesError",
            Failure::ChartMutate(_) => "ChartMutateError",
            Failure::Client(_) => "RESTClientError",
            Failure::State(_) => "StateError",
            Failure::Action { .. } | Failure::Stalled { .. } => return None,
            Failure::Superseded | Failure::Stopped => "HealthCheckCanceled",
            Failure::Api(_) => "ReconcileError",
        })
    }

    /// The reason of the Stalled condition, when only a change of the specification can help.
    #[must_use]
    pub fn stalled(&self) -> Option<&'static str> {
        match self {
            Failure::AccessDenied(_) | Failure::Expression(_) => self.reason(),
            Failure::Stalled { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
