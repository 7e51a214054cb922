//! The two states that are compared.

use std::path::Path;

use anyhow::{Context as _, bail};
use sluice_git::{Limits, LocalRepository};
use sluice_kustomize::{Disk, Files};

/// A state of the repository.
pub struct State {
    /// What it is called in the answer: `main (0c1f2a3b)`, `work tree`.
    pub label: String,
    /// Its files.
    pub files: Box<dyn Files>,
    /// Whether bases may be URLs.
    pub remote_bases: bool,
}

/// Opens what `OLD..NEW` means in the repository around a folder.
///
/// # Errors
/// When there is no repository or no such revision.
pub fn open(folder: &Path, revisions: &str, worktree: bool, remote_bases: bool) -> anyhow::Result<(State, State)> {
    let (old, new) = split(revisions)?;
    let root = crate::repository::root_of(folder)?;
    let root = root.with_context(|| format!("`{}` is in no Git repository; name one with -C", folder.display()))?;
    let repository = LocalRepository::open(&root)?;
    let old = commit(&repository, old)?;
    let new = match new {
        Some(_) if worktree => bail!("`{revisions}` names two revisions; leave one out, or --worktree"),
        Some(new) => commit(&repository, new)?,
        None => State {
            label: "work tree".to_owned(),
            files: Box::new(Disk::new(&root).context("work tree")?),
            remote_bases,
        },
    };
    Ok((State { remote_bases, ..old }, State { remote_bases, ..new }))
}

fn or_head(revision: &str) -> &str {
    if revision.is_empty() { "HEAD" } else { revision }
}

/// `OLD..NEW`, `OLD..` and `OLD`.
fn split(revisions: &str) -> anyhow::Result<(&str, Option<&str>)> {
    if revisions.contains("...") {
        bail!("`{revisions}`: three dots are not understood; write `OLD..NEW`");
    }
    Ok(match revisions.split_once("..") {
        None => (or_head(revisions), None),
        Some((old, "")) => (or_head(old), None),
        Some((old, new)) => (or_head(old), Some(new)),
    })
}

fn commit(repository: &LocalRepository, revision: &str) -> anyhow::Result<State> {
    let (commit, tree) =
        repository.tree(revision, &Limits::default()).with_context(|| format!("revision `{revision}`"))?;
    let id = commit.id.to_string();
    let label = if id.starts_with(revision) { id[..8].to_owned() } else { format!("{revision} ({})", &id[..8]) };
    Ok(State { label, files: Box::new(tree), remote_bases: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_revision_is_compared_with_the_work_tree() {
        let check = |text: &str, want| assert_eq!(split(text).ok(), want, "`{text}`");
        check("a..b", Some(("a", Some("b"))));
        check("a", Some(("a", None)));
        check("a..", Some(("a", None)));
        check("..b", Some(("HEAD", Some("b"))));
        check("v1.0..v1.1", Some(("v1.0", Some("v1.1"))));
        check("a...b", None);
    }
}
