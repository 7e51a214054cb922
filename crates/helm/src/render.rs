//! A chart and values become manifests, hooks and notes.

mod engine;
mod host;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use serde_json::{Map, Value};
use sluice_gotemplate::{Set, Value as Template, execute, on_large_stack};
use sluice_helm_functions::{self as functions, Lookup};

use crate::chart::Crd;
use crate::manifests::{self, Hook, Manifest};
use crate::values::{Warnings, coalesce};
use crate::{Capabilities, Chart, Error, Limits, dependencies, glob, schema};

pub(crate) use host::to_template_value;

/// `.Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its revision, from 1.
    pub revision: i64,
    /// Whether this is an upgrade; otherwise it is an installation.
    pub is_upgrade: bool,
}

/// How to render.
pub struct RenderOptions {
    /// The release.
    pub release: Release,
    /// The cluster.
    pub capabilities: Capabilities,
    /// What `lookup` finds; nothing without it.
    pub lookup: Option<Lookup>,
    /// Whether values are not held against schemas.
    pub skip_schema: bool,
    /// Whether the notes of dependencies are wanted too.
    pub sub_notes: bool,
    /// What it may cost.
    pub limits: Limits,
}

/// What a chart makes.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The objects, in the order of installation.
    pub manifests: Vec<Manifest>,
    /// The hooks, in the order that Helm keeps.
    pub hooks: Vec<Hook>,
    /// NOTES.txt.
    pub notes: String,
    /// The files in `crds/`.
    pub crds: Vec<Crd>,
    /// The chart as it was rendered: its dependencies chosen, its values with what was imported.
    pub chart: Option<Chart>,
    /// What Helm would have warned of.
    pub warnings: Warnings,
}

impl Rendered {
    /// The release's manifest as Helm keeps it, with the CRDs in front if they are wanted.
    #[must_use]
    pub fn manifest(&self, include_crds: bool) -> String {
        let mut text = String::new();
        if include_crds {
            for crd in &self.crds {
                let data = String::from_utf8_lossy(&crd.data);
                // Writing to a string cannot fail.
                let _ = write!(text, "---\n# Source: {}\n{data}\n", crd.path);
            }
        }
        for manifest in &self.manifests {
            let _ = write!(text, "---\n# Source: {}\n{}\n", manifest.path, manifest.content);
        }
        text
    }

    /// The documents that `helm template` prints, each with the path of its template.
    #[must_use]
    pub fn documents(&self, include_crds: bool, no_hooks: bool, skip_tests: bool) -> Vec<(String, String)> {
        let crds = self.crds.iter().filter(|_| include_crds);
        let crds = crds.map(|crd| (crd.path.clone(), String::from_utf8_lossy(&crd.data).into_owned()));
        let manifests = self.manifests.iter().map(|it| (it.path.clone(), it.content.clone()));
        let hooks = self.hooks.iter().filter(|hook| !(no_hooks || skip_tests && hook.is_test()));
        crds.chain(manifests).chain(hooks.map(|it| (it.path.clone(), it.manifest.clone()))).collect()
    }

