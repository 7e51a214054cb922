//! What the copy holds, and writing it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use sluice_kustomize::RepoSpec;
use sluice_tree::path::join;
use sluice_yaml::Dialect;

use super::Origin;
use super::recorder::{Fetched, Recorder, RemoteRecorder};
use super::rewrite::{Kind, addresses, rewrite};

const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Where what was fetched goes, beside the kustomization that names it.
const FETCHED: &str = "localized-files";

/// Files by their paths in the copy.
#[derive(Default)]
pub struct Copy {
    files: BTreeMap<String, Bytes>,
    /// Links to folders and files of the copy: where they are, and what they name.
    links: BTreeMap<String, String>,
    /// How many of the files came from other hosts.
    fetched: BTreeSet<String>,
}

/// The path of `path` in the folder `scope`.
pub fn below<'p>(scope: &str, path: &'p str) -> Option<&'p str> {
    if scope.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(scope)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

impl Copy {
    /// Everything that the build of `origin` read.
    ///
    /// # Errors
    /// For a file outside of the scope, an address without a revision, or one that cannot be replaced.
    pub fn of(origin: &Origin, remote: &RemoteRecorder<'_>) -> anyhow::Result<Self> {
        let mut copy = Self::default();
        copy.add(&origin.files, &origin.scope, "", remote)?;
        Ok(copy)
    }

    /// How many files there are, and how many of them came from other hosts.
    pub fn counts(&self) -> (usize, usize) {
        (self.files.len(), self.fetched.len())
    }

    /// Writes all of it into a folder.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            make_parent(&path)?;
            fs::write(&path, bytes).with_context(|| format!("`{}`", path.display()))?;
        }
        for (path, target) in &self.links {
            let up = "../".repeat(path.matches('/').count());
            let path = folder.join(path);
            make_parent(&path)?;
            std::os::unix::fs::symlink(format!("{up}{target}"), &path)
                .with_context(|| format!("`{}`", path.display()))?;
        }
        Ok(())
    }

    /// What was read of `files` below `scope`, to the folder `at` of the copy.
    fn add(&mut self, files: &Recorder, scope: &str, at: &str, remote: &RemoteRecorder<'_>) -> anyhow::Result<()> {
        let seen = files.seen();
        let place = |path: &str| {
            let inside = below(scope, path).ok_or_else(|| {
                anyhow!("`/{path}` is read, and does not lie in the scope `/{scope}`; name a wider one with `--scope`")
            })?;
            Ok::<_, anyhow::Error>(in_folder(at, inside))
        };
        let kinds = kinds(&seen.files);
        for (path, bytes) in &seen.files {
            let placed = place(path)?;
            let bytes = match kinds.get(path) {
                None => bytes.clone(),
                Some((kind, root)) => {
                    let root = place(root)?;
                    let shown = format!("/{path}");
                    self.localized(bytes, *kind, &root, remote).with_context(|| shown)?
                }
            };
            self.put(placed, bytes, at);
        }
        for (path, target) in &seen.links {
            let (Some(path), Some(target)) = (below(scope, path), below(scope, target)) else { continue };
            let (path, target) = (in_folder(at, path), in_folder(at, target));
            // A file below a linked folder is reached through the folder.
            let through = seen.links.keys().any(|link| {
                below(scope, link).is_some_and(|link| path.starts_with(&format!("{}/", in_folder(at, link))))
            });
            if !through && !self.files.contains_key(&path) {
                self.links.insert(path, target);
            }
        }
        Ok(())
    }

    fn put(&mut self, path: String, bytes: Bytes, at: &str) {
        if !at.is_empty() {
            self.fetched.insert(path.clone());
        }
        self.files.insert(path, bytes);
    }

    /// The text of a file of the folder `root` (of the copy), with local paths for what was fetched; and that in its place.
    fn localized(
        &mut self,
        bytes: &Bytes,
        kind: Kind,
        root: &str,
        remote: &RemoteRecorder<'_>,
    ) -> anyhow::Result<Bytes> {
        let text = std::str::from_utf8(bytes).context("not UTF-8")?;
        let known = |address: &str| remote.fetched().contains_key(address);
        let mut local = BTreeMap::new();
        for address in addresses(text, kind, &known)? {
            let Some(fetched) = remote.fetched().get(&address).cloned() else { continue };
            let path = match fetched {
                Fetched::File(bytes) => {
                    let path = in_folder(FETCHED, &file_path(&address)?);
                    self.fetched.insert(in_folder(root, &path));
                    self.files.insert(in_folder(root, &path), bytes);
                    path
                }
                Fetched::Tree(spec, files) => {
                    let path = in_folder(FETCHED, &tree_path(&spec)?);
                    self.add(&files, "", &in_folder(root, &path), remote)?;
                    in_folder(&path, &spec.folder)
                }
            };
            local.insert(address, path);
        }
        if local.is_empty() {
            return Ok(bytes.clone());
        }
        Ok(rewrite(text, kind, &|address| local.get(address).cloned())?.into())
    }
}

