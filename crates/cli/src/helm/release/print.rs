//! What people and scripts read of a release, as Helm prints it.

use clap::ValueEnum;
use serde_json::{Value, json};
use sluice_helm::release::Record;

use crate::{escape, output};

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Writes a value as JSON or YAML.
///
/// # Errors
/// When it cannot be written.
pub fn value(form: Form, value: &Value) -> anyhow::Result<()> {
    match form {
        Form::Json => output::data(&format!("{value}\n")),
        Form::Table | Form::Yaml => output::data(&sluice_yaml::emit(value)?),
    }
}

/// Writes what `helm status` does.
///
/// # Errors
/// When it cannot be written.
pub fn status(record: &Record, form: Form, notes: bool) -> anyhow::Result<()> {
    if form == Form::Table {
        return output::data(&escape::lines(&described(record, notes)));
    }
    let mut whole = serde_json::to_value(record)?;
    if let Some(whole) = whole.as_object_mut() {
        whole.remove("chart");
    }
    value(form, &whole)
}

fn described(record: &Record, notes: bool) -> String {
    let info = record.info.clone().unwrap_or_default();
    let mut text = format!("NAME: {}\n", record.name);
    if let Some(time) = info.last_deployed.as_deref().and_then(ansi_time) {
        text += &format!("LAST DEPLOYED: {time}\n");
    }
    text += &format!(
        "NAMESPACE: {}\nSTATUS: {}\nREVISION: {}\n",
        record.namespace,
        record.status().as_str(),
        record.version
    );
    if let Some(description) = info.description.filter(|it| !it.is_empty()) {
        text += &format!("DESCRIPTION: {description}\n");
    }
    let tests: Vec<_> = record.hooks.iter().flatten().filter(|it| it.is_test()).collect();
    if tests.iter().all(|it| it.last_run.phase.is_empty()) {
        text += "TEST SUITE: None\n";
    }
    for test in tests.iter().filter(|it| !it.last_run.phase.is_empty()) {
        let time = |it: &Option<String>| it.as_deref().and_then(ansi_time).unwrap_or_default();
        text += &format!(
            "TEST SUITE:     {}\nLast Started:   {}\nLast Completed: {}\nPhase:          {}\n",
            test.name,
            time(&test.last_run.started_at),
            time(&test.last_run.completed_at),
            test.last_run.phase
        );
    }
    if let Some(it) = info.notes.filter(|it| notes && !it.is_empty()) {
        text += &format!("NOTES:\n{}\n", it.trim());
    }
    text
}

/// `Tue Nov 24 16:55:27 2026`, in the time of this machine.
pub fn ansi_time(text: &str) -> Option<String> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::system()).strftime("%a %b %e %H:%M:%S %Y").to_string())
}

/// The chart as `name-1.2.3`, and its application's version.
pub fn chart(record: &Record) -> (String, String) {
    let metadata = record.chart.as_ref().and_then(|chart| chart.metadata.as_ref());
    metadata.map_or_else(Default::default, |it| (format!("{}-{}", it.name, it.version), it.app_version.clone()))
}

/// The description of a record.
pub fn description(record: &Record) -> String {
    record.info.as_ref().and_then(|info| info.description.clone()).unwrap_or_default()
}

/// When a record was deployed.
pub fn deployed(record: &Record) -> String {
    record.info.as_ref().and_then(|info| info.last_deployed.clone()).unwrap_or_default()
}

/// A row of `helm list`, as JSON has it.
pub fn listed(record: &Record) -> Value {
    let (chart, app) = chart(record);
    json!({
        "name": record.name, "namespace": record.namespace, "revision": record.version.to_string(),
        "updated": go_time(&deployed(record)), "status": record.status().as_str(), "chart": chart, "app_version": app,
    })
}

/// `2026-11-24 16:55:27.123456789 +0000 UTC`, as Go prints a time.
pub fn go_time(text: &str) -> String {
    let Ok(time) = text.parse::<jiff::Timestamp>() else { return text.to_owned() };
    let zoned = time.to_zoned(jiff::tz::TimeZone::system());
    let fraction = format!("{:09}", zoned.subsec_nanosecond());
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    format!("{}{fraction} {}", zoned.strftime("%Y-%m-%d %H:%M:%S"), zoned.strftime("%z %Z"))
}

#[cfg(test)]
mod tests {
    use sluice_helm::release::{Info, Status};

    use super::*;

    #[test]
    fn a_release_is_described_line_by_line() {
        let info = Info {
            status: Status::Deployed,
            description: Some("Install complete".into()),
            notes: Some("have fun\n".into()),
            ..Info::default()
        };
        let record =
            Record { name: "web".into(), namespace: "apps".into(), version: 1, info: Some(info), ..Record::default() };
        assert_eq!(
            described(&record, true),
            "NAME: web\nNAMESPACE: apps\nSTATUS: deployed\nREVISION: 1\nDESCRIPTION: Install complete\nTEST SUITE: None\n\
             NOTES:\nhave fun\n"
        );
    }
}
