//! What the cluster holds of any kind, by metadata alone: for drift, for references, for "is it there".
//!
//! One watch a kind, started when the first caller asks for the kind, shared by all. Of an object only [`Live`] is
//! kept, some hundred bytes, so that a large cluster costs little. Each change goes to every subscriber.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, ResourceExt};
use tokio::sync::{mpsc, watch as signal};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::Key;

/// A kind as the index knows it: `group/kind`; every version of a kind is the same objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    /// Empty for the core group.
    pub group: Arc<str>,
    /// For example `Deployment`.
    pub kind: Arc<str>,
}

impl GroupKind {
    /// The group and kind of a resource.
    #[must_use]
    pub fn of(resource: &ApiResource) -> Self {
        GroupKind { group: resource.group.as_str().into(), kind: resource.kind.as_str().into() }
    }
}

/// What an index keeps of the metadata beyond identity, for example the annotations that its user looks at.
pub trait Facts: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The facts about an object with this metadata.
    fn of(metadata: &ObjectMeta) -> Self;
}

impl Facts for () {
    fn of(_metadata: &ObjectMeta) -> Self {}
}

/// What is kept of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Live<F> {
    /// Tells an object from a later one of the same name.
    pub uid: Arc<str>,
    /// As the server gave it.
    pub resource_version: Arc<str>,
    /// Counts changes of the specification; 0 where the kind has none.
    pub generation: i64,
    /// Whether a deletion has begun.
    pub deleting: bool,
    /// What the index's user wants to know.
    pub facts: F,
}

impl<F: Facts> Live<F> {
    /// What is kept of an object with this metadata.
    #[must_use]
    pub fn of(metadata: &ObjectMeta) -> Self {
        Live {
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            resource_version: metadata.resource_version.as_deref().unwrap_or_default().into(),
            generation: metadata.generation.unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            facts: F::of(metadata),
        }
    }
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Changed<F> {
    /// Its kind.
    pub kind: GroupKind,
    /// Which object.
    pub key: Key,
    /// Before, if it was known.
    pub before: Option<Live<F>>,
    /// Now, unless it is gone.
    pub now: Option<Live<F>>,
}

/// Why a kind cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The server did not send the first list in time; often the right to list or watch is missing.
    #[error("no list of {kind} from the API server within {seconds} s: {why}")]
    NotSynced {
        /// The kind that was to be watched.
        kind: String,
        /// How long it was waited for.
        seconds: u64,
        /// The last error of the watch, if there was one.
        why: String,
    },
}

/// The index; clones share it.
#[derive(Clone)]
pub struct MetadataIndex<F>(Arc<Shared<F>>);

struct Shared<F> {
    client: Client,
    stop: CancellationToken,
    kinds: RwLock<HashMap<GroupKind, Arc<Kind<F>>>>,
    subscribers: Mutex<Vec<mpsc::UnboundedSender<Changed<F>>>>,
}

struct Kind<F> {
    objects: RwLock<HashMap<Key, Live<F>>>,
    synced: signal::Sender<bool>,
    last_error: Mutex<String>,
    stop: CancellationToken,
}

/// How long a caller waits for the first list of a kind.
const SYNC: Duration = Duration::from_secs(10);

impl<F: Facts> MetadataIndex<F> {
    /// An empty index.
    #[must_use]
    pub fn new(client: Client, stop: CancellationToken) -> Self {
        MetadataIndex(Arc::new(Shared { client, stop, kinds: RwLock::default(), subscribers: Mutex::default() }))
    }

    /// Every change of every kind from now on. The stream is unbounded because a lost change would be a lost wake-up;
    /// whoever subscribes only maps changes to queue keys.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<Changed<F>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Makes sure that a kind is watched, and returns once its first list is here.
    ///
    /// # Errors
    /// When there is no list within ten seconds. The watch goes on in the background; the next call may succeed.
    pub async fn watch(&self, resource: &ApiResource) -> Result<(), WatchError> {
        let kind = self.start(resource);
        let mut synced = kind.synced.subscribe();
        match tokio::time::timeout(SYNC, synced.wait_for(|synced| *synced)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(WatchError::NotSynced {
                kind: resource.kind.clone(),
                seconds: SYNC.as_secs(),
                why: kind.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            }),
        }
    }

