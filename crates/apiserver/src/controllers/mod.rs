//! What kube-controller-manager does for the API itself: garbage collection, namespaces, definitions.
//!
//! One task reads every event of the store and hands work to small functions, which write through the same path as
//! everybody else. Nothing here polls.

mod collect;
mod namespaces;
mod tokens;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::crd;
use crate::store::{Change, Event};

pub use namespaces::bootstrap;

/// Runs until `stop` is cancelled.
pub async fn run(core: Arc<Core>, stop: CancellationToken) {
    let mut events = core.store.tap();
    let mut graph = collect::Graph::read(&core);
    namespaces::complete_all(&core);
    graph.sweep(&core);
    crd::clean_up(&core);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = stop.cancelled() => return,
        };
        let Some(event) = event else { return };
        react(&core, &mut graph, &event);
        // Everything that waits is taken in before work begins, so that a burst costs one pass.
        while let Ok(event) = events.try_recv() {
            react(&core, &mut graph, &event);
        }
        graph.work(&core);
    }
}

fn react(core: &Arc<Core>, graph: &mut collect::Graph, event: &Event) {
    graph.note(event);
    let slots = graph.slots();
    if event.slot == slots.namespaces && event.change != Change::Deleted {
        namespaces::changed(core, &event.object);
    }
    if event.change == Change::Deleted && !event.object.namespace().is_empty() {
        namespaces::content_gone(core, event.object.namespace());
        if event.slot == slots.service_accounts || event.slot == slots.config_maps {
            namespaces::restore(core, event.object.namespace());
        }
    } else if event.object.is_deleting() && !event.object.namespace().is_empty() {
        namespaces::content_gone(core, event.object.namespace());
    }
    if event.slot == slots.secrets && event.change != Change::Deleted {
        tokens::fill(core, &event.object);
    }
    if event.slot == slots.definitions && event.object.is_deleting() {
        crd::clean_up(core);
    }
    if graph.is_custom(core, event.slot) && event.change == Change::Deleted {
        crd::clean_up(core);
    }
    if event.slot == slots.cluster_roles && event.change != Change::Deleted {
        namespaces::aggregate(core);
    }
}
