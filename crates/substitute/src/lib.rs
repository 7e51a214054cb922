//! Variables in rendered objects: `${name}` and its operators, as `spec.postBuild` of a Kustomization has them.
//!
//! In: a text or an object, and variables. Out: the text or object with the variables' values. Knows no cluster: who
//! calls has read the ConfigMaps and Secrets. Behaviour: spec/flux/kustomize.md "Post-build substitution grammar",
//! conformance/envsubst.
//!
//! Invariants: a value is never looked at for variables itself; no error quotes a value; work and output are bounded
//! by [`Limits`].
//!
//! ```
//! use sluice_substitute::{Limits, Mode, Variables, substitute};
//!
//! let variables = Variables::from([("name".to_owned(), "web".to_owned())]);
//! let text = substitute("app: ${name}-${env:-dev}", &variables, Mode::Strict, &Limits::default())?;
//! assert_eq!(text, "app: web-dev");
//! # Ok::<(), sluice_substitute::Error>(())
//! ```

mod evaluate;
mod functions;
mod glob;
mod object;
mod parse;

use std::collections::BTreeMap;

pub use evaluate::{evaluate, substitute};
pub use object::{DISABLED, Options, object};

/// Values by name.
pub type Variables = BTreeMap<String, String>;

/// What an unset variable without a default is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// An error: what Flux 2.9 does unless told otherwise.
    #[default]
    Strict,
    /// The empty text.
    Lenient,
}

/// The bounds of one substitution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the result, and of any argument on the way.
    pub output: usize,
    /// How deep `${…}` may lie in one another.
    pub depth: usize,
    /// Comparisons made for the patterns of `#` and `%`.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output: 16 << 20, depth: 500, steps: 200_000_000 }
    }
}

/// Why variables cannot be put in. Nothing here quotes a variable's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `${` and then no name.
    #[error("unable to parse variable name")]
    VariableName,
    /// A name, and then neither an operator nor `}`.
    #[error("missing closing brace")]
    MissingClosingBrace,
    /// An operator without what it needs.
    #[error("unable to parse substitution within function")]
    Argument,
    /// An operator that does not end.
    #[error("bad substitution")]
    BadSubstitution,
    /// A variable without value and without default.
    #[error("variable not set (strict mode): {0:?}")]
    NotSet(String),
    /// A length below zero in `${name:offset:length}`.
    #[error("negative length in the substring of {0:?}")]
    NegativeLength(String),
    /// A limit was reached.
    #[error("substitution is too big: limit `{limit}` is {max}")]
    Limit {
        /// The name of the limit, as in [`Limits`].
        limit: &'static str,
        /// What is allowed.
        max: u64,
    },
    /// Bytes were cut out of the middle of a character.
    #[error("substitution leaves text that is not UTF-8: an offset or pattern cuts a character in two")]
    NotUtf8,
}

/// Why an object's variables cannot be put in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// A variable whose name no `${…}` could have.
    #[error("envsubst error: '{0}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'")]
    Name(String),
    /// A text that is no substitution, or an unset variable.
    #[error("envsubst error: variable substitution failed: {0}")]
    Substitution(#[from] Error),
    /// The object's text is no YAML once the values stand in it. Where is told, but not what: it may be a secret.
    #[error(
        "envsubst error: YAMLToJSON: yaml: line {line}: not valid YAML after substitution; quote the variable there"
    )]
    Yaml {
        /// The line of the object's text.
        line: u32,
    },
    /// The object cannot be written as YAML.
    #[error("envsubst error: {0}")]
    Emit(String),
}
