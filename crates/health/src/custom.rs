//! Checks that users write in CEL.

use serde_json::Value;
use sluice_expr::{CompileError, Env, EvalError, Program};

use crate::status::{Status, StatusKind};

/// Why a check cannot be used, or has no answer. The texts are Flux's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// `current` is missing.
    #[error("expression Current not specified")]
    NoCurrent,
    /// An expression of a health check is no CEL.
    #[error("failed to parse the expression {which}: failed to parse the CEL expression '{expression}': {source}")]
    Parse {
        /// `Current`, `InProgress` or `Failed`.
        which: &'static str,
        /// Its text.
        expression: String,
        /// What is wrong.
        source: CompileError,
    },
    /// A ready expression is no CEL, names what is not there, or is of another type than bool.
    #[error("failed to parse the CEL expression '{expression}': {source}")]
    Compile {
        /// Its text.
        expression: String,
        /// What is wrong.
        source: CompileError,
    },
    /// An expression has no value.
    #[error("failed to evaluate the CEL expression '{expression}': {source}")]
    Evaluate {
        /// Its text.
        expression: String,
        /// What went wrong.
        source: EvalError,
    },
    /// The value is no bool.
    #[error("failed to evaluate CEL expression as boolean: '{expression}'")]
    NotBool {
        /// The expression's text.
        expression: String,
    },
}

/// One entry of `healthCheckExprs`: when objects of a kind are on their way, stuck, ready.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// In the order in which they are asked.
    programs: Vec<(StatusKind, Program)>,
}

impl HealthCheck {
    /// Parses the expressions; empty ones are not asked.
    ///
    /// # Errors
    /// When `current` is empty, or one of them is no CEL.
    pub fn compile(current: &str, in_progress: &str, failed: &str) -> Result<Self, CheckError> {
        if current.is_empty() {
            return Err(CheckError::NoCurrent);
        }
        let mut programs = Vec::new();
        for (which, kind, expression) in [
            ("InProgress", StatusKind::InProgress, in_progress),
            ("Failed", StatusKind::Failed, failed),
            ("Current", StatusKind::Current, current),
        ] {
            if !expression.is_empty() {
                let program = Program::compile(expression, &Env::flux()).map_err(|source| CheckError::Parse {
                    which,
                    expression: expression.to_owned(),
                    source,
                })?;
                programs.push((kind, program));
            }
        }
        Ok(Self { programs })
    }

    /// How far `object` is: on its way while its controller has not seen the latest spec, or no expression is true.
    ///
    /// # Errors
    /// When an expression that is asked has no value, or one that is no bool.
    pub fn status(&self, object: &Value) -> Result<Status, CheckError> {
        let int = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
        if let (Some(observed), Some(generation)) = (int("/status/observedGeneration"), int("/metadata/generation"))
            && observed != generation
        {
            return Ok(Status::in_progress(
                "LatestGenerationNotObserved",
                format!("generation is {generation}, but latest observed generation is {observed}"),
            ));
        }
        let fields = object.as_object().into_iter().flatten();
        let variables: Vec<(&str, &Value)> = fields.map(|(name, value)| (name.as_str(), value)).collect();
        for (kind, program) in &self.programs {
            if evaluate(program, &variables)? {
                let message = format!("`{}` is true", program.source());
                return Ok(match kind {
                    StatusKind::InProgress => Status::in_progress("InProgressExpression", message),
                    StatusKind::Failed => Status::failed("FailedExpression", message),
                    _ => Status::current(message),
                });
            }
        }
        Ok(Status::in_progress("NoExpressionMatched", "no health check expression is true yet"))
    }
}

/// A `readyExpr` of `dependsOn`: a condition on the object (`self`) and its dependency (`dep`).
#[derive(Debug, Clone)]
pub struct ReadyCheck {
    program: Program,
}

impl ReadyCheck {
    /// Compiles the expression, which must be of type bool.
    ///
    /// # Errors
    /// When it is no CEL, names something else than `self` and `dep`, or is not of type bool.
    pub fn compile(expression: &str) -> Result<Self, CheckError> {
        let program = Program::compile(expression, &Env::flux_checked(&["self", "dep"]));
        let program = program.map_err(|source| CheckError::Compile { expression: expression.to_owned(), source })?;
        Ok(Self { program })
    }

    /// Whether `dependency` is ready for `object`.
    ///
    /// # Errors
    /// When the expression has no value.
    pub fn is_ready(&self, object: &Value, dependency: &Value) -> Result<bool, CheckError> {
        evaluate(&self.program, &[("self", object), ("dep", dependency)])
    }
}

fn evaluate(program: &Program, variables: &[(&str, &Value)]) -> Result<bool, CheckError> {
    let expression = || program.source().to_owned();
    program.eval_bool(variables).map_err(|error| match error {
        EvalError::NotBool(_) => CheckError::NotBool { expression: expression() },
        source => CheckError::Evaluate { expression: expression(), source },
    })
}
