//! `helmCharts`: a chart's templates become objects, rendered by an engine that the caller gives ([`Charts`]).
//!
//! As with kustomize, a values file must lie where any file may; the chart's own files are read as Helm reads them. A
//! chart that is not in the files is never fetched.

use bytes::Bytes;
use sluice_tree::path::join;
use sluice_yaml::{Dialect, Map, Value};

use crate::cache::digest;
use crate::decode::Fields;
use crate::errors::{Error, Errors, Result};
use crate::loader::{File, Loader, NoFile};
use crate::objects;
use crate::reads::Seen;
use crate::resource::Resource;

/// Where charts lie, below the kustomization, unless it says otherwise.
const CHART_HOME: &str = "charts";

/// Renders charts: what `helm template` does for kustomize.
pub trait Charts: Send + Sync {
    /// What `helm template` prints for a chart.
    ///
    /// # Errors
    /// A message for the user: what is wrong with the chart or its values.
    fn render(&self, chart: &Chart) -> std::result::Result<String, String>;
}

/// A chart that a kustomization names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// Its name, which is that of its folder.
    pub name: String,
    /// Its files, by their paths in it.
    pub files: Vec<(String, Bytes)>,
    /// Values files, later ones win: the texts themselves.
    pub values: Vec<Bytes>,
    /// Name of the release; empty if there is none.
    pub release_name: String,
    /// Template of the release's name; empty if there is none.
    pub name_template: String,
    /// Namespace of the release; empty if there is none.
    pub namespace: String,
    /// Kubernetes version to render for; empty if there is none.
    pub kube_version: String,
    /// More API versions that the cluster has.
    pub api_versions: Vec<String>,
    /// Whether the CRDs of the chart are wanted.
    pub include_crds: bool,
    /// Whether hooks are left out.
    pub skip_hooks: bool,
    /// Whether tests are left out.
    pub skip_tests: bool,
}

/// An entry of `helmCharts`.
#[derive(Debug, Clone, Default)]
pub(crate) struct HelmChart {
    chart: Chart,
    home: String,
    version: String,
    repo: String,
    values_file: String,
    more_values_files: Vec<String>,
    values_inline: Option<Value>,
    values_merge: String,
}

/// The charts of a kustomization: `helmCharts` with `helmGlobals`, and the older field.
pub(crate) fn charts(fields: &mut Fields<'_, '_>) -> Vec<HelmChart> {
    let home = fields.object("helmGlobals", globals).unwrap_or_default();
    let mut charts = fields.each("helmCharts", chart);
    charts.extend(fields.each("helmChartInflationGenerator", old_chart));
    for chart in &mut charts {
        if chart.home.is_empty() {
            chart.home.clone_from(&home);
        }
    }
    charts
}

fn globals(of: &mut Fields<'_, '_>) -> String {
    of.get("configHome");
    of.string("chartHome")
}

fn chart(of: &mut Fields<'_, '_>) -> HelmChart {
    // What Helm would say besides, and whether it takes versions in development: nothing is pulled here.
    of.get("debug");
    of.get("devel");
    HelmChart {
        chart: Chart {
            name: of.string("name"),
            release_name: of.string("releaseName"),
            name_template: of.string("nameTemplate"),
            namespace: of.string("namespace"),
            kube_version: of.string("kubeVersion"),
            api_versions: of.strings("apiVersions"),
            include_crds: of.bool("includeCRDs"),
            skip_hooks: of.bool("skipHooks"),
            skip_tests: of.bool("skipTests"),
            ..Chart::default()
        },
        home: String::new(),
        version: of.string("version"),
        repo: of.string("repo"),
        values_file: of.string("valuesFile"),
        more_values_files: of.strings("additionalValuesFiles"),
        values_inline: of.get("valuesInline").cloned(),
        values_merge: of.string("valuesMerge"),
    }
}

/// An entry of `helmChartInflationGenerator`.
fn old_chart(of: &mut Fields<'_, '_>) -> HelmChart {
    for unused in ["chartRepoName", "helmBin", "helmHome", "extraArgs"] {
        of.get(unused);
    }
    HelmChart {
        chart: Chart {
            name: of.string("chartName"),
            release_name: of.string("releaseName"),
            namespace: of.string("releaseNamespace"),
            ..Chart::default()
        },
        home: of.string("chartHome"),
        version: of.string("chartVersion"),
        repo: of.string("chartRepoUrl"),
        values_file: of.string("values"),
        values_inline: of.get("valuesLocal").cloned(),
        values_merge: of.string("valuesMerge"),
        ..HelmChart::default()
    }
}