    /// Whether a kind is watched and its first list is here, so that [`MetadataIndex::get`] tells the truth.
    #[must_use]
    pub fn knows(&self, kind: &GroupKind) -> bool {
        self.kind(kind).is_some_and(|kind| *kind.synced.borrow())
    }

    /// The object as last seen; `None` also when the kind is not watched.
    #[must_use]
    pub fn get(&self, kind: &GroupKind, key: &Key) -> Option<Live<F>> {
        self.kind(kind)?.objects.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Stops watching a kind, for example because its definition is gone.
    pub fn forget(&self, kind: &GroupKind) {
        if let Some(kind) = self.0.kinds.write().unwrap_or_else(PoisonError::into_inner).remove(kind) {
            kind.stop.cancel();
        }
    }

    fn kind(&self, kind: &GroupKind) -> Option<Arc<Kind<F>>> {
        self.0.kinds.read().unwrap_or_else(PoisonError::into_inner).get(kind).cloned()
    }

    fn start(&self, resource: &ApiResource) -> Arc<Kind<F>> {
        let name = GroupKind::of(resource);
        if let Some(kind) = self.kind(&name) {
            return kind;
        }
        let mut kinds = self.0.kinds.write().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(name.clone()).or_insert_with(|| {
            let kind = Arc::new(Kind {
                objects: RwLock::default(),
                synced: signal::Sender::new(false),
                last_error: Mutex::default(),
                stop: self.0.stop.child_token(),
            });
            tokio::spawn(keep(self.clone(), resource.clone(), name, kind.clone()));
            kind
        });
        kind.clone()
    }

    fn publish(&self, changed: &Changed<F>) {
        let mut subscribers = self.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| subscriber.send(changed.clone()).is_ok());
    }

    fn set(&self, name: &GroupKind, kind: &Kind<F>, key: Key, now: Option<Live<F>>) {
        let mut objects = kind.objects.write().unwrap_or_else(PoisonError::into_inner);
        let before = match &now {
            Some(live) => objects.insert(key.clone(), live.clone()),
            None => objects.remove(&key),
        };
        drop(objects);
        if before != now {
            self.publish(&Changed { kind: name.clone(), key, before, now });
        }
    }
}

async fn keep<F: Facts>(index: MetadataIndex<F>, resource: ApiResource, name: GroupKind, kind: Arc<Kind<F>>) {
    let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(index.0.client.clone(), &resource);
    let mut events = Box::pin(watch(api, watcher::Config::default()).default_backoff());
    let mut gone: HashSet<Key> = HashSet::new();
    loop {
        let event = tokio::select! {
            () = kind.stop.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            None => return,
            Some(Err(error)) => {
                warn!(kind = %name.kind, group = %name.group, %error, "metadata watch failed; trying again");
                *kind.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
            }
            Some(Ok(Event::Init)) => {
                gone = kind.objects.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
            }
            Some(Ok(Event::InitApply(object))) => {
                let key = key_of(&object);
                gone.remove(&key);
                index.set(&name, &kind, key, Some(Live::of(&object.metadata)));
            }
            Some(Ok(Event::InitDone)) => {
                for key in std::mem::take(&mut gone) {
                    index.set(&name, &kind, key, None);
                }
                debug!(kind = %name.kind, group = %name.group, "watching metadata");
                kind.synced.send_replace(true);
            }
            Some(Ok(Event::Apply(object))) => {
                index.set(&name, &kind, key_of(&object), Some(Live::of(&object.metadata)))
            }
            Some(Ok(Event::Delete(object))) => index.set(&name, &kind, key_of(&object), None),
        }
    }
}

fn key_of(object: &PartialObjectMeta<DynamicObject>) -> Key {
    Key::new(object.metadata.namespace.as_deref().unwrap_or_default(), &object.name_any())
}
