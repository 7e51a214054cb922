//! What kube-controller-manager does for the API itself: garbage collection, namespaces, definitions.
//!
//! One task reads every event of the store and hands work to small functions, which write through the same path as
//! everybody else. Nothing here polls.

mod collect;
mod namespaces;
mod tokens;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::crd;
use crate::store::{Change, Event};

pub use namespaces::bootstrap;

/// A token Secret is filled this long after it is made: clients of the real server see it empty first, too.
const TOKEN_AFTER: Duration = Duration::from_millis(100);

/// Runs until `stop` is cancelled.
pub async fn run(core: Arc<Core>, stop: CancellationToken) {
    let mut events = core.store.tap();
    let mut graph = collect::Graph::read(&core);
    namespaces::complete_all(&core);
    graph.work(&core);
    crd::clean_up(&core);
    let mut due = Due::default();
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = stop.cancelled() => return,
        };
        let Some(event) = event else { return };
        note(&core, &mut graph, &mut due, &event);
        // Everything that waits is taken in before work begins, so that a burst costs one pass.
        while let Ok(event) = events.try_recv() {
            note(&core, &mut graph, &mut due, &event);
        }
        due.work(&core);
        graph.work(&core);
        // A long series of work must not keep other tasks of this thread waiting.
        tokio::task::yield_now().await;
    }
}

/// What events have made due.
#[derive(Default)]
struct Due {
    /// Namespaces that are new, changed, or have lost something.
    namespaces: BTreeSet<String>,
    /// Whether a definition may have come to its end.
    definitions: bool,
    /// Whether aggregated roles may have changed.
    roles: bool,
    /// Namespaces whose quotas may count something else.
    counted: BTreeSet<String>,
}

impl Due {
    fn work(&mut self, core: &Core) {
        for namespace in std::mem::take(&mut self.namespaces) {
            namespaces::look_at(core, &namespace);
        }
        if std::mem::take(&mut self.definitions) {
            crd::clean_up(core);
        }
        for namespace in std::mem::take(&mut self.counted) {
            crate::quota::refresh(core, &namespace);
        }
        if std::mem::take(&mut self.roles) {
            namespaces::aggregate(core);
        }
    }
}

fn note(core: &Arc<Core>, graph: &mut collect::Graph, due: &mut Due, event: &Event) {
    graph.note(event);
    let slots = graph.slots();
    let (slot, object) = (event.slot, &event.object);
    let gone = event.change == Change::Deleted;
    if slot == slots.namespaces && !gone {
        due.namespaces.insert(object.name().to_owned());
    }
    if !object.namespace().is_empty() && (gone || object.is_deleting()) {
        due.namespaces.insert(object.namespace().to_owned());
    }
    if !object.namespace().is_empty() && core.store.count(core.store.slot("resourcequotas.")) > 0 {
        due.counted.insert(object.namespace().to_owned());
    }
    due.definitions |= slot == slots.definitions && object.is_deleting() || gone && graph.is_custom(core, slot);
    due.roles |= slot == slots.cluster_roles && !gone;
    if slot == slots.secrets && !gone && tokens::lacks_token(core, object) {
        let (core, object) = (core.clone(), object.clone());
        tokio::spawn(async move {
            tokio::time::sleep(TOKEN_AFTER).await;
            tokens::fill(&core, object.key());
        });
    }
}
