//! What a commit and a tag say.

use crate::error::Error;
use crate::objects::{HASH, Objects};
use bytes::Bytes;
use gix::ObjectId;
use gix::objs::{CommitRef, Kind, TagRef};

/// Tags that point to tags, at most.
const TAG_CHAIN: usize = 16;

/// Who and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: ObjectId,
    /// Its files.
    pub tree: ObjectId,
    /// The commits before it.
    pub parents: Vec<ObjectId>,
    /// Who wrote it.
    pub author: Signature,
    /// Who committed it.
    pub committer: Signature,
    /// What they said.
    pub message: String,
    /// The whole object, as it is hashed and signed.
    pub raw: Bytes,
}

impl Commit {
    /// The first line of the message.
    pub fn subject(&self) -> &str {
        self.message.trim_start().lines().next().unwrap_or_default()
    }

    pub(crate) fn read(objects: &dyn Objects, id: ObjectId) -> Result<Commit, Error> {
        let raw = objects.get(&id, Kind::Commit)?;
        let corrupt = |err: &dyn std::fmt::Display| Error::Corrupt {
            url: objects.origin().to_owned(),
            reason: format!("commit `{id}`: {}", crate::error::peer_text(err.to_string().as_bytes())),
        };
        let parsed = CommitRef::from_bytes(&raw, HASH).map_err(|err| corrupt(&err))?;
        let tree = ObjectId::from_hex(parsed.tree).map_err(|err| corrupt(&err))?;
        let parents: Result<Vec<_>, _> = parsed.parents.iter().map(|it| ObjectId::from_hex(it)).collect();
        Ok(Commit {
            id,
            tree,
            parents: parents.map_err(|err| corrupt(&err))?,
            author: signature(parsed.author().ok()),
            committer: signature(parsed.committer().ok()),
            message: String::from_utf8_lossy(parsed.message).into_owned(),
            raw: raw.clone(),
        })
    }
}

/// An annotated tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name as an object.
    pub id: ObjectId,
    /// The name it carries.
    pub name: String,
    /// What it says.
    pub message: String,
    /// The whole object, as it is hashed and signed.
    pub raw: Bytes,
}

/// Follows `id` through tags to a commit; the first tag on the way is returned too.
pub(crate) fn peel(objects: &dyn Objects, id: ObjectId) -> Result<(ObjectId, Option<Tag>), Error> {
    let corrupt = |reason: String| Error::Corrupt { url: objects.origin().to_owned(), reason };
    let (mut at, mut first) = (id, None);
    for _ in 0..TAG_CHAIN {
        let object = objects.find(&at)?.ok_or_else(|| corrupt(format!("`{at}` is missing")))?;
        match object.kind {
            Kind::Commit => return Ok((at, first)),
            Kind::Tag => {
                let raw = object.data;
                let tag = TagRef::from_bytes(&raw, HASH).map_err(|err| corrupt(format!("tag `{at}`: {err}")))?;
                let target = ObjectId::from_hex(tag.target).map_err(|err| corrupt(format!("tag `{at}`: {err}")))?;
                first.get_or_insert(Tag {
                    id: at,
                    name: String::from_utf8_lossy(tag.name).into_owned(),
                    message: String::from_utf8_lossy(tag.message).into_owned(),
                    raw: raw.clone(),
                });
                at = target;
            }
            other => return Err(corrupt(format!("`{id}` leads to a {other}, not to a commit"))),
        }
    }
    Err(corrupt(format!("tag `{id}`: more than {TAG_CHAIN} tags of tags")))
}

fn signature(parsed: Option<gix::actor::SignatureRef<'_>>) -> Signature {
    let Some(parsed) = parsed else { return Signature::default() };
    Signature {
        name: String::from_utf8_lossy(parsed.name).into_owned(),
        email: String::from_utf8_lossy(parsed.email).into_owned(),
        seconds: parsed.seconds(),
    }
}
