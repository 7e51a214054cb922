//! Which objects a client needs.

use super::request::Fetch;
use crate::error::Error;
use crate::objects::{HASH, Objects};
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::objs::{CommitRefIter, Kind, TagRef, TreeRefIter};
use std::collections::{HashMap, HashSet, VecDeque};

/// What is sent.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Objects, commits first.
    pub objects: Vec<ObjectId>,
    /// Where the client's history ends from now on.
    pub shallow: Vec<ObjectId>,
    /// Where it no longer ends.
    pub unshallow: Vec<ObjectId>,
}

/// Those of `haves` that are here.
pub(super) fn common(objects: &dyn Objects, haves: &[ObjectId]) -> Result<Vec<ObjectId>, Error> {
    let mut common = Vec::new();
    for id in haves {
        if objects.find(id)?.is_some() {
            common.push(*id);
        }
    }
    Ok(common)
}

/// Everything that `request` wants and that whoever has its `haves` lacks.
pub(super) fn select(objects: &dyn Objects, request: &Fetch) -> Result<Selection, Error> {
    let mut it = Selection::default();
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let mut tips = Vec::new();
    for want in &request.wants {
        let mut at = *want;
        // Tags on the way are sent too.
        loop {
            let missing = || refused(objects, format!("not our ref {at}"));
            let object = objects.find(&at)?.ok_or_else(missing)?;
            match object.kind {
                Kind::Tag => {
                    if seen.insert(at) {
                        it.objects.push(at);
                    }
                    let tag =
                        TagRef::from_bytes(&object.data, HASH).map_err(|err| refused(objects, err.to_string()))?;
                    at = tag.target();
                }
                Kind::Commit => {
                    tips.push(at);
                    break;
                }
                Kind::Tree | Kind::Blob => {
                    return Err(refused(objects, format!("{at} is no commit")));
                }
            }
        }
    }
    let shallow: HashSet<ObjectId> = request.shallow.iter().copied().collect();
    let owned = owned(objects, &common(objects, &request.haves)?, &shallow)?;
    let history = history(objects, &tips, request.depth, &owned)?;
    if let Some(depth) = request.depth {
        for (id, (at, parents)) in &history {
            let ends = *at >= depth && !parents.is_empty();
            if ends && !shallow.contains(id) {
                it.shallow.push(*id);
            } else if !ends && shallow.contains(id) {
                it.unshallow.push(*id);
            }
        }
    }
    // What hangs below commits that the client has need not be sent again.
    let mut known = HashSet::new();
    for id in edge(&history, &owned, &request.haves) {
        below(objects, tree_of(objects, id)?, &mut known, &mut Vec::new())?;
    }
    let mut new: Vec<&ObjectId> = history.keys().filter(|id| !owned.contains(*id)).collect();
    new.sort_unstable();
    it.objects.extend(new.iter().copied());
    for id in &new {
        below(objects, tree_of(objects, **id)?, &mut known, &mut it.objects)?;
    }
    Ok(it)
}

/// Commits that the client has: `haves` and all before them, up to where its history ends.
fn owned(objects: &dyn Objects, haves: &[ObjectId], shallow: &HashSet<ObjectId>) -> Result<HashSet<ObjectId>, Error> {
    let mut owned = HashSet::new();
    let mut open = haves.to_vec();
    while let Some(id) = open.pop() {
        if !owned.insert(id) || shallow.contains(&id) {
            continue;
        }
        open.extend(parents(objects, id)?);
    }
    Ok(owned)
}

/// Commits from `tips` on, with their distance (1 for a tip) and parents: down to `depth`, or to what is owned.
fn history(
    objects: &dyn Objects,
    tips: &[ObjectId],
    depth: Option<u32>,
    owned: &HashSet<ObjectId>,
) -> Result<HashMap<ObjectId, (u32, Vec<ObjectId>)>, Error> {
    let mut history = HashMap::new();
    let mut open: VecDeque<(ObjectId, u32)> = tips.iter().map(|id| (*id, 1)).collect();
    while let Some((id, at)) = open.pop_front() {
        if history.contains_key(&id) || (depth.is_none() && owned.contains(&id)) {
            continue;
        }
        let parents = parents(objects, id)?;
        if depth.is_none_or(|depth| at < depth) {
            open.extend(parents.iter().map(|it| (*it, at + 1)));
        }
        history.insert(id, (at, parents));
    }
    Ok(history)
}

/// Owned commits next to those that are sent.
fn edge(
    history: &HashMap<ObjectId, (u32, Vec<ObjectId>)>,
    owned: &HashSet<ObjectId>,
    haves: &[ObjectId],
) -> HashSet<ObjectId> {
    let near = history.iter().flat_map(|(id, (_, parents))| parents.iter().chain([id]));
    near.chain(haves).filter(|id| owned.contains(*id)).copied().collect()
}

fn parents(objects: &dyn Objects, id: ObjectId) -> Result<Vec<ObjectId>, Error> {
    // A shallow repository names parents that it does not have.
    let Some(object) = objects.find(&id)?.filter(|it| it.kind == Kind::Commit) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for parent in CommitRefIter::from_bytes(&object.data, HASH).parent_ids() {
        if objects.find(&parent)?.is_some() {
            found.push(parent);
        }
    }
    Ok(found)
}

fn tree_of(objects: &dyn Objects, commit: ObjectId) -> Result<ObjectId, Error> {
    Ok(crate::commit::Commit::read(objects, commit)?.tree)
}

/// `tree` and all in it that `known` does not hold yet.
fn below(
    objects: &dyn Objects,
    tree: ObjectId,
    known: &mut HashSet<ObjectId>,
    out: &mut Vec<ObjectId>,
) -> Result<(), Error> {
    let mut open = vec![tree];
    while let Some(id) = open.pop() {
        if !known.insert(id) {
            continue;
        }
        out.push(id);
        let data = objects.get(&id, Kind::Tree)?;
        for entry in TreeRefIter::from_bytes(&data, HASH) {
            let entry = entry.map_err(|err| refused(objects, err.to_string()))?;
            match entry.mode.kind() {
                EntryKind::Tree => open.push(entry.oid.to_owned()),
                EntryKind::Commit => {}
                EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                    if known.insert(entry.oid.to_owned()) {
                        out.push(entry.oid.to_owned());
                    }
                }
            }
        }
    }
    Ok(())
}

fn refused(objects: &dyn Objects, message: String) -> Error {
    Error::Refused { url: objects.origin().to_owned(), message }
}
