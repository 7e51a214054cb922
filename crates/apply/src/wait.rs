//! Waiting until objects are ready (spec/flux/kustomize.md §7), woken by their changes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sluice_health::{Status, StatusKind};
use sluice_object::{ObjectRef, resource_version};
use sluice_runtime::{GroupKind, Key};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::follow::{Followers, News};
use crate::stage::Applier;

/// Decides how ready an object is.
pub type Judge<'a> = dyn Fn(&Value) -> Result<Status, String> + Send + Sync + 'a;

/// An object to wait for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which object.
    pub object: ObjectRef,
    /// What the server last answered about it, if that was just now.
    pub live: Option<Arc<Value>>,
    /// Whether its absence is as good as ready: a Job that removes itself when it is done.
    pub may_be_gone: bool,
}

/// An object that is not ready.
#[derive(Clone, Debug)]
pub struct NotReady {
    /// Which object.
    pub object: ObjectRef,
    /// How far it is.
    pub status: StatusKind,
    /// Why, in words.
    pub message: String,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} status: '{}'", self.object, self.status)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// Why the wait ended without all being ready.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Time is up.
    #[error("timeout waiting for: [{}]", list(.0))]
    Timeout(Vec<NotReady>),
    /// Something failed for good, or is stalled.
    #[error("failed early due to stalled resources: [{}]", list(.0))]
    Failed(Vec<NotReady>),
    /// There is something newer to do.
    #[error("interrupted")]
    Interrupted,
}

fn list(objects: &[NotReady]) -> String {
    objects.iter().map(NotReady::to_string).collect::<Vec<_>>().join(", ")
}

/// Looks again this often even when nothing changes: some verdicts depend on time alone, such as a pod that has not
/// been scheduled for 15 s; and a watch may be broken.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A look at an object that is followed asks the server only this seldom: its watch may be broken.
const READ_AGAIN: Duration = Duration::from_secs(30);

/// A target, and what is known of it.
struct Waiting {
    target: Target,
    /// As it was last seen.
    seen: Option<Arc<Value>>,
    /// When the server was last asked.
    asked: Instant,
    followed: Followed,
}

/// Whether an object is followed; once for each wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Followed {
    NotYet,
    Now,
    NoMore,
}

