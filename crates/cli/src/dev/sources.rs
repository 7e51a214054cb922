//! Tells the controllers about the repository: its own Flux objects with the local Git server as their source, or, where
//! there are none, a Kustomization for every overlay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use sluice_kustomize::Files;
use sluice_object::{kind, name, namespace};
use tokio::sync::Mutex;

use super::repository::Repository;
use crate::cluster::{Cluster, DEFAULT_NAMESPACE, MANAGER};
use crate::kinds;
use crate::output::talk;
use crate::repository::{Contents, scan};

/// The repository, and the cluster that is told about it.
#[derive(Clone)]
pub struct Target {
    /// What is served.
    pub repository: Arc<Repository>,
    /// Folder in it with the Flux objects.
    pub path: Option<String>,
    /// Where it is served.
    pub url: String,
    /// Where the objects go.
    pub cluster: Cluster,
    /// The objects that were applied, by kind, namespace and name.
    pub applied: Arc<Mutex<BTreeMap<String, Value>>>,
}

/// Applies what the repository says now; what it does not say any more is deleted.
///
/// # Errors
/// When the repository cannot be read, or the server refuses.
pub async fn apply(target: &Target) -> anyhow::Result<()> {
    let it = target.clone();
    let wanted = tokio::task::spawn_blocking(move || objects(&it.repository, it.path.as_deref(), &it.url)).await??;
    let mut applied = target.applied.lock().await;
    let mut seen = BTreeSet::new();
    for object in wanted {
        let (of, called) = (namespace(&object).to_owned(), name(&object).to_owned());
        let key = format!("{}/{of}/{called}", kind(&object));
        seen.insert(key.clone());
        if applied.get(&key) == Some(&object) {
            continue;
        }
        target.cluster.apply_all(std::slice::from_ref(&object), MANAGER).await?;
        applied.insert(key, object);
    }
    let gone: Vec<String> = applied.keys().filter(|key| !seen.contains(*key)).cloned().collect();
    for key in gone {
        let Some(object) = applied.remove(&key) else { continue };
        // Only what is the repository's own: a namespace or a Secret may be in use.
        if let Some(kind) = kinds::of_kind(kind(&object)) {
            target.cluster.delete(&kind.object(namespace(&object), name(&object))).await?;
        }
    }
    Ok(())
}

fn objects(repository: &Repository, under: Option<&str>, url: &str) -> anyhow::Result<Vec<Value>> {
    let files = repository.files()?;
    let under = match under {
        Some(path) => path.trim_start_matches("./").trim_matches('/'),
        None if files.is_dir("clusters") => "clusters",
        None => "",
    };
    anyhow::ensure!(files.is_dir(under), "--path: `{under}` is no folder of the repository");
    let contents = scan(files.as_ref(), under)?;
    Ok(of_contents(&contents, files.as_ref(), repository, url))
}

fn of_contents(contents: &Contents, files: &dyn Files, repository: &Repository, url: &str) -> Vec<Value> {
    let own = contents.own_sources(files);
    let mut found: BTreeMap<(String, String, String), Value> = BTreeMap::new();
    for item in &contents.objects {
        let mut object = item.object.clone();
        if !matches!(kind(&object), "GitRepository" | "Kustomization") {
            continue;
        }
        if namespace(&object).is_empty() {
            sluice_object::set_namespace(&mut object, DEFAULT_NAMESPACE);
        }
        let key = (kind(&object).to_owned(), namespace(&object).to_owned(), name(&object).to_owned());
        if found.contains_key(&key) {
            talk::warning(&format!("{}: {}/{} is there twice; choose with --path", item.file, key.0, key.2));
            continue;
        }
        found.insert(key, object);
    }
    if !found.keys().any(|it| it.0 == "Kustomization") {
        return generated(repository, files, url);
    }
    for (of, called) in &own {
        let key = ("GitRepository".to_owned(), of.clone(), called.clone());
        let source = found.entry(key).or_insert_with(|| git_repository(of, called));
        localise(source, repository, url);
    }
    let own_files: Vec<(&str, &str)> = contents
        .objects
        .iter()
        .filter(|it| own.contains(&(namespace(&it.object).to_owned(), name(&it.object).to_owned())))
        .map(|it| (it.file.as_str(), name(&it.object)))
        .collect();
    for object in found.values_mut().filter(|it| kind(it) == "Kustomization") {
        keep_local(object, &own_files, url);
    }
    let mut objects = surroundings(found.values(), &own);
    objects.extend(found.into_values());
    objects
}

/// Namespaces and credentials that the objects need.
fn surroundings<'a>(objects: impl Iterator<Item = &'a Value> + Clone, own: &BTreeSet<(String, String)>) -> Vec<Value> {
    let namespaces: BTreeSet<&str> = objects.clone().map(namespace).filter(|it| *it != DEFAULT_NAMESPACE).collect();
    let mut made: Vec<Value> = namespaces
        .into_iter()
        .map(|it| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": it}}))
        .collect();
    let is_own = |it: &&Value| own.contains(&(namespace(it).to_owned(), name(it).to_owned()));
    for source in objects.filter(|it| kind(it) == "GitRepository").filter(is_own) {
        let Some(secret) = source.pointer("/spec/secretRef/name").and_then(Value::as_str) else { continue };
        // The local server asks for nothing, but the Secret that is named must be there.
        made.push(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": namespace(source)},
            "stringData": {"username": "sluice", "password": "local"},
        }));
    }
    made
}