/// A `HelmChartInflationGenerator` of its own.
pub(crate) fn plugin(fields: &mut Fields<'_, '_>) -> HelmChart {
    let home = globals(fields);
    HelmChart { home, ..chart(fields) }
}

/// The objects of a chart, released into `namespace` unless the chart has its own.
pub(crate) fn inflate(helm: &HelmChart, namespace: &str, loader: &Loader<'_>) -> Result<Vec<Resource>> {
    let options = loader.session.options;
    if !options.enable_helm {
        return Err(Error::new("must specify --enable-helm; helm charts are not rendered without it").into());
    }
    let Some(engine) = options.charts else {
        let message = "helm charts are not rendered here; render them beforehand, or use a HelmRelease";
        return Err(Error::new(message).into());
    };
    if helm.chart.name.is_empty() {
        return Err(Error::new("chart name cannot be empty").into());
    }
    let folder = helm.folder();
    let values = helm.values(&folder, loader)?;
    let mut chart = Chart { files: files(&folder, helm, loader)?, values, ..helm.chart.clone() };
    if chart.namespace.is_empty() {
        namespace.clone_into(&mut chart.namespace);
    }
    let shown = loader.shown(&folder);
    let text = engine.render(&chart).map_err(|why| Error::new(format!("chart `{shown}`: {why}")))?;
    let bytes = Bytes::from(text);
    let file = File { path: shown, digest: digest(&bytes), bytes };
    let parsed = objects::of_file(loader.session, &file, None)?;
    loader.session.check_objects(parsed.len())?;
    let resources = objects::owned(parsed).into_iter().map(|object| {
        let mut resource = Resource::new(object.value);
        resource.from_chart = true;
        resource.layout = object.layout;
        resource.source = object.source;
        resource
    });
    Ok(resources.collect())
}

impl HelmChart {
    /// The chart's folder. What is pulled of a version lies in a folder of that version.
    fn folder(&self) -> String {
        let home = if self.home.is_empty() { CHART_HOME } else { &self.home };
        let name = &self.chart.name;
        match self.version.is_empty() || self.repo.is_empty() {
            true => format!("{home}/{name}"),
            false => format!("{home}/{name}-{}/{name}", self.version),
        }
    }

    /// The texts of the values files, what stands in the kustomization put in.
    fn values(&self, folder: &str, loader: &Loader<'_>) -> Result<Vec<Bytes>> {
        let merge = match self.values_merge.as_str() {
            "" | "override" => Merge::Inline,
            "merge" => Merge::File,
            "replace" => Merge::Replace,
            _ => {
                let message = "valuesMerge must be one of [merge override replace]";
                return Err(Error::new(message).into());
            }
        };
        let path = match self.values_file.as_str() {
            "" => format!("{folder}/values.yaml"),
            path => path.to_owned(),
        };
        let inline = self.values_inline.as_ref().filter(|inline| inline.as_object().is_some_and(|map| !map.is_empty()));
        let read = || loader.load(&path).map_err(|absent| self.absent(absent, folder, loader));
        let first = match (inline, merge) {
            (None, _) => read()?.bytes,
            (Some(inline), Merge::Replace) => text(inline)?,
            (Some(inline), merge) => {
                let file = read()?;
                let own = std::str::from_utf8(&file.bytes)
                    .map_err(|_| Error::in_file(&file.path, None, "not UTF-8"))
                    .and_then(|text| {
                    sluice_yaml::parse(text, Dialect::V3).map_err(|error| {
                        Error::in_file(&file.path, Some(error.line), format!("malformed YAML: {}", error.message))
                    })
                })?;
                let own = if own.is_null() { Value::Object(Map::new()) } else { own };
                let (mut below, above) =
                    if merge == Merge::Inline { (own, inline.clone()) } else { (inline.clone(), own) };
                put_over(&mut below, above).map_err(|path| {
                    Error::new(format!("`valuesInline` and `{}` differ in kind at `{path}`", file.path))
                })?;
                text(&below)?
            }
        };
        let more = self.more_values_files.iter();
        let more = more.map(|path| loader.load(path).map(|file| file.bytes).map_err(NoFile::error));
        Ok(std::iter::once(Ok(first)).chain(more).collect::<std::result::Result<_, _>>()?)
    }

