//! Accepted events, kept until everybody concerned has them, on disk where a folder is given.
//!
//! Invariant: what [`Journal::accept`] returned for is in the file's pages before the sender is told so; a process that
//! is killed finds it again. A line is a record; a last line that is cut short was never acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::fold::{Failing, FoldKey};
use crate::event::Event;

/// The file's size beyond which it is written anew, if most of it is of no use any more.
const COMPACT: u64 = 32 << 20;
/// No record is larger: an event is at most three MiB, which escapes may make six times as large.
const RECORD: u64 = 20 << 20;

/// A delivery that is still to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub id: u64,
    /// The event it is about.
    pub event: u64,
    /// The alert, as `namespace/name`.
    pub alert: String,
    /// What is added to the message.
    pub note: String,
    /// When the event was accepted, in milliseconds.
    pub accepted: i64,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
enum Record {
    /// An event, and when it was accepted.
    Event(u64, i64, Box<Event>),
    /// A delivery: id, event, alert, note.
    Delivery(u64, u64, String, String),
    /// All deliveries of an event are written.
    Dispatched(u64),
    /// A delivery is made, or given up.
    Done(u64),
    /// A failure begins, goes on or ends.
    Fold(FoldKey, Option<Failing>),
}

enum Place {
    Memory(Box<Event>),
    File { offset: u64, length: u64 },
}

struct Kept {
    place: Place,
    accepted: i64,
    /// Deliveries that are not made; none yet before the event is dispatched.
    open: Option<Vec<u64>>,
}

/// See the module.
pub struct Journal {
    file: Option<Log>,
    events: BTreeMap<u64, Kept>,
    deliveries: HashMap<u64, Pending>,
    next: u64,
    bytes: usize,
}

struct Log {
    file: File,
    path: PathBuf,
    size: u64,
}

/// What a process finds of its predecessor.
#[derive(Debug, Default)]
pub struct Found {
    /// Events that nobody has looked at yet.
    pub undispatched: Vec<u64>,
    /// Deliveries that are to be made.
    pub pending: Vec<Pending>,
    /// Failures that have not ended.
    pub folds: Vec<(FoldKey, Failing)>,
}

impl Journal {
    /// A journal in memory.
    pub fn in_memory() -> Journal {
        Journal { file: None, events: BTreeMap::new(), deliveries: HashMap::new(), next: 1, bytes: 0 }
    }

