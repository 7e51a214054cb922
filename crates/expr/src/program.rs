//! A compiled expression.

use serde_json::Value;

use crate::ast::Node;
use crate::check::check;
use crate::env::{Env, Limits};
use crate::error::{CompileError, EvalError};
use crate::eval::Eval;
use crate::parser::parse;
use crate::types::Type;
use crate::value::Val;

/// An expression, ready to be evaluated any number of times and from any thread.
#[derive(Debug, Clone)]
pub struct Program {
    source: String,
    root: Node,
    ty: Type,
    limits: Limits,
}

impl Program {
    /// Parses `source`, and checks its names and types where the environment asks for it.
    ///
    /// # Errors
    /// Where the syntax is wrong, a limit is hit, or the check finds something; the message is cel-go's where feasible.
    pub fn compile(source: &str, env: &Env) -> Result<Self, CompileError> {
        let root = parse(source, env)?;
        let ty = if env.checked { check(source, &root, env)? } else { Type::Dyn };
        if let (true, Some(want)) = (env.checked, &env.result)
            && *want != ty
        {
            let message = format!("CEL expression output type mismatch: expected {want}, got {ty}");
            return Err(CompileError::new(source, 0, message));
        }
        Ok(Self { source: source.to_owned(), root, ty, limits: env.limits.clone() })
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its static type; [`Type::Dyn`] without a check.
    #[must_use]
    pub fn result_type(&self) -> &Type {
        &self.ty
    }

    /// The value of the expression. Times and durations become text as Kubernetes writes them, bytes base64, types
    /// their names, an absent optional `null`.
    ///
    /// # Errors
    /// When something is missing or of the wrong type, or a limit is hit.
    pub fn eval(&self, variables: &[(&str, &Value)]) -> Result<Value, EvalError> {
        let mut eval = Eval::new(variables, &self.limits);
        let value = eval.node(&self.root)?;
        eval.json(&value)
    }

    /// The value, which must be a bool.
    ///
    /// # Errors
    /// As [`Program::eval`], and when the result is no bool.
    pub fn eval_bool(&self, variables: &[(&str, &Value)]) -> Result<bool, EvalError> {
        self.eval_bool_with(variables, &[])
    }

    /// [`Program::eval_bool`] with further variables that are optionals, with a value or without.
    ///
    /// # Errors
    /// As [`Program::eval_bool`].
    pub fn eval_bool_with(
        &self,
        variables: &[(&str, &Value)],
        optional: &[(&str, Option<&Value>)],
    ) -> Result<bool, EvalError> {
        let mut eval = Eval::new(variables, &self.limits);
        for (name, value) in optional {
            eval.declare(name, *value);
        }
        match eval.node(&self.root)? {
            Val::Bool(value) => Ok(value),
            other => Err(EvalError::NotBool(other.type_name())),
        }
    }
}
