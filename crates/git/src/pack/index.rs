//! Two passes over a pack: find and inflate every entry, then resolve every delta and name its object.

use super::delta;
use super::spool::{Reader, Spool, inflate};
use crate::error::Error;
use crate::limits::Limits;
use crate::objects::HASH;
use bytes::Bytes;
use gix::ObjectId;
use gix::objs::Kind;
use gix::odb::pack::data;
use gix::odb::pack::data::entry::Header;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when nobody waits for the result any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Canceled) } else { Ok(()) }
    }
}

/// What a delta is applied to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base {
    /// It is no delta.
    None,
    /// Another entry of the pack.
    Entry(u32),
    /// An object by name, not yet found in the pack.
    Named(ObjectId),
}

/// An object in the pack.
#[derive(Debug)]
pub(super) struct Entry {
    pub offset: u64,
    pub header_len: u16,
    pub kind: Kind,
    pub resolved: bool,
    /// Bytes of the inflated entry: of the object, or of the delta's instructions.
    pub size: u64,
    pub base: Base,
    pub id: ObjectId,
}

/// What indexing found.
pub(super) struct Parts {
    pub entries: Vec<Entry>,
    pub kept: Vec<Option<Bytes>>,
}

pub(super) struct Indexer<'a> {
    spool: &'a Spool,
    limits: &'a Limits,
    url: &'a str,
    interrupt: &'a Interrupt,
    keep: usize,
    inflated: u64,
    entries: Vec<Entry>,
    kept: Vec<Option<Bytes>>,
    /// Deltas by the position of their base.
    children: HashMap<u32, Vec<u32>>,
    /// Deltas by the name of their base.
    by_name: HashMap<ObjectId, Vec<u32>>,
}

/// An object whose deltas are being resolved.
struct Frame {
    data: Bytes,
    kind: Kind,
    children: std::vec::IntoIter<u32>,
    base: Base,
}

