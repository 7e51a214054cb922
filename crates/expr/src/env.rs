//! Where an expression runs: its libraries, variables, strictness and limits.

use crate::types::Type;

/// What an expression may cost. Each error names the limit that was hit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of source.
    pub source: usize,
    /// Nesting of the expression, and of values compared with each other.
    pub depth: usize,
    /// Nodes of the syntax tree.
    pub nodes: usize,
    /// Evaluation steps: about one a node evaluated, element visited or ten bytes of text read.
    pub steps: u64,
    /// Bytes that evaluation may allocate, freed ones counted too.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { source: 64 << 10, depth: 120, nodes: 10_000, steps: 2_000_000, memory: 16 << 20 }
    }
}

/// Groups of functions that exist together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    Standard,
    Optional,
    Strings,
    Sets,
    Encoders,
    Lists,
    Regex,
    Url,
    Quantity,
    Net,
    Format,
    TwoVariables,
}

const FLUX: &[Library] = &[Library::Standard, Library::Optional, Library::Strings, Library::Sets, Library::Encoders];
const KUBERNETES: &[Library] = &[
    Library::Standard,
    Library::Optional,
    Library::Strings,
    Library::Sets,
    Library::Encoders,
    Library::Lists,
    Library::Regex,
    Library::Url,
    Library::Quantity,
    Library::Net,
    Library::Format,
    Library::TwoVariables,
];

/// The environment of an expression: which functions and variables there are.
#[derive(Debug, Clone)]
pub struct Env {
    pub(crate) libraries: &'static [Library],
    pub(crate) variables: Vec<(String, Type)>,
    /// Whether types and names are checked before evaluation.
    pub(crate) checked: bool,
    /// Whether `self.a__dash__b` means the field `a-b`, as in Kubernetes' validation rules.
    pub(crate) escaped_names: bool,
    pub(crate) result: Option<Type>,
    pub(crate) limits: Limits,
}

impl Env {
    /// Validation rules of custom resource definitions: all of Kubernetes' libraries, types checked, the result a
    /// bool. Declare `self` (and `oldSelf`) with [`Env::variable`].
    #[must_use]
    pub fn kubernetes() -> Self {
        Self { libraries: KUBERNETES, checked: true, escaped_names: true, result: Some(Type::Bool), ..Self::flux() }
    }

    /// Flux's `healthCheckExprs`: parsed only, any name may be a variable, the result is looked at when it is there.
    #[must_use]
    pub fn flux() -> Self {
        Self {
            libraries: FLUX,
            variables: Vec::new(),
            checked: false,
            escaped_names: false,
            result: None,
            limits: Limits::default(),
        }
    }

    /// Flux's `readyExpr` and the like: type-checked over the variables, each a map of anything; the result is a bool.
    #[must_use]
    pub fn flux_checked(variables: &[&str]) -> Self {
        let env = Self { checked: true, result: Some(Type::Bool), ..Self::flux() };
        variables.iter().fold(env, |env, name| env.variable(name, Type::Map(Type::String.into(), Type::Dyn.into())))
    }

    /// Declares a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, ty: Type) -> Self {
        self.variables.push((name.to_owned(), ty));
        self
    }

    /// Asks for another type of result; `None` takes any.
    #[must_use]
    pub fn result(mut self, ty: Option<Type>) -> Self {
        self.result = ty;
        self
    }

    /// Changes the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn has(&self, library: Library) -> bool {
        self.libraries.contains(&library)
    }
}
