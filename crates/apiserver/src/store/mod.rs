//! All objects, in memory, with one global resourceVersion.
//!
//! In: drafts with a precondition. Out: immutable objects, consistent lists at any version still in the history, and
//! watches that miss nothing. Knows neither kinds nor schemas: a resource is a [`Slot`] number.
//!
//! Invariant: versions are handed out and events are queued under one lock, so every reader sees writes in the order
//! of their versions. A watcher that does not keep up is dropped, never waited for.

mod log;
mod object;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::mpsc;

pub use log::LogError;
pub use object::{Draft, Object, key};

/// A resource (a group and a plural) inside the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(usize);

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It changed.
    Modified,
    /// It is gone; the event carries its last state at the version of the deletion.
    Deleted,
}

/// One change of one object.
#[derive(Debug)]
pub struct Event {
    /// Which resource.
    pub slot: Slot,
    /// What happened.
    pub change: Change,
    /// The object after it (for a deletion: its last state).
    pub object: Arc<Object>,
    /// The object before it, so that watchers see objects leave and enter their selectors.
    pub before: Option<Arc<Object>>,
}

/// Why a write was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A create found the name taken.
    #[error("the object exists already")]
    Exists,
    /// The object to change is gone.
    #[error("the object does not exist")]
    Missing,
    /// The object has another version than expected.
    #[error("the object has been modified")]
    Conflict,
    /// The write could not be made durable, so it did not happen.
    #[error("cannot write to the data directory: {0}")]
    Disk(String),
}

/// The version asked for is no longer, or not yet, there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The history begins later.
    #[error("too old resource version: {asked} ({oldest})")]
    TooOld {
        /// The version asked for.
        asked: u64,
        /// The oldest one that can be served.
        oldest: u64,
    },
    /// Nothing has that version yet.
    #[error("Too large resource version: {asked}, current: {current}")]
    TooNew {
        /// The version asked for.
        asked: u64,
        /// The current one.
        current: u64,
    },
}

/// How much the store remembers and queues.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Events kept for each resource, to resume watches from.
    pub history_events: usize,
    /// Bytes of superseded states kept for each resource's history.
    pub history_bytes: usize,
    /// Events queued for a watcher before it is dropped.
    pub watch_queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A queue entry is a pointer; 8,192 outlast a burst of a few thousand creates while the watcher's task waits for
        // a core. The history covers some minutes of a busy cluster.
        Self { history_events: 10_000, history_bytes: 32 << 20, watch_queue: 8192 }
    }
}

/// See the module.
pub struct Store {
    inner: RwLock<Inner>,
    names: RwLock<HashMap<String, Slot>>,
    log: Option<Mutex<log::Log>>,
    limits: Limits,
}

#[derive(Default)]
struct Inner {
    version: u64,
    slots: Vec<Contents>,
    taps: Vec<mpsc::UnboundedSender<Arc<Event>>>,
}

#[derive(Default)]
struct Contents {
    /// `plural.group`, as the log names it.
    resource: Box<str>,
    objects: BTreeSet<Entry>,
    history: VecDeque<Arc<Event>>,
    history_bytes: usize,
    /// Watches can start from this version on.
    floor: u64,
    watchers: Vec<mpsc::Sender<Arc<Event>>>,
}

/// An object ordered by its key, so that the key is stored once.
struct Entry(Arc<Object>);

impl Borrow<str> for Entry {
    fn borrow(&self) -> &str {
        self.0.key()
    }
}
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.key().cmp(other.0.key())
    }
}

/// A consistent list.
#[derive(Debug)]
pub struct Listing {
    /// The version it shows.
    pub version: u64,
    /// The objects, by key.
    pub objects: Vec<Arc<Object>>,
}

/// A running watch: events after the version it began at, in order. Ends when the watcher fell too far behind.
#[derive(Debug)]
pub struct Watch {
    backlog: VecDeque<Arc<Event>>,
    queue: mpsc::Receiver<Arc<Event>>,
}

impl Watch {
    /// The next event; `None` when the watch was dropped for being slow or its resource is gone.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        match self.backlog.pop_front() {
            Some(event) => Some(event),
            None => self.queue.recv().await,
        }
    }

    /// The next event if one is waiting.
    pub fn try_next(&mut self) -> Option<Arc<Event>> {
        self.backlog.pop_front().or_else(|| self.queue.try_recv().ok())
    }
}

impl Store {
    /// An empty store that forgets everything.
    pub fn in_memory(limits: Limits) -> Self {
        let inner = Inner { version: 1, ..Inner::default() };
        Self { inner: RwLock::new(inner), names: RwLock::default(), log: None, limits }
    }

