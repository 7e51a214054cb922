//! What is wrong with an input, where, and what to do.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file it is in; empty when it is about the build as a whole.
    pub file: String,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// The field in it, such as `patches[2].path`; empty when it is about the file.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Keys and indices that lead to `field`.
    pub(crate) steps: Vec<String>,
}

/// Everything that is wrong, as far as one thing does not hide the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(pub Vec<Error>);

pub(crate) type Result<T, E = Errors> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { file: String::new(), line: None, field: String::new(), message: message.into(), steps: Vec::new() }
    }

    pub(crate) fn in_file(file: &str, line: Option<u32>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, ..Self::new(message) }
    }

    /// Says which field of the file it is about, unless it says so already.
    pub(crate) fn at(mut self, steps: &[&str]) -> Self {
        if self.file.is_empty() && self.steps.is_empty() {
            self.steps = steps.iter().map(|&step| step.to_owned()).collect();
            self.field = dotted(&self.steps);
        }
        self
    }

    pub(crate) fn prefixed(mut self, context: &str) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}

/// `["patches", "2", "path"]` as `patches[2].path`.
pub(crate) fn dotted(steps: &[String]) -> String {
    let mut text = String::new();
    for step in steps {
        if !text.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{step}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(step);
        }
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<String> for Errors {
    fn from(message: String) -> Self {
        Error::new(message).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where() {
        let error = Error { file: "a/kustomization.yaml".into(), line: Some(3), ..Error::new("`x` not found") };
        assert_eq!(error.at(&["a"]).to_string(), "a/kustomization.yaml:3: `x` not found");
        let field = Error::new("wrong").at(&["patches", "2", "path"]);
        assert_eq!(field.to_string(), "patches[2].path: wrong");
    }
}
