//! What a repository says about itself: the Flux objects in its YAML, its overlays, where it begins.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;
use sluice_kustomize::Files;
use sluice_object::{kind, name, namespace};

/// Folders that hold what tools made.
const SKIPPED: [&str; 5] = [".git", "node_modules", "target", "vendor", ".terraform"];
const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Caps on a walk, far beyond what a repository of manifests has.
const MAX_DEPTH: usize = 30;
const MAX_FILES: usize = 50_000;
const MAX_BYTES: usize = 5 << 20;

/// An object and the file that it is in.
#[derive(Clone, Debug)]
pub struct Found {
    /// The object.
    pub object: Value,
    /// Its file, relative to the repository.
    pub file: String,
}

/// What was found in a repository.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Objects of Flux's API, in the order of files.
    pub objects: Vec<Found>,
    /// Folders with a kustomization file, sorted.
    pub kustomizations: Vec<String>,
}

/// Reads all YAML files below a folder; those that are no objects (templates, values) are passed over.
///
/// # Errors
/// When the folder cannot be read, or holds more than a walk takes.
pub fn scan(files: &dyn Files, under: &str) -> anyhow::Result<Contents> {
    let mut contents = Contents::default();
    let mut seen = 0;
    let mut todo = vec![(under.to_owned(), 0)];
    while let Some((folder, depth)) = todo.pop() {
        if depth > MAX_DEPTH {
            bail!("`{folder}`: folders nest deeper than {MAX_DEPTH}");
        }
        for entry in files.list(&folder).with_context(|| format!("reading `{folder}`"))? {
            seen += 1;
            if seen > MAX_FILES {
                bail!("more than {MAX_FILES} files; name a folder with fewer");
            }
            let path = if folder.is_empty() { entry.clone() } else { format!("{folder}/{entry}") };
            // Links are not followed: what they name is found where it is.
            if !files.resolve(&path).is_ok_and(|real| real == path) {
                continue;
            }
            if files.is_dir(&path) {
                if !SKIPPED.contains(&entry.as_str()) {
                    todo.push((path, depth + 1));
                }
                continue;
            }
            if KUSTOMIZATION_FILES.contains(&entry.as_str()) {
                contents.kustomizations.push(folder.clone());
            } else if entry.ends_with(".yaml") || entry.ends_with(".yml") {
                read_objects(files, &path, &mut contents);
            }
        }
    }
    contents.kustomizations.sort();
    contents.kustomizations.dedup();
    contents.objects.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(contents)
}

fn read_objects(files: &dyn Files, path: &str, contents: &mut Contents) {
    let Ok(bytes) = files.read(path) else { return };
    let Ok(text) = std::str::from_utf8(&bytes) else { return };
    // Most files are not Flux's; looking for the word is much cheaper than parsing.
    if bytes.len() > MAX_BYTES || !text.contains(".toolkit.fluxcd.io/") {
        return;
    }
    let Ok(objects) = crate::yaml::objects(text) else { return };
    let flux = |object: &Value| {
        let api_version = sluice_object::api_version(object);
        api_version.contains(".toolkit.fluxcd.io/") && !name(object).is_empty()
    };
    let found = objects.into_iter().filter(flux).map(|object| Found { object, file: path.to_owned() });
    contents.objects.extend(found);
}

impl Contents {
    /// The Flux Kustomizations.
    pub fn flux_kustomizations(&self) -> impl Iterator<Item = &Value> {
        self.objects.iter().map(|it| &it.object).filter(|it| {
            kind(it) == "Kustomization" && sluice_object::api_version(it).starts_with("kustomize.toolkit.fluxcd.io/")
        })
    }

    /// The GitRepositories.
    pub fn git_repositories(&self) -> impl Iterator<Item = &Value> {
        self.objects.iter().map(|it| &it.object).filter(|it| kind(it) == "GitRepository")
    }

    /// Namespace and name of those GitRepositories that stand for this very repository: the only one, the one called
    /// as bootstrap calls it, or one whose Kustomizations all name folders that exist here.
    pub fn own_sources(&self, files: &dyn Files) -> BTreeSet<(String, String)> {
        let key = |it: &Value| (namespace(it).to_owned(), name(it).to_owned());
        let all: Vec<_> = self.git_repositories().map(key).collect();
        let here = |source: &(String, String)| {
            let mut users = self.flux_kustomizations().filter(|it| source_of(it).as_ref() == Some(source)).peekable();
            users.peek().is_some()
                && users.all(|it| crate::render::folder(it).is_ok_and(|path| path.is_empty() || files.is_dir(&path)))
        };
        // A Kustomization may be in here while its source is made elsewhere, as bootstrap does.
        let named = self.flux_kustomizations().filter_map(source_of).filter(|it| !all.contains(it));
        let mut own: BTreeSet<_> = named.filter(here).collect();
        own.extend(all.iter().filter(|it| all.len() == 1 || it.1 == "flux-system" || here(it)).cloned());
        own
    }

