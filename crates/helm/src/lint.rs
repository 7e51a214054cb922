//! What `helm lint` says of a chart.

mod chart_file;
mod templates;

use std::fmt;

use serde_json::{Map, Value};
use sluice_tree::{Entry, Tree};
use sluice_yaml::Dialect;

use crate::{Capabilities, Chart, Error, Limits, schema, values};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Could be better.
    Info,
    /// Breaks with convention.
    Warning,
    /// Will not install.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, or the chart's folder.
    pub path: String,
    /// What is the matter.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "INFO",
            Severity::Warning => "WARNING",
            Severity::Error => "ERROR",
        };
        write!(f, "[{severity}] {}: {}", self.path, self.message)
    }
}

/// How to look.
pub struct LintOptions {
    /// The namespace that templates see.
    pub namespace: String,
    /// The cluster that templates see.
    pub capabilities: Capabilities,
    /// Whether values are not held against schemas.
    pub skip_schema: bool,
    /// What it may cost.
    pub limits: Limits,
}

type Findings = Vec<Finding>;

fn add(findings: &mut Findings, severity: Severity, path: &str, message: impl Into<String>) {
    findings.push(Finding { severity, path: path.to_owned(), message: message.into() });
}

/// Looks over a chart's folder; `shown` is how its path is told. Findings stand in Helm's order.
#[must_use]
pub fn lint(tree: &Tree, shown: &str, values: &Map<String, Value>, options: &LintOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    chart_file::check(tree, &mut findings);
    check_values(tree, values, options, &mut findings);
    let chart = Chart::load(tree, &options.limits);
    templates::check(tree, &chart, values, options, &mut findings);
    match &chart {
        // That was said of Chart.yaml.
        Err(Error::ApiVersion) => {}
        Err(error) => add(&mut findings, Severity::Error, "", format!("unable to load chart\n\t{error}")),
        Ok(chart) => dependencies(chart, shown, &mut findings),
    }
    findings
}

/// The text of a file, if the folder has it.
fn text(tree: &Tree, path: &str) -> Option<String> {
    match tree.get(path) {
        Some(Entry::File { data, .. }) => Some(String::from_utf8_lossy(data).into_owned()),
        _ => None,
    }
}

fn check_values(tree: &Tree, given: &Map<String, Value>, options: &LintOptions, findings: &mut Findings) {
    let Some(text) = text(tree, "values.yaml") else {
        return add(findings, Severity::Info, "values.yaml", "file does not exist");
    };
    if let Err(error) = sluice_yaml::parse(&text, Dialect::V2) {
        let why = sluice_helm_functions::yaml_error(&error, &text);
        return add(findings, Severity::Error, "values.yaml", format!("unable to parse YAML: {why}"));
    }
    let Some(Entry::File { data, .. }) = tree.get("values.schema.json").filter(|_| !options.skip_schema) else {
        return;
    };
    let mut merged = given.clone();
    values::merge_tables(&mut merged, values::read(&text).unwrap_or_default(), &mut Vec::new());
    if let Err(why) = schema::single(data, &merged) {
        add(findings, Severity::Error, "values.yaml", format!("{why}\n"));
    }
}

/// Chart.yaml and `charts/` should name the same charts.
fn dependencies(chart: &Chart, shown: &str, findings: &mut Findings) {
    let wanted: Vec<&str> = chart.metadata.dependencies.iter().flatten().map(|it| it.name.as_str()).collect();
    let there: Vec<&str> = chart.dependencies.iter().map(Chart::name).collect();
    let missing: Vec<&str> = wanted.iter().copied().filter(|name| !there.contains(name)).collect();
    if !missing.is_empty() {
        let message = format!("chart directory is missing these dependencies: {}", missing.join(","));
        add(findings, Severity::Warning, shown, message);
    }
    let unlisted: Vec<&str> = there.iter().copied().filter(|name| !wanted.contains(name)).collect();
    if !unlisted.is_empty() {
        let message = format!("chart metadata is missing these dependencies: {}", unlisted.join(","));
        add(findings, Severity::Error, shown, message);
    }
}
