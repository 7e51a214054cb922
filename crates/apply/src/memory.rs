//! What was last applied, and what was last found ready.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_runtime::{GroupKind, Key};

/// Remembers by object; shared by all owners of a process. Forgetting costs requests, never correctness.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<(GroupKind, Key), Remembered>>);

#[derive(Default)]
struct Remembered {
    owner: Option<Key>,
    desired: [u8; 16],
    fingerprint: u64,
    ready: Option<u64>,
    corrected: Vec<Instant>,
    /// When the change that is to be put right was first seen.
    noticed: Option<Instant>,
    /// How often in a row a change followed a correction at once.
    answers: usize,
    held_until: Option<Instant>,
}

/// How long corrections of one object count together.
const FIGHT: Duration = Duration::from_secs(300);
/// Whoever changes an object this soon after it was put right is a program that answers. A person, or a job that runs
/// now and then, is put right at once however often.
const ANSWER: Duration = Duration::from_secs(3);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, HashMap<(GroupKind, Key), Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this very desired state was applied last, and to what looked like `fingerprint` afterwards.
    pub(crate) fn recall(&self, object: &(GroupKind, Key), desired: &[u8; 16]) -> Option<u64> {
        self.lock().get(object).filter(|it| it.desired == *desired).map(|it| it.fingerprint)
    }

    pub(crate) fn applied(&self, object: (GroupKind, Key), owner: Key, desired: [u8; 16], fingerprint: u64) {
        let mut memory = self.lock();
        let it = memory.entry(object).or_default();
        (it.owner, it.desired, it.fingerprint, it.ready) = (Some(owner), desired, fingerprint, None);
    }

    /// Who applied the object last.
    #[must_use]
    pub fn owner(&self, kind: &GroupKind, key: &Key) -> Option<Key> {
        self.lock().get(&(kind.clone(), key.clone()))?.owner.clone()
    }

    /// What the object looked like when it was last applied, whatever was applied.
    #[must_use]
    pub fn fingerprint(&self, kind: &GroupKind, key: &Key) -> Option<u64> {
        self.lock().get(&(kind.clone(), key.clone())).map(|it| it.fingerprint)
    }

    /// How often somebody else's change was put right within the last five minutes.
    pub(crate) fn corrections(&self, object: &(GroupKind, Key)) -> usize {
        let recent = |it: &Remembered| it.corrected.iter().filter(|when| when.elapsed() < FIGHT).count();
        self.lock().get(object).map_or(0, recent)
    }

    /// Notes that somebody else's change was seen.
    pub(crate) fn notice(&self, object: &(GroupKind, Key)) {
        self.lock().entry(object.clone()).or_default().noticed.get_or_insert_with(Instant::now);
    }

    /// Notes that somebody else's change was put right; returns how often within five minutes.
    pub(crate) fn corrected(&self, object: &(GroupKind, Key)) -> usize {
        let mut memory = self.lock();
        let it = memory.entry(object.clone()).or_default();
        let answered = it.noticed.take().zip(it.corrected.last()).is_some_and(|(seen, last)| seen - *last < ANSWER);
        it.answers = if answered { it.answers + 1 } else { 0 };
        it.corrected.retain(|when| when.elapsed() < FIGHT);
        it.corrected.push(Instant::now());
        it.corrected.len()
    }

    /// Leaves an object alone for a while if its last corrections were answered at once, `patience` times in a row or
    /// more; the longer the more often.
    pub(crate) fn hold(&self, object: &(GroupKind, Key), patience: usize) -> Option<Duration> {
        let mut memory = self.lock();
        let it = memory.get_mut(object)?;
        let again = it.answers.checked_sub(patience)?;
        let wait = Duration::from_secs(5 << again.min(6));
        it.held_until = Some(Instant::now() + wait);
        Some(wait)
    }

    /// How long an object is still left alone.
    #[must_use]
    pub fn held(&self, object: &(GroupKind, Key)) -> Option<Duration> {
        let until = self.lock().get(object)?.held_until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    pub(crate) fn is_ready(&self, object: &(GroupKind, Key), version: u64) -> bool {
        self.lock().get(object).is_some_and(|it| it.ready == Some(version))
    }

    pub(crate) fn ready(&self, object: &(GroupKind, Key), version: u64) {
        if let Some(it) = self.lock().get_mut(object) {
            it.ready = Some(version);
        }
    }

    /// Drops what is known about an object that is nobody's any more.
    pub fn forget(&self, kind: &GroupKind, key: &Key) {
        self.lock().remove(&(kind.clone(), key.clone()));
    }
}

/// A digest of the desired state, of who wants it, and of which fields are left to others: another user may not be
/// allowed what this one was. 128 bits of SHA-256 are as good as unique.
pub(crate) fn digest(desired: &Value, user: &str, ignored: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in [user, "\n", ignored, "\n", &desired.to_string()] {
        hash.update(part);
    }
    let hash = hash.finalize();
    std::array::from_fn(|n| hash[n])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_answers_at_once_is_in_a_fight() {
        let memory = Memory::default();
        let object = (GroupKind { group: "".into(), kind: "ConfigMap".into() }, Key::new("n", "x"));
        for n in 0..6 {
            memory.notice(&object);
            memory.corrected(&object);
            assert_eq!(memory.hold(&object, 3).is_some(), n >= 3, "{n}");
        }
        // The next change comes a while after the last correction.
        if let Some(it) = memory.lock().get_mut(&object) {
            it.corrected = vec![Instant::now().checked_sub(ANSWER * 2).unwrap_or_else(Instant::now)];
        }
        memory.notice(&object);
        assert_eq!(memory.corrected(&object), 2);
        assert_eq!(memory.hold(&object, 3), None);
    }
}
