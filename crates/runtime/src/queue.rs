//! A work queue of object keys, as controllers need it.
//!
//! In: keys to look at, now or later. Out: one key at a time to whoever asks, never the same key to two at once.
//! A key that arrives while it is being worked on is handed out again afterwards, and the pass that is running is told
//! so by its [`Interrupt`]: that is how a new revision ends the wait for an old one's health.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Key;

/// How long a key that failed waits: `min` · 2ⁿ, at most `max`.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait.
    pub min: Duration,
    /// No wait is longer.
    pub max: Duration,
}

impl Default for Backoff {
    /// Flux's defaults, 750 ms to 15 min (spec/flux/source.md §9).
    fn default() -> Self {
        Backoff { min: Duration::from_millis(750), max: Duration::from_secs(15 * 60) }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row.
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        self.min.saturating_mul(1 << failures.saturating_sub(1).min(30)).min(self.max)
    }
}

/// Fires when the object of a running pass was put into the queue again.
pub type Interrupt = CancellationToken;

/// When a key is to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// After this long; failures are forgotten.
    After(Duration),
    /// After a fixed wait, because something failed or is missing; failures are neither counted nor forgotten.
    RetryAfter(Duration),
    /// Sooner or later, by the queue's [`Backoff`]; one more failure.
    Backoff,
    /// Only when something changes; failures are forgotten.
    Never,
}

/// The queue; clones share it.
#[derive(Clone, Default)]
pub struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
    backoff: Backoff,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Key>,
    queued: HashSet<Key>,
    running: HashMap<Key, Running>,
    due: HashMap<Key, Instant>,
    timetable: BTreeSet<(Instant, Key)>,
    failures: HashMap<Key, u32>,
    added: u64,
    retried: u64,
}

struct Running {
    interrupt: Interrupt,
    again: bool,
}

