//! What the kustomize-controller makes of a Kustomization's spec before it builds: a kustomization file where there is
//! none, and the spec's fields in it (spec/flux/kustomize.md §4, "kustomization.yaml generation").
//!
//! Nothing is written: the result goes into [`crate::Options::kustomization`].

use serde_json::json;
use sluice_tree::path::join;
use sluice_yaml::{Dialect, Map, Value, parse};

use crate::errors::{Error, Errors};
use crate::files::Files;
use crate::kustomization::FILE_NAMES;
use crate::objects;
use crate::options::Limits;
use crate::reads::{self, Reads, Seen};

/// The fields of a Kustomization's spec that end up in the kustomization file.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    /// `spec.targetNamespace`; empty for none.
    pub target_namespace: String,
    /// `spec.namePrefix`; empty for none.
    pub name_prefix: String,
    /// `spec.nameSuffix`; empty for none.
    pub name_suffix: String,
    /// `spec.patches`, as they stand there.
    pub patches: Vec<Value>,
    /// `spec.images`, as they stand there.
    pub images: Vec<Value>,
    /// `spec.components`.
    pub components: Vec<String>,
    /// `spec.ignoreMissingComponents`.
    pub ignore_missing_components: bool,
    /// `spec.buildMetadata`.
    pub build_metadata: Vec<String>,
}

/// A kustomization file to build instead of the one that is there.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// For [`crate::Options::kustomization`].
    pub kustomization: Value,
    /// What was looked at to make it, besides what the build will read.
    pub reads: Reads,
    /// Whether there was no kustomization file and one was made up from the files.
    pub generated: bool,
}

impl Spec {
    /// The kustomization file of the folder `path`, or one of all its YAML files, with the spec's fields in it.
    ///
    /// # Errors
    /// When a file is no YAML, holds anything but objects, or a component is no path inside of the source.
    pub fn apply(&self, files: &dyn Files, path: &str, limits: &Limits) -> Result<Prepared, Errors> {
        let mut reads = Reads::default();
        let folder = files.resolve(path).map_err(|error| Error::new(error.to_string()))?;
        if !files.is_dir(&folder) {
            return Err(Error::new(format!("`{path}` is a file; a folder is wanted")).into());
        }
        let (mut map, generated) = match existing(files, &folder, &mut reads)? {
            Some(map) => (map, false),
            None => (generate(files, &folder, limits, &mut reads)?, true),
        };
        self.rewrite(&mut map, files, &folder, &mut reads)?;
        Ok(Prepared { kustomization: Value::Object(map), reads, generated })
    }

    fn rewrite(
        &self,
        map: &mut Map<String, Value>,
        files: &dyn Files,
        folder: &str,
        reads: &mut Reads,
    ) -> Result<(), Errors> {
        for (field, value) in [
            ("namespace", &self.target_namespace),
            ("namePrefix", &self.name_prefix),
            ("nameSuffix", &self.name_suffix),
        ] {
            if !value.is_empty() {
                map.insert(field.to_owned(), value.as_str().into());
            }
        }
        append(map, "patches", &self.patches)?;
        let mut components = Vec::new();
        for component in &self.components {
            let remote = component.contains("://") || component.starts_with('/') || component.starts_with("git@");
            let inside = join(folder, component).ok().filter(|_| !remote);
            let Some(inside) = inside else {
                let message = format!("spec.components: `{component}` must be a local relative path");
                return Err(Error::new(message).into());
            };
            if self.ignore_missing_components {
                let there = files.exists(&inside);
                reads.note(&inside, if there { Seen::Folder } else { Seen::Missing });
                if !there {
                    continue;
                }
            }
            components.push(component.as_str().into());
        }
        append(map, "components", &components)?;
        if !self.images.is_empty() {
            let mut images = take_list(map, "images")?;
            self.images.iter().for_each(|image| merge_image(&mut images, image));
            map.insert("images".to_owned(), images.into());
        }
        if !self.build_metadata.is_empty() {
            map.insert("buildMetadata".to_owned(), self.build_metadata.clone().into());
        } else if is_hollow(map) {
            // An own file that names nothing would be an error; so would one that only names a kind.
            map.insert("buildMetadata".to_owned(), json!(["originAnnotations"]));
        }
        Ok(())
    }
}

fn is_hollow(map: &Map<String, Value>) -> bool {
    map.iter().all(|(key, value)| {
        matches!(key.as_str(), "apiVersion" | "kind")
            || value.is_null()
            || value.as_str() == Some("")
            || (key == "resources" && value.as_array().is_some_and(Vec::is_empty))
    })
}