impl<'a> Indexer<'a> {
    pub(super) fn new(
        spool: &'a Spool,
        limits: &'a Limits,
        url: &'a str,
        interrupt: &'a Interrupt,
        keep: usize,
    ) -> Self {
        Indexer {
            spool,
            limits,
            url,
            interrupt,
            keep,
            inflated: 0,
            entries: Vec::new(),
            kept: Vec::new(),
            children: HashMap::new(),
            by_name: HashMap::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Parts, Error> {
        self.find_entries()?;
        self.resolve_within()?;
        if let Some(entry) = self.entries.iter().find(|it| !it.resolved) {
            let base = match entry.base {
                Base::Named(id) => format!("base `{id}` of a delta is missing"),
                Base::Entry(_) | Base::None => format!("the delta at {} has no base", entry.offset),
            };
            return Err(self.corrupt(base));
        }
        Ok(Parts { entries: self.entries, kept: self.kept })
    }

    /// The first pass: header, entries, trailer.
    fn find_entries(&mut self) -> Result<(), Error> {
        let mut input = self.spool.reader(0);
        let head = self.peek(&mut input, 12)?;
        let head: [u8; 12] = head.get(..12).and_then(|it| it.try_into().ok()).ok_or_else(|| self.corrupt("no pack"))?;
        let (_, count) = data::header::decode(&head).map_err(|err| self.corrupt(format!("no pack: {err}")))?;
        if count > self.limits.objects {
            return Err(self.limit(
                "objects (limit `objects`) in a pack",
                u64::from(self.limits.objects),
                count.into(),
            ));
        }
        input.consume(12);
        let mut buffer = Vec::new();
        for _ in 0..count {
            self.interrupt.check()?;
            self.find_entry(&mut input, &mut buffer)?;
        }
        self.check_trailer(&mut input)
    }

    fn find_entry(&mut self, input: &mut Reader<'_>, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let offset = input.position();
        // A header is at most ten bytes of size, then ten bytes of distance or twenty of name.
        let head = input.peek(32).map_err(|err| Error::io("reading a pack back", &err))?;
        let parsed = data::Entry::from_bytes(&head[..head.len().min(32)], offset, HASH);
        let parsed = parsed.map_err(|err| self.corrupt(format!("entry at {offset}: {err}")))?;
        let header_len = parsed.header_size();
        input.consume(header_len);
        let size = parsed.decompressed_size;
        self.check_size(size)?;
        inflate(input, size, buffer).map_err(|err| self.corrupt(format!("entry at {offset}: {err}")))?;
        let position = self.entries.len() as u32;
        let mut entry = Entry {
            offset,
            header_len: header_len as u16,
            kind: Kind::Blob,
            resolved: false,
            size,
            base: Base::None,
            id: ObjectId::null(HASH),
        };
        match parsed.header {
            Header::OfsDelta { base_distance } => {
                let base = offset.checked_sub(base_distance).filter(|_| base_distance > 0);
                let base = base.and_then(|at| self.entries.binary_search_by_key(&at, |it| it.offset).ok());
                let base = base.ok_or_else(|| self.corrupt(format!("the delta at {offset} has no base")))? as u32;
                entry.base = Base::Entry(base);
                self.children.entry(base).or_default().push(position);
            }
            Header::RefDelta { base_id } => {
                entry.base = Base::Named(base_id);
                self.by_name.entry(base_id).or_default().push(position);
            }
            Header::Commit | Header::Tree | Header::Blob | Header::Tag => {
                entry.kind = parsed.header.as_kind().expect("these four are objects");
                entry.id = self.name(entry.kind, buffer)?;
                entry.resolved = true;
                self.count(size)?;
            }
        }
        let keep = entry.resolved && buffer.len() <= self.keep;
        self.entries.push(entry);
        self.kept.push(keep.then(|| {
            self.keep -= buffer.len();
            Bytes::copy_from_slice(buffer)
        }));
        Ok(())
    }

    /// The pack ends with the hash of all before it, and nothing follows.
    fn check_trailer(&self, input: &mut Reader<'_>) -> Result<(), Error> {
        let end = input.position();
        let rest = self.spool.len() - end;
        if rest != 20 {
            return Err(self.corrupt(format!("{rest} bytes follow the last object, where a checksum of 20 belongs")));
        }
        let wanted = self.peek(input, 20)?[..20].to_vec();
        let mut hasher = gix::hash::hasher(HASH);
        let mut input = self.spool.reader(0);
        while input.position() < end {
            self.interrupt.check()?;
            let left = end - input.position();
            let chunk = self.peek(&mut input, 1)?;
            let chunk = &chunk[..chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            hasher.update(chunk);
            let read = chunk.len();
            input.consume(read);
        }
        let found = hasher.try_finalize().map_err(|err| self.corrupt(err.to_string()))?;
        if found.as_slice() != wanted {
            return Err(self.corrupt("the checksum of the pack is wrong"));
        }
        Ok(())
    }

    /// The second pass: whatever hangs below objects that are in the pack whole.
    fn resolve_within(&mut self) -> Result<(), Error> {
        for position in 0..self.entries.len() as u32 {
            let entry = &self.entries[position as usize];
            if !matches!(entry.base, Base::None) || !self.has_children(position, entry.id) {
                continue;
            }
            let (kind, id) = (entry.kind, entry.id);
            let data = match &self.kept[position as usize] {
                Some(data) => data.clone(),
                None => Bytes::from(self.instructions(position)?),
            };
            let children = self.take_children(position, id);
            self.resolve_below(Frame { data, kind, children, base: Base::Entry(position) })?;
        }
        Ok(())
    }

    fn resolve_below(&mut self, root: Frame) -> Result<(), Error> {
        let mut held = root.data.len() as u64;
        let mut stack = vec![root];
        while let Some(frame) = stack.last_mut() {
            self.interrupt.check()?;
            let Some(position) = frame.children.next() else {
                held -= frame.data.len() as u64;
                stack.pop();
                continue;
            };
            let (kind, base, parent) = (frame.kind, frame.base, frame.data.clone());
            if frame.children.len() == 0 {
                // The last child replaces its parent, so a plain chain holds one object at a time.
                held -= frame.data.len() as u64;
                frame.data = Bytes::new();
            }
            let instructions = self.instructions(position)?;
            self.check_size(delta::result_size(&instructions).map_err(|err| self.corrupt(err))?)?;
            let data = delta::apply(&parent, &instructions, self.limits.object_bytes);
            let data = Bytes::from(data.map_err(|err| self.corrupt(err))?);
            drop((instructions, parent));
            self.count(data.len() as u64)?;
            let id = self.name(kind, &data)?;
            let entry = &mut self.entries[position as usize];
            (entry.kind, entry.id, entry.base, entry.resolved) = (kind, id, base, true);
            if data.len() <= self.keep {
                self.keep -= data.len();
                self.kept[position as usize] = Some(data.clone());
            }
            if self.has_children(position, id) {
                if stack.len() as u64 >= u64::from(self.limits.delta_chain) {
                    let found = stack.len() as u64 + 1;
                    return Err(self.limit(
                        "deltas in a chain (limit `delta_chain`)",
                        self.limits.delta_chain.into(),
                        found,
                    ));
                }
                held += data.len() as u64;
                if held > self.limits.object_bytes.saturating_mul(2) {
                    let limit = self.limits.object_bytes.saturating_mul(2);
                    return Err(self.limit("bytes held to resolve deltas (twice `object_bytes`)", limit, held));
                }
                let children = self.take_children(position, id);
                stack.push(Frame { data, kind, children, base: Base::Entry(position) });
            }
        }
        Ok(())
    }

    fn has_children(&self, position: u32, id: ObjectId) -> bool {
        self.children.contains_key(&position) || self.by_name.contains_key(&id)
    }

    fn take_children(&mut self, position: u32, id: ObjectId) -> std::vec::IntoIter<u32> {
        let mut children = self.children.remove(&position).unwrap_or_default();
        children.extend(self.by_name.remove(&id).unwrap_or_default());
        children.into_iter()
    }

    fn instructions(&self, position: u32) -> Result<Vec<u8>, Error> {
        let entry = &self.entries[position as usize];
        let mut out = Vec::new();
        let mut input = self.spool.reader(entry.offset + u64::from(entry.header_len));
        inflate(&mut input, entry.size, &mut out).map_err(|err| self.corrupt(err))?;
        Ok(out)
    }

    fn name(&self, kind: Kind, data: &[u8]) -> Result<ObjectId, Error> {
        // Finds SHA-1 collisions made by the known attacks.
        gix::objs::compute_hash(HASH, kind, data).map_err(|err| self.corrupt(err.to_string()))
    }

    fn count(&mut self, bytes: u64) -> Result<(), Error> {
        self.inflated += bytes;
        if self.inflated > self.limits.inflated_bytes {
            return Err(self.limit(
                "inflated bytes (limit `inflated_bytes`) of a pack",
                self.limits.inflated_bytes,
                self.inflated,
            ));
        }
        Ok(())
    }

    fn check_size(&self, size: u64) -> Result<(), Error> {
        if size > self.limits.object_bytes {
            return Err(self.limit("size of an object (limit `object_bytes`)", self.limits.object_bytes, size));
        }
        Ok(())
    }

    fn peek<'r>(&self, input: &'r mut Reader<'_>, wanted: usize) -> Result<&'r [u8], Error> {
        let bytes = input.peek(wanted).map_err(|err| Error::io("reading a pack back", &err))?;
        if bytes.len() < wanted {
            return Err(self.corrupt("the pack is cut short"));
        }
        Ok(bytes)
    }

    fn corrupt(&self, reason: impl Into<String>) -> Error {
        Error::Corrupt { url: self.url.to_owned(), reason: reason.into() }
    }

    fn limit(&self, what: &'static str, limit: u64, found: u64) -> Error {
        Error::Limit { url: self.url.to_owned(), what, limit, found: format!("found {found}") }
    }
}
