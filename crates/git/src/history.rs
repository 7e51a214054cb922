//! Whether a commit is part of a history.

use crate::commit::Commit;
use crate::commit::peel;
use crate::error::Error;
use crate::objects::Objects;
use crate::pack::Interrupt;
use gix::ObjectId;
use gix::objs::{CommitRefIter, Kind};
use std::collections::HashSet;

/// Whether `commit` is one of `tips` or before one of them, as far as `objects` go.
pub(crate) fn reaches(
    objects: &dyn Objects,
    tips: &[ObjectId],
    commit: ObjectId,
    interrupt: &Interrupt,
) -> Result<bool, Error> {
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let mut open: Vec<ObjectId> = tips.to_vec();
    while let Some(id) = open.pop() {
        interrupt.check()?;
        if id == commit {
            return Ok(true);
        }
        if !seen.insert(id) {
            continue;
        }
        let Some(object) = objects.find(&id)? else { continue };
        match object.kind {
            Kind::Commit => {
                let parents = CommitRefIter::from_bytes(&object.data, crate::objects::HASH).parent_ids();
                open.extend(parents);
            }
            Kind::Tag => open.push(peel(objects, id)?.0),
            Kind::Tree | Kind::Blob => {}
        }
    }
    Ok(false)
}

/// The one of `commits` that was committed last; the last of them if several were.
pub(crate) fn newest(objects: &dyn Objects, commits: &[ObjectId]) -> Result<Option<ObjectId>, Error> {
    let mut newest: Option<(i64, ObjectId)> = None;
    for id in commits {
        let seconds = Commit::read(objects, *id)?.committer.seconds;
        if newest.is_none_or(|(best, _)| seconds >= best) {
            newest = Some((seconds, *id));
        }
    }
    Ok(newest.map(|(_, id)| id))
}
