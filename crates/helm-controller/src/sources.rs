//! The sources of charts, each kind watched from the first time somebody names it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Api;
use kube::runtime::watcher;
use sluice_api::helm::ChartKind;
use sluice_api::meta::{Artifact, Condition, find, is_true};
use sluice_api::source::{ExternalArtifact, HelmChart, OciRepository};
use sluice_runtime::{Cache, Cached, Key, Runtime};
use tokio::sync::mpsc;

/// What is known of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What it serves.
    pub artifact: Option<Artifact>,
    /// Whether its status is about its latest specification.
    pub current: bool,
    /// What its Ready condition says.
    pub ready: Option<Condition>,
    /// Whether only a change by somebody can help it.
    pub stalled: bool,
}

/// Objects that have a chart.
trait HasChart: Cached {
    fn view(&self) -> Source;
}

macro_rules! has_chart {
    ($($kind:ty),+) => {$(
        impl HasChart for $kind {
            fn view(&self) -> Source {
                Source {
                    artifact: self.status.artifact.clone(),
                    current: self.metadata.generation == Some(self.status.observed_generation),
                    ready: find(&self.status.conditions, Condition::READY).cloned(),
                    stalled: is_true(&self.status.conditions, Condition::STALLED),
                }
            }
        }
    )+};
}
has_chart!(HelmChart, OciRepository);

impl HasChart for ExternalArtifact {
    fn view(&self) -> Source {
        Source {
            artifact: self.status.artifact.clone(),
            // Whoever makes one says nothing of generations.
            current: true,
            ready: find(&self.status.conditions, Condition::READY).cloned(),
            stalled: is_true(&self.status.conditions, Condition::STALLED),
        }
    }
}

/// A source that changed in a way that matters to its users.
#[derive(Clone, Debug)]
pub struct News {
    /// The source's kind.
    pub kind: ChartKind,
    /// Which one.
    pub key: Key,
}

/// All sources.
pub struct Sources {
    runtime: Runtime,
    charts: Cache<HelmChart>,
    oci: Cache<OciRepository>,
    external: Cache<ExternalArtifact>,
    watched: Mutex<HashSet<ChartKind>>,
    news: mpsc::UnboundedSender<News>,
}

impl Sources {
    /// All sources; changes of them go to the receiver.
    #[must_use]
    pub fn new(runtime: &Runtime) -> (Self, mpsc::UnboundedReceiver<News>) {
        // Unbounded because a lost change would be a lost wake-up; there is one for each change of a source.
        let (news, receiver) = mpsc::unbounded_channel();
        let sources = Sources {
            runtime: runtime.clone(),
            charts: Cache::default(),
            oci: Cache::default(),
            external: Cache::default(),
            watched: Mutex::default(),
            news,
        };
        (sources, receiver)
    }

    /// The source as last seen; the first question about a kind waits for the first list of it.
    pub async fn get(&self, kind: &ChartKind, key: &Key) -> Option<Source> {
        match kind {
            ChartKind::HelmChart => self.chart(key).await.map(|it| it.view()),
            ChartKind::OciRepository => self.of(&self.oci, kind, key).await.map(|it| it.view()),
            ChartKind::ExternalArtifact => self.of(&self.external, kind, key).await.map(|it| it.view()),
            ChartKind::Other(_) => None,
        }
    }

    /// A HelmChart as last seen.
    pub async fn chart(&self, key: &Key) -> Option<Arc<HelmChart>> {
        self.of(&self.charts, &ChartKind::HelmChart, key).await
    }

    async fn of<K: HasChart>(&self, cache: &Cache<K>, kind: &ChartKind, key: &Key) -> Option<Arc<K>> {
        self.watch(cache, kind);
        cache.synced().await;
        cache.get(key)
    }

    fn watch<K: HasChart>(&self, cache: &Cache<K>, kind: &ChartKind) {
        if !self.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone()) {
            return;
        }
        let (cache, kind, news) = (cache.clone(), kind.clone(), self.news.clone());
        // Sources are not sharded: any HelmRelease may use any source (spec/flux/install.md §6).
        let api: Api<K> = self.runtime.api();
        let stop = self.runtime.stopping();
        tokio::spawn(async move {
            let changed = |before: Option<&Arc<K>>, now: Option<&Arc<K>>| {
                let Some(any) = now.or(before) else { return };
                let view = |object: Option<&Arc<K>>| object.map(|it| it.view());
                let content = |view: Option<Source>| {
                    view.map(|it| {
                        (it.artifact.map(|it| (it.revision, it.digest)), it.ready.map(|it| it.status), it.stalled)
                    })
                };
                if content(view(before)) != content(view(now)) {
                    // The receiver lives as long as the controller.
                    let _ = news.send(News { kind: kind.clone(), key: Key::of(any.as_ref()) });
                }
            };
            cache.keep(api, watcher::Config::default(), stop, changed).await;
        });
    }
}
