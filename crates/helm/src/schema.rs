//! values.schema.json: drafts 04, 06, 07, 2019-09 and 2020-12, with the messages that Helm prints.

mod check;
mod draft;
mod format;
mod report;

use serde_json::{Map, Value};

use crate::{Chart, Error};

/// Holds values against the schemas of a chart and of its dependencies.
///
/// # Errors
/// [`Error::Schema`] with everything that does not fit, chart by chart.
pub(crate) fn check(chart: &Chart, values: &Map<String, Value>) -> Result<(), Error> {
    let mut text = String::new();
    collect(chart, values, &mut text);
    if text.is_empty() { Ok(()) } else { Err(Error::Schema(text.trim_end_matches('\n').to_owned())) }
}

fn collect(chart: &Chart, values: &Map<String, Value>, text: &mut String) {
    if let Some(schema) = &chart.schema
        && let Err(why) = single(schema, values)
    {
        text.push_str(&format!("{}:\n{why}\n", chart.name()));
    }
    for dependency in &chart.dependencies {
        match values.get(dependency.name()) {
            Some(Value::Object(own)) => collect(dependency, own, text),
            None => {}
            Some(_) => {
                let name = dependency.name();
                text.push_str(&format!(
                    "{name}:\ninvalid type for values: expected object (map), got {}\n",
                    values.get(name).map_or("nothing", report::type_of)
                ));
            }
        }
    }
}

pub(crate) fn single(schema: &[u8], values: &Map<String, Value>) -> Result<(), String> {
    let schema = schema.strip_prefix(b"\xef\xbb\xbf").unwrap_or(schema);
    let schema: Value = serde_json::from_slice(schema)
        .map_err(|error| if error.is_eof() { "unexpected EOF".to_owned() } else { error.to_string() })?;
    draft::check(&schema)?;
    let values = Value::Object(values.clone());
    let failures = check::Checker::new(&schema).run(&values)?;
    if failures.is_empty() { Ok(()) } else { Err(report::print(&failures)) }
}