    /// What `helm template` prints.
    #[must_use]
    pub fn template_output(&self, include_crds: bool, no_hooks: bool, skip_tests: bool) -> String {
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        let _ = self.write_template(&mut text, include_crds, no_hooks, skip_tests);
        String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Writes what `helm template` prints, document by document.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_template(
        &self,
        out: &mut dyn io::Write,
        include_crds: bool,
        no_hooks: bool,
        skip_tests: bool,
    ) -> io::Result<()> {
        let crds = self.crds.iter().filter(|_| include_crds);
        let crds = crds.map(|crd| (crd.path.as_str(), String::from_utf8_lossy(&crd.data)));
        let manifests = self.manifests.iter().map(|it| (it.path.as_str(), Cow::from(it.content.as_str())));
        let mut documents = crds.chain(manifests).peekable();
        while let Some((path, text)) = documents.next() {
            // Helm trims the manifest as a whole, and so its last document.
            let is_last = documents.peek().is_none();
            let text = if is_last { text.trim_end() } else { &text };
            match is_last && text.is_empty() {
                true => write!(out, "---\n# Source: {path}")?,
                false => write!(out, "---\n# Source: {path}\n{text}")?,
            }
            if !is_last {
                writeln!(out)?;
            }
        }
        writeln!(out)?;
        for hook in self.hooks.iter().filter(|hook| !(no_hooks || skip_tests && hook.is_test())) {
            write!(out, "---\n# Source: {}\n{}\n", hook.path, hook.manifest)?;
        }
        Ok(())
    }
}

impl Rendered {
    /// Of [`Rendered::template_output`], the documents of the templates whose paths in their chart match a pattern.
    ///
    /// # Errors
    /// A pattern that matches none.
    pub fn show_only(output: &str, patterns: &[String]) -> Result<String, Error> {
        let documents: Vec<(&str, &str)> = manifests::split(output)
            .filter_map(|document| {
                let (_, source) = document.split_once("# Source: ")?;
                let (_, path) = source.lines().next()?.split_once('/')?;
                Some((path, document))
            })
            .collect();
        let mut text = String::new();
        for pattern in patterns {
            let mut found = documents.iter().filter(|(path, _)| glob::matches(pattern, path)).peekable();
            if found.peek().is_none() {
                return Err(Error::Values(format!("could not find template {pattern} in chart")));
            }
            for (_, document) in found {
                let _ = writeln!(text, "---\n{document}");
            }
        }
        Ok(text)
    }
}

/// A release's name from a template, which sees nothing but the functions.
///
/// # Errors
/// A template that does not parse or does not execute.
pub fn name_from_template(template: &str, limits: &Limits) -> Result<String, Error> {
    const NAME: &str = "name-template";
    let callable = functions::functions(&functions::Options::default());
    let mut set = Set::new(NAME);
    let failed = |why: String| Error::Render(why);
    set.parse(NAME, template, &callable).map_err(|error| failed(functions::parse_error(NAME, &error)))?;
    on_large_stack(|| execute(&Arc::new(set), NAME, Template::Nil, &callable, &limits.template))
        .map_err(|error| failed(functions::explain(NAME, &error)))
}

/// Renders a chart with the values given over its defaults.
///
/// # Errors
/// As Helm words them, in the order it finds them; or the limit that was hit.
pub fn render(chart: &Chart, values: &Map<String, Value>, options: &RenderOptions) -> Result<Rendered, Error> {
    let (chart, mut files, warnings) = execute_all(chart, values, options, false)?;
    let notes = take_notes(&chart, &mut files, options.sub_notes);
    let sorted = manifests::sort(&files, options.limits.objects)?;
    let crds = chart.crds();
    Ok(Rendered { manifests: sorted.manifests, hooks: sorted.hooks, notes, crds, chart: Some(chart), warnings })
}

/// The text of each template that is no partial, by its path, before it is read as YAML.
///
/// # Errors
/// As [`render`], as far as it comes.
pub fn render_templates(
    chart: &Chart,
    values: &Map<String, Value>,
    options: &RenderOptions,
) -> Result<BTreeMap<String, String>, Error> {
    execute_all(chart, values, options, false).map(|(_, files, _)| files)
}

/// As [`render_templates`], but `fail` and `required` let pass.
pub(crate) fn lint_templates(
    chart: &Chart,
    values: &Map<String, Value>,
    options: &RenderOptions,
) -> Result<BTreeMap<String, String>, Error> {
    execute_all(chart, values, options, true).map(|(_, files, _)| files)
}

type Executed = (Chart, BTreeMap<String, String>, Warnings);

/// The chart with its dependencies chosen, and what its templates wrote.
fn execute_all(
    chart: &Chart,
    values: &Map<String, Value>,
    options: &RenderOptions,
    lint: bool,
) -> Result<Executed, Error> {
    check_installable(chart)?;
    check_release_name(&options.release.name)?;
    let limits = &options.limits;
    let mut warnings = Warnings::new();
    let mut chart = chart.clone();
    dependencies::process(&mut chart, values, limits.charts, &mut warnings).map_err(|error| match error {
        Error::Values(why) => Error::Values(format!("chart dependencies processing failed: {why}")),
        other => other,
    })?;
    let values = coalesce(&chart, values, &mut warnings)?;
    if !options.skip_schema {
        schema::check(&chart, &values)?;
    }
    let wanted = &chart.metadata.kube_version;
    let found = &options.capabilities.kube_version;
    if !wanted.is_empty() && !dependencies::compatible(wanted, &found.normalized) {
        return Err(Error::KubeVersion { wanted: wanted.clone(), found: found.version.clone() });
    }
    let files = engine::render(&chart, values, options, lint)?;
    Ok((chart, files, warnings))
}

/// Whether a chart can be rendered by itself: it is no library, and its dependencies are there.
///
/// # Errors
/// [`Error::NotInstallable`] and [`Error::MissingDependencies`].
pub fn check_installable(chart: &Chart) -> Result<(), Error> {
    if !matches!(chart.metadata.kind.as_str(), "" | "application") {
        return Err(Error::NotInstallable(chart.metadata.kind.clone()));
    }
    check_dependencies(chart)
}

/// Whether all dependencies that Chart.yaml lists are there.
///
/// # Errors
/// [`Error::MissingDependencies`].
pub fn check_dependencies(chart: &Chart) -> Result<(), Error> {
    dependencies::check_present(chart)
}

/// # Errors
/// A name that no release can have.
fn check_release_name(name: &str) -> Result<(), Error> {
    let invalid = |why: &str| {
        Err(Error::Values(format!("release name check failed: release name {}: {why}", sluice_gotemplate::quote(name))))
    };
    let label = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next())
            && edge(part.chars().last())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.is_empty() {
        return Err(Error::Values("no name provided".into()));
    }
    if name.len() > 53 || !name.split('.').all(label) {
        return invalid(
            "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ \
             and the length must not be longer than 53",
        );
    }
    Ok(())
}

fn take_notes(chart: &Chart, files: &mut BTreeMap<String, String>, sub_notes: bool) -> String {
    let own = format!("{}/templates/NOTES.txt", chart.name());
    let mut notes = String::new();
    files.retain(|path, text| {
        if !path.ends_with("NOTES.txt") {
            return true;
        }
        if sub_notes || *path == own {
            if !notes.is_empty() {
                notes.push('\n');
            }
            notes.push_str(text);
        }
        false
    });
    notes
}
