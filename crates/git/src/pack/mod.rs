//! A pack, from the bytes that a server sent to objects whose names have been checked.
//!
//! In: the bytes, untrusted. Out: objects by id. Every object is inflated, resolved and hashed (with collision
//! detection) before the first one is given out, so a pack is whole and consistent or it is an error. Recursion is
//! an explicit stack, claimed sizes are believed only up to a limit and allocated as data arrives.

mod delta;
mod index;
mod spool;
mod write;

pub(crate) use index::Interrupt;
pub(crate) use spool::Spool;
pub(crate) use write::PackWriter;

use crate::error::Error;
use crate::limits::Limits;
use crate::objects::{Object, Objects};
use bytes::Bytes;
use gix::objs::Kind;
use gix::oid;
use index::{Base, Entry};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Bytes of inflated objects kept from indexing, so that reading a small pack inflates each object once.
const KEEP_BYTES: usize = 24 << 20;
/// Bytes of inflated delta bases kept while reading a large pack.
const CACHE_BYTES: usize = 8 << 20;

/// A checked pack.
pub(crate) struct Pack {
    spool: Spool,
    entries: Vec<Entry>,
    /// Indices into `entries`, by object id.
    by_id: Vec<u32>,
    /// Objects kept from indexing, by position in `entries`.
    kept: Vec<Option<Bytes>>,
    cache: Mutex<HashMap<u32, Bytes>>,
    limits: Limits,
    url: String,
}

impl Pack {
    /// Checks and indexes the pack in `spool`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for anything that is not a whole pack, [`Error::Limit`], [`Error::Canceled`].
    pub(crate) fn read(spool: Spool, limits: &Limits, url: &str, interrupt: &Interrupt) -> Result<Pack, Error> {
        let parts = index::Indexer::new(&spool, limits, url, interrupt, KEEP_BYTES).run()?;
        let mut by_id: Vec<u32> = (0..parts.entries.len() as u32).collect();
        by_id.sort_unstable_by_key(|&at| parts.entries[at as usize].id);
        Ok(Pack {
            spool,
            entries: parts.entries,
            by_id,
            kept: parts.kept,
            cache: Mutex::default(),
            limits: limits.clone(),
            url: url.to_owned(),
        })
    }

    /// The bytes it was read from.
    pub(crate) fn into_spool(self) -> Spool {
        self.spool
    }

    fn position(&self, id: &oid) -> Option<u32> {
        let at = self.by_id.binary_search_by(|&it| (*self.entries[it as usize].id).cmp(id)).ok()?;
        Some(self.by_id[at])
    }

    /// The object at `position`, by way of its chain of deltas.
    fn inflate(&self, position: u32) -> Result<Bytes, Error> {
        let mut chain = Vec::new();
        let mut at = position;
        // Indexing has resolved every chain within the limit, so this ends.
        let mut data = loop {
            if let Some(data) = &self.kept[at as usize] {
                break data.clone();
            }
            let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned();
            if let Some(data) = cached {
                break data;
            }
            let entry = &self.entries[at as usize];
            match entry.base {
                Base::None => break Bytes::from(self.raw(entry)?),
                Base::Entry(base) => {
                    chain.push(at);
                    at = base;
                }
                Base::Named(id) => return Err(self.corrupt(format!("base `{id}` of a delta is missing"))),
            }
        };
        while let Some(at) = chain.pop() {
            let instructions = self.raw(&self.entries[at as usize])?;
            let applied = delta::apply(&data, &instructions, self.limits.object_bytes);
            data = Bytes::from(applied.map_err(|it| self.corrupt(it))?);
            // What is between a base and the object is likely to be wanted for the next object.
            if !chain.is_empty() {
                self.remember(at, &data);
            }
        }
        Ok(data)
    }

    fn remember(&self, position: u32, data: &Bytes) {
        if data.len() > CACHE_BYTES / 4 {
            return;
        }
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.values().map(Bytes::len).sum::<usize>() + data.len() > CACHE_BYTES {
            cache.clear();
        }
        cache.insert(position, data.clone());
    }

    fn raw(&self, entry: &Entry) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let mut input = self.spool.reader(entry.offset + u64::from(entry.header_len));
        spool::inflate(&mut input, entry.size, &mut out).map_err(|it| self.corrupt(it))?;
        Ok(out)
    }

    fn corrupt(&self, reason: impl Into<String>) -> Error {
        Error::Corrupt { url: self.url.clone(), reason: reason.into() }
    }
}

impl Objects for Pack {
    fn find(&self, id: &oid) -> Result<Option<Object>, Error> {
        let Some(position) = self.position(id) else { return Ok(None) };
        let kind: Kind = self.entries[position as usize].kind;
        Ok(Some(Object { kind, data: self.inflate(position)? }))
    }

    fn origin(&self) -> &str {
        &self.url
    }
}

#[cfg(test)]
mod tests;
