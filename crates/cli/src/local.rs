//! Kustomizations built from local files (spec/flux/cli.md §3 "build").

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::Value;
use sluice_kustomize::Disk;
use sluice_substitute::Mode;
use sluice_tree::ignore::{IgnoreLimits, Patterns};

use crate::cluster::{Cluster, item};
use crate::hidden::Hidden;
use crate::kinds::KUSTOMIZATION;
use crate::output::talk;
use crate::render::{self, Settings};
use crate::yaml;

/// A Kustomization and the local files of its source.
#[derive(Args)]
pub struct Local {
    /// Name of the Kustomization
    pub name: String,
    /// The local folder that stands for `spec.path`
    #[arg(long)]
    path: PathBuf,
    /// Take the Kustomization from this file instead of the cluster
    #[arg(long)]
    kustomization_file: Option<PathBuf>,
    /// Do not ask a cluster for anything: `substituteFrom` is left out
    #[arg(long)]
    dry_run: bool,
    /// Variables that are not set are an error, as for the controller
    #[arg(long)]
    strict_substitute: bool,
    /// Build the Kustomizations that are among the objects, too
    #[arg(long, short)]
    recursive: bool,
    /// Folders that stand for other sources: `Kind/namespace/name=folder`, with commas between
    #[arg(long, value_delimiter = ',', value_name = "SOURCE=FOLDER", value_parser = local_source)]
    local_sources: Vec<(String, PathBuf)>,
    /// Files below the folder that are not there for the build, as lines of a .gitignore, with commas between
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    ignore_paths: Vec<String>,
    /// Refuse bases and files that are URLs
    #[arg(long)]
    no_remote_bases: bool,
    /// Accepted for Flux's sake: builds never write into the folder
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    in_memory_build: Option<bool>,
}

/// A Kustomization and what it would apply.
pub struct Part {
    /// The Kustomization, with the live one's status.
    pub kustomization: Value,
    /// Its objects, in apply order.
    pub objects: Vec<Value>,
}

impl Local {
    /// Whether no cluster is to be asked.
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Whether a file says what the Kustomization is.
    pub fn has_file(&self) -> bool {
        self.kustomization_file.is_some()
    }

    /// The Kustomization and its objects; with `--recursive` also those that are among the objects, each after the one
    /// that applies it.
    ///
    /// # Errors
    /// When a Kustomization cannot be found or built, or the folder of its source is not known.
    pub async fn build(&self, cluster: Option<&Cluster>, namespace: &str) -> anyhow::Result<Vec<Part>> {
        if !self.path.is_dir() {
            bail!("--path: `{}` is no folder", self.path.display());
        }
        let object = self.object(cluster, namespace).await?;
        let mut sources: BTreeMap<String, PathBuf> = self.local_sources.iter().cloned().collect();
        if let (Some(source), Some(folder)) = (source_of(&object), source_folder(&self.path, &object)?) {
            sources.entry(source).or_insert(folder);
        }
        let mut seen = BTreeSet::from([key(&object)]);
        let mut todo = VecDeque::from([(object, self.path.clone())]);
        let mut parts = Vec::new();
        while let Some((kustomization, folder)) = todo.pop_front() {
            let objects = self.one(cluster, &kustomization, &folder).await;
            let objects = objects.with_context(|| format!("Kustomization `{}`", key(&kustomization)))?;
            for inner in objects.iter().filter(|it| self.recursive && is_kustomization(it)) {
                if seen.insert(key(inner)) {
                    todo.push_back((self.with_live_status(cluster, inner.clone()).await?, folder_of(inner, &sources)?));
                }
            }
            parts.push(Part { kustomization, objects });
        }
        Ok(parts)
    }

    async fn object(&self, cluster: Option<&Cluster>, namespace: &str) -> anyhow::Result<Value> {
        if self.has_file() {
            return self.with_live_status(cluster, self.given_file(namespace)?).await;
        }
        let live = match cluster {
            Some(cluster) => cluster.get(&KUSTOMIZATION.object(namespace, &self.name)).await?,
            None => None,
        };
        live.with_context(|| format!("Kustomization `{}` not found in `{namespace}` namespace", self.name))
    }

    /// What a diff needs to know of the live object is in its status.
    async fn with_live_status(&self, cluster: Option<&Cluster>, mut object: Value) -> anyhow::Result<Value> {
        if let Some(cluster) = cluster {
            let path = KUSTOMIZATION.object(sluice_object::namespace(&object), sluice_object::name(&object));
            if let Some(status) = cluster.get(&path).await?.and_then(|mut live| live.as_object_mut()?.remove("status"))
            {
                object["status"] = status;
            }
        }
        Ok(object)
    }

    async fn one(&self, cluster: Option<&Cluster>, object: &Value, folder: &Path) -> anyhow::Result<Vec<Value>> {
        let variables = match cluster {
            Some(cluster) => variables(cluster, object, sluice_object::namespace(object)).await?,
            None => BTreeMap::new(),
        };
        let mode = if self.strict_substitute { Mode::Strict } else { Mode::Lenient };
        // Bases may lie above the folder, so the root is the repository that it is in.
        let full = std::fs::canonicalize(folder).with_context(|| format!("`{}`", folder.display()))?;
        let root = crate::repository::root_of(&full)?.unwrap_or_else(|| PathBuf::from("/"));
        let inner = full.strip_prefix(&root).unwrap_or(&full).to_str().context("--path is not UTF-8")?.to_owned();
        let disk = Disk::new(&root).with_context(|| format!("`{}`", root.display()))?;
        let patterns = Patterns::of_bucket(None, Some(&self.ignore_paths.join("\n")), &IgnoreLimits::default());
        let files = Hidden::new(disk, &inner, patterns.context("--ignore-paths")?);
        let settings = Settings { variables, mode, remote_bases: !self.no_remote_bases };
        let mut objects = render::kustomization(object, &files, &inner, &settings)?;
        sluice_object::order::sort(&mut objects);
        Ok(objects)
    }

