//! Objects by id, wherever they are kept.

use crate::error::Error;
use bytes::Bytes;
use gix::objs::Kind;
use gix::{ObjectId, oid};

/// The hash of the repositories we read.
pub(crate) const HASH: gix::hash::Kind = gix::hash::Kind::Sha1;

/// One object, whole.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub kind: Kind,
    pub data: Bytes,
}

/// Somewhere objects are kept: a pack, several packs, a repository on disk.
pub(crate) trait Objects {
    /// The object, or `None` if it is not here.
    fn find(&self, id: &oid) -> Result<Option<Object>, Error>;

    /// The remote, redacted, for messages.
    fn origin(&self) -> &str;

    /// The object, which must be here and of that kind.
    fn get(&self, id: &oid, kind: Kind) -> Result<Bytes, Error> {
        let corrupt = |reason| Error::Corrupt { url: self.origin().to_owned(), reason };
        let object = self.find(id)?.ok_or_else(|| corrupt(format!("{kind} `{id}` is missing")))?;
        if object.kind != kind {
            return Err(corrupt(format!("`{id}` is a {}, not a {kind}", object.kind)));
        }
        Ok(object.data)
    }
}

/// Reads `text` as the id of a commit: forty hexadecimal digits.
pub(crate) fn parse_id(text: &str) -> Option<ObjectId> {
    (text.len() == HASH.len_in_hex()).then(|| ObjectId::from_hex(text.as_bytes()).ok()).flatten()
}