/// Numbers for the `workqueue_*` metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Keys that wait to be handed out.
    pub depth: usize,
    /// Keys being worked on.
    pub running: usize,
    /// Keys added since the start.
    pub added: u64,
    /// Failures that were queued again.
    pub retried: u64,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(backoff: Backoff) -> Self {
        Queue(Arc::new(Shared { backoff, ..Shared::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds this lock; if one ever did, the sets are still sets.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a key at the end of the queue, once; interrupts the pass that is working on it.
    pub fn add(&self, key: Key) {
        let mut state = self.state();
        state.added += 1;
        state.unschedule(&key);
        if let Some(running) = state.running.get_mut(&key) {
            running.again = true;
            running.interrupt.cancel();
        } else {
            state.push(key);
            drop(state);
            self.0.changed.notify_one();
        }
    }

    /// Puts a key into the queue after `delay`, or sooner if it already was to come sooner.
    pub fn add_after(&self, key: Key, delay: Duration) {
        let mut state = self.state();
        state.schedule(key, Instant::now() + delay, Collision::Sooner);
        drop(state);
        self.0.changed.notify_one();
    }

    /// Drops everything known about a key whose object is gone.
    pub fn forget(&self, key: &Key) {
        let mut state = self.state();
        state.unschedule(key);
        state.failures.remove(key);
    }

    /// The next key, once there is one; call [`Queue::done`] for it afterwards. Safe to drop while it waits.
    pub async fn next(&self) -> (Key, Interrupt) {
        loop {
            let notified = self.0.changed.notified();
            let wake = {
                let mut state = self.state();
                state.promote(Instant::now());
                if let Some(key) = state.ready.pop_front() {
                    state.queued.remove(&key);
                    let interrupt = Interrupt::new();
                    let running = Running { interrupt: interrupt.clone(), again: false };
                    state.running.insert(key.clone(), running);
                    if !state.ready.is_empty() {
                        self.0.changed.notify_one();
                    }
                    return (key, interrupt);
                }
                state.timetable.first().map(|(when, _)| *when)
            };
            match wake {
                Some(when) => tokio::select! {
                    () = notified => {}
                    () = tokio::time::sleep_until(when) => {}
                },
                None => notified.await,
            }
        }
    }

    /// Ends the work on a key. A key that was added meanwhile comes again at once, whatever `requeue` says.
    pub fn done(&self, key: &Key, requeue: Requeue) {
        let mut state = self.state();
        let again = state.running.remove(key).is_some_and(|running| running.again);
        let delay = match requeue {
            Requeue::Backoff => {
                let failures = state.failures.entry(key.clone()).or_default();
                *failures = failures.saturating_add(1);
                let delay = self.0.backoff.after(*failures);
                state.retried += 1;
                Some(delay)
            }
            Requeue::RetryAfter(delay) => {
                state.retried += 1;
                Some(delay)
            }
            Requeue::After(delay) => {
                state.failures.remove(key);
                Some(delay)
            }
            Requeue::Never => {
                state.failures.remove(key);
                None
            }
        };
        if again {
            state.push(key.clone());
        } else if let Some(delay) = delay {
            state.schedule(key.clone(), Instant::now() + delay, Collision::Replace);
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// What the queue looks like now.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        let state = self.state();
        QueueStats {
            depth: state.ready.len(),
            running: state.running.len(),
            added: state.added,
            retried: state.retried,
        }
    }
}

enum Collision {
    Sooner,
    Replace,
}

impl State {
    fn push(&mut self, key: Key) {
        if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn schedule(&mut self, key: Key, when: Instant, collision: Collision) {
        if self.queued.contains(&key) {
            return;
        }
        match (self.due.get(&key), collision) {
            (Some(due), Collision::Sooner) if *due <= when => return,
            _ => self.unschedule(&key),
        }
        self.due.insert(key.clone(), when);
        self.timetable.insert((when, key));
    }

    fn unschedule(&mut self, key: &Key) {
        if let Some(when) = self.due.remove(key) {
            self.timetable.remove(&(when, key.clone()));
        }
    }

    /// Moves what is due into the queue.
    fn promote(&mut self, now: Instant) {
        while self.timetable.first().is_some_and(|(when, _)| *when <= now) {
            let Some((_, key)) = self.timetable.pop_first() else { return };
            self.due.remove(&key);
            match self.running.get_mut(&key) {
                Some(running) => running.again = true,
                None => self.push(key),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("ns", name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_added_twice_comes_once() {
        let queue = Queue::new(Backoff::default());
        queue.add(key("a"));
        queue.add(key("a"));
        queue.add(key("b"));
        assert_eq!(queue.next().await.0, key("a"));
        assert_eq!(queue.next().await.0, key("b"));
        assert_eq!(queue.stats().depth, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_added_while_it_is_worked_on_interrupts_and_comes_again() {
        let queue = Queue::new(Backoff::default());
        queue.add(key("a"));
        let (a, interrupt) = queue.next().await;
        assert!(!interrupt.is_cancelled());
        queue.add(key("a"));
        assert!(interrupt.is_cancelled());
        assert_eq!(queue.stats().depth, 0, "never handed to two at once");
        queue.done(&a, Requeue::After(Duration::from_secs(3600)));
        assert_eq!(queue.next().await.0, a);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_wait_longer_each_time_and_success_forgets_them() {
        let queue = Queue::new(Backoff::default());
        queue.add(key("a"));
        let start = Instant::now();
        let mut waits = Vec::new();
        for requeue in [Requeue::Backoff, Requeue::Backoff, Requeue::After(Duration::ZERO), Requeue::Backoff] {
            let (a, _) = queue.next().await;
            waits.push(start.elapsed().as_millis());
            queue.done(&a, requeue);
        }
        queue.next().await;
        waits.push(start.elapsed().as_millis());
        assert_eq!(waits, [0, 750, 2250, 2250, 3000]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_sooner_of_two_times_counts() {
        let queue = Queue::new(Backoff::default());
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(10));
        queue.add_after(key("a"), Duration::from_secs(1));
        queue.add_after(key("a"), Duration::from_secs(5));
        queue.next().await;
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[test]
    fn the_wait_never_exceeds_its_limit() {
        assert_eq!(Backoff::default().after(1), Duration::from_millis(750));
        assert_eq!(Backoff::default().after(u32::MAX), Duration::from_secs(900));
    }
}