fn existing(files: &dyn Files, folder: &str, reads: &mut Reads) -> Result<Option<Map<String, Value>>, Errors> {
    for name in FILE_NAMES {
        let path = join(folder, name).map_err(|error| Error::new(error.to_string()))?;
        let Ok(resolved) = files.resolve(&path) else {
            reads.note(&path, Seen::Missing);
            continue;
        };
        if files.is_dir(&resolved) {
            continue;
        }
        let bytes = files.read(&resolved).map_err(|error| Error::new(error.to_string()))?;
        reads.note(&path, Seen::File(crate::cache::digest(&bytes)));
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::in_file(&path, None, "not UTF-8"))?;
        let value = parse(text, Dialect::V2).map_err(|error| Error::in_file(&path, Some(error.line), error.message))?;
        return match value {
            Value::Object(map) => Ok(Some(map)),
            Value::Null => Ok(Some(Map::new())),
            _ => Err(Error::in_file(&path, None, "not a map").into()),
        };
    }
    Ok(None)
}

/// A kustomization of all YAML files below the folder; folders with an own kustomization are taken as they are.
fn generate(files: &dyn Files, folder: &str, limits: &Limits, reads: &mut Reads) -> Result<Map<String, Value>, Errors> {
    let mut walk = Walk { files, folder, limits, reads, resources: Vec::new(), errors: Vec::new(), seen: 0 };
    walk.folder(folder, 0)?;
    if !walk.errors.is_empty() {
        return Err(Errors(walk.errors));
    }
    let resources = walk.resources;
    let mut map = Map::new();
    map.insert("apiVersion".to_owned(), "kustomize.config.k8s.io/v1beta1".into());
    map.insert("kind".to_owned(), "Kustomization".into());
    if resources.is_empty() {
        // Without anything kustomize would call the file empty.
        map.insert("namespace".to_owned(), "_placeholder".into());
    } else {
        map.insert("resources".to_owned(), resources.into());
    }
    Ok(map)
}

struct Walk<'a> {
    files: &'a dyn Files,
    folder: &'a str,
    limits: &'a Limits,
    reads: &'a mut Reads,
    resources: Vec<Value>,
    errors: Vec<Error>,
    seen: usize,
}

impl Walk<'_> {
    fn folder(&mut self, path: &str, depth: usize) -> Result<(), Errors> {
        if depth > self.limits.depth {
            return Err(Error::new(format!("folders nest deeper than {} (limit `depth`)", self.limits.depth)).into());
        }
        self.reads.note(path, reads::listing(self.files, path).unwrap_or(Seen::Folder));
        let names = self.files.list(path).map_err(|error| Error::new(error.to_string()))?;
        for name in names {
            self.seen += 1;
            if self.seen > self.limits.loads {
                return Err(Error::new(format!("more than {} files (limit `loads`)", self.limits.loads)).into());
            }
            let full = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let Ok(resolved) = self.files.resolve(&full) else { continue };
            // A link is not followed: what it names is found where it is.
            if resolved != full {
                continue;
            }
            if self.files.is_dir(&full) {
                if FILE_NAMES.iter().any(|name| self.files.exists(&format!("{full}/{name}"))) {
                    self.add(&full);
                } else {
                    self.folder(&full, depth + 1)?;
                }
            } else if name.ends_with(".yaml") || name.ends_with(".yml") {
                self.file(&full);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str) {
        let bytes = match self.files.read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.errors.push(Error::new(error.to_string())),
        };
        self.reads.note(path, Seen::File(crate::cache::digest(&bytes)));
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return self.errors.push(Error::in_file(path, None, "not UTF-8"));
        };
        match objects::of_text(text, &self.limits.yaml) {
            Ok(_) => self.add(path),
            Err(error) => self.errors.push(Error { file: path.to_owned(), ..error }),
        }
    }

    fn add(&mut self, path: &str) {
        let relative = if self.folder.is_empty() { path } else { &path[self.folder.len() + 1..] };
        self.resources.push(relative.into());
    }
}

fn take_list(map: &mut Map<String, Value>, field: &str) -> Result<Vec<Value>, Errors> {
    match map.remove(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Error::new(format!("`{field}` of the kustomization is not a list")).into()),
    }
}

fn append(map: &mut Map<String, Value>, field: &str, more: &[Value]) -> Result<(), Errors> {
    if more.is_empty() {
        return Ok(());
    }
    let mut list = take_list(map, field)?;
    list.extend_from_slice(more);
    map.insert(field.to_owned(), list.into());
    Ok(())
}

