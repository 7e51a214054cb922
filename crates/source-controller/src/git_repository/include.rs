//! Files of other repositories, put into this one (spec/flux/source.md §2 "includes").

use std::collections::HashSet;

use sluice_api::meta::Artifact;
use sluice_api::source::{GitRepository, GitRepositoryInclude};
use sluice_artifact::{Digest, Location, Storage};
use sluice_runtime::Key;
use sluice_tree::{Limits, Tree, TreeBuilder};

use crate::context::Context;
use crate::source::failure::{Aspect, Failure, Remedy};

/// The artifacts of the included repositories, in the order of the includes.
pub fn artifacts(object: &GitRepository, ctx: &Context) -> Result<Vec<Artifact>, Failure> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let unavailable = |reason, message| Failure { aspect: Aspect::Include, remedy: Remedy::Wait, reason, message };
    // Each of a cycle would wait for the other, and then hold the other again and again, ever deeper.
    if let Some(cycle) = cycle(object, ctx) {
        let message = format!("spec.include: {cycle} is a cycle; remove one of these includes");
        return Err(unavailable("IncludeCycle", message));
    }
    let find = |include: &GitRepositoryInclude| {
        let key = Key::new(namespace, &include.repository.name);
        let found = ctx.git_repositories.cache.get(&key).ok_or_else(|| {
            unavailable("NotFound", format!("could not get resource for include '{}': not found", key.name))
        })?;
        found
            .status
            .artifact
            .clone()
            .ok_or_else(|| unavailable("NoArtifact", format!("no artifact available for include '{}'", key.name)))
    };
    object.spec.include.iter().map(find).collect()
}

/// The names of a way by includes from a repository back to itself.
fn cycle(object: &GitRepository, ctx: &Context) -> Option<String> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let own = object.metadata.name.clone().unwrap_or_default();
    let names = |it: &GitRepository| it.spec.include.iter().map(|it| it.repository.name.clone()).collect::<Vec<_>>();
    let mut seen = HashSet::new();
    let mut ways: Vec<Vec<String>> = names(object).into_iter().map(|name| vec![own.clone(), name]).collect();
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        if *last == own {
            return Some(way.join(" > "));
        }
        if !seen.insert(last.clone()) {
            continue;
        }
        let Some(next) = ctx.git_repositories.cache.get(&Key::new(namespace, last)) else { continue };
        ways.extend(names(&next).into_iter().map(|name| way.iter().cloned().chain([name]).collect()));
    }
    None
}

/// `tree` with the included files in their places, over what was there. Reads artifacts from storage: not for an
/// async thread.
pub fn merge(
    tree: Tree,
    includes: &[GitRepositoryInclude],
    artifacts: &[Artifact],
    storage: &Storage,
) -> Result<Tree, Failure> {
    if includes.is_empty() {
        return Ok(tree);
    }
    let mut merged = TreeBuilder::new(Limits::default());
    let failed = |include: &GitRepositoryInclude, reason, why: &dyn std::fmt::Display| {
        let message = format!("failed to copy include '{}': {why}", include.repository.name);
        Failure::retry(Aspect::Include, reason, message)
    };
    let own = merged.graft("", &tree);
    own.map_err(|error| Failure::retry(Aspect::Storage, "ArchiveOperationFailed", error.to_string()))?;
    for (include, artifact) in includes.iter().zip(artifacts) {
        let illegal = |path: &str| {
            sluice_tree::path::join("", path)
                .map_err(|error| failed(include, "IllegalPath", &format!("`{path}`: {error}")))
        };
        let (from, to) = (illegal(&include.from_path)?, illegal(include.target())?);
        let copy = |why: &dyn std::fmt::Display| failed(include, "CopyFailure", why);
        let location = Location::parse(&artifact.path).map_err(|error| copy(&error))?;
        let digest: Digest = artifact.digest.parse().map_err(|error| copy(&error))?;
        let theirs = storage.read_tree(&location, &digest, &Limits::default()).map_err(|error| copy(&error))?;
        let part = subtree(&theirs, &from).map_err(|error| copy(&error))?;
        merged.remove(&to);
        merged.graft(&to, &part).map_err(|error| copy(&error))?;
    }
    Ok(merged.build())
}

/// The folder `from` of a tree as a tree of its own.
fn subtree(tree: &Tree, from: &str) -> Result<Tree, String> {
    if from.is_empty() {
        return Ok(tree.clone());
    }
    if !tree.is_dir(from) {
        return Err(format!("fromPath `{from}` is no folder of the included artifact"));
    }
    let mut part = TreeBuilder::new(Limits::default());
    for (path, entry) in tree.walk() {
        let Some(path) = path.strip_prefix(from).and_then(|rest| rest.strip_prefix('/')) else { continue };
        let added = match entry {
            sluice_tree::Entry::File { data, executable } => part.file(path, data.clone(), *executable),
            sluice_tree::Entry::Directory => part.directory(path),
            sluice_tree::Entry::Symlink { target } => part.symlink(path, target),
        };
        added.map_err(|error| error.to_string())?;
    }
    Ok(part.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_tree_is_a_tree() {
        let mut whole = TreeBuilder::new(Limits::default());
        whole.file("a/b/x.yaml", "x", false).unwrap();
        whole.file("ab/y.yaml", "y", false).unwrap();
        let part = subtree(&whole.build(), "a").unwrap();
        let paths: Vec<&str> = part.walk().map(|(path, _)| path).collect();
        assert_eq!(paths, ["b", "b/x.yaml"]);
        assert!(subtree(&part, "nowhere").unwrap_err().contains("fromPath `nowhere`"));
    }
}
