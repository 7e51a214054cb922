//! Failures as a tree, and how they are printed.

use serde_json::Value;

/// One rule that a value breaks.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The value's place, as a JSON pointer.
    pub(super) at: String,
    /// The rule; none for a schema whose failures stand below.
    pub(super) what: String,
    /// What led to it.
    pub(super) below: Vec<Failure>,
}

impl Failure {
    pub(super) fn new(at: &str, what: impl Into<String>) -> Self {
        Self { at: at.to_owned(), what: what.into(), below: Vec::new() }
    }

    pub(super) fn over(at: &str, what: impl Into<String>, below: Vec<Failure>) -> Self {
        Self { at: at.to_owned(), what: what.into(), below }
    }
}

/// One line a failure, those below indented.
pub(super) fn print(failures: &[Failure]) -> String {
    let mut lines = Vec::new();
    let mut todo: Vec<(usize, &Failure)> = failures.iter().rev().map(|failure| (0, failure)).collect();
    while let Some((depth, failure)) = todo.pop() {
        lines.push(format!("{}- at '{}': {}", "  ".repeat(depth), failure.at, failure.what));
        todo.extend(failure.below.iter().rev().map(|failure| (depth + 1, failure)));
    }
    lines.join("\n")
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A text in single quotes, as the messages have it.
pub(super) fn quoted(text: &str) -> String {
    let double = sluice_gotemplate::quote(text);
    let inner = &double[1..double.len() - 1];
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}

/// Several texts, each in single quotes.
pub(super) fn quoted_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    texts.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// A value as the messages of `enum` and `const` show it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// A number with a comma at every thousand.
pub(super) fn grouped(number: f64) -> String {
    let text = sluice_gotemplate::format_float(number, 'f', None);
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}
