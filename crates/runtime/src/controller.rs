//! Runs the passes over the objects of one kind.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use tokio::task::JoinSet;
use tracing::{Instrument, error, info_span};

use crate::cache::Cached;
use crate::queue::{Interrupt, Queue, Requeue};
use crate::{Cache, Key, Runtime};

/// The annotation by which a user asks for a pass now (spec/flux/source.md §0).
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// The reconciler of one kind.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Kind: Cached;

    /// One pass over an object. It must be safe to drop at any await: the process may stop there.
    fn reconcile(&self, object: Arc<Self::Kind>, interrupt: Interrupt) -> impl Future<Output = Requeue> + Send;

    /// Called when the object is gone, to drop what was remembered of it.
    fn gone(&self, _key: &Key) {}

    /// Called with every change of an object, before its pass: for indices of what refers to what.
    fn seen(&self, _object: &Self::Kind) {}
}

/// One kind's controller: watch, cache, queue and workers.
pub struct Controller<R: Reconciler> {
    runtime: Runtime,
    cache: Cache<R::Kind>,
    queue: Queue,
    concurrent: usize,
}

impl<R: Reconciler> Controller<R> {
    /// A controller with `concurrent` passes at once at most.
    #[must_use]
    pub fn new(runtime: &Runtime, concurrent: usize) -> Self {
        let queue = Queue::new(runtime.flags().backoff());
        Controller { runtime: runtime.clone(), cache: Cache::default(), queue, concurrent: concurrent.max(1) }
    }

    /// The objects of the kind as last seen.
    #[must_use]
    pub fn cache(&self) -> Cache<R::Kind> {
        self.cache.clone()
    }

    /// The queue, for whoever has a reason to look at an object again.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Runs until the runtime stops; passes that are under way then get the grace period to end.
    pub async fn run(self, reconciler: Arc<R>) {
        let Controller { runtime, cache, queue, concurrent } = self;
        let kind = <R::Kind as kube::Resource>::kind(&()).into_owned();
        let stop = runtime.stopping();
        let watch = {
            let (queue, reconciler, stop, cache) = (queue.clone(), reconciler.clone(), stop.clone(), cache.clone());
            let (api, config) = (runtime.api::<R::Kind>(), runtime.shard(watcher::Config::default()));
            async move {
                let changed = |before: Option<&Arc<R::Kind>>, now: Option<&Arc<R::Kind>>| match (before, now) {
                    (before, Some(now)) => {
                        reconciler.seen(now);
                        if before.is_none_or(|before| asks_for_a_pass(before.as_ref(), now.as_ref())) {
                            queue.add(Key::of(now.as_ref()));
                        }
                    }
                    (Some(before), None) => {
                        let key = Key::of(before.as_ref());
                        queue.forget(&key);
                        reconciler.gone(&key);
                    }
                    (None, None) => {}
                };
                cache.keep(api, config, stop, changed).await;
            }
        };
        let mut workers = JoinSet::new();
        workers.spawn(watch);
        let active = Arc::new(AtomicUsize::new(0));
        runtime.metrics().watch_queue(&kind, queue.clone(), active.clone(), concurrent);
        for _ in 0..concurrent {
            let worker = Worker {
                kind: kind.clone(),
                runtime: runtime.clone(),
                cache: cache.clone(),
                queue: queue.clone(),
                reconciler: reconciler.clone(),
                active: active.clone(),
            };
            workers.spawn(worker.run());
        }
        stop.cancelled().await;
        let ended =
            tokio::time::timeout(runtime.flags().grace_period, async { while workers.join_next().await.is_some() {} });
        if ended.await.is_err() {
            error!(%kind, "passes still under way after the grace period are dropped");
        }
    }
}

/// Flux's predicate: the generation changed, a pass is requested, or the deletion has begun (spec/flux/source.md §0).
fn asks_for_a_pass<K: Cached>(before: &K, now: &K) -> bool {
    let requested = |object: &K| object.annotations().get(REQUESTED_AT).cloned();
    before.uid() != now.uid()
        || before.meta().generation != now.meta().generation
        || before.meta().deletion_timestamp != now.meta().deletion_timestamp
        || before.labels() != now.labels()
        || requested(before) != requested(now)
}

struct Worker<R: Reconciler> {
    kind: String,
    runtime: Runtime,
    cache: Cache<R::Kind>,
    queue: Queue,
    reconciler: Arc<R>,
    active: Arc<AtomicUsize>,
}

impl<R: Reconciler> Worker<R> {
    async fn run(self) {
        let stop = self.runtime.stopping();
        loop {
            let (key, interrupt) = tokio::select! {
                () = stop.cancelled() => return,
                next = self.queue.next() => next,
            };
            let requeue = match self.cache.get(&key) {
                Some(object) => self.pass(&key, object, interrupt).await,
                None => Requeue::Never,
            };
            self.queue.done(&key, requeue);
        }
    }

    async fn pass(&self, key: &Key, object: Arc<R::Kind>, interrupt: Interrupt) -> Requeue {
        let span = info_span!(
            "reconcile",
            controller = %self.kind.to_lowercase(),
            controllerGroup = %<R::Kind as kube::Resource>::group(&()),
            controllerKind = %self.kind,
            namespace = %key.namespace,
            name = %key.name,
            reconcileID = %uuid::Uuid::new_v4(),
        );
        self.active.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        // A panic is a bug of ours; it must not take the other objects down, nor be forgotten.
        let pass = AssertUnwindSafe(self.reconciler.reconcile(object, interrupt)).catch_unwind();
        let requeue = pass.instrument(span.clone()).await.unwrap_or_else(|_| {
            span.in_scope(|| error!("the pass panicked; this is a bug in the controller, please report it"));
            Requeue::Backoff
        });
        self.active.fetch_sub(1, Ordering::Relaxed);
        self.runtime.metrics().reconciled(&self.kind, key, start.elapsed(), requeue);
        requeue
    }
}

/// `interval`, moved by up to `percent` to either side so that objects of one interval do not come all at once.
#[must_use]
pub fn jittered(interval: Duration, percent: u8) -> Duration {
    let spread = f64::from(percent.min(100)) / 100.0;
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let random = f64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) / f64::from(u32::MAX);
    interval.mul_f64(1.0 - spread + 2.0 * spread * random)
}

impl Runtime {
    /// The objects of a kind in the namespaces that this controller looks after.
    #[must_use]
    pub fn api<K: Cached>(&self) -> Api<K> {
        if self.flags().watch_all_namespaces {
            return Api::all(self.client());
        }
        Api::namespaced(self.client(), self.namespace())
    }
}
