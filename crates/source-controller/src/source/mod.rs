//! What all kinds with an artifact share: the life of an object, its conditions, its artifact, its Secrets.

pub mod failure;
pub mod lifecycle;
pub mod registry;
pub mod secrets;
pub mod status;
pub mod store;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::ResourceExt as _;
use serde::Serialize;
use sluice_api::meta::{Artifact, Status, annotation::REQUESTED_AT};
use sluice_runtime::{Cache, Cached, Key, Queue};

use crate::context::{Context, Shared};
use failure::Failure;

/// The API group, which begins event metadata.
pub const GROUP: &str = "source.toolkit.fluxcd.io";

/// A kind with an artifact.
pub trait Source: Cached + Default {
    /// Its status.
    type State: Status + Serialize + Clone + Send + Sync + 'static;
    /// What a pass found beside the artifact, for the status.
    type Observed: Send;
    /// Its name.
    const KIND: &'static str;
    /// The name under which the latest artifact is served, if there is one.
    const LINK: Option<&'static str>;

    /// What the process knows of all objects of the kind.
    fn known(ctx: &Shared) -> &Known<Self>;
    /// The status.
    fn state(&self) -> &Self::State;
    /// The status, to be changed.
    fn state_mut(&mut self) -> &mut Self::State;
    /// The artifact in a status.
    fn artifact(state: &Self::State) -> Option<&Artifact>;
    /// Puts an artifact, and where the latest one is served, into a status.
    fn set_artifact(state: &mut Self::State, artifact: Option<Artifact>, link: Option<String>);
    /// Puts into a status what a pass found.
    fn observe(&self, state: &mut Self::State, observed: Self::Observed);
    /// Whether nothing is to be done.
    fn is_suspended(&self) -> bool;
    /// The time between two looks.
    fn interval(&self) -> Option<Duration>;
    /// Whether signatures are asked for.
    fn asks_for_verification(&self) -> bool;
    /// The message of `ArtifactInStorage` for an artifact.
    fn stored(artifact: &Artifact) -> String;
    /// One look at what the object names. `new` is told the revision as soon as it is known to be another one.
    fn pass(
        &self,
        ctx: &Context,
        new: &mut Option<String>,
    ) -> impl Future<Output = Result<Outcome<Self::Observed>, Failure>> + Send;
}

/// What a pass found.
pub enum Outcome<O> {
    /// A new artifact.
    Made(Box<Made<O>>),
    /// Nothing new.
    Unchanged(Option<O>),
}

/// A new artifact.
pub struct Made<O> {
    /// The artifact.
    pub artifact: Artifact,
    /// What else goes into the status.
    pub observed: O,
    /// Reason and message of `ArtifactInStorage`.
    pub stored: (&'static str, String),
    /// Reason and message of the event.
    pub told: (&'static str, String),
}

/// What the process knows of all objects of one kind.
pub struct Known<K> {
    /// The objects.
    pub cache: Cache<K>,
    /// Who is to be looked at.
    pub queue: Queue,
    memos: Mutex<HashMap<Key, Memo>>,
}

/// What is remembered of an object between passes.
#[derive(Default)]
pub struct Memo {
    /// The Secrets it named in its last pass, and whether they were there.
    pub secrets: HashMap<Key, bool>,
    /// The sources that it is made from.
    pub sources: HashSet<(&'static str, Key)>,
    /// The digest that the file in storage was found to have.
    pub verified: Option<String>,
}

impl<K: Source> Known<K> {
    /// Nothing known yet.
    pub fn new(cache: Cache<K>, queue: Queue) -> Self {
        Known { cache, queue, memos: Mutex::default() }
    }

    /// What is remembered of an object.
    pub fn memo<T>(&self, key: &Key, with: impl FnOnce(&mut Memo) -> T) -> T {
        with(self.memos.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
    }

    /// The objects for which `found` holds.
    pub fn those(&self, found: impl Fn(&Memo) -> bool) -> Vec<Key> {
        let memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        memos.iter().filter(|(_, memo)| found(memo)).map(|(key, _)| key.clone()).collect()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, key: &Key) {
        self.memos.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Queues whoever names a Secret that changed, or that has come.
    pub fn wake_for_secret(&self, secret: &Key, is_new: bool) {
        let waits = |memo: &Memo| memo.secrets.get(secret).is_some_and(|was_there| !is_new || !was_there);
        self.those(waits).into_iter().for_each(|key| self.queue.add(key));
    }
}

/// The namespace of an object; all kinds here have one.
pub fn namespace<K: Source>(object: &K) -> String {
    object.namespace().unwrap_or_default()
}

/// The reconcile that was last asked for by annotation.
pub fn requested<K: Source>(object: &K) -> &str {
    object.annotations().get(REQUESTED_AT).map_or("", String::as_str)
}

/// Whether somebody waits for this pass: it was asked for, or the object was edited. A new object is not edited.
pub fn is_awaited<K: Source>(object: &K) -> bool {
    let observed = object.state().observed_generation();
    let edited = observed > 0 && object.meta().generation != Some(observed);
    edited || requested(object) != object.state().last_handled_reconcile_at()
}

/// That a pass found nothing new, and nothing to note.
pub fn unchanged<O>() -> Outcome<O> {
    Outcome::Unchanged(None)
}
