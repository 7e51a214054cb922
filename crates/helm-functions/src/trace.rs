//! Errors as Helm prints them: one block for each template that led to one.

use sluice_gotemplate::Error;

pub(crate) const WARN_START: &str = "HELM_ERR_START";
pub(crate) const WARN_END: &str = "HELM_ERR_END";

/// The text of a syntax error in a chart.
#[must_use]
pub fn parse_error(file: &str, error: &Error) -> String {
    let shown = error.to_string();
    let tokens: Vec<_> = shown.split(": ").collect();
    match tokens.as_slice() {
        [only] => format!("parse error in ({file}): {only}"),
        [_, location, .., last] => format!("parse error at ({location}): {last}"),
        [_, last] => format!("parse error at ({last}): {last}"),
        [] => shown,
    }
}

/// The text of an error while executing the template `file`.
#[must_use]
pub fn explain(file: &str, error: &Error) -> String {
    let shown = error.to_string();
    if !error.is_execution() {
        return shown;
    }
    let mut tokens = shown.splitn(3, ": ");
    let (Some(_), Some(location), Some(rest)) = (tokens.next(), tokens.next(), tokens.next()) else {
        return format!("execution error in ({file}): {shown}");
    };
    if let Some((_, warning)) = rest.split_once(WARN_START)
        && let Some((warning, _)) = warning.rsplit_once(WARN_END)
    {
        return format!("execution error at ({location}): {warning}");
    }
    let mut blocks: Vec<String> = Vec::new();
    for error in error.chain() {
        let Some(block) = block(&error.to_string()) else { return shown };
        if blocks.last() != Some(&block) {
            blocks.push(block);
        }
    }
    blocks.concat().trim().to_owned()
}

/// Place, template and message of one error. None if it has no place: then Helm prints the whole as Go words it.
fn block(text: &str) -> Option<String> {
    let rest = text.strip_prefix("template: ")?;
    if rest.starts_with("no template ") {
        return Some(format!("{text}\n"));
    }
    let Some((location, after)) = rest.split_once(": executing ") else {
        let (location, message) = rest.split_once(": ")?;
        return Some(format!("{location}\n  {message}\n"));
    };
    let (name, after) = after.split_once(" at <")?;
    let (context, message) = after.split_once(">: ")?;
    let message = message.split_once(" template:").map_or(message, |(message, _)| message);
    Some(format!("{location}\n  executing {name} at <{context}>:\n    {message}\n"))
}

/// An error in the words of Go's parser, for the mistakes that are made most.
#[must_use]
pub fn yaml_error(error: &sluice_yaml::Error, text: &str) -> String {
    let message = error.message.as_str();
    let has = |part: &str| message.contains(part);
    if let Some((_, number)) = message.split_once("infinity and NaN cannot be JSON values: ") {
        return format!("error converting YAML to JSON: json: unsupported value: {number}");
    }
    if has("found unknown anchor") {
        let line = text.lines().nth(error.line.saturating_sub(1) as usize).unwrap_or_default();
        let name =
            line.chars().skip(error.column as usize).take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        let name: String = name.collect();
        return format!("error converting YAML to JSON: yaml: unknown anchor '{name}' referenced");
    }
    if has("half a surrogate pair") {
        let line = text.lines().nth(error.line.saturating_sub(1) as usize).unwrap_or_default();
        let surrogate = line.contains("\\ud") || line.contains("\\uD");
        let said =
            if surrogate { "found invalid Unicode character escape code" } else { "found unknown escape character" };
        let at = if error.line > 1 { format!("line {}: ", error.line) } else { String::new() };
        return format!("error converting YAML to JSON: yaml: {at}{said}");
    }
    let (line, message) = if has("unclosed bracket '['") {
        (Some(error.line), "did not find expected ',' or ']'")
    } else if has("unclosed bracket '{'") {
        (Some(error.line), "did not find expected ',' or '}'")
    } else if has("simple key expected ':'") {
        (Some(error.line + 1), "could not find expected ':'")
    } else {
        let said = [
            ("unclosed quote", "found unexpected end of stream"),
            ("found character that cannot start any token", "found character that cannot start any token"),
            ("unexpected character: ", "found character that cannot start any token"),
            ("tabs disallowed within this context", "found character that cannot start any token"),
            ("invalid trailing content after double-quoted scalar", "did not find expected key"),
            ("found unknown escape character", "found unknown escape character"),
            ("alphabetic or numeric character", "did not find expected alphabetic or numeric character"),
            ("not allowed in this context", message),
        ];
        match said.iter().find(|(ours, _)| has(ours)) {
            // The scanner leaves the first line unsaid.
            Some((_, said)) => (Some(error.line).filter(|line| *line > 1), *said),
            None => (Some(error.line), message),
        }
    };
    match line {
        Some(line) => format!("error converting YAML to JSON: yaml: line {line}: {message}"),
        None => format!("error converting YAML to JSON: yaml: {message}"),
    }
}