    /// The store kept in `directory`, which is created when absent.
    ///
    /// # Errors
    /// When the directory cannot be read or written, or holds a damaged log. A torn last record is not damage: it was
    /// never acknowledged, and is cut off.
    pub fn open(directory: &Path, limits: Limits) -> Result<Self, LogError> {
        let (log, records) = log::Log::open(directory)?;
        let mut store = Self::in_memory(limits);
        for record in records {
            let slot = store.slot(&record.resource);
            let inner = store.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
            inner.version = inner.version.max(record.version);
            let contents = &mut inner.slots[slot.0];
            match record.draft {
                Some(draft) => {
                    contents.objects.replace(Entry(Arc::new(draft.at(record.version))));
                }
                None => {
                    contents.objects.remove(record.key.as_str());
                }
            }
        }
        let inner = store.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let version = inner.version;
        for contents in &mut inner.slots {
            contents.floor = version;
        }
        store.log = Some(Mutex::new(log));
        store.compact()?;
        Ok(store)
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> Option<MutexGuard<'_, log::Log>> {
        self.log.as_ref().map(|log| log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The slot of `resource` (`plural.group`), made when new.
    pub fn slot(&self, resource: &str) -> Slot {
        if let Some(slot) = self.names.read().unwrap_or_else(PoisonError::into_inner).get(resource) {
            return *slot;
        }
        // Objects are locked before names, here as everywhere.
        let mut inner = self.write();
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = names.get(resource) {
            return *slot;
        }
        let slot = Slot(inner.slots.len());
        let floor = inner.version;
        inner.slots.push(Contents { resource: resource.into(), floor, ..Contents::default() });
        names.insert(resource.to_owned(), slot);
        slot
    }

    /// The version of the last write.
    pub fn version(&self) -> u64 {
        self.read().version
    }

    /// How many objects `slot` holds.
    pub fn count(&self, slot: Slot) -> usize {
        self.read().slots[slot.0].objects.len()
    }

    /// The version of the last change in `slot` that the history remembers; changes when the contents do.
    pub fn changed(&self, slot: Slot) -> u64 {
        let inner = self.read();
        let contents = &inner.slots[slot.0];
        contents.history.back().map_or(contents.floor, |event| event.object.version())
    }

    /// One object.
    pub fn get(&self, slot: Slot, key: &str) -> Option<Arc<Object>> {
        self.read().slots[slot.0].objects.get(key).map(|entry| entry.0.clone())
    }

    /// The objects of a namespace (all, when empty), `after` a key, that `keep` admits, at most `limit`.
    ///
    /// `at` asks for the past: the state right after that version.
    ///
    /// # Errors
    /// When `at` is older than the history, or lies in the future.
    pub fn list(
        &self,
        slot: Slot,
        namespace: &str,
        after: Option<&str>,
        at: Option<u64>,
        limit: usize,
        keep: &mut dyn FnMut(&Object) -> bool,
    ) -> Result<(Listing, usize), Unavailable> {
        let inner = self.read();
        let contents = &inner.slots[slot.0];
        let past = match at {
            Some(asked) if asked > inner.version => {
                return Err(Unavailable::TooNew { asked, current: inner.version });
            }
            Some(asked) if asked < contents.floor => {
                return Err(Unavailable::TooOld { asked, oldest: contents.floor });
            }
            Some(asked) if contents.history.back().is_some_and(|last| last.object.version() > asked) => {
                Some(contents.as_of(asked))
            }
            _ => None,
        };
        let mut out = Vec::new();
        let mut left = 0;
        let mut take = |object: &Arc<Object>| {
            if !keep(object) {
            } else if out.len() < limit {
                out.push(object.clone());
            } else {
                left += 1;
            }
        };
        let range = key_range(namespace, after);
        match &past {
            Some(objects) => objects.range::<str, _>(range.as_bounds()).for_each(|(_, object)| take(object)),
            None => contents.objects.range::<str, _>(range.as_bounds()).for_each(|entry| take(&entry.0)),
        }
        let version = at.unwrap_or(inner.version);
        Ok((Listing { version, objects: out }, left))
    }

    /// Every object of a namespace (all, when empty) now.
    pub fn all(&self, slot: Slot, namespace: &str) -> Listing {
        match self.list(slot, namespace, None, None, usize::MAX, &mut |_| true) {
            Ok((listing, _)) => listing,
            Err(_) => unreachable!("only past and future versions are unavailable"),
        }
    }

    /// Stores a new object.
    ///
    /// # Errors
    /// [`WriteError::Exists`] when the name is taken.
    pub fn create(&self, slot: Slot, draft: Draft) -> Result<Arc<Object>, WriteError> {
        let mut inner = self.write();
        if inner.slots[slot.0].objects.contains(draft.key()) {
            return Err(WriteError::Exists);
        }
        let object = Arc::new(draft.at(inner.version + 1));
        self.commit(&mut inner, slot, Change::Added, object.clone(), None)?;
        Ok(object)
    }

    /// Replaces the object of the draft's key, if it has the version `expected`. Storing an equal state is no write:
    /// the object keeps its version and no event is sent.
    ///
    /// # Errors
    /// [`WriteError::Missing`] or [`WriteError::Conflict`].
    pub fn replace(&self, slot: Slot, draft: Draft, expected: u64) -> Result<Arc<Object>, WriteError> {
        let mut inner = self.write();
        let before = inner.slots[slot.0].objects.get(draft.key()).map(|e| e.0.clone()).ok_or(WriteError::Missing)?;
        if before.version() != expected {
            return Err(WriteError::Conflict);
        }
        if draft.equals(&before) {
            return Ok(before);
        }
        let object = Arc::new(draft.at(inner.version + 1));
        self.commit(&mut inner, slot, Change::Modified, object.clone(), Some(before))?;
        Ok(object)
    }

    /// Removes an object, if it has the version `expected`; returns its last state at the version of the removal.
    ///
    /// # Errors
    /// [`WriteError::Missing`] or [`WriteError::Conflict`].
    pub fn remove(&self, slot: Slot, key: &str, expected: u64) -> Result<Arc<Object>, WriteError> {
        let mut inner = self.write();
        let before = inner.slots[slot.0].objects.get(key).map(|e| e.0.clone()).ok_or(WriteError::Missing)?;
        if before.version() != expected {
            return Err(WriteError::Conflict);
        }
        let object = Arc::new(before.at_version(inner.version + 1));
        self.commit(&mut inner, slot, Change::Deleted, object.clone(), Some(before))?;
        Ok(object)
    }

    /// Stores a last state and removes the object in one step, as the update that takes the last finalizer does.
    /// Watchers see the removal alone.
    ///
    /// # Errors
    /// [`WriteError::Missing`] or [`WriteError::Conflict`].
    pub fn replace_and_remove(&self, slot: Slot, draft: Draft, expected: u64) -> Result<Arc<Object>, WriteError> {
        let mut inner = self.write();
        let before = inner.slots[slot.0].objects.get(draft.key()).map(|e| e.0.clone()).ok_or(WriteError::Missing)?;
        if before.version() != expected {
            return Err(WriteError::Conflict);
        }
        let object = Arc::new(draft.at(inner.version + 1));
        self.commit(&mut inner, slot, Change::Deleted, object.clone(), Some(before))?;
        Ok(object)
    }

    fn commit(
        &self,
        inner: &mut Inner,
        slot: Slot,
        change: Change,
        object: Arc<Object>,
        before: Option<Arc<Object>>,
    ) -> Result<(), WriteError> {
        if let Some(mut log) = self.log() {
            log.append(&inner.slots[slot.0].resource, change != Change::Deleted, &object)
                .map_err(|e| WriteError::Disk(e.to_string()))?;
        }
        inner.version = object.version();
        let contents = &mut inner.slots[slot.0];
        match change {
            Change::Added | Change::Modified => {
                contents.objects.replace(Entry(object.clone()));
            }
            Change::Deleted => {
                contents.objects.remove(object.key());
            }
        }
        let event = Arc::new(Event { slot, change, object, before });
        contents.watchers.retain(|watcher| watcher.try_send(event.clone()).is_ok());
        contents.remember(event.clone(), &self.limits);
        inner.taps.retain(|tap| tap.send(event.clone()).is_ok());
        Ok(())
    }

    /// Events after `from`.
    ///
    /// # Errors
    /// When the history begins later than `from`.
    pub fn watch(&self, slot: Slot, from: u64) -> Result<Watch, Unavailable> {
        let mut inner = self.write();
        let contents = &mut inner.slots[slot.0];
        if from < contents.floor {
            return Err(Unavailable::TooOld { asked: from, oldest: contents.floor });
        }
        let begin = contents.history.partition_point(|event| event.object.version() <= from);
        let backlog = contents.history.iter().skip(begin).cloned().collect();
        Ok(Watch { backlog, queue: contents.subscribe(&self.limits) })
    }

    /// Everything there is in a namespace (all, when empty), and a watch of what follows.
    pub fn list_and_watch(&self, slot: Slot, namespace: &str) -> (Listing, Watch) {
        let mut inner = self.write();
        let version = inner.version;
        let contents = &mut inner.slots[slot.0];
        let range = key_range(namespace, None);
        let objects = contents.objects.range::<str, _>(range.as_bounds()).map(|e| e.0.clone()).collect();
        let watch = Watch { backlog: VecDeque::new(), queue: contents.subscribe(&self.limits) };
        (Listing { version, objects }, watch)
    }

    /// Ends all watches of `slot`, as when its definition is gone.
    pub fn end_watches(&self, slot: Slot) {
        self.write().slots[slot.0].watchers.clear();
    }

    /// Forgets the history of every resource, as etcd's compaction does: older versions are answered with 410.
    pub fn forget_history(&self) {
        let mut inner = self.write();
        let version = inner.version;
        for contents in &mut inner.slots {
            contents.history.clear();
            contents.history_bytes = 0;
            contents.floor = version;
        }
    }

    /// Every event of every resource from now on, for the controllers of this process. The queue is unbounded, because
    /// its reader does little for each event and may not miss one.
    pub fn tap(&self) -> mpsc::UnboundedReceiver<Arc<Event>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.write().taps.push(sender);
        receiver
    }

    /// Makes all writes so far survive a power failure too (they survive the end of this process anyway).
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> Result<(), LogError> {
        let file = match self.log() {
            Some(mut log) => log.unsynced()?,
            None => None,
        };
        file.map_or(Ok(()), |file| file.sync_data().map_err(LogError::from))
    }

    /// Rewrites the log without superseded records, when that saves half of it.
    ///
    /// # Errors
    /// When the disk refuses; the old log then stays in place.
    pub fn compact(&self) -> Result<(), LogError> {
        // The read lock keeps writers out, and with them appends.
        let inner = self.read();
        let Some(mut log) = self.log() else { return Ok(()) };
        let live: usize = inner.slots.iter().flat_map(|c| &c.objects).map(|e| e.0.size() + log::OVERHEAD).sum();
        if !log.worth_compacting(live) {
            return Ok(());
        }
        let objects = inner.slots.iter().flat_map(|c| c.objects.iter().map(|e| (&*c.resource, &*e.0)));
        log.rewrite(inner.version, objects)
    }
}

impl Contents {
    fn subscribe(&mut self, limits: &Limits) -> mpsc::Receiver<Arc<Event>> {
        self.watchers.retain(|watcher| !watcher.is_closed());
        let (sender, receiver) = mpsc::channel(limits.watch_queue);
        self.watchers.push(sender);
        receiver
    }