    /// Folders that nothing else here builds on: what somebody would deploy.
    pub fn overlays(&self, files: &dyn Files) -> Vec<String> {
        let mut used = BTreeSet::new();
        for folder in &self.kustomizations {
            for resource in named_folders(files, folder) {
                used.insert(resource);
            }
        }
        self.kustomizations.iter().filter(|folder| !used.contains(*folder)).cloned().collect()
    }
}

/// Namespace and name of the GitRepository that a Kustomization names, if it is one.
pub fn source_of(kustomization: &Value) -> Option<(String, String)> {
    let source = kustomization.pointer("/spec/sourceRef")?;
    (source.get("kind")?.as_str()? == "GitRepository").then_some(())?;
    let own = namespace(kustomization);
    let of = source.get("namespace").and_then(Value::as_str).filter(|it| !it.is_empty()).unwrap_or(own);
    Some((of.to_owned(), source.get("name")?.as_str()?.to_owned()))
}

/// The folders that a kustomization file names as resources, bases or components.
fn named_folders(files: &dyn Files, folder: &str) -> Vec<String> {
    let path = |file: &str| if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
    let read = KUSTOMIZATION_FILES.iter().find_map(|file| files.read(&path(file)).ok());
    let text = read.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()).unwrap_or_default();
    let value = sluice_yaml::parse(&text, sluice_yaml::Dialect::V3).unwrap_or_default();
    let entries = ["resources", "bases", "components"].into_iter().filter_map(|field| value.get(field)?.as_array());
    let entries = entries.flatten().filter_map(Value::as_str);
    entries.filter_map(|entry| sluice_tree::path::join(folder, entry).ok()).filter(|it| files.is_dir(it)).collect()
}

/// The repository that a folder is in: the folder, or the nearest one above it, that has a `.git` or is a bare one.
pub fn root_of(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let start = std::fs::canonicalize(folder).with_context(|| format!("`{}`", folder.display()))?;
    let is_bare = |path: &Path| path.join("HEAD").is_file() && path.join("objects").is_dir();
    Ok(start.ancestors().find(|it| it.join(".git").exists() || is_bare(it)).map(Path::to_owned))
}

#[cfg(test)]
mod tests {
    use sluice_tree::{Limits, Tree, TreeBuilder};

    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut builder = TreeBuilder::new(Limits::default());
        for (path, text) in files {
            builder.file(path, text.to_string(), false).unwrap();
        }
        builder.build()
    }

    fn flux(kind: &str, name: &str, rest: &str) -> String {
        let group = if kind == "GitRepository" { "source" } else { "kustomize" };
        format!(
            "apiVersion: {group}.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: ns}}\n{rest}\n"
        )
    }

    fn kustomization(name: &str, source: &str, path: &str) -> String {
        flux(
            "Kustomization",
            name,
            &format!("spec: {{path: {path}, sourceRef: {{kind: GitRepository, name: {source}}}}}"),
        )
    }

    #[test]
    fn only_the_sources_that_are_this_repository_are_its_own() {
        let own = |files: &[(&str, &str)]| {
            let tree = tree(files);
            let own = scan(&tree, "").unwrap().own_sources(&tree);
            own.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        let (a, b) = (flux("GitRepository", "a", ""), flux("GitRepository", "b", ""));
        let (uses_a, uses_b) = (kustomization("x", "a", "./here"), kustomization("y", "b", "./elsewhere"));
        assert_eq!(own(&[("a.yaml", &a)]), ["a"]);
        assert_eq!(
            own(&[("a.yaml", &a), ("b.yaml", &b), ("x.yaml", &uses_a), ("y.yaml", &uses_b), ("here/f", "")]),
            ["a"]
        );
        let bootstrap = flux("GitRepository", "flux-system", "");
        assert_eq!(own(&[("a.yaml", &a), ("s.yaml", &bootstrap)]), ["flux-system"]);
        assert_eq!(own(&[("x.yaml", &uses_a), ("here/f", "")]), ["a"]);
    }

    #[test]
    fn what_nothing_builds_on_is_an_overlay() {
        let tree = tree(&[
            ("base/kustomization.yaml", "resources: [a.yaml]"),
            ("overlays/p/kustomization.yaml", "resources: [../../base]\ncomponents: [../../c]"),
            ("c/kustomization.yaml", "kind: Component"),
            ("overlays/q/kustomization.yaml", "bases: [../../base]"),
        ]);
        assert_eq!(scan(&tree, "").unwrap().overlays(&tree), ["overlays/p", "overlays/q"]);
    }

    #[test]
    fn templates_and_other_yaml_are_passed_over() {
        let tree = tree(&[
            ("t.yaml", "{{ if x }}\n.toolkit.fluxcd.io/"),
            ("v.yaml", "a: 1"),
            ("node_modules/k.yaml", &kustomization("x", "a", ".")),
        ]);
        assert!(scan(&tree, "").unwrap().objects.is_empty());
    }
}
