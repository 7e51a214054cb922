//! One round trip for all who ask for the references of one remote with one identity.
//!
//! Whoever comes while a listing is on its way waits for it and shares the answer, and whoever comes shortly after
//! gets it from memory. So that objects on different branches share too, a listing asks for everything that anybody
//! has asked for lately. Nobody gets what another identity was told.

use crate::error::Error;
use crate::refs::RefList;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a prefix stays part of what is listed after somebody asked for it.
const INTEREST: Duration = Duration::from_secs(15 * 60);
/// More prefixes than this are replaced by the whole namespace they are in.
const PREFIXES: usize = 64;
/// Remotes remembered.
const SLOTS: usize = 10_000;

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// A few seconds, for a look every now and then.
    Recent,
    /// The server must have been asked after that instant: somebody said that there is something new.
    Since(Instant),
}

/// A remote and an identity.
pub(crate) type Key = ([u8; 32], String);

/// Shares listings.
pub(crate) struct Listings {
    window: Duration,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

type Slot = tokio::sync::Mutex<State>;

#[derive(Default)]
struct State {
    interest: BTreeMap<String, Instant>,
    last: Option<Outcome>,
}

struct Outcome {
    started: Instant,
    finished: Instant,
    prefixes: Vec<String>,
    result: Result<Arc<RefList>, Error>,
}

impl Listings {
    /// Answers are given from memory for `window`.
    pub(crate) fn new(window: Duration) -> Self {
        Listings { window, slots: Mutex::default() }
    }

    /// What `ask` says for `prefixes`, or what it has just said.
    ///
    /// # Errors
    /// Those of `ask`; a failure is shared like an answer.
    pub(crate) async fn get<F>(
        &self,
        key: Key,
        prefixes: &[String],
        freshness: Freshness,
        ask: impl FnOnce(Vec<String>) -> F,
    ) -> Result<Arc<RefList>, Error>
    where
        F: Future<Output = Result<RefList, Error>>,
    {
        let came = Instant::now();
        let slot = self.slot(key);
        // Dropping the future of whoever asks frees the lock, and the next one asks.
        let mut state = slot.lock().await;
        if let Some(last) = state.last.as_ref().filter(|it| covers(&it.prefixes, prefixes)) {
            let fresh = match freshness {
                Freshness::Recent => last.finished >= came || last.started + self.window >= came,
                Freshness::Since(instant) => last.started >= instant,
            };
            if fresh {
                return last.result.clone();
            }
        }
        let started = Instant::now();
        state.interest.retain(|_, asked| started.duration_since(*asked) < INTEREST);
        state.interest.extend(prefixes.iter().map(|it| (it.clone(), started)));
        let asked = to_ask(&state.interest);
        let result = ask(asked.clone()).await.map(Arc::new);
        state.last = Some(Outcome { started, finished: Instant::now(), prefixes: asked, result: result.clone() });
        result
    }

    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= SLOTS {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

fn covers(listed: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|it| it == "HEAD" || listed.iter().any(|prefix| it.starts_with(prefix.as_str())))
}

/// The shortest list of prefixes that holds all of `interest`.
fn to_ask(interest: &BTreeMap<String, Instant>) -> Vec<String> {
    let mut prefixes: Vec<String> = Vec::new();
    let short = |it: &String| match it.match_indices('/').nth(1) {
        Some((at, _)) => it[..=at].to_owned(),
        None => it.clone(),
    };
    let mut all: Vec<String> = interest.keys().cloned().collect();
    if all.len() > PREFIXES {
        all = all.iter().map(short).collect();
        all.sort_unstable();
    }
    // In order, a prefix comes right before what it holds.
    for it in all {
        if !prefixes.last().is_some_and(|last| it.starts_with(last.as_str())) {
            prefixes.push(it);
        }
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn key() -> Key {
        ([0; 32], "u".into())
    }

    fn some(prefix: &str) -> Vec<String> {
        vec![prefix.to_owned()]
    }

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_round_trip() {
        let listings = Listings::new(Duration::from_secs(5));
        let trips = AtomicUsize::new(0);
        let ask = || {
            listings.get(key(), &[], Freshness::Recent, |_| async {
                trips.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok(RefList::default())
            })
        };
        futures::future::join_all((0..100).map(|_| ask())).await;
        assert_eq!(trips.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_answer_from_before_the_push_is_not_given_after_it() {
        let listings = Listings::new(Duration::from_secs(5));
        let trips = AtomicUsize::new(0);
        for freshness in
            [Freshness::Recent, Freshness::Recent, Freshness::Since(Instant::now() + Duration::from_millis(1))]
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let asked = listings.get(key(), &[], freshness, |_| async {
                trips.fetch_add(1, Ordering::Relaxed);
                Ok(RefList::default())
            });
            asked.await.unwrap();
        }
        assert_eq!(trips.load(Ordering::Relaxed), 1);
        let since = Freshness::Since(Instant::now());
        listings.get(key(), &[], since, |_| async { Err(Error::Canceled) }).await.unwrap_err();
        listings.get(key(), &[], Freshness::Recent, |_| async { Ok(RefList::default()) }).await.unwrap_err();
    }

    #[tokio::test]
    async fn later_round_trips_ask_for_what_all_want() {
        let listings = Listings::new(Duration::ZERO);
        let seen = Mutex::new(Vec::new());
        for prefix in ["refs/heads/a", "refs/tags/", "refs/heads/ab"] {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let wanted = some(prefix);
            let asked = listings.get(key(), &wanted, Freshness::Recent, |asked| {
                seen.lock().unwrap().push(asked.join(" "));
                async { Ok(RefList::default()) }
            });
            asked.await.unwrap();
        }
        let want = ["refs/heads/a", "refs/heads/a refs/tags/", "refs/heads/a refs/tags/"];
        assert_eq!(*seen.lock().unwrap(), want);
    }

    #[test]
    fn very_many_prefixes_become_a_few() {
        let interest = (0..100).map(|n| (format!("refs/heads/{n}"), Instant::now())).collect();
        assert_eq!(to_ask(&interest), ["refs/heads/"]);
    }
}
