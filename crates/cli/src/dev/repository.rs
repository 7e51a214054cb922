//! What is served: a repository, a folder, or a copy of the bundled example.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sluice_git::{Limits, LocalRepository};
use sluice_kustomize::{Disk, Files};
use tempfile::TempDir;

use super::commit;
use crate::embedded;
use crate::repository::root_of;

/// A folder that becomes the state of the cluster.
pub struct Repository {
    /// Where it is.
    pub root: PathBuf,
    /// What it is called in URLs and objects.
    pub name: String,
    /// The repository, if the folder is one.
    pub git: Option<LocalRepository>,
    /// Whether it is a copy of the example, which may be changed.
    pub is_example: bool,
    /// Removed at the end.
    _temporary: Option<TempDir>,
}

/// The repository or folder that somebody names.
///
/// # Errors
/// When there is none, or it has no commit yet.
pub fn open(dir: &Path) -> anyhow::Result<Repository> {
    let full = fs::canonicalize(dir).with_context(|| format!("`{}`", dir.display()))?;
    // A folder inside of a repository means the repository: paths in Flux objects begin at its root.
    let (root, git) = match root_of(&full)? {
        Some(root) => {
            let git = LocalRepository::open(&root)?;
            git.resolve("HEAD").with_context(|| format!("`{}` has no commit yet", root.display()))?;
            (root, Some(git))
        }
        None if full.is_dir() => (full, None),
        None => bail!("`{}` is no folder", dir.display()),
    };
    let name = label(root.file_name().and_then(|it| it.to_str()).unwrap_or_default());
    Ok(Repository { root, name, git, is_example: false, _temporary: None })
}

/// A fresh copy of the example, as a repository with one commit.
///
/// # Errors
/// When it cannot be written.
pub fn example(target: Option<&Path>) -> anyhow::Result<Repository> {
    let (root, temporary) = match target {
        Some(target) => {
            if target.join(".git").exists() {
                return Ok(Repository { is_example: true, ..open(target)? });
            }
            fs::create_dir_all(target).with_context(|| format!("`{}`", target.display()))?;
            if fs::read_dir(target)?.next().is_some() {
                bail!("--example-dir: `{}` is not empty", target.display());
            }
            (fs::canonicalize(target)?, None)
        }
        None => {
            let temporary = tempfile::Builder::new().prefix("sluice-").tempdir().context("a temporary folder")?;
            // Its own name is what messages show.
            let root = temporary.path().join("web-app");
            fs::create_dir(&root)?;
            (root, Some(temporary))
        }
    };
    for (path, data) in embedded::example() {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap_or(&root))?;
        fs::write(&file, data).with_context(|| format!("`{}`", file.display()))?;
    }
    commit::init(&root)?;
    commit::all(&root, "Add the web app")?;
    let git = Some(LocalRepository::open(&root)?);
    Ok(Repository { root, name: "web-app".to_owned(), git, is_example: true, _temporary: temporary })
}

impl Repository {
    /// The branch that is checked out; `main` for a folder or a detached head.
    pub fn branch(&self) -> String {
        let head = self.git.as_ref().and_then(|it| it.refs().ok()).and_then(|refs| refs.head().map(str::to_owned));
        head.and_then(|it| it.strip_prefix("refs/heads/").map(str::to_owned)).unwrap_or_else(|| "main".to_owned())
    }

    /// Whether there is such a branch.
    pub fn has_branch(&self, name: &str) -> bool {
        match &self.git {
            None => name == "main",
            Some(git) => git.refs().is_ok_and(|refs| refs.get(&format!("refs/heads/{name}")).is_some()),
        }
    }

    /// The files that the controllers will see.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn files(&self) -> anyhow::Result<Box<dyn Files>> {
        Ok(match &self.git {
            Some(git) => Box::new(git.tree("HEAD", &Limits::default())?.1),
            None => Box::new(Disk::new(&self.root).with_context(|| format!("`{}`", self.root.display()))?),
        })
    }

    /// What changes when the repository does: all references, or the content of the folder.
    pub fn fingerprint(&self) -> Option<String> {
        match &self.git {
            Some(git) => {
                let refs = git.refs().ok()?;
                Some(refs.iter().map(|(name, it)| format!("{name} {}\n", it.id)).collect())
            }
            None => sluice_git::Snapshot::read(&self.root, &Limits::default()).ok().map(|it| it.id().to_string()),
        }
    }

    /// The head commit and the first line of its message.
    pub fn head(&self) -> Option<(String, String)> {
        let git = self.git.as_ref()?;
        let commit = git.commit(git.resolve("HEAD").ok()?).ok()?;
        let message = commit.message.trim().lines().next().unwrap_or_default().to_owned();
        Some((commit.id.to_string(), message))
    }
}

/// A folder's name as a name of an object.
fn label(text: &str) -> String {
    let safe: String = text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let safe: String = safe.trim_matches('-').trim_end_matches("-git").chars().take(63).collect();
    if safe.is_empty() { "repository".to_owned() } else { safe.trim_end_matches('-').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_s_name_becomes_a_label() {
        let check = |text: &str, want: &str| assert_eq!(label(text), want, "`{text}`");
        check("k8s_manifests.git", "k8s-manifests");
        check("Fleet Infra", "fleet-infra");
        check("...", "repository");
    }

    #[test]
    fn the_example_is_a_repository_that_can_be_committed_to() {
        let example = example(None).unwrap();
        let (first, message) = example.head().unwrap();
        assert_eq!((message.as_str(), example.branch().as_str()), ("Add the web app", "main"));
        assert!(example.files().unwrap().exists("overlays/production/kustomization.yaml"));
        fs::write(example.root.join("new"), "x").unwrap();
        let before = example.fingerprint();
        let second = commit::all(&example.root, "Add a file").unwrap();
        assert_ne!(second, first);
        assert_eq!(example.head().unwrap(), (second, "Add a file".to_owned()));
        assert_ne!(example.fingerprint(), before);
    }
}
