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
