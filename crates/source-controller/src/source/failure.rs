//! Why there is no new artifact. Conditions and reasons are Flux's (spec/flux/source.md §0).

use sluice_artifact::StorageError;

/// Which condition a failure sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The remote.
    Fetch,
    /// The folder of artifacts.
    Storage,
    /// An included repository.
    Include,
    /// What is made of what was fetched.
    Build,
    /// The signature.
    Verification,
}

/// What helps against a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Trying again, ever later.
    Retry,
    /// Another object, for which it waits.
    Wait,
    /// A change of the specification alone.
    Change,
}

/// Why there is no new artifact.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The condition it sets.
    pub aspect: Aspect,
    /// What helps.
    pub remedy: Remedy,
    /// One word for programs.
    pub reason: &'static str,
    /// What went wrong and what to do.
    pub message: String,
}

impl Failure {
    /// A failure that passes, or not.
    pub fn retry(aspect: Aspect, reason: &'static str, message: impl Into<String>) -> Self {
        Failure { aspect, remedy: Remedy::Retry, reason, message: message.into() }
    }

    /// A failure that only a change of the specification can end.
    pub fn stalled(aspect: Aspect, reason: &'static str, message: impl Into<String>) -> Self {
        Failure { aspect, remedy: Remedy::Change, reason, message: message.into() }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let reason = match error.doing {
            "create" => "DirectoryCreationFailed",
            "read" | "open" => "ReadOperationFailed",
            _ => "ArchiveOperationFailed",
        };
        Failure::retry(Aspect::Storage, reason, error.to_string())
    }
}

impl From<sluice_git::Error> for Failure {
    fn from(error: sluice_git::Error) -> Self {
        use sluice_git::Error;
        let message = error.to_string();
        match &error {
            Error::InvalidUrl { .. } => Failure::stalled(Aspect::Fetch, "URLInvalid", message),
            Error::EmptyRepository { .. } => Failure::retry(Aspect::Fetch, "EmptyGitRepository", message),
            _ if error.is_authentication() => Failure::retry(Aspect::Fetch, "AuthenticationFailed", message),
            _ => {
                let message = format!("failed to checkout and determine revision: {message}");
                Failure::retry(Aspect::Fetch, "GitOperationFailed", message)
            }
        }
    }
}

impl From<sluice_oci::Error> for Failure {
    fn from(error: sluice_oci::Error) -> Self {
        // As Flux: a refusal by the registry is a failed pull; what cannot even be sent is a failed sign-in.
        if error.kind == sluice_oci::ErrorKind::Access {
            return Failure::retry(Aspect::Fetch, "AuthenticationFailed", error.to_string());
        }
        Failure::retry(Aspect::Fetch, "OCIArtifactPullFailed", error.to_string())
    }
}
