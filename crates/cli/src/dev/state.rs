//! What the controllers say, watched.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::WatchEvent;
use serde_json::Value;
use sluice_object::{name, namespace};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, collection};
use crate::kinds::{FluxKind, GIT, HELM_RELEASE, KUSTOMIZATION};
use crate::repository::source_of;
use crate::wait::condition;

/// Namespace and name.
pub type Key = (String, String);

/// The objects as last seen.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// GitRepositories.
    pub sources: BTreeMap<Key, Value>,
    /// Kustomizations.
    pub kustomizations: BTreeMap<Key, Value>,
    /// HelmReleases.
    pub releases: BTreeMap<Key, Value>,
}

/// Something worth telling.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The repository has changed: the head's id and message, where it has one.
    Moved {
        /// Id and message.
        head: Option<(String, String)>,
    },
    /// A source or Kustomization is not what it was.
    Changed {
        /// As it was; `None` when it is new.
        before: Option<Box<Value>>,
        /// As it is.
        now: Box<Value>,
    },
    /// An event was recorded.
    Event(Box<Value>),
    /// A notification would be sent.
    Notified {
        /// What it says.
        lines: Vec<String>,
    },
}

impl State {
    /// Whether there are Kustomizations, all have applied their source's revision, and these and all HelmReleases are
    /// ready.
    pub fn all_ready(&self) -> bool {
        !self.kustomizations.is_empty() && self.not_ready().is_empty()
    }

    /// What is missing until all is ready, a line each.
    pub fn not_ready(&self) -> Vec<String> {
        let sources = self.sources.values().filter(|it| !is_ready(it));
        let kustomizations = self.kustomizations.values().filter(|it| !self.is_applied(it));
        let releases = self.releases.values().filter(|it| !is_ready(it));
        sources
            .chain(kustomizations)
            .chain(releases)
            .map(|it| {
                let why = condition(it, "Ready").and_then(|it| it["message"].as_str()).unwrap_or("not looked at yet");
                format!("{}/{}/{}: {why}", sluice_object::kind(it), namespace(it), name(it))
            })
            .collect()
    }

    fn is_applied(&self, kustomization: &Value) -> bool {
        if kustomization.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
            return true;
        }
        let source = source_of(kustomization).and_then(|key| self.sources.get(&key));
        let wanted = source.and_then(|it| it.pointer("/status/artifact/revision"));
        is_ready(kustomization) && (wanted.is_none() || wanted == kustomization.pointer("/status/lastAppliedRevision"))
    }

    /// Whether all have applied a commit and are ready.
    pub fn all_at(&self, commit: &str) -> bool {
        let at = |it: &Value, pointer: &str| {
            it.pointer(pointer).and_then(Value::as_str).is_some_and(|revision| revision.ends_with(commit))
        };
        self.all_ready() && self.kustomizations.values().all(|it| at(it, "/status/lastAppliedRevision"))
    }
}

/// Whether an object has said that it is ready about what it is now.
pub fn is_ready(object: &Value) -> bool {
    let generation = sluice_object::generation(object);
    let seen = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    let suspended = object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true);
    suspended || (seen == generation && condition(object, "Ready").is_some_and(|it| it["status"] == "True"))
}

/// Starts to watch; ends at `stop`.
pub fn watch(
    cluster: &Cluster,
    state: &watch::Sender<State>,
    tell: &mpsc::Sender<Happening>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) {
    for kind in [&GIT, &KUSTOMIZATION, &HELM_RELEASE] {
        let work = objects(cluster.clone(), kind, state.clone(), tell.clone());
        let stop = stop.clone();
        tasks.spawn(async move { stop.run_until_cancelled(work).await.unwrap_or(Ok(())) });
    }
    let (work, stop) = (events(cluster.clone(), tell.clone()), stop.clone());
    tasks.spawn(async move { stop.run_until_cancelled(work).await.unwrap_or(Ok(())) });
}

async fn objects(
    cluster: Cluster,
    kind: &'static FluxKind,
    state: watch::Sender<State>,
    tell: mpsc::Sender<Happening>,
) -> anyhow::Result<()> {
    let path = kind.path("");
    loop {
        if let Ok((items, version)) = cluster.list(&path, "").await {
            for item in items {
                learn(kind, item, &state, &tell);
            }
            if let Ok(stream) = cluster.watch(&path, "", &version).await {
                let mut stream = std::pin::pin!(stream);
                while let Some(Ok(event)) = stream.next().await {
                    match event {
                        WatchEvent::Added(object) | WatchEvent::Modified(object) => learn(kind, object, &state, &tell),
                        WatchEvent::Deleted(object) => state.send_modify(|state| {
                            objects_of(state, kind).remove(&key(&object));
                        }),
                        WatchEvent::Bookmark(_) => {}
                        WatchEvent::Error(_) => break,
                    }
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn objects_of<'a>(state: &'a mut State, kind: &FluxKind) -> &'a mut BTreeMap<Key, Value> {
    match kind.kind {
        "HelmRelease" => &mut state.releases,
        _ if kind.is_source => &mut state.sources,
        _ => &mut state.kustomizations,
    }
}

fn key(object: &Value) -> Key {
    (namespace(object).to_owned(), name(object).to_owned())
}

fn learn(kind: &FluxKind, mut object: Value, state: &watch::Sender<State>, tell: &mpsc::Sender<Happening>) {
    // Items of a list do not say what they are.
    object["kind"] = kind.kind.into();
    object["apiVersion"] = kind.api_version.into();
    let mut before = None;
    state.send_modify(|state| before = objects_of(state, kind).insert(key(&object), object.clone()));
    if before.as_ref() != Some(&object) {
        let changed = Happening::Changed { before: before.map(Box::new), now: Box::new(object) };
        // The printer may be behind; what it misses is in the table.
        let _ = tell.try_send(changed);
    }
}

async fn events(cluster: Cluster, tell: mpsc::Sender<Happening>) -> anyhow::Result<()> {
    let path = collection("v1", "events", "");
    loop {
        if let Ok((_, version)) = cluster.list(&path, "").await
            && let Ok(stream) = cluster.watch(&path, "", &version).await
        {
            let mut stream = std::pin::pin!(stream);
            while let Some(Ok(event)) = stream.next().await {
                match event {
                    WatchEvent::Added(event) | WatchEvent::Modified(event) => {
                        let _ = tell.try_send(Happening::Event(Box::new(event)));
                    }
                    WatchEvent::Error(_) => break,
                    WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_is_ready_when_the_source_s_revision_is_applied() {
        let ready = |extra: Value| {
            let mut status = json!({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]});
            status.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            json!({"metadata": {"name": "a", "namespace": "n", "generation": 1},
                "spec": {"sourceRef": {"kind": "GitRepository", "name": "a"}}, "status": status})
        };
        let key = ("n".to_owned(), "a".to_owned());
        let mut state = State::default();
        assert!(!state.all_ready());
        state.sources.insert(key.clone(), ready(json!({"artifact": {"revision": "main@sha1:2"}})));
        state.kustomizations.insert(key.clone(), ready(json!({"lastAppliedRevision": "main@sha1:1"})));
        assert!(!state.all_ready());
        state.kustomizations.insert(key, ready(json!({"lastAppliedRevision": "main@sha1:2"})));
        assert!(state.all_ready() && state.all_at("2") && !state.all_at("1"));
        let mut release = ready(json!({}));
        release["status"]["conditions"][0]["status"] = "False".into();
        state.releases.insert(("n".to_owned(), "a".to_owned()), release);
        assert!(!state.all_ready());
    }
}
