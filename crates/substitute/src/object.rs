//! Substitution in an object, by way of its YAML.

use std::borrow::Cow;

use serde_json::Value;
use sluice_yaml::Dialect;

use crate::{Limits, Mode, ObjectError, Variables, substitute};

/// The label or annotation that, with the value `disabled`, leaves an object alone.
pub const DISABLED: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// How to substitute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What an unset variable is.
    pub mode: Mode,
    /// Substitute even where there are no variables at all (`substituteStrategy: Always`).
    pub always: bool,
    /// The bounds.
    pub limits: Limits,
}

/// `resource` with the variables' values, or `None` when it is left alone: it asks for that, or there are no variables.
///
/// The object is written as YAML, substituted, and read again, so `replicas: ${n}` becomes a number. Line breaks are
/// taken out of all values.
///
/// # Errors
/// When a variable's name is invalid, used or not, when substitution fails, or when the result is no YAML.
pub fn object(resource: &Value, variables: &Variables, options: &Options) -> Result<Option<Value>, ObjectError> {
    if is_disabled(resource) || (variables.is_empty() && !options.always) {
        return Ok(None);
    }
    if let Some(name) = variables.keys().find(|name| !is_name(name)) {
        return Err(ObjectError::Name(shown(name)));
    }
    let text = sluice_yaml::emit(resource).map_err(|e| ObjectError::Emit(e.to_string()))?;
    let text = substitute(&text, &without_line_breaks(variables), options.mode, &options.limits)?;
    let mut object = sluice_yaml::parse(&text, Dialect::V2).map_err(|e| ObjectError::Yaml { line: e.line })?;
    whole_numbers(&mut object);
    Ok(Some(object))
}

/// Go writes the float `1e3` into JSON as `1000` and reads an integer back. The YAML reader bounds the depth.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = whole.into();
            }
        }
        _ => {}
    }
}

/// The integer that `float` is, where 64 bits hold it.
fn whole(float: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (float.fract() == 0.0 && (-LIMIT..LIMIT).contains(&float)).then_some(float as i64)
}

/// A name for a message: not too long, control characters escaped.
fn shown(name: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() };
    name.chars().take(100).map(escape).collect()
}

fn is_disabled(resource: &Value) -> bool {
    let metadata = &resource["metadata"];
    ["labels", "annotations"].iter().any(|place| metadata[place][DISABLED] == "disabled")
}

fn is_name(name: &str) -> bool {
    let start = |c: char| c == '_' || c.is_ascii_alphabetic();
    name.starts_with(start) && name.chars().all(|c| start(c) || c.is_ascii_digit())
}

fn without_line_breaks(variables: &Variables) -> Cow<'_, Variables> {
    if variables.values().all(|value| !value.contains('\n')) {
        return Cow::Borrowed(variables);
    }
    Cow::Owned(variables.iter().map(|(name, value)| (name.clone(), value.replace('\n', ""))).collect())
}
