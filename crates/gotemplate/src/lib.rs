//! Go's text/template: parses texts into a [`Set`] of named templates and executes them, with Go's results and errors.
//!
//! In: template texts, a [`Value`], [`Functions`]. Out: text. Knows Go's types as far as templates can see them, but
//! neither Helm nor any function library: those register [`Functions`] and implement [`Object`].
//!
//! Invariant: any text and any value give an output or an [`Error`] within the [`Limits`]; no input panics, hangs or
//! overflows the stack. A parsed set is immutable and shared between threads.
//!
//! ```
//! use sluice_gotemplate::{Functions, Limits, Set, Value, execute};
//!
//! let functions = Functions::builtin();
//! let mut set = Set::new("demo");
//! set.parse("hello.txt", "Hello {{ .name | printf \"%q\" }}!", &functions)?;
//! let data = Value::map([("name", Value::from("world"))]);
//! let text = execute(&set.into(), "hello.txt", data, &functions, &Limits::default())?;
//! assert_eq!(text, "Hello \"world\"!");
//! # Ok::<(), sluice_gotemplate::Error>(())
//! ```

mod error;
mod exec;
mod float;
mod format;
mod functions;
mod lex;
mod limits;
mod object;
mod parse;
mod quote;
mod set;
mod value;

pub use error::Error;
pub use exec::{Call, execute, on_large_stack};
pub use float::{format_float, json_number};
pub use format::time::{DAYS, ELEMENTS as TIME_ELEMENTS, MONTHS, layout as format_time};
pub use format::{sprint, sprintf, sprintln};
pub use functions::{Functions, Param, Signature};
pub use limits::Limits;
pub use object::{Object, RangeItems};
pub use quote::quote;
pub use set::{Set, Template};
pub use value::{Elem, List, Map, MapKind, Value};
