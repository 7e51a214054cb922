//! A chart and values become manifests, hooks and notes.

mod engine;
mod host;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};
use sluice_helm_functions::Lookup;

use crate::chart::Crd;
use crate::manifests::{self, Hook, Manifest};
use crate::values::{Warnings, coalesce};
use crate::{Capabilities, Chart, Error, Limits, dependencies, schema};

pub(crate) use host::to_template_value;

/// Changes the rendered text of all objects before they are taken apart.
pub type PostRender<'p> = &'p dyn Fn(&str) -> Result<String, String>;

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
pub struct RenderOptions<'r> {
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
    /// Changes the manifests.
    pub post_render: Option<PostRender<'r>>,
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

    /// What `helm template` prints.
    #[must_use]
    pub fn template_output(&self, include_crds: bool, no_hooks: bool, skip_tests: bool) -> String {
        let mut text = self.manifest(include_crds).trim().to_owned();
        text.push('\n');
        for hook in self.hooks.iter().filter(|hook| !(no_hooks || skip_tests && hook.is_test())) {
            let _ = write!(text, "---\n# Source: {}\n{}\n", hook.path, hook.manifest);
        }
        text
    }
}

/// Renders a chart with the values given over its defaults.
///
/// # Errors
/// As Helm words them, in the order it finds them; or the limit that was hit.
pub fn render(chart: &Chart, values: &Map<String, Value>, options: &RenderOptions<'_>) -> Result<Rendered, Error> {
    if !matches!(chart.metadata.kind.as_str(), "" | "application") {
        return Err(Error::NotInstallable(chart.metadata.kind.clone()));
    }
    check_release_name(&options.release.name)?;
    dependencies::check_present(chart)?;
    let limits = &options.limits;
    let mut warnings = Warnings::new();
    let mut chart = chart.clone();
    dependencies::process(&mut chart, values, limits.charts, &mut warnings)?;
    let values = coalesce(&chart, values, &mut warnings)?;
    if !options.skip_schema {
        schema::check(&chart, &values)?;
    }
    let wanted = &chart.metadata.kube_version;
    let found = &options.capabilities.kube_version;
    if !wanted.is_empty() && !dependencies::compatible(wanted, &found.normalized) {
        return Err(Error::KubeVersion { wanted: wanted.clone(), found: found.version.clone() });
    }
    let mut files = engine::render(&chart, &values, options)?;
    let notes = take_notes(&chart, &mut files, options.sub_notes);
    if let Some(post_render) = options.post_render {
        files = engine::post_render(files, post_render)?;
    }
    let sorted = manifests::sort(&files, limits.objects)?;
    let crds = chart.crds();
    Ok(Rendered { manifests: sorted.manifests, hooks: sorted.hooks, notes, crds, chart: Some(chart), warnings })
}

/// # Errors
/// A name that no release can have.
fn check_release_name(name: &str) -> Result<(), Error> {
    let invalid =
        |why: &str| Err(Error::Values(format!("release name {} is invalid: {why}", sluice_gotemplate::quote(name))));
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
