//! CEL as Kubernetes and Flux run it.
//!
//! In: an expression, the environment it is meant for ([`Env::kubernetes`], [`Env::flux`], [`Env::flux_checked`]) and
//! variables as JSON values. Out: a JSON value, or an error that says what was wrong or which limit was hit. Knows no
//! objects and no schema: whoever has one declares the variables' [`Type`]s.
//!
//! Integers of JSON are CEL ints and floats are doubles; a missing field is an error, never `false`. Strings, lists
//! and objects of the variables are borrowed, not copied.
//!
//! Invariant: compilation and evaluation end in bounded time, memory and stack whatever the expression and its data
//! are: nesting and size are limited while parsing, steps and allocated bytes while evaluating, and regular
//! expressions are linear.
//!
//! ```
//! use serde_json::json;
//! use sluice_expr::{Env, Program};
//!
//! let program = Program::compile("status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')", &Env::flux())?;
//! let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
//! assert_eq!(program.eval(&[("status", &status)])?, json!(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ast;
mod check;
mod env;
mod error;
mod eval;
mod functions;
mod lexer;
mod parser;
mod program;
mod signature;
mod types;
mod value;

pub use env::{Env, Limits};
pub use error::{CompileError, EvalError};
pub use program::Program;
pub use types::Type;
