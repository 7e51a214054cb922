//! Label and field selectors, in the grammar of `kubectl --selector` and `--field-selector`.

mod field;
mod label;

pub use field::{FieldRequirement, FieldSelector};
pub use label::{LabelSelector, Operator, Requirement};

/// A selector that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("selector `{selector}`: {why}")]
pub struct SelectorError {
    selector: String,
    why: String,
}

impl SelectorError {
    fn new(selector: &str, why: impl Into<String>) -> Self {
        Self { selector: selector.to_owned(), why: why.into() }
    }

    /// What is wrong, without the selector.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}
