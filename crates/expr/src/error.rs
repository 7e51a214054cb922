//! What can go wrong, in the words of cel-go where it has them.

/// Why an expression does not compile: the message, and where (both counted from 1, columns in characters).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ERROR: <input>:{line}:{column}: {message}{snippet}")]
pub struct CompileError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    snippet: String,
}

impl CompileError {
    pub(crate) fn new(source: &str, offset: usize, message: impl Into<String>) -> Self {
        let offset = (0..=offset.min(source.len())).rev().find(|&i| source.is_char_boundary(i)).unwrap_or(0);
        let (before, after) = source.split_at(offset);
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let column = before[start..].chars().count() + 1;
        let end = after.find('\n').map_or(source.len(), |i| offset + i);
        // A one-line megabyte would make the message as large as the expression.
        let text = &source[start..end];
        let snippet =
            if text.len() <= 400 { format!("\n | {text}\n | {}^", ".".repeat(column - 1)) } else { String::new() };
        Self { message: message.into(), line: before.matches('\n').count() + 1, column, snippet }
    }
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A map has no such key.
    #[error("no such key: {0}")]
    NoSuchKey(String),
    /// No variable has this name.
    #[error("no such attribute(s): {0}")]
    NoSuchAttribute(String),
    /// No function of this name takes such arguments.
    #[error("no such overload{0}")]
    NoSuchOverload(String),
    /// A list has no such index.
    #[error("index out of bounds: {0}")]
    IndexOutOfBounds(i64),
    /// Integer division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// Integer remainder of zero.
    #[error("modulus by zero")]
    ModulusByZero,
    /// A number left its type's range.
    #[error("{0} overflow")]
    Overflow(&'static str),
    /// A conversion or function refused its argument.
    #[error("{0}")]
    Invalid(String),
    /// A limit of [`Limits`](crate::Limits) was hit.
    #[error("operation cancelled: actual cost limit exceeded: {what} (limit {limit})")]
    Limit {
        /// Which of the limits.
        what: &'static str,
        /// Its value.
        limit: u64,
    },
    /// The result is no bool where one is asked for.
    #[error("result is {0}, not bool")]
    NotBool(&'static str),
}

impl EvalError {
    pub(crate) fn no_overload() -> Self {
        Self::NoSuchOverload(String::new())
    }
}