/// The files that may name something elsewhere, and the folders that they name it from.
fn kinds(files: &BTreeMap<String, Bytes>) -> BTreeMap<String, (Kind, String)> {
    let mut kinds = BTreeMap::new();
    for (path, bytes) in files {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !KUSTOMIZATIONS.contains(&name) {
            continue;
        }
        let text = String::from_utf8_lossy(bytes);
        let value = sluice_yaml::parse(&text, Dialect::V2).unwrap_or_default();
        for field in ["generators", "transformers", "validators"] {
            for entry in value[field].as_array().into_iter().flatten().filter_map(|it| it.as_str()) {
                if let Ok(plugin) = join(folder, entry)
                    && files.contains_key(&plugin)
                {
                    kinds.insert(plugin, (Kind::Plugin, folder.to_owned()));
                }
            }
        }
        kinds.insert(path.clone(), (Kind::Kustomization, folder.to_owned()));
    }
    kinds
}

fn make_parent(path: &Path) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| format!("`{}`", parent.display()))
}

fn in_folder(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// `HOST/PATH` of a file's address.
fn file_path(address: &str) -> anyhow::Result<String> {
    let (_, rest) = address.split_once("://").unwrap_or(("", address));
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    clean(&[&host_name(host), path], address)
}

/// `HOST/REPOSITORY/REVISION` of a repository's address.
fn tree_path(spec: &RepoSpec) -> anyhow::Result<String> {
    if spec.reference.is_empty() {
        bail!("`{}` has no revision; add `?ref=TAG`, so that it is known what was copied", spec.raw);
    }
    let host = spec.host.split_once("://").map_or(spec.host.as_str(), |(_, host)| host);
    clean(&[&host_name(host), spec.repository.trim_end_matches(".git"), &spec.reference], &spec.raw)
}

/// A host without user and port.
fn host_name(host: &str) -> String {
    let host = host.rsplit('@').next().unwrap_or(host);
    host.split([':', '/']).next().unwrap_or(host).to_owned()
}

/// A path that stays where it is put.
fn clean(parts: &[&str], address: &str) -> anyhow::Result<String> {
    let path = parts.iter().map(|part| part.trim_matches('/')).filter(|part| !part.is_empty());
    let path = path.collect::<Vec<_>>().join("/");
    join("", &path).map_err(|error| anyhow!("`{address}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_has_a_place() {
        assert_eq!(file_path("https://user@example.com:8443/a/b.yaml?token=x").unwrap(), "example.com/a/b.yaml");
        let spec = RepoSpec::parse("https://example.com/org/repo.git//base?ref=v1").unwrap();
        assert_eq!(tree_path(&spec).unwrap(), "example.com/org/repo/v1");
        let spec = RepoSpec::parse("https://example.com/org/repo//base").unwrap();
        assert!(tree_path(&spec).unwrap_err().to_string().contains("add `?ref=TAG`"));
        assert!(file_path("https://example.com/../../x").is_err());
    }
}
