//! Trees of artifacts, read once and shared.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use sluice_tree::{Limits, Tree, WeakTree, archive};

use crate::digest::Digest;
use crate::fetch::{FetchError, Fetcher};

/// What an entry of a tree costs beside its bytes, roughly.
const ENTRY_BYTES: u64 = 200;

/// The trees in use, by digest. Whoever asks for a digest that somebody has, or is fetching, gets the same tree.
///
/// The ones used last are kept for the next pass, up to a number of bytes.
pub struct Trees {
    fetcher: Fetcher,
    limits: Limits,
    keep_bytes: u64,
    state: Mutex<State>,
}

/// Why there is no tree. All who waited for it get the same.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TreesError {
    /// It could not be downloaded.
    #[error(transparent)]
    Fetch(Arc<FetchError>),
    /// It is what was announced, but not a sound archive.
    #[error("artifact {0}: {1}")]
    Archive(Digest, Arc<archive::Error>),
    /// The reader ended without an outcome.
    #[error("artifact {0}: reading it was aborted")]
    Aborted(Digest),
}

impl TreesError {
    /// Whether the server has no such artifact.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Fetch(error) if matches!(**error, FetchError::NotFound(_)))
    }
}

type Flight = Shared<BoxFuture<'static, Result<Tree, TreesError>>>;

#[derive(Default)]
struct State {
    known: HashMap<Digest, WeakTree>,
    flights: HashMap<Digest, Flight>,
    /// Used last at the end.
    kept: VecDeque<(Digest, Tree, u64)>,
}

impl State {
    /// Takes `flight` away, unless another one has taken its place.
    fn forget(&mut self, digest: &Digest, flight: &Flight) {
        if self.flights.get(digest).is_some_and(|current| current.ptr_eq(flight)) {
            self.flights.remove(digest);
        }
    }
}

impl Trees {
    /// An empty cache that keeps up to `keep_bytes` of trees that nobody uses.
    #[must_use]
    pub fn new(fetcher: Fetcher, limits: Limits, keep_bytes: u64) -> Self {
        Self { fetcher, limits, keep_bytes, state: Mutex::default() }
    }

    /// The tree with this digest; `url` is where to get it when nobody has it.
    ///
    /// # Errors
    /// See [`TreesError`]. An error is not remembered.
    pub async fn open(&self, url: &str, digest: &Digest) -> Result<Tree, TreesError> {
        let seat = {
            let mut state = self.lock();
            if let Some(tree) = state.known.get(digest).and_then(WeakTree::upgrade) {
                self.keep(&mut state, digest, &tree);
                return Ok(tree);
            }
            let flight = state.flights.entry(digest.clone()).or_insert_with(|| self.read(url, digest)).clone();
            Seat { trees: self, digest, flight }
        };
        let outcome = seat.flight.clone().await;
        let mut state = self.lock();
        state.forget(digest, &seat.flight);
        if let Ok(tree) = &outcome {
            state.known.insert(digest.clone(), tree.downgrade());
            self.keep(&mut state, digest, tree);
            state.known.retain(|_, tree| tree.upgrade().is_some());
        }
        drop(state);
        outcome
    }

    fn read(&self, url: &str, digest: &Digest) -> Flight {
        let (fetcher, limits) = (self.fetcher.clone(), self.limits.clone());
        let (url, digest) = (url.to_owned(), digest.clone());
        let read = async move {
            let data = fetcher.fetch(&url, &digest).await.map_err(|e| TreesError::Fetch(Arc::new(e)))?;
            match tokio::task::spawn_blocking(move || archive::read_tar_gz(&*data, &limits)).await {
                Ok(Ok(tree)) => Ok(tree),
                Ok(Err(e)) => Err(TreesError::Archive(digest, Arc::new(e))),
                Err(_) => Err(TreesError::Aborted(digest)),
            }
        };
        read.boxed().shared()
    }

    fn keep(&self, state: &mut State, digest: &Digest, tree: &Tree) {
        let bytes = tree.size() + tree.len() as u64 * ENTRY_BYTES;
        state.kept.retain(|(kept, ..)| kept != digest);
        state.kept.push_back((digest.clone(), tree.clone(), bytes));
        let mut all: u64 = state.kept.iter().map(|(.., bytes)| bytes).sum();
        while all > self.keep_bytes {
            let Some((.., bytes)) = state.kept.pop_front() else { break };
            all -= bytes;
        }
    }

    /// What is inside is whole at any time, even if a thread panicked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Trees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let (known, flights, kept) = (state.known.len(), state.flights.len(), state.kept.len());
        write!(f, "Trees {{ known: {known}, flights: {flights}, kept: {kept} }}")
    }
}

/// A place in a flight. When the last one leaves early, the download ends.
struct Seat<'a> {
    trees: &'a Trees,
    digest: &'a Digest,
    flight: Flight,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.trees.lock();
        // The map's one and this one.
        if self.flight.strong_count().is_none_or(|count| count <= 2) {
            state.forget(self.digest, &self.flight);
        }
    }
}