    /// The journal of a folder, which is made if need be.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path) -> std::io::Result<(Journal, Found)> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("queue.jsonl");
        let mut journal = Journal::in_memory();
        let file = open(&path, false)?;
        let mut folds: HashMap<FoldKey, Failing> = HashMap::new();
        let size = journal.replay(&file, &mut folds)?;
        file.set_len(size)?;
        journal.file = Some(Log { file, path, size });
        let undispatched: Vec<u64> =
            journal.events.iter().filter(|(_, it)| it.open.is_none()).map(|(id, _)| *id).collect();
        let mut pending: Vec<Pending> = journal.deliveries.values().cloned().collect();
        pending.sort_by_key(|it| it.id);
        let found = Found { undispatched, pending, folds: folds.into_iter().collect() };
        let open_folds: Vec<(&FoldKey, &Failing)> = found.folds.iter().map(|(key, it)| (key, it)).collect();
        journal.compact(&open_folds)?;
        Ok((journal, found))
    }

    /// Reads what is there; returns where the last whole record ends.
    fn replay(&mut self, file: &File, folds: &mut HashMap<FoldKey, Failing>) -> std::io::Result<u64> {
        let mut reader = BufReader::new(file);
        let (mut offset, mut written) = (0, HashMap::<u64, Vec<Pending>>::new());
        loop {
            let mut line = Vec::new();
            let length = reader.by_ref().take(RECORD).read_until(b'\n', &mut line)? as u64;
            if line.last() != Some(&b'\n') {
                return Ok(offset);
            }
            match serde_json::from_slice::<Record>(&line) {
                Ok(Record::Event(id, accepted, _)) => {
                    self.next = self.next.max(id + 1);
                    self.events.insert(id, Kept { place: Place::File { offset, length }, accepted, open: None });
                }
                Ok(Record::Delivery(id, event, alert, note)) => {
                    self.next = self.next.max(id + 1);
                    let accepted = self.events.get(&event).map_or(0, |it| it.accepted);
                    written.entry(event).or_default().push(Pending { id, event, alert, note, accepted });
                }
                Ok(Record::Dispatched(event)) => {
                    let all = written.remove(&event).unwrap_or_default();
                    self.dispatch_in_memory(event, all);
                }
                Ok(Record::Done(id)) => self.done_in_memory(id),
                Ok(Record::Fold(key, Some(failing))) => _ = folds.insert(key, failing),
                Ok(Record::Fold(key, None)) => _ = folds.remove(&key),
                // Written by another version, or damaged: the rest may still be good.
                Err(_) => warn!(offset, "a record of the queue cannot be read; it is left out"),
            }
            offset += length;
        }
    }

    /// Events that are kept.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Bytes of events that are kept in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps an event; `size` is about how large it is.
    ///
    /// # Errors
    /// When it cannot be written: then it is not kept.
    pub fn accept(&mut self, event: Event, now: i64, size: usize) -> std::io::Result<u64> {
        let id = self.next;
        let place = match &mut self.file {
            None => {
                self.bytes += size;
                Place::Memory(Box::new(event))
            }
            Some(log) => {
                let line = line(&Record::Event(id, now, Box::new(event)));
                let offset = log.append(&line)?;
                Place::File { offset, length: line.len() as u64 }
            }
        };
        self.next += 1;
        self.events.insert(id, Kept { place, accepted: now, open: None });
        Ok(id)
    }

    /// An event that is kept.
    pub fn event(&self, id: u64) -> Option<Event> {
        match &self.events.get(&id)?.place {
            Place::Memory(event) => Some(event.as_ref().clone()),
            Place::File { offset, length } => {
                let mut line = vec![0; usize::try_from(*length).ok()?];
                self.file.as_ref()?.file.read_exact_at(&mut line, *offset).ok()?;
                match serde_json::from_slice(&line).ok()? {
                    Record::Event(_, _, event) => Some(*event),
                    _ => None,
                }
            }
        }
    }

    /// A delivery that is not made.
    pub fn pending(&self, id: u64) -> Option<Pending> {
        self.deliveries.get(&id).cloned()
    }

    /// Notes to whom an event goes, and what becomes of failures.
    ///
    /// # Errors
    /// When it cannot be written; the deliveries are to be made nevertheless.
    pub fn dispatch(
        &mut self,
        event: u64,
        to: Vec<(String, String)>,
        folds: Vec<(FoldKey, Option<Failing>)>,
    ) -> (Vec<Pending>, std::io::Result<()>) {
        let accepted = self.events.get(&event).map_or(0, |it| it.accepted);
        let mut lines = Vec::new();
        let mut pending = Vec::new();
        for (key, failing) in folds {
            lines.extend(line(&Record::Fold(key, failing)));
        }
        for (alert, note) in to {
            let id = self.next;
            self.next += 1;
            lines.extend(line(&Record::Delivery(id, event, alert.clone(), note.clone())));
            pending.push(Pending { id, event, alert, note, accepted });
        }
        lines.extend(line(&Record::Dispatched(event)));
        self.dispatch_in_memory(event, pending.clone());
        let written = self.file.as_mut().map_or(Ok(()), |log| log.append(&lines).map(drop));
        (pending, written)
    }

    fn dispatch_in_memory(&mut self, event: u64, pending: Vec<Pending>) {
        let Some(kept) = self.events.get_mut(&event) else { return };
        if pending.is_empty() {
            self.forget(event);
            return;
        }
        kept.open = Some(pending.iter().map(|it| it.id).collect());
        self.deliveries.extend(pending.into_iter().map(|it| (it.id, it)));
    }

    fn forget(&mut self, event: u64) {
        if let Some(Kept { place: Place::Memory(event), .. }) = self.events.remove(&event) {
            self.bytes = self.bytes.saturating_sub(size(&event));
        }
    }

    /// A delivery is made, or given up.
    ///
    /// # Errors
    /// When it cannot be written; after a restart the delivery would be made again.
    pub fn done(&mut self, id: u64, folds: impl FnOnce() -> Vec<(FoldKey, Failing)>) -> std::io::Result<()> {
        self.done_in_memory(id);
        let Some(log) = &mut self.file else { return Ok(()) };
        log.append(&line(&Record::Done(id)))?;
        let size = log.size;
        if size > COMPACT && self.live() * 2 < size {
            let folds = folds();
            let folds: Vec<(&FoldKey, &Failing)> = folds.iter().map(|(key, it)| (key, it)).collect();
            self.compact(&folds)?;
        }
        Ok(())
    }

    fn done_in_memory(&mut self, id: u64) {
        let Some(pending) = self.deliveries.remove(&id) else { return };
        let Some(open) = self.events.get_mut(&pending.event).and_then(|it| it.open.as_mut()) else { return };
        open.retain(|it| *it != id);
        if open.is_empty() {
            self.forget(pending.event);
        }
    }

    fn live(&self) -> u64 {
        let length = |kept: &Kept| match kept.place {
            Place::File { length, .. } => length,
            Place::Memory(_) => 0,
        };
        self.events.values().map(length).sum()
    }

    /// Writes the file anew with what is still of use: beside the old one, then in its place.
    fn compact(&mut self, folds: &[(&FoldKey, &Failing)]) -> std::io::Result<()> {
        let Some(old) = &self.file else { return Ok(()) };
        let path = old.path.with_extension("new");
        let mut new = Log { file: open(&path, true)?, path: old.path.clone(), size: 0 };
        for (key, failing) in folds {
            new.append(&line(&Record::Fold((*key).clone(), Some((*failing).clone()))))?;
        }
        let mut places = Vec::new();
        for (id, kept) in &self.events {
            let Some(event) = self.event(*id) else { continue };
            let mut lines = line(&Record::Event(*id, kept.accepted, Box::new(event)));
            let length = lines.len() as u64;
            for open in kept.open.iter().flatten().filter_map(|open| self.deliveries.get(open)) {
                let Pending { id, event, alert, note, .. } = open.clone();
                lines.extend(line(&Record::Delivery(id, event, alert, note)));
            }
            if kept.open.is_some() {
                lines.extend(line(&Record::Dispatched(*id)));
            }
            places.push((*id, new.append(&lines)?, length));
        }
        new.file.sync_all()?;
        std::fs::rename(&path, &new.path)?;
        for (id, offset, length) in places {
            if let Some(kept) = self.events.get_mut(&id) {
                kept.place = Place::File { offset, length };
            }
        }
        self.file = Some(new);
        Ok(())
    }
}

