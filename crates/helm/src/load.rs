//! From files to a chart.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use sluice_tree::{Entry, Tree};
use sluice_yaml::Dialect;

use crate::chart::{File, Lock};
use crate::ignore::Rules;
use crate::metadata::Metadata;
use crate::{Chart, Error, Limits, archive, values};

/// What loading has used up of the limits.
pub(crate) struct Budget<'l> {
    pub(crate) limits: &'l Limits,
    charts: usize,
    total: u64,
}

impl<'l> Budget<'l> {
    pub(crate) fn new(limits: &'l Limits) -> Self {
        Self { limits, charts: 0, total: 0 }
    }

    pub(crate) fn bytes(&mut self, more: u64) -> Result<(), Error> {
        self.total = self.total.saturating_add(more);
        if self.total > self.limits.total_bytes {
            let most = self.limits.total_bytes;
            return Err(Error::Limit(format!(
                "the chart and its dependencies are larger than {most} bytes (limit total_bytes)"
            )));
        }
        Ok(())
    }
}

pub(crate) fn without_mark(data: Bytes) -> Bytes {
    if data.starts_with(b"\xef\xbb\xbf") { data.slice(3..) } else { data }
}

impl Chart {
    /// Loads a chart from its folder; `.helmignore` says what is left out.
    ///
    /// # Errors
    /// What is wrong with the chart, in Helm's words; a symbolic link; or the limit that was hit.
    pub fn load(tree: &Tree, limits: &Limits) -> Result<Self, Error> {
        let rules = match tree.get(".helmignore") {
            Some(Entry::File { data, .. }) => String::from_utf8_lossy(data).into_owned(),
            Some(Entry::Symlink { .. }) => return Err(Error::Symlink(".helmignore".into())),
            _ => String::new(),
        };
        let rules = Rules::parse(&rules)?;
        let mut budget = Budget::new(limits);
        let mut files = Vec::new();
        let mut skipped: Option<String> = None;
        for (path, entry) in tree.walk() {
            if skipped.as_ref().is_some_and(|dir| path.starts_with(dir.as_str())) {
                continue;
            }
            let is_dir = matches!(entry, Entry::Directory);
            if rules.ignores(path, is_dir) {
                if is_dir {
                    skipped = Some(format!("{path}/"));
                }
                continue;
            }
            match entry {
                Entry::Directory => {}
                Entry::Symlink { .. } => return Err(Error::Symlink(path.to_owned())),
                Entry::File { data, .. } => {
                    let most = limits.file_bytes;
                    if data.len() as u64 > most {
                        return Err(Error::Limit(format!(
                            "chart file {path:?} is larger than the maximum file size {most}"
                        )));
                    }
                    budget.bytes(data.len() as u64)?;
                    files.push(File { name: path.to_owned(), data: without_mark(data.clone()) });
                }
            }
        }
        load_files(files, 0, &mut budget)
    }
}

/// Parses one of the chart's own YAML files.
fn yaml(file: &File) -> Result<Value, String> {
    let text = String::from_utf8_lossy(&file.data);
    sluice_yaml::parse(&text, Dialect::V2).map_err(|error| sluice_helm_functions::yaml_error(&error, &text))
}

