//! Why an action failed, and what is stored then.

use sluice_apply::NotReady;
use sluice_helm::release::Record;

/// An action that failed. Displays as Helm prints it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// The record as it is stored, if the action came as far as storing one.
    pub record: Option<Box<Record>>,
    /// Objects that did not become ready.
    pub objects: Vec<NotReady>,
    /// Whether the action was told to stop.
    pub interrupted: bool,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), record: None, objects: Vec::new(), interrupted: false }
    }

    pub(crate) fn with(mut self, record: &Record) -> Self {
        self.record = Some(Box::new(record.clone()));
        self
    }
}

/// What went wrong within a step: its text, and the objects that were waited for in vain.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) objects: Vec<NotReady>,
    pub(crate) interrupted: bool,
}

impl Wrong {
    /// Puts a step's name in front.
    pub(crate) fn during(mut self, step: &str) -> Self {
        self.message = format!("{step}: {}", self.message);
        self
    }

    pub(crate) fn failure(self, message: String, record: &Record) -> Failure {
        Failure {
            message,
            record: Some(Box::new(record.clone())),
            objects: self.objects,
            interrupted: self.interrupted,
        }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        let interrupted = message == "interrupted";
        Wrong { message, objects: Vec::new(), interrupted }
    }
}

/// An API error with its causes, on one line.
pub(crate) fn text(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