impl Log {
    /// Appends records; returns where they begin. A write that fails half-way is taken back.
    fn append(&mut self, lines: &[u8]) -> std::io::Result<u64> {
        let offset = self.size;
        if let Err(error) = (&self.file).write_all(lines) {
            self.file.set_len(offset)?;
            return Err(error);
        }
        self.size += lines.len() as u64;
        Ok(offset)
    }
}

fn open(path: &Path, new: bool) -> std::io::Result<File> {
    // Messages may tell of things that are not for everybody on the machine.
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let file = options.open(path)?;
    if new {
        file.set_len(0)?;
    }
    Ok(file)
}

fn line(record: &Record) -> Vec<u8> {
    let mut line = serde_json::to_vec(record).expect("records have string keys and no I/O");
    line.push(b'\n');
    line
}

/// About what an event takes in memory.
#[must_use]
pub fn size(event: &Event) -> usize {
    let facts: usize = event.metadata.iter().map(|(key, value)| key.len() + value.len() + 96).sum();
    512 + event.message.len() + facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> Event {
        Event { message: message.into(), ..Event::default() }
    }

    fn open(folder: &Path) -> (Journal, Found) {
        Journal::open(folder).unwrap()
    }

    #[test]
    fn what_was_accepted_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        let first = journal.accept(event("first"), 1, 0).unwrap();
        let second = journal.accept(event("second"), 2, 0).unwrap();
        let third = journal.accept(event("third"), 3, 0).unwrap();
        let (pending, _) =
            journal.dispatch(first, vec![("ns/a".into(), String::new()), ("ns/b".into(), "n".into())], vec![]);
        journal.done(pending[0].id, Vec::new).unwrap();
        journal.dispatch(third, vec![], vec![]).1.unwrap();
        drop(journal);
        for _ in 0..2 {
            let (journal, found) = open(dir.path());
            assert_eq!(found.undispatched, [second]);
            assert_eq!(found.pending, pending[1..]);
            assert_eq!(journal.event(first).unwrap(), event("first"));
            assert_eq!(journal.len(), 2);
        }
    }

    #[test]
    fn a_record_that_is_cut_short_costs_nothing_but_itself() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        let first = journal.accept(event("first"), 1, 0).unwrap();
        let second = journal.accept(event("second"), 1, 0).unwrap();
        journal.dispatch(second, vec![("ns/a".into(), String::new())], vec![]).1.unwrap();
        drop(journal);
        let path = dir.path().join("queue.jsonl");
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (journal, found) = open(dir.path());
            // The deliveries of an event count once all of them are there.
            assert!(found.pending.is_empty());
            assert!(found.undispatched.iter().all(|id| [first, second].contains(id)));
            assert_eq!(journal.len(), found.undispatched.len());
        }
        std::fs::write(&path, [b"garbage\n", &whole[..]].concat()).unwrap();
        let (journal, found) = open(dir.path());
        assert_eq!((found.undispatched.len(), found.pending.len()), (1, 1));
        assert_eq!(journal.event(second).unwrap(), event("second"));
    }

    #[test]
    fn what_is_done_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        let text = "x".repeat(100_000);
        let kept = journal.accept(event("kept"), 1, 0).unwrap();
        for n in 0..1000 {
            let id = journal.accept(event(&text), n, 0).unwrap();
            let (pending, written) = journal.dispatch(id, vec![("ns/a".into(), String::new())], vec![]);
            written.unwrap();
            journal.done(pending[0].id, Vec::new).unwrap();
        }
        let size = std::fs::metadata(dir.path().join("queue.jsonl")).unwrap().len();
        assert!(size <= COMPACT + RECORD, "{size}");
        assert_eq!(journal.event(kept).unwrap(), event("kept"));
        let mut memory = Journal::in_memory();
        let id = memory.accept(event(&text), 1, super::size(&event(&text))).unwrap();
        assert!(memory.bytes() > 100_000);
        memory.dispatch(id, vec![], vec![]).1.unwrap();
        assert_eq!((memory.bytes(), memory.len()), (0, 0));
    }

    #[test]
    fn failures_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        let failing = Failing { since: 1, count: 2, reason: "R".into(), what: 3, told: 4 };
        let id = journal.accept(event("x"), 1, 0).unwrap();
        let folds = vec![
            ("a".to_owned(), Some(failing.clone())),
            ("b".to_owned(), Some(failing.clone())),
            ("b".to_owned(), None),
        ];
        journal.dispatch(id, vec![], folds).1.unwrap();
        drop(journal);
        for _ in 0..2 {
            assert_eq!(open(dir.path()).1.folds, [("a".to_owned(), failing.clone())]);
        }
    }
}
