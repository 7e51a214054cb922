//! The workload simulator: makes Deployments, Pods and their kin progress as if there were nodes.
//!
//! In: the changes of the store. Out: children and statuses, written straight into the store. One task does it all: a
//! change puts the objects it may concern into a queue, each is brought one step further from what the store says now,
//! and what takes time waits in a heap of timers. Nothing is polled; a cluster at rest costs nothing.
//!
//! Invariant: a step reads the store and writes at most what differs, with the version it read. A lost race is no error:
//! the winner's change puts the object into the queue again.
//!
//! What users see, and the annotations that make workloads fail: docs/simulator.md.

mod autoscaler;
mod budget;
mod claim;
mod condition;
mod cron_job;
mod daemon_set;
mod deployment;
mod events;
mod job;
mod pod;
mod pod_status;
mod replica_set;
mod revision;
mod scenario;
pub mod schedule;
mod script;
mod service;
pub mod slice;
mod stateful_set;
#[cfg(test)]
mod tests;
mod world;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
pub use scenario::{Scenario, ScenarioError};
pub use script::parse_duration;
use world::{Id, Kind, World};

/// How the simulated cluster behaves where no annotation says otherwise.
#[derive(Debug, Clone)]
pub struct Options {
    /// From a Pod's creation until it is ready (or, in a Job, has succeeded).
    pub ready_after: Duration,
    /// From the request to delete a running Pod until it is gone.
    pub gone_after: Duration,
    /// Whether there are Pod objects. Without, ReplicaSets, StatefulSets, DaemonSets and Jobs get their status as if
    /// there were: a fraction of the writes, for tests with thousands of workloads.
    pub pods: bool,
    /// Pods (or, with `pods` off, replicas) that one workload gets at most, so that a typing error does not fill the
    /// memory.
    pub most_pods: u32,
    /// Name of the one node that all Pods run on; it is created when it is absent.
    pub node: String,
    /// Whether workloads have Events.
    pub events: bool,
    /// From the first failure of a Job's Pod until the next Pod; doubled with each failure, up to 10 minutes. The real
    /// controller waits 10 s; zero tries again at once.
    pub job_backoff: Duration,
    /// What workloads are told without annotations.
    pub scenario: Scenario,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ready_after: Duration::from_millis(900),
            gone_after: Duration::from_millis(200),
            pods: true,
            most_pods: 2_000,
            node: "sluice-node".into(),
            events: true,
            job_backoff: Duration::ZERO,
            scenario: Scenario::default(),
        }
    }
}

/// Simulates until `stop` is cancelled.
pub async fn run(core: Arc<Core>, options: Options, stop: CancellationToken) {
    // The tap comes first: what changes while the store is listed is then seen twice rather than never.
    let mut events = core.store.tap();
    let clock = core.clock.clone();
    let mut world = World::new(core, options);
    world.begin();
    loop {
        // A slice of work, then a look at the clock and at `stop`: other tasks share the thread.
        let until = Instant::now() + Duration::from_millis(2);
        loop {
            while let Ok(event) = events.try_recv() {
                world.observe(&event);
            }
            world.ring();
            let Some(id) = world.next() else { break };
            crate::clock::at(clock.now(), || step(&mut world, &id));
            if Instant::now() >= until {
                break;
            }
        }
        if stop.is_cancelled() {
            return;
        }
        if world.has_work() {
            tokio::task::yield_now().await;
            continue;
        }
        let wake = world.next_timer();
        tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => match event {
                Some(event) => world.observe(&event),
                None => return,
            },
            () = clock.reach(wake) => {}
        }
    }
}

/// Brings one object one step further.
fn step(world: &mut World, id: &Id) {
    let Some((object, version)) = world.get(id) else { return };
    match id.kind {
        Kind::Pod => pod::step(world, id, object, version),
        Kind::ReplicaSet => replica_set::step(world, id, object, version),
        Kind::StatefulSet => stateful_set::step(world, id, object, version),
        Kind::DaemonSet => daemon_set::step(world, id, object, version),
        Kind::Job => job::step(world, id, object, version),
        Kind::CronJob => cron_job::step(world, id, object, version),
        Kind::Deployment => deployment::step(world, id, object, version),
        Kind::Claim => claim::step(world, id, object, version),
        Kind::Service => service::step_service(world, id, object, version),
        Kind::Ingress => service::step_ingress(world, id, object, version),
        Kind::Budget => budget::step(world, id, object, version),
        Kind::Autoscaler => autoscaler::step(world, id, object, version),
        Kind::Revision | Kind::Volume | Kind::Slice => {}
    }
}
