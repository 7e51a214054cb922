//! From an accepted event to messages that have arrived.
//!
//! [`Engine::accept`] answers at once; two tasks do the rest: one finds out whom an event concerns ([`route`]), the
//! other makes deliveries ([`send`]). Behaviour: spec/flux/notification.md §3.

pub mod fold;
mod journal;
mod lanes;
mod limiter;
mod route;
mod send;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sluice_runtime::Key;
use tokio::sync::Notify;
use tracing::{error, info};

use crate::event::Event;
use fold::Folds;
use journal::{Journal, Pending};
use lanes::{Entry, Lanes};
use limiter::Limiter;

pub use route::run as route_all;
pub use send::run as send_all;

/// Bytes of events that are kept where there is no folder for them.
const MEMORY: usize = 64 << 20;

/// Events under way.
pub struct Engine {
    state: Mutex<State>,
    limit: usize,
    /// An event is to be looked at.
    arrived: Notify,
    /// A delivery is to be made, or one has ended.
    moved: Notify,
}

struct State {
    journal: Journal,
    limiter: Limiter,
    folds: Folds,
    lanes: Lanes,
    undispatched: VecDeque<u64>,
}

/// What becomes of an event that is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is kept until it is delivered.
    Accepted,
    /// It is the same as one before.
    Repeated,
    /// Too many wait already.
    Full,
    /// It cannot be written down.
    Failed,
}

impl Engine {
    /// An engine that goes on where its predecessor ended, if there is a folder for that.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(storage: Option<&Path>, limit: usize, interval: Duration) -> std::io::Result<Engine> {
        let (mut folds, mut lanes) = (Folds::default(), Lanes::default());
        let (journal, found) = match storage {
            None => (Journal::in_memory(), journal::Found::default()),
            Some(folder) => Journal::open(folder)?,
        };
        if !found.undispatched.is_empty() || !found.pending.is_empty() {
            info!(
                events = found.undispatched.len(),
                deliveries = found.pending.len(),
                "going on where the last process ended"
            );
        }
        for (key, failing) in found.folds {
            folds.restore(key, Some(failing));
        }
        for pending in &found.pending {
            // The alert's provider may have changed since; it is looked up when the delivery is made.
            let object = journal.event(pending.event).map_or(0, |event| object_hash(&event));
            lanes.push(&alert_key(&pending.alert), Entry::new(pending.id, object));
        }
        let undispatched = found.undispatched.into();
        let state = State { journal, limiter: Limiter::new(interval), folds, lanes, undispatched };
        Ok(Engine { state: Mutex::new(state), limit, arrived: Notify::new(), moved: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock; if it did, the parts are still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event in. Returns at once; nobody waits for a delivery.
    pub fn accept(&self, mut event: Event) -> Acceptance {
        event.clean();
        let key = event.key_digest();
        event.forget_token();
        let size = journal::size(&event);
        let mut state = self.state();
        if state.journal.len() >= self.limit || state.journal.bytes() >= MEMORY {
            return Acceptance::Full;
        }
        if !state.limiter.admits(key) {
            return Acceptance::Repeated;
        }
        match state.journal.accept(event, Timestamp::now().as_millisecond(), size) {
            Ok(id) => {
                state.undispatched.push_back(id);
                drop(state);
                self.arrived.notify_one();
                Acceptance::Accepted
            }
            Err(error) => {
                error!(%error, "an event could not be written to --storage-path");
                Acceptance::Failed
            }
        }
    }

    /// Events and deliveries that wait.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let state = self.state();
        (state.journal.len(), state.lanes.waiting())
    }
}

/// A delivery that is begun.
struct Job {
    lane: Key,
    entry: Entry,
    pending: Pending,
    event: Event,
}

fn alert_key(text: &str) -> Key {
    let (namespace, name) = text.split_once('/').unwrap_or(("", text));
    Key::new(namespace, name)
}

fn object_hash(event: &Event) -> u64 {
    let object = &event.involved_object;
    let mut hasher = DefaultHasher::new();
    (&object.kind, &object.namespace, &object.name).hash(&mut hasher);
    hasher.finish()
}
