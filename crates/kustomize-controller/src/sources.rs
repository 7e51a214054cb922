//! The sources that Kustomizations name, each kind watched from the first time somebody names it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Api;
use kube::runtime::watcher;
use sluice_api::kustomize::SourceKind;
use sluice_api::meta::Artifact;
use sluice_api::source::{Bucket, ExternalArtifact, GitRepository, OciRepository};
use sluice_runtime::{Cache, Cached, Key, Runtime};
use tokio::sync::mpsc;

/// Objects that carry an artifact.
trait HasArtifact: Cached {
    fn artifact(&self) -> Option<&Artifact>;
}

macro_rules! has_artifact {
    ($($kind:ty),+) => {$(
        impl HasArtifact for $kind {
            fn artifact(&self) -> Option<&Artifact> {
                self.status.artifact.as_ref()
            }
        }
    )+};
}
has_artifact!(GitRepository, OciRepository, Bucket, ExternalArtifact);

/// A source whose artifact changed.
#[derive(Clone, Debug)]
pub struct NewArtifact {
    /// The source's kind.
    pub kind: SourceKind,
    /// Which one.
    pub key: Key,
    /// The artifact; none when it has none any more.
    pub artifact: Option<Artifact>,
}

/// All sources.
pub struct Sources {
    runtime: Runtime,
    git: Cache<GitRepository>,
    oci: Cache<OciRepository>,
    bucket: Cache<Bucket>,
    external: Cache<ExternalArtifact>,
    watched: Mutex<HashSet<SourceKind>>,
    news: mpsc::UnboundedSender<NewArtifact>,
}

/// What is known of a source.
#[derive(Clone, Debug)]
pub enum Source {
    /// There is no such object.
    Missing,
    /// It has no artifact yet.
    WithoutArtifact,
    /// It has one.
    Ready(Artifact),
}

impl Sources {
    /// All sources; changes of artifacts go to the receiver.
    #[must_use]
    pub fn new(runtime: &Runtime) -> (Self, mpsc::UnboundedReceiver<NewArtifact>) {
        // Unbounded because a lost change would be a lost wake-up; there is one for each change of a source.
        let (news, receiver) = mpsc::unbounded_channel();
        let sources = Sources {
            runtime: runtime.clone(),
            git: Cache::default(),
            oci: Cache::default(),
            bucket: Cache::default(),
            external: Cache::default(),
            watched: Mutex::default(),
            news,
        };
        (sources, receiver)
    }

    /// The source as last seen; the first question about a kind waits for the first list of it.
    pub async fn get(&self, kind: &SourceKind, key: &Key) -> Source {
        match kind {
            SourceKind::GitRepository => self.of(&self.git, kind, key).await,
            SourceKind::OciRepository => self.of(&self.oci, kind, key).await,
            SourceKind::Bucket => self.of(&self.bucket, kind, key).await,
            SourceKind::ExternalArtifact => self.of(&self.external, kind, key).await,
            SourceKind::Other(_) => Source::Missing,
        }
    }

    async fn of<K: HasArtifact>(&self, cache: &Cache<K>, kind: &SourceKind, key: &Key) -> Source {
        self.watch(cache, kind);
        cache.synced().await;
        match cache.get(key) {
            None => Source::Missing,
            Some(source) => match source.artifact() {
                None => Source::WithoutArtifact,
                Some(artifact) => Source::Ready(artifact.clone()),
            },
        }
    }

    fn watch<K: HasArtifact>(&self, cache: &Cache<K>, kind: &SourceKind) {
        if !self.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone()) {
            return;
        }
        let (cache, kind, news) = (cache.clone(), kind.clone(), self.news.clone());
        // Sources are not sharded: any Kustomization may use any source (spec/flux/install.md §6).
        let api: Api<K> = self.runtime.api();
        let stop = self.runtime.stopping();
        tokio::spawn(async move {
            let changed = |before: Option<&Arc<K>>, now: Option<&Arc<K>>| {
                let artifact = |object: Option<&Arc<K>>| object.and_then(|it| it.artifact().cloned());
                let content = |artifact: Option<Artifact>| artifact.map(|it| (it.revision, it.digest));
                let Some(any) = now.or(before) else { return };
                if before.is_none() || content(artifact(before)) != content(artifact(now)) {
                    let new = NewArtifact { kind: kind.clone(), key: Key::of(any.as_ref()), artifact: artifact(now) };
                    // The receiver lives as long as the controller.
                    let _ = news.send(new);
                }
            };
            cache.keep(api, watcher::Config::default(), stop, changed).await;
        });
    }
}