pub(crate) fn load_files(files: Vec<File>, depth: usize, budget: &mut Budget<'_>) -> Result<Chart, Error> {
    if depth > budget.limits.depth {
        let most = budget.limits.depth;
        return Err(Error::Limit(format!("charts lie more than {most} deep inside each other (limit depth)")));
    }
    budget.charts += 1;
    if budget.charts > budget.limits.charts {
        let most = budget.limits.charts;
        return Err(Error::Limit(format!("more than {most} charts inside each other (limit charts)")));
    }
    let failed = |file: &File, why: String| Error::File { file: file.name.clone(), why };
    let mut metadata = None;
    for file in files.iter().filter(|file| file.name == "Chart.yaml") {
        let metadata = metadata.get_or_insert_with(Metadata::default);
        let value = yaml(file).map_err(|why| failed(file, why))?;
        metadata.read_over(&value).map_err(|why| failed(file, why))?;
        if metadata.api_version.is_empty() {
            metadata.api_version = "v1".into();
        }
    }
    let known = |metadata: &Metadata| matches!(metadata.api_version.as_str(), "v1" | "v2");
    if metadata.as_ref().is_some_and(|metadata| !known(metadata)) {
        return Err(Error::ApiVersion);
    }
    let mut parts = Parts::default();
    for file in &files {
        let is_v1 = metadata.as_ref().is_some_and(|metadata| metadata.api_version == "v1");
        match file.name.as_str() {
            "Chart.yaml" => {}
            "Chart.lock" => parts.lock = Some(lock(file)?),
            "values.yaml" => {
                let text = String::from_utf8_lossy(&file.data);
                parts.values = values::read(&text).map_err(|why| failed(file, why))?;
            }
            "values.schema.json" => parts.schema = Some(file.data.clone()),
            "requirements.yaml" => {
                let value = yaml(file).map_err(|why| failed(file, why))?;
                let metadata = metadata.get_or_insert_with(Metadata::default);
                metadata.read_over(&value).map_err(|why| failed(file, why))?;
                if is_v1 {
                    parts.files.push(file.clone());
                }
            }
            "requirements.lock" => {
                parts.lock = Some(lock(file)?);
                if is_v1 {
                    parts.files.push(file.clone());
                }
            }
            name if name.starts_with("templates/") => parts.templates.push(file.clone()),
            name => match name.strip_prefix("charts/") {
                Some(inner) if !has_extension(inner, ".prov") => {
                    let top = inner.split('/').next().unwrap_or(inner);
                    let inside = File { name: inner.to_owned(), data: file.data.clone() };
                    parts.subcharts.entry(top.to_owned()).or_default().push(inside);
                }
                _ => parts.files.push(file.clone()),
            },
        }
    }
    let mut metadata = metadata.ok_or(Error::NoChart)?;
    metadata.sanitize();
    metadata.validate()?;
    let mut dependencies = Vec::new();
    for (name, files) in parts.subcharts {
        let loaded = subchart(&name, files, depth, budget).map_err(|source| match source {
            limit @ Error::Limit(_) => limit,
            source => Error::Subchart { name, chart: metadata.name.clone(), source: Box::new(source) },
        })?;
        dependencies.extend(loaded);
    }
    Ok(Chart {
        metadata,
        lock: parts.lock,
        templates: parts.templates.into(),
        values: Arc::new(parts.values),
        schema: parts.schema,
        files: parts.files.into(),
        raw: files.into(),
        dependencies,
        parsed: Arc::default(),
    })
}

#[derive(Default)]
struct Parts {
    lock: Option<Lock>,
    templates: Vec<File>,
    values: Map<String, Value>,
    schema: Option<Bytes>,
    files: Vec<File>,
    subcharts: BTreeMap<String, Vec<File>>,
}

fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.rfind('.').is_some_and(|at| &name[at..] == extension))
}

fn subchart(name: &str, files: Vec<File>, depth: usize, budget: &mut Budget<'_>) -> Result<Option<Chart>, Error> {
    if name.starts_with(['_', '.']) {
        return Ok(None);
    }
    if has_extension(name, ".tgz") {
        let first = files.into_iter().next().ok_or(Error::NoChart)?;
        if first.name != name {
            return Err(Error::Archive(format!("expected {name}, got {}", first.name)));
        }
        let files = archive::unpack(&first.data, budget)?;
        return load_files(files, depth + 1, budget).map(Some);
    }
    let inside = files.into_iter().filter_map(|file| {
        let (_, rest) = file.name.split_once('/')?;
        Some(File { name: rest.to_owned(), data: file.data.clone() })
    });
    load_files(inside.collect(), depth + 1, budget).map(Some)
}

fn lock(file: &File) -> Result<Lock, Error> {
    let failed = |why: String| Error::File { file: file.name.clone(), why };
    let value = yaml(file).map_err(failed)?;
    let wrong =
        |what: &str| failed(format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {what}"));
    match value {
        Value::Null => Ok(Lock::default()),
        Value::Object(mut map) => {
            let mut text = |name: &str| match map.remove(name) {
                Some(Value::String(text)) => Ok(text),
                Some(Value::Null) | None => Ok(String::new()),
                Some(_) => Err(wrong("a value into Go struct field Lock of type string")),
            };
            let (generated, digest) = (text("generated")?, text("digest")?);
            match map.remove("dependencies").unwrap_or_default() {
                dependencies @ (Value::Null | Value::Array(_)) => Ok(Lock { generated, digest, dependencies }),
                _ => Err(wrong("a value into Go struct field Lock.dependencies of type []*v2.Dependency")),
            }
        }
        _ => Err(wrong("a value into Go value of type v2.Lock")),
    }
}
