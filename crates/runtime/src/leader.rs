//! Leader election by a Lease, as client-go does it (spec/flux/install.md §10).
//!
//! Invariant: who does not renew in time stops before the lease can be somebody else's. Times of others' clocks are
//! never compared with ours: a lease is over when it has not changed for its duration, measured here.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How a lease is held.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long it holds without being renewed.
    pub duration: Duration,
    /// How long the leader tries to renew before it gives up; shorter than `duration`.
    pub renew_deadline: Duration,
    /// The wait between two tries.
    pub retry_period: Duration,
    /// Whether it is given back at the end.
    pub release: bool,
}

/// One candidate for a lease.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    terms: Terms,
    /// The lease as last seen, and when it was seen to change.
    seen: Option<(Lease, Instant)>,
}

impl Candidate {
    /// A candidate for the lease `name` in `namespace`.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, terms: Terms) -> Self {
        let identity = format!("{}_{}", crate::events::hostname(), uuid::Uuid::new_v4());
        let api = Api::namespaced(client, namespace);
        Candidate { api, name: name.to_owned(), identity, terms, seen: None }
    }

    /// Returns when this process leads; `false` when it was told to stop first.
    pub async fn acquire(&mut self, stop: &CancellationToken) -> bool {
        info!(lease = %self.name, identity = %self.identity, "waiting to lead");
        loop {
            if self.attempt().await {
                info!(lease = %self.name, "leading");
                return true;
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(self.terms.retry_period) => {}
            }
        }
    }

    /// Renews until `stop`, then gives the lease back. Returns early, without `stop`, when the lease is lost.
    pub async fn hold(&mut self, stop: &CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.terms.retry_period) => {}
            }
            let left = self.terms.renew_deadline.saturating_sub(renewed.elapsed());
            let sent = Instant::now();
            match tokio::time::timeout(left, self.attempt()).await {
                Ok(true) => renewed = sent,
                Ok(false) if self.held_by_another() => {
                    warn!(lease = %self.name, "the lease is somebody else's now");
                    return;
                }
                Ok(false) | Err(_) if renewed.elapsed() >= self.terms.renew_deadline => {
                    warn!(lease = %self.name, "the lease could not be renewed in time");
                    return;
                }
                Ok(false) | Err(_) => {}
            }
        }
        if self.terms.release {
            self.release().await;
        }
    }

    fn held_by_another(&self) -> bool {
        let holder = self.seen.as_ref().and_then(|(lease, _)| holder(lease));
        holder.is_some_and(|holder| *holder != self.identity)
    }

    /// One try to take or renew the lease.
    async fn attempt(&mut self) -> bool {
        let current = match self.api.get_opt(&self.name).await {
            Ok(current) => current,
            Err(error) => {
                debug!(lease = %self.name, %error, "the lease cannot be read");
                return false;
            }
        };
        let now = MicroTime(Timestamp::now());
        let Some(current) = current else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.spec(now.clone(), now, 0)),
            };
            let created = self.api.create(&PostParams::default(), &lease).await;
            return self.written(created);
        };
        let changed = self.seen.as_ref().is_none_or(|(seen, _)| seen.spec != current.spec);
        if changed {
            self.seen = Some((current.clone(), Instant::now()));
        }
        let mine = holder(&current) == Some(&self.identity);
        let expired = self.seen.as_ref().is_none_or(|(_, when)| when.elapsed() >= duration(&current));
        if !mine && holder(&current).is_some() && !expired {
            return false;
        }
        let old = current.spec.clone().unwrap_or_default();
        let transitions = old.lease_transitions.unwrap_or_default();
        let spec = if mine {
            self.spec(old.acquire_time.unwrap_or_else(|| now.clone()), now, transitions)
        } else {
            self.spec(now.clone(), now, transitions.saturating_add(1))
        };
        // The resourceVersion goes along: of two who try, one gets a conflict.
        let lease = Lease { spec: Some(spec), ..current };
        let replaced = self.api.replace(&self.name, &PostParams::default(), &lease).await;
        self.written(replaced)
    }

    fn written(&mut self, outcome: Result<Lease, kube::Error>) -> bool {
        match outcome {
            Ok(lease) => {
                self.seen = Some((lease, Instant::now()));
                true
            }
            Err(error) => {
                debug!(lease = %self.name, %error, "the lease cannot be written");
                false
            }
        }
    }

    fn spec(&self, acquired: MicroTime, renewed: MicroTime, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(self.terms.duration.as_secs()).unwrap_or(i32::MAX)),
            acquire_time: Some(acquired),
            renew_time: Some(renewed),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    async fn release(&mut self) {
        let Some((lease, _)) = self.seen.take().filter(|(lease, _)| holder(lease) == Some(&self.identity)) else {
            return;
        };
        let mut spec = lease.spec.clone().unwrap_or_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        let lease = Lease { spec: Some(spec), ..lease };
        match self.api.replace(&self.name, &PostParams::default(), &lease).await {
            Ok(_) => info!(lease = %self.name, "lease given back"),
            Err(error) => warn!(lease = %self.name, %error, "the lease could not be given back"),
        }
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref().filter(|it| !it.is_empty())
}

fn duration(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or_default();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
