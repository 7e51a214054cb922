//! Where the files of a build are: a folder, an archive, a revision of a repository, an address.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, bail};
use sluice_git::LocalRepository;
use sluice_kustomize::RepoSpec;
use sluice_tree::{Tree, archive};

/// Where to build.
pub enum Source {
    /// A folder on disk, by its path from the root.
    Folder(String),
    /// A folder of a tree.
    Tree(Tree, String),
    /// The address of a folder in a repository.
    Url,
}

/// What `text` means.
///
/// # Errors
/// When nothing is there.
pub fn open(text: &str) -> anyhow::Result<Source> {
    if let Some(rest) = text.strip_prefix("git:").filter(|rest| !rest.starts_with([':', '@'])) {
        return revision(rest).with_context(|| format!("`{text}`"));
    }
    let path = Path::new(text);
    if path.is_dir() {
        return folder(text, path);
    }
    let (file, inner) = text.split_once("//").unwrap_or((text, ""));
    if [".tar.gz", ".tgz"].iter().any(|end| file.ends_with(end)) && Path::new(file).is_file() {
        let packed = File::open(file).with_context(|| format!("`{file}`"))?;
        let tree = archive::read_tar_gz(packed, &sluice_tree::Limits::default());
        return Ok(Source::Tree(tree.with_context(|| format!("`{file}`"))?, inner.to_owned()));
    }
    if !path.exists() && RepoSpec::parse(text).is_ok() {
        return Ok(Source::Url);
    }
    folder(text, path)
}

fn folder(text: &str, path: &Path) -> anyhow::Result<Source> {
    let full = fs::canonicalize(path).with_context(|| format!("`{text}`"))?;
    if !full.is_dir() {
        bail!("`{text}` must be a directory, or an archive named .tar.gz or .tgz");
    }
    let path = full.to_str().with_context(|| format!("`{}` is not UTF-8", full.display()))?;
    Ok(Source::Folder(path.trim_start_matches('/').to_owned()))
}

/// `REVISION:FOLDER` of the repository that the working folder is in, as `git show` has it.
fn revision(text: &str) -> anyhow::Result<Source> {
    let (revision, folder) = text.split_once(':').unwrap_or((text, ""));
    let here = std::env::current_dir()?;
    let root = crate::repository::root_of(&here)?;
    let root = root.with_context(|| format!("`{}` is in no Git repository", here.display()))?;
    let (_, tree) = LocalRepository::open(&root)?.tree(revision, &sluice_git::Limits::default())?;
    Ok(Source::Tree(tree, folder.trim_matches('/').to_owned()))
}
