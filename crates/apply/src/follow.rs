//! One object as a whole, as it changes: a watch of it alone, while somebody waits for it. What it costs does not depend
//! on how often the object changes, or on how many changes are seen as one.

use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use kube::Client;
use kube::api::{WatchEvent, WatchParams};
use kube::core::request::Request as KubeRequest;
use serde_json::Value;
use sluice_runtime::{GroupKind, Key};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Objects that are followed at once, of all waits of this process: each holds a request open. One that finds no room is
/// read when its metadata changes.
const FOLLOWED: usize = 64;
static ROOM: Semaphore = Semaphore::const_new(FOLLOWED);

/// News that are not looked at yet, of all objects of one wait. A follower that is ahead waits.
const NEWS: usize = 64;

/// What a follower tells: the object as it is now, or that it tells nothing more.
pub(crate) struct News {
    /// Which object.
    pub(crate) slot: (GroupKind, Key),
    /// As it is; `None` at the end.
    pub(crate) live: Option<Arc<Value>>,
}

/// The followers of one wait; they end with it.
pub(crate) struct Followers {
    tasks: JoinSet<()>,
    sender: mpsc::Sender<News>,
    news: mpsc::Receiver<News>,
}

impl Followers {
    pub(crate) fn new() -> Self {
        let (sender, news) = mpsc::channel(NEWS);
        Followers { tasks: JoinSet::new(), sender, news }
    }

    /// Follows an object of a collection from a version on; `false` when there is no room.
    pub(crate) fn follow(
        &mut self,
        client: &Client,
        collection: &KubeRequest,
        slot: &(GroupKind, Key),
        version: &str,
    ) -> bool {
        let Ok(room) = ROOM.try_acquire() else { return false };
        let params = WatchParams::default().fields(&format!("metadata.name={}", slot.1.name)).disable_bookmarks();
        let Ok(request) = collection.watch(&params, version) else { return false };
        let (client, slot, sender) = (client.clone(), slot.clone(), self.sender.clone());
        self.tasks.spawn(async move {
            let _room = room;
            if let Ok(events) = client.request_events::<Value>(request).await {
                let mut events = pin!(events);
                while let Some(Ok(WatchEvent::Added(live) | WatchEvent::Modified(live))) = events.next().await {
                    let news = News { slot: slot.clone(), live: Some(Arc::new(live)) };
                    if sender.send(news).await.is_err() {
                        return;
                    }
                }
            }
            // Nobody may be there any more.
            let _ = sender.send(News { slot, live: None }).await;
        });
        true
    }

    /// The next news.
    pub(crate) async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            // A sender is kept beside the receiver.
            None => std::future::pending().await,
        }
    }

    /// News that are here already.
    pub(crate) fn more(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }
}