/// Into the entry of the same name: a new name where one is given, tag and digest together where either is.
fn merge_image(images: &mut Vec<Value>, image: &Value) {
    let set = |key: &str| image.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(old) = images.iter_mut().find(|old| old.get("name") == image.get("name")).and_then(Value::as_object_mut)
    else {
        return images.push(image.clone());
    };
    if let Some(name) = set("newName") {
        old.insert("newName".to_owned(), name.into());
    }
    if set("newTag").is_some() || set("digest").is_some() {
        for key in ["newTag", "digest"] {
            match set(key) {
                Some(text) => old.insert(key.to_owned(), text.into()),
                None => old.remove(key),
            };
        }
    }
}

/// Puts `spec.commonMetadata` on every object after the build: labels and annotations of the object itself, over those
/// that are there.
pub fn set_common_metadata(objects: &mut [Value], labels: &Map<String, Value>, annotations: &Map<String, Value>) {
    for object in objects {
        for (field, entries) in [("labels", labels), ("annotations", annotations)] {
            if entries.is_empty() {
                continue;
            }
            let metadata =
                crate::resource::child_map(object, "metadata").map(|map| map.entry(field).or_insert(Value::Null));
            if let Some(slot) = metadata {
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(map) = slot {
                    map.extend(entries.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_tree::{Limits as TreeLimits, Tree, TreeBuilder};

    use super::*;
    use crate::{Options, build};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut builder = TreeBuilder::new(TreeLimits::default());
        for (path, text) in files {
            builder.file(path, text.to_string(), false).unwrap();
        }
        builder.build()
    }

    const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    #[test]
    fn a_folder_without_a_kustomization_gets_one_of_its_files() {
        let mut content = vec![
            ("app/a.yaml", CONFIG_MAP),
            ("app/b/deep.yml", CONFIG_MAP),
            ("app/c/kustomization.yaml", "resources: []"),
            ("app/c/d/x.yaml", "no: object"),
            ("app/notes.txt", ""),
        ];
        let files = tree(&content);
        let prepared = Spec::default().apply(&files, "app", &Limits::default()).unwrap();
        assert!(prepared.generated);
        assert_eq!(prepared.kustomization["resources"], json!(["a.yaml", "b/deep.yml", "c"]));
        assert!(prepared.reads.same_in(&files));
        content.push(("app/b/new.yaml", CONFIG_MAP));
        let grown = tree(&content);
        assert!(!prepared.reads.same_in(&grown));
    }

    #[test]
    fn the_spec_wins_over_the_file() {
        let files = tree(&[
            (
                "app/kustomization.yaml",
                "namespace: x\nresources: [a.yaml]\nimages: [{name: i, newTag: v1, newName: other}]",
            ),
            ("app/a.yaml", CONFIG_MAP),
        ]);
        let spec = Spec {
            target_namespace: "y".into(),
            name_prefix: "p-".into(),
            images: vec![json!({"name": "i", "digest": "sha256:a"})],
            ..Spec::default()
        };
        let prepared = spec.apply(&files, "app", &Limits::default()).unwrap();
        assert_eq!(prepared.kustomization["images"], json!([{"name": "i", "newName": "other", "digest": "sha256:a"}]));
        let options = Options { kustomization: Some(prepared.kustomization), ..Options::default() };
        let built = build(&files, "app", &options).unwrap();
        assert_eq!(built.objects[0]["metadata"], json!({"name": "p-a", "namespace": "y"}));
    }

    #[test]
    fn nothing_at_all_is_no_error() {
        let files = tree(&[("app/readme.md", "")]);
        let prepared = Spec::default().apply(&files, "app", &Limits::default()).unwrap();
        let options = Options { kustomization: Some(prepared.kustomization), ..Options::default() };
        assert!(build(&files, "app", &options).unwrap().objects.is_empty());
    }

    #[test]
    fn components_stay_inside() {
        let files = tree(&[("app/kustomization.yaml", "resources: []")]);
        let spec = |component: &str, ignore: bool| Spec {
            components: vec![component.to_owned()],
            ignore_missing_components: ignore,
            ..Spec::default()
        };
        assert!(spec("https://x.y/z", false).apply(&files, "app", &Limits::default()).is_err());
        assert!(spec("../../x", false).apply(&files, "app", &Limits::default()).is_err());
        let prepared = spec("../gone", true).apply(&files, "app", &Limits::default()).unwrap();
        assert_eq!(prepared.kustomization.get("components"), None);
    }
}
