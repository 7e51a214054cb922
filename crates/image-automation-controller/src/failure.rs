//! Why a pass over an ImageRepository or an ImagePolicy came to nothing. Reasons are Flux's (spec/flux/image.md).

use std::time::Duration;

use sluice_api::meta::{Condition, Status, remove, set};

/// What helps against a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Trying again, ever later.
    Retry,
    /// Trying again then, or when what is waited for comes.
    Wait(Duration),
    /// A change of the specification alone.
    Change,
}

/// Why a pass came to nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// One word for programs.
    pub reason: &'static str,
    /// What went wrong and what to do.
    pub message: String,
    /// What helps.
    pub remedy: Remedy,
}

impl Failure {
    /// A failure that passes, or not.
    pub fn retry(reason: &'static str, message: impl Into<String>) -> Self {
        Failure { reason, message: message.into(), remedy: Remedy::Retry }
    }

    /// A failure that time, or another object, ends.
    pub fn wait(reason: &'static str, message: impl Into<String>, wait: Duration) -> Self {
        Failure { reason, message: message.into(), remedy: Remedy::Wait(wait) }
    }

    /// A failure that only a change of the specification can end.
    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Failure { reason, message: message.into(), remedy: Remedy::Change }
    }
}

/// What the user reads after a pass that succeeded. Pure.
pub fn succeeded(status: &mut impl Status, generation: i64, message: &str) {
    set(status.conditions_mut(), Condition::ready("Succeeded", message).observed(generation));
    remove(status.conditions_mut(), Condition::RECONCILING);
    remove(status.conditions_mut(), Condition::STALLED);
    status.set_observed_generation(generation);
}

/// What the user reads after a pass that failed. Pure.
pub fn failed(status: &mut impl Status, generation: i64, failure: &Failure) {
    let (reason, message) = (failure.reason, failure.message.as_str());
    set(status.conditions_mut(), Condition::not_ready(reason, message).observed(generation));
    if failure.remedy == Remedy::Change {
        let stalled = Condition::new(Condition::STALLED, true, reason, message);
        set(status.conditions_mut(), stalled.observed(generation));
        remove(status.conditions_mut(), Condition::RECONCILING);
        status.set_observed_generation(generation);
    } else {
        let retrying = Condition::new(Condition::RECONCILING, true, "ProgressingWithRetry", message);
        set(status.conditions_mut(), retrying.observed(generation));
        remove(status.conditions_mut(), Condition::STALLED);
    }
}

#[cfg(test)]
mod tests {
    use sluice_api::image::ImageRepositoryStatus;
    use sluice_api::meta::{find, is_true};

    use super::*;

    #[test]
    fn each_remedy_has_its_conditions() {
        let mut status = ImageRepositoryStatus::default();
        failed(&mut status, 3, &Failure::retry("ReadOperationFailed", "scan failed: x"));
        assert_eq!(find(&status.conditions, "Reconciling").unwrap().reason, "ProgressingWithRetry");
        assert!(status.observed_generation != 3 && !is_true(&status.conditions, "Ready"));
        failed(&mut status, 3, &Failure::stalled("ImageURLInvalid", "y"));
        assert!(is_true(&status.conditions, "Stalled") && find(&status.conditions, "Reconciling").is_none());
        succeeded(&mut status, 4, "done");
        assert!(is_true(&status.conditions, "Ready") && find(&status.conditions, "Stalled").is_none());
        assert_eq!(status.observed_generation, 4);
    }
}