    /// What is said where a chart's own values file is not there: mostly there is no chart.
    fn absent(&self, absent: NoFile, folder: &str, loader: &Loader<'_>) -> Error {
        let there = join(&loader.root, folder).is_ok_and(|folder| loader.files().exists(&folder));
        match absent {
            NoFile::Absent(_) if self.values_file.is_empty() && !there => self.no_chart(folder, loader),
            absent => absent.error(),
        }
    }

    fn no_chart(&self, folder: &str, loader: &Loader<'_>) -> Error {
        let shown = loader.shown(folder);
        match self.repo.as_str() {
            "" => Error::new(format!("no repo specified for pull, no chart found at `{shown}`")),
            repo => Error::new(format!(
                "no chart at `{shown}`, and charts are not pulled (from `{repo}`): put its unpacked files there"
            )),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// What stands in the kustomization wins.
    Inline,
    /// What stands in the file wins.
    File,
    /// What stands in the kustomization is all.
    Replace,
}

fn text(values: &Value) -> std::result::Result<Bytes, Error> {
    sluice_yaml::emit(values).map(Bytes::from).map_err(|error| Error::new(error.to_string()))
}

/// Puts `above` over `below`: maps are merged, a null takes away, everything else is replaced.
///
/// # Errors
/// The path where one has a map and the other has none.
fn put_over(below: &mut Value, above: Value) -> std::result::Result<(), String> {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                match below.get_mut(&key) {
                    _ if value.is_null() => drop(below.remove(&key)),
                    Some(old) if !old.is_null() => {
                        put_over(old, value).map_err(|path| match path.as_str() {
                            "" => key,
                            path => format!("{key}.{path}"),
                        })?;
                    }
                    _ => drop(below.insert(key, value)),
                }
            }
            Ok(())
        }
        (below, above) if below.is_object() == above.is_object() && below.is_array() == above.is_array() => {
            *below = above;
            Ok(())
        }
        _ => Err(String::new()),
    }
}

/// The files of the folder, as they lie there.
fn files(folder: &str, helm: &HelmChart, loader: &Loader<'_>) -> std::result::Result<Vec<(String, Bytes)>, Error> {
    let session = loader.session;
    let failed = |error: crate::files::FileError| Error::new(error.to_string());
    let root = match folder.strip_prefix('/') {
        Some(_) => loader.files().absolute(folder).ok_or_else(|| helm.no_chart(folder, loader))?,
        None => join(&loader.root, folder).map_err(|error| Error::new(error.to_string()))?,
    };
    let Some(root) = loader.files().resolve(&root).ok().filter(|root| loader.files().is_dir(root)) else {
        loader.note(&root, Seen::Missing);
        return Err(helm.no_chart(folder, loader));
    };
    let mut found = Vec::new();
    // Folders still to be read, with what is above them, links followed: a link must not lead there again.
    let mut todo = vec![(String::new(), vec![root])];
    while let Some((at, trail)) = todo.pop() {
        let Some(place) = trail.last() else { continue };
        session.count_load(place, 0)?;
        loader.note(place, Seen::Folder);
        for name in loader.files().list(place).map_err(failed)? {
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            let resolved = loader.files().resolve(&format!("{place}/{name}")).map_err(failed)?;
            if loader.files().is_dir(&resolved) {
                if trail.contains(&resolved) {
                    return Err(Error::new(format!("`{path}`: a link leads round in circles")));
                }
                todo.push((path, trail.iter().cloned().chain([resolved]).collect()));
                continue;
            }
            let bytes = loader.files().read(&resolved).map_err(failed)?;
            session.count_load(&resolved, bytes.len())?;
            loader.note(&resolved, Seen::File(digest(&bytes)));
            found.push((path, bytes));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// The chart's field goes in front of what is wrong with it.
pub(crate) fn at(errors: Errors, steps: &[&str]) -> Vec<Error> {
    errors.0.into_iter().map(|error| if error.file.is_empty() { error.at(steps) } else { error }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::put_over;

    #[test]
    fn values_go_over_others() {
        let mut below = json!({"a": {"b": 1, "c": 2}, "l": [1, 2], "n": null, "gone": 1});
        put_over(&mut below, json!({"a": {"b": 3, "d": 4}, "l": [5], "n": {"x": 1}, "gone": null})).unwrap();
        assert_eq!(below, json!({"a": {"b": 3, "c": 2, "d": 4}, "l": [5], "n": {"x": 1}}));
        assert_eq!(put_over(&mut below, json!({"a": {"b": {"x": 1}}})), Err("a.b".to_owned()));
    }
}