    fn remember(&mut self, event: Arc<Event>, limits: &Limits) {
        let weight = |event: &Event| event.before.as_ref().map_or(0, |o| o.size());
        self.history_bytes += weight(&event);
        self.history.push_back(event);
        while self.history.len() > limits.history_events || self.history_bytes > limits.history_bytes {
            let Some(oldest) = self.history.pop_front() else { break };
            self.history_bytes -= weight(&oldest);
            self.floor = oldest.object.version();
        }
    }

    /// The objects as they were right after `version`: today's, with the later events undone.
    fn as_of(&self, version: u64) -> BTreeMap<Box<str>, Arc<Object>> {
        let mut objects: BTreeMap<Box<str>, Arc<Object>> =
            self.objects.iter().map(|entry| (entry.0.key().into(), entry.0.clone())).collect();
        for event in self.history.iter().rev().take_while(|event| event.object.version() > version) {
            match &event.before {
                Some(before) => objects.insert(before.key().into(), before.clone()),
                None => objects.remove(event.object.key()),
            };
        }
        objects
    }
}

struct KeyRange {
    from: Bound<String>,
    to: Bound<String>,
}

impl KeyRange {
    fn as_bounds(&self) -> (Bound<&str>, Bound<&str>) {
        fn view(bound: &Bound<String>) -> Bound<&str> {
            match bound {
                Bound::Included(key) => Bound::Included(key),
                Bound::Excluded(key) => Bound::Excluded(key),
                Bound::Unbounded => Bound::Unbounded,
            }
        }
        (view(&self.from), view(&self.to))
    }
}

/// Keys of a namespace after `after`. `0` is the byte after `/`.
fn key_range(namespace: &str, after: Option<&str>) -> KeyRange {
    let floor = if namespace.is_empty() { Bound::Unbounded } else { Bound::Included(format!("{namespace}/")) };
    let to = if namespace.is_empty() { Bound::Unbounded } else { Bound::Excluded(format!("{namespace}0")) };
    let from = match (after, &floor, &to) {
        // A key outside of the namespace selects nothing more than the namespace does.
        (Some(key), Bound::Included(low), _) if key < low.as_str() => floor,
        (Some(key), _, Bound::Excluded(high)) if key >= high.as_str() => Bound::Included(high.clone()),
        (Some(key), _, _) => Bound::Excluded(key.to_owned()),
        (None, _, _) => floor,
    };
    let to = match (&from, to) {
        (Bound::Included(low), Bound::Excluded(high)) if *low == high => Bound::Included(high),
        (_, to) => to,
    };
    KeyRange { from, to }
}

#[cfg(test)]
mod tests;