    fn given_file(&self, namespace: &str) -> anyhow::Result<Value> {
        let path = self.kustomization_file.as_deref().unwrap_or_else(|| Path::new(""));
        let text = std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
        let objects = yaml::objects(&text).with_context(|| format!("`{}`", path.display()))?;
        let is_it = |it: &Value| {
            let own = sluice_object::namespace(it);
            sluice_object::kind(it) == "Kustomization"
                && sluice_object::api_version(it).starts_with("kustomize.toolkit.fluxcd.io/")
                && sluice_object::name(it) == self.name
                && (own.is_empty() || own == namespace)
        };
        let found = objects.into_iter().find(is_it);
        let mut found =
            found.with_context(|| format!("`{}` has no Kustomization `{namespace}/{}`", path.display(), self.name))?;
        sluice_object::set_namespace(&mut found, namespace);
        Ok(found)
    }
}

/// A value of `--local-sources`.
fn local_source(text: &str) -> Result<(String, PathBuf), String> {
    let (source, folder) = text.split_once('=').filter(|(_, folder)| !folder.is_empty()).ok_or("no `=FOLDER` in it")?;
    if source.split('/').filter(|part| !part.is_empty()).count() != 3 {
        return Err(format!("`{source}` is not `Kind/namespace/name`"));
    }
    Ok((source.to_owned(), PathBuf::from(folder)))
}

fn is_kustomization(object: &Value) -> bool {
    sluice_object::kind(object) == "Kustomization"
        && sluice_object::api_version(object).starts_with("kustomize.toolkit.fluxcd.io/")
}

fn key(object: &Value) -> String {
    format!("{}/{}", sluice_object::namespace(object), sluice_object::name(object))
}

/// `Kind/namespace/name` of a Kustomization's source.
fn source_of(kustomization: &Value) -> Option<String> {
    let source = kustomization.pointer("/spec/sourceRef")?;
    let text = |field: &str| source.get(field).and_then(Value::as_str).filter(|it| !it.is_empty());
    let namespace = text("namespace").unwrap_or(sluice_object::namespace(kustomization));
    Some(format!("{}/{namespace}/{}", text("kind")?, text("name")?))
}

/// The folder of the source, when `path` stands for the Kustomization's folder in it and ends as that does.
fn source_folder(path: &Path, kustomization: &Value) -> anyhow::Result<Option<PathBuf>> {
    let full = std::fs::canonicalize(path).with_context(|| format!("`{}`", path.display()))?;
    let inner = render::folder(kustomization)?;
    Ok(full
        .ends_with(&inner)
        .then(|| full.ancestors().nth(Path::new(&inner).components().count()))
        .flatten()
        .map(Path::to_owned))
}

/// The local folder of a Kustomization that was found among objects.
fn folder_of(kustomization: &Value, sources: &BTreeMap<String, PathBuf>) -> anyhow::Result<PathBuf> {
    let name = key(kustomization);
    let source =
        source_of(kustomization).with_context(|| format!("Kustomization `{name}`: spec.sourceRef: no source"))?;
    let folder = sources.get(&source).with_context(|| {
        format!("Kustomization `{name}`: the files of {source} are not known; add --local-sources {source}=FOLDER")
    })?;
    Ok(folder.join(render::folder(kustomization)?))
}

/// The values of `substituteFrom`.
async fn variables(cluster: &Cluster, object: &Value, namespace: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let from = object.pointer("/spec/postBuild/substituteFrom").and_then(Value::as_array);
    for reference in from.into_iter().flatten() {
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let plural = match text("kind") {
            "ConfigMap" => "configmaps",
            "Secret" => "secrets",
            other => bail!("spec.postBuild.substituteFrom: `{other}` is neither a Secret nor a ConfigMap"),
        };
        let Some(found) = cluster.get(&item("v1", plural, namespace, text("name"))).await? else {
            if reference["optional"].as_bool() != Some(true) {
                talk::warning(&format!(
                    "{} `{namespace}/{}` not found; its variables are empty",
                    text("kind"),
                    text("name")
                ));
            }
            continue;
        };
        for (name, value) in found["data"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let value = if plural == "secrets" {
                String::from_utf8_lossy(&STANDARD.decode(value).unwrap_or_default()).into_owned()
            } else {
                value.to_owned()
            };
            variables.insert(name.clone(), value);
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_source_is_named_in_full() {
        assert_eq!(local_source("GitRepository/a/b=../x").unwrap(), ("GitRepository/a/b".to_owned(), "../x".into()));
        for wrong in ["GitRepository/a/b", "GitRepository/b=x", "GitRepository/a/b=", "//=x"] {
            assert!(local_source(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_source_is_named_with_what_to_do() {
        let inner = json!({"metadata": {"name": "apps", "namespace": "ns"},
            "spec": {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "other"}}});
        let sources = BTreeMap::from([("GitRepository/ns/one".to_owned(), PathBuf::from("/one"))]);
        let error = folder_of(&inner, &sources).unwrap_err().to_string();
        assert!(error.ends_with("add --local-sources GitRepository/ns/other=FOLDER"), "{error}");
        let sources = BTreeMap::from([("GitRepository/ns/other".to_owned(), PathBuf::from("/other"))]);
        assert_eq!(folder_of(&inner, &sources).unwrap(), Path::new("/other/apps"));
    }
}