fn git_repository(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": kinds::GIT.api_version, "kind": "GitRepository",
        "metadata": {"name": name, "namespace": namespace}, "spec": {"interval": "1m"},
    })
}

/// The local Git server as the source, whatever stands there.
fn localise(source: &mut Value, repository: &Repository, url: &str) {
    let spec = &mut source["spec"];
    spec["url"] = url.into();
    if let Some(spec) = spec.as_object_mut() {
        for field in ["proxySecretRef", "provider", "serviceAccountName", "verify"] {
            spec.remove(field);
        }
    }
    let branch = spec.pointer("/ref/branch").and_then(Value::as_str).unwrap_or_default();
    let only_branch = spec.get("ref").and_then(Value::as_object).is_none_or(|it| it.keys().all(|key| key == "branch"));
    if only_branch && !repository.has_branch(branch) {
        spec["ref"] = json!({"branch": repository.branch()});
    }
}

/// A Kustomization that applies the very source it comes from would bring the remote address back.
fn keep_local(kustomization: &mut Value, own_files: &[(&str, &str)], url: &str) {
    let Ok(folder) = crate::render::folder(kustomization) else { return };
    let inside = |file: &str| folder.is_empty() || file.strip_prefix(&folder).is_some_and(|it| it.starts_with('/'));
    let patches: Vec<Value> = own_files
        .iter()
        .filter(|(file, _)| inside(file))
        .map(|(_, name)| {
            let patch = json!([{"op": "replace", "path": "/spec/url", "value": url}]).to_string();
            json!({"patch": patch, "target": {"kind": "GitRepository", "name": name}})
        })
        .collect();
    if patches.is_empty() {
        return;
    }
    match kustomization["spec"]["patches"].as_array_mut() {
        Some(list) => list.extend(patches),
        None => kustomization["spec"]["patches"] = patches.into(),
    }
}

/// A source, and a Kustomization for every overlay.
fn generated(repository: &Repository, files: &dyn Files, url: &str) -> Vec<Value> {
    let whole = scan(files, "").unwrap_or_default();
    let overlays = if whole.kustomizations.is_empty() { vec![String::new()] } else { whole.overlays(files) };
    let mut source = git_repository(DEFAULT_NAMESPACE, &repository.name);
    localise(&mut source, repository, url);
    let mut objects = vec![source];
    for path in overlays {
        let suffix = path.rsplit('/').next().filter(|it| !it.is_empty()).map(|it| format!("-{it}")).unwrap_or_default();
        objects.push(json!({
            "apiVersion": kinds::KUSTOMIZATION.api_version, "kind": "Kustomization",
            "metadata": {"name": format!("{}{}", repository.name, suffix.to_lowercase().replace(['_', '.'], "-")), "namespace": DEFAULT_NAMESPACE},
            "spec": {
                "interval": "5m", "path": format!("./{path}"), "prune": true, "wait": true, "timeout": "2m",
                "sourceRef": {"kind": "GitRepository", "name": repository.name},
            },
        }));
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::repository::example;

    #[test]
    fn the_example_s_objects_get_the_local_address_and_their_secret() {
        let example = example(None).unwrap();
        let objects = objects(&example, None, "http://127.0.0.1:1/web-app.git").unwrap();
        let described: Vec<String> = objects.iter().map(crate::render::describe).collect();
        assert_eq!(
            described,
            [
                "Secret/flux-system/git-credentials",
                "GitRepository/flux-system/web-app",
                "Kustomization/flux-system/web-app-production",
                "Kustomization/flux-system/web-app-staging",
            ]
        );
        assert_eq!(objects[1]["spec"]["url"], "http://127.0.0.1:1/web-app.git");
        assert_eq!(objects[1]["spec"]["ref"], json!({"branch": "main"}));
        assert!(objects[2]["spec"].get("patches").is_none());
    }

    #[test]
    fn a_repository_without_flux_objects_gets_one_for_each_overlay() {
        let example = example(None).unwrap();
        std::fs::remove_dir_all(example.root.join("clusters")).unwrap();
        crate::dev::commit::all(&example.root, "x").unwrap();
        let objects = objects(&example, None, "u").unwrap();
        let described: Vec<String> = objects.iter().map(crate::render::describe).collect();
        assert_eq!(
            described,
            [
                "GitRepository/flux-system/web-app",
                "Kustomization/flux-system/web-app-production",
                "Kustomization/flux-system/web-app-staging",
            ]
        );
    }

    #[test]
    fn a_source_that_applies_itself_stays_local() {
        let mut object = json!({"spec": {"path": "./clusters/a"}});
        keep_local(&mut object, &[("clusters/a/flux-system/sync.yaml", "flux-system"), ("clusters/ab/x", "b")], "u");
        assert_eq!(object["spec"]["patches"].as_array().unwrap().len(), 1);
    }
}