impl Applier {
    /// Waits until `judge` finds all targets ready. What it found ready before, and what has not changed since, is not
    /// read again; what is not ready is followed by a watch of its own.
    ///
    /// # Errors
    /// When time is up, when one has failed (at once if `fail_fast`, else once none is in progress), or when `stop`
    /// fires.
    pub async fn wait(
        &self,
        targets: Vec<Target>,
        judge: &Judge<'_>,
        timeout: Duration,
        fail_fast: bool,
        stop: &CancellationToken,
    ) -> Result<(), WaitError> {
        let deadline = Instant::now() + timeout;
        let mut changes = self.index.subscribe();
        let mut followers = Followers::new();
        let mut waiting: HashMap<(GroupKind, Key), Waiting> = HashMap::new();
        let mut not_ready: BTreeMap<ObjectRef, NotReady> = BTreeMap::new();
        let mut look: Vec<(GroupKind, Key)> = Vec::new();
        for target in targets {
            let object = &target.object;
            let kind = GroupKind { group: object.gvk.group.as_str().into(), kind: object.gvk.kind.as_str().into() };
            let slot = (kind, Key::new(&object.namespace, &object.name));
            look.push(slot.clone());
            waiting.insert(slot, Waiting { target, seen: None, asked: Instant::now(), followed: Followed::NotYet });
        }
        loop {
            for slot in std::mem::take(&mut look) {
                let Some(it) = waiting.get_mut(&slot) else { continue };
                match self.verdict(&slot, it, judge).await {
                    None => {
                        not_ready.remove(&it.target.object);
                        waiting.remove(&slot);
                    }
                    Some(state) => {
                        not_ready.insert(it.target.object.clone(), state);
                        self.follow(&slot, it, &mut followers).await;
                    }
                }
            }
            if waiting.is_empty() && not_ready.is_empty() {
                return Ok(());
            }
            let failed = |it: &&NotReady| it.status == StatusKind::Failed;
            let all_failed = not_ready.values().all(|it| failed(&it));
            if all_failed || (fail_fast && not_ready.values().any(|it| failed(&it))) {
                return Err(WaitError::Failed(not_ready.values().filter(failed).cloned().collect()));
            }
            let next = deadline.min(Instant::now() + LOOK_AGAIN);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(WaitError::Interrupted),
                news = followers.next() => {
                    // A burst of changes of one object is looked at once.
                    let mut news = Some(news);
                    while let Some(News { slot, live }) = news {
                        if let Some(it) = waiting.get_mut(&slot) {
                            match live {
                                Some(live) => it.target.live = Some(live),
                                None => it.followed = Followed::NoMore,
                            }
                            if !look.contains(&slot) {
                                look.push(slot);
                            }
                        }
                        news = followers.more();
                    }
                }
                changed = changes.recv() => {
                    let mut changed = changed;
                    while let Some(change) = changed {
                        let slot = (change.kind, change.key);
                        if waiting.get(&slot).is_some_and(|it| it.followed != Followed::Now) && !look.contains(&slot) {
                            look.push(slot);
                        }
                        changed = changes.try_recv().ok();
                    }
                }
                () = tokio::time::sleep_until(next) => {
                    for (slot, it) in &mut waiting {
                        if it.followed == Followed::Now && it.asked.elapsed() < READ_AGAIN {
                            it.target.live.clone_from(&it.seen);
                        }
                        look.push(slot.clone());
                    }
                }
            }
            if Instant::now() >= deadline {
                return Err(WaitError::Timeout(not_ready.into_values().collect()));
            }
        }
    }

    async fn follow(&self, slot: &(GroupKind, Key), it: &mut Waiting, followers: &mut Followers) {
        let (Followed::NotYet, Some(seen)) = (it.followed, &it.seen) else { return };
        let Ok(Some(at)) = self.mapper.resolve(&it.target.object.gvk).await else { return };
        let collection = self.request(&at, &slot.1.namespace);
        if followers.follow(&self.client, &collection, slot, resource_version(seen)) {
            it.followed = Followed::Now;
        }
    }

    /// `None` when the object is ready.
    async fn verdict(&self, slot: &(GroupKind, Key), it: &mut Waiting, judge: &Judge<'_>) -> Option<NotReady> {
        let object = it.target.object.clone();
        let state = |status: StatusKind, message: String| Some(NotReady { object: object.clone(), status, message });
        let live = match it.target.live.take() {
            Some(live) => live,
            None => {
                let version = self.index.get(&slot.0, &slot.1).map(|live| version(&live.resource_version));
                if version.is_some_and(|version| self.memory.is_ready(slot, version)) {
                    return None;
                }
                let at = match self.mapper.resolve(&object.gvk).await {
                    Ok(Some(at)) => at,
                    Ok(None) => return state(StatusKind::NotFound, "its kind is not on the server".to_owned()),
                    Err(error) => return state(StatusKind::Unknown, chain(&error)),
                };
                // Whoever is named in `healthChecks` alone is watched from here on.
                let _ = self.index.watch(&at.resource).await;
                it.asked = Instant::now();
                match self.get(&at, &slot.1).await {
                    Ok(Some(live)) => Arc::new(live),
                    Ok(None) if it.target.may_be_gone => return None,
                    Ok(None) => return state(StatusKind::NotFound, String::new()),
                    Err(error) => return state(StatusKind::Unknown, chain(&error)),
                }
            }
        };
        it.seen = Some(live.clone());
        match judge(&live) {
            Ok(status) if status.is_current() => {
                self.memory.ready(slot, version(resource_version(&live)));
                None
            }
            Ok(status) => state(status.kind, status.message),
            Err(why) => state(StatusKind::Unknown, why),
        }
    }
}

fn version(resource_version: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    resource_version.hash(&mut hasher);
    hasher.finish()
}
