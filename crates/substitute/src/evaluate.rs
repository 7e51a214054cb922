//! Putting values in.

use crate::functions;
use crate::parse::{Function, Node, parse};
use crate::{Error, Limits, Mode, Variables};

/// `text` with its variables replaced.
///
/// # Errors
/// When the text is malformed, a variable is not set in strict mode, a limit is reached, or an offset cuts a character
/// in two.
pub fn substitute(text: &str, variables: &Variables, mode: Mode, limits: &Limits) -> Result<String, Error> {
    String::from_utf8(evaluate(text, variables, mode, limits)?).map_err(|_| Error::NotUtf8)
}

/// As [`substitute`]; lengths and offsets count bytes, so what comes out need not be text.
///
/// # Errors
/// As [`substitute`].
pub fn evaluate(text: &str, variables: &Variables, mode: Mode, limits: &Limits) -> Result<Vec<u8>, Error> {
    let nodes = parse(text, limits.depth)?;
    let mut budget = Budget { steps: limits.steps, limits };
    let mut out = Vec::new();
    for node in &nodes {
        append(node, &mut out, variables, mode, &mut budget)?;
    }
    Ok(out)
}

/// What may still be spent.
pub(crate) struct Budget<'a> {
    steps: u64,
    limits: &'a Limits,
}

impl Budget<'_> {
    /// Spends `steps`.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), Error> {
        let max = self.limits.steps;
        self.steps = self.steps.checked_sub(steps).ok_or(Error::Limit { limit: "steps", max })?;
        Ok(())
    }

    /// Whether an output of `bytes` is allowed.
    pub(crate) fn allows(&self, bytes: usize) -> Result<(), Error> {
        let max = self.limits.output;
        if bytes > max { Err(Error::Limit { limit: "output", max: max as u64 }) } else { Ok(()) }
    }
}

/// The depth of the nodes was bounded when they were read.
fn append(
    node: &Node,
    out: &mut Vec<u8>,
    variables: &Variables,
    mode: Mode,
    budget: &mut Budget<'_>,
) -> Result<(), Error> {
    let function = match node {
        Node::Text(text) => {
            budget.allows(out.len() + text.len())?;
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        Node::Function(function) => function,
    };
    // Arguments come first, even those that are not needed: an unset variable in one is an error all the same.
    let mut arguments = Vec::with_capacity(function.arguments.len());
    for argument in &function.arguments {
        let mut value = Vec::new();
        append(argument, &mut value, variables, mode, budget)?;
        arguments.push(value);
    }
    let Function { variable, operator, .. } = function;
    let value = match variables.get(variable) {
        Some(value) => value.as_str(),
        None if mode == Mode::Strict && !functions::is_default(operator) => {
            return Err(Error::NotSet(variable.clone()));
        }
        None => "",
    };
    let result = functions::apply(variable, operator, value.as_bytes(), &arguments, budget)?;
    budget.allows(out.len() + result.len())?;
    out.extend_from_slice(&result);
    Ok(())
}
