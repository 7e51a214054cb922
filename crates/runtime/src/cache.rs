//! A cache of all objects of one kind, kept true by a watch.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use futures::StreamExt;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::Key;

/// What a cache can hold: any namespaced kind that is known when the program is compiled.
pub trait Cached:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + Sync + 'static
{
}
impl<K> Cached for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// The objects of one kind by key; clones share them.
pub struct Cache<K>(Arc<Shared<K>>);

struct Shared<K> {
    objects: RwLock<HashMap<Key, Arc<K>>>,
    synced: signal::Sender<bool>,
}

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Cache(self.0.clone())
    }
}

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Cache(Arc::new(Shared { objects: RwLock::default(), synced: signal::Sender::new(false) }))
    }
}

impl<K: Cached> Cache<K> {
    /// The object as last seen.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.0.objects.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// All objects as last seen, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<K>> {
        self.0.objects.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns once the first complete list has arrived.
    pub async fn synced(&self) {
        let mut synced = self.0.synced.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = synced.wait_for(|synced| *synced).await;
    }

    /// Takes in what a write returned, so that the next reader sees its own writes; an older version is left out.
    pub fn learn(&self, object: K) -> Arc<K> {
        let object = Arc::new(object);
        self.store(&object);
        object
    }

    fn store(&self, object: &Arc<K>) {
        let key = Key::of(object.as_ref());
        let mut objects = self.0.objects.write().unwrap_or_else(PoisonError::into_inner);
        if objects.get(&key).is_none_or(|known| newer(object.as_ref(), known.as_ref())) {
            objects.insert(key, object.clone());
        }
    }

    fn remove(&self, key: &Key) -> Option<Arc<K>> {
        self.0.objects.write().unwrap_or_else(PoisonError::into_inner).remove(key)
    }

    fn keys(&self) -> HashSet<Key> {
        self.0.objects.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Keeps the cache true until `stop`; `changed(before, now)` is called for every change after it is stored.
    ///
    /// Objects that arrive by [`Cache::learn`] first are reported too, when the watch brings them. The watch is
    /// re-established with backoff whatever happens to it; objects that vanished meanwhile are reported as gone.
    pub async fn keep(
        &self,
        api: Api<K>,
        config: watcher::Config,
        stop: CancellationToken,
        mut changed: impl FnMut(Option<&Arc<K>>, Option<&Arc<K>>),
    ) {
        let kind = K::kind(&()).into_owned();
        let mut events = Box::pin(watch(api, config).default_backoff());
        let mut gone = HashSet::new();
        let mut seen: HashMap<Key, Arc<K>> = HashMap::new();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                None => return,
                Some(Err(error)) => warn!(%kind, %error, "watch failed; trying again"),
                Some(Ok(Event::Init)) => gone = self.keys(),
                Some(Ok(Event::InitApply(object))) => {
                    gone.remove(&Key::of(&object));
                    self.take(object, &mut seen, &mut changed);
                }
                Some(Ok(Event::Apply(object))) => self.take(object, &mut seen, &mut changed),
                Some(Ok(Event::InitDone)) => {
                    for key in std::mem::take(&mut gone) {
                        seen.remove(&key);
                        if let Some(before) = self.remove(&key) {
                            changed(Some(&before), None);
                        }
                    }
                    debug!(%kind, objects = seen.len(), "watching");
                    self.0.synced.send_replace(true);
                }
                Some(Ok(Event::Delete(object))) => {
                    let key = Key::of(&object);
                    seen.remove(&key);
                    if let Some(before) = self.remove(&key) {
                        changed(Some(&before), None);
                    }
                }
            }
        }
    }

    fn take(
        &self,
        mut object: K,
        seen: &mut HashMap<Key, Arc<K>>,
        changed: &mut impl FnMut(Option<&Arc<K>>, Option<&Arc<K>>),
    ) {
        // Nobody reads them from a cache, and they are often half of an object's size.
        object.managed_fields_mut().clear();
        let object = Arc::new(object);
        self.store(&object);
        let before = seen.insert(Key::of(object.as_ref()), object.clone());
        changed(before.as_ref(), Some(&object));
    }
}

/// Whether `a` is a later version than `b`, or another object of the same name.
fn newer<K: Resource>(a: &K, b: &K) -> bool {
    let version = |object: &K| object.meta().resource_version.as_deref().and_then(|it| it.parse::<u64>().ok());
    match (version(a), version(b)) {
        (Some(a), Some(b)) => a > b,
        // Versions are opaque by contract; where they are no numbers, the watch's order decides.
        _ => true,
    }
}
