//! In which order deliveries are made: one lane a provider, so that a slow or broken one holds up nobody else.
//!
//! In a lane, what concerns one object stays in order; a lane whose provider fails pauses, then tries one delivery
//! before it goes on. Pure: the clock is handed in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use sluice_runtime::Key;
use tokio::time::Instant;

/// Deliveries under way to one provider.
const IN_LANE: usize = 8;
/// Deliveries under way at all.
const IN_ALL: usize = 64;
/// How far a lane is searched for a delivery that does not have to wait for another.
const LOOK_AHEAD: usize = 64;
/// The waits of a lane that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A delivery in its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the journal.
    pub id: u64,
    /// Tells objects apart.
    pub object: u64,
    /// How often it was tried.
    pub attempts: u32,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is made, or given up.
    Done,
    /// It is given up because of itself; the provider works.
    Refused,
    /// The provider does not work; it is to be tried again, not before this long.
    Again(Option<Duration>),
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Entry>,
    under_way: HashSet<u64>,
    paused_until: Option<Instant>,
    failures: u32,
}

/// All lanes.
#[derive(Default)]
pub struct Lanes {
    lanes: HashMap<Key, Lane>,
    /// Lanes in the order in which they are asked next.
    round: VecDeque<Key>,
    under_way: usize,
}

impl Lanes {
    /// Puts a delivery at the end of a provider's lane.
    pub fn push(&mut self, provider: &Key, entry: Entry) {
        if !self.lanes.contains_key(provider) {
            self.lanes.insert(provider.clone(), Lane::default());
            self.round.push_back(provider.clone());
        }
        if let Some(lane) = self.lanes.get_mut(provider) {
            lane.waiting.push_back(entry);
        }
    }

    /// The next delivery that may begin, each lane in its turn.
    pub fn next(&mut self, now: Instant) -> Option<(Key, Entry)> {
        if self.under_way >= IN_ALL {
            return None;
        }
        for _ in 0..self.round.len() {
            let key = self.round.pop_front()?;
            let found = self.lanes.get_mut(&key).and_then(|lane| lane.take(now));
            self.round.push_back(key.clone());
            if let Some(entry) = found {
                self.under_way += 1;
                return Some((key, entry));
            }
        }
        None
    }

    /// When a paused lane may be asked again.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let paused = self.lanes.values().filter(|lane| !lane.waiting.is_empty() && lane.under_way.is_empty());
        paused.filter_map(|lane| lane.paused_until).min()
    }

    /// Notes what became of a delivery.
    pub fn finished(&mut self, provider: &Key, mut entry: Entry, outcome: Outcome, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(provider) else { return };
        lane.under_way.remove(&entry.object);
        match outcome {
            Outcome::Done | Outcome::Refused => {
                lane.failures = 0;
                lane.paused_until = None;
            }
            Outcome::Again(asked) => {
                lane.failures = lane.failures.saturating_add(1);
                let own = FIRST_PAUSE.saturating_mul(1 << (lane.failures - 1).min(16)).min(LONGEST_PAUSE);
                // Nobody is kept waiting for longer than a day by what a server asks for.
                let asked = asked.unwrap_or_default().min(Duration::from_secs(86_400));
                lane.paused_until = Some(now + own.max(asked));
                entry.attempts += 1;
                let place = lane.waiting.iter().position(|it| it.id > entry.id).unwrap_or(lane.waiting.len());
                lane.waiting.insert(place, entry);
            }
        }
        if lane.waiting.is_empty() && lane.under_way.is_empty() && lane.failures == 0 {
            self.lanes.remove(provider);
            self.round.retain(|it| it != provider);
        }
    }

    /// Deliveries that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }
}

impl Lane {
    fn take(&mut self, now: Instant) -> Option<Entry> {
        let limit = if self.failures > 0 { 1 } else { IN_LANE };
        if self.under_way.len() >= limit || self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        let mut before = self.under_way.clone();
        let at = self.waiting.iter().take(LOOK_AHEAD).position(|it| before.insert(it.object))?;
        let entry = self.waiting.remove(at)?;
        self.under_way.insert(entry.object);
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, object: u64) -> Entry {
        Entry { id, object, attempts: 0 }
    }

    fn provider(name: &str) -> Key {
        Key::new("ns", name)
    }

    #[tokio::test(start_paused = true)]
    async fn what_concerns_one_object_stays_in_order() {
        let mut lanes = Lanes::default();
        for (id, object) in [(1, 7), (2, 7), (3, 8)] {
            lanes.push(&provider("a"), entry(id, object));
        }
        let now = Instant::now();
        assert_eq!(lanes.next(now).unwrap().1.id, 1);
        assert_eq!(lanes.next(now).unwrap().1.id, 3);
        assert!(lanes.next(now).is_none());
        lanes.finished(&provider("a"), entry(1, 7), Outcome::Done, now);
        assert_eq!(lanes.next(now).unwrap().1.id, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_fails_pauses_and_the_others_go_on() {
        let mut lanes = Lanes::default();
        let now = Instant::now();
        for id in 0..100 {
            lanes.push(&provider("broken"), entry(id, id));
        }
        for id in 100..103 {
            lanes.push(&provider("fine"), entry(id, id));
        }
        let mut begun = Vec::new();
        while let Some((key, entry)) = lanes.next(now) {
            begun.push((key, entry));
        }
        assert_eq!(begun.len(), 8 + 3);
        for (key, entry) in begun {
            let outcome = if *key.name == *"broken" { Outcome::Again(None) } else { Outcome::Done };
            lanes.finished(&key, entry, outcome, now);
        }
        assert!(lanes.next(now).is_none());
        // Eight failures at once are eight, so the pause has grown.
        let wake = lanes.wake_at().unwrap();
        assert!(wake - now <= Duration::from_secs(128));
        let (key, first) = lanes.next(wake).unwrap();
        assert_eq!((first.id, first.attempts), (0, 1));
        assert!(lanes.next(wake).is_none(), "one delivery tries whether the provider works");
        lanes.finished(&key, first, Outcome::Done, wake);
        assert!(lanes.next(wake).is_some() && lanes.next(wake).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_is_given_the_time_it_asks_for() {
        let mut lanes = Lanes::default();
        let now = Instant::now();
        lanes.push(&provider("a"), entry(1, 1));
        let (key, it) = lanes.next(now).unwrap();
        lanes.finished(&key, it, Outcome::Again(Some(Duration::from_secs(30))), now);
        assert_eq!(lanes.wake_at(), Some(now + Duration::from_secs(30)));
        assert!(lanes.next(now + Duration::from_secs(29)).is_none());
        let (key, it) = lanes.next(now + Duration::from_secs(30)).unwrap();
        lanes.finished(&key, it, Outcome::Done, now);
        assert!(lanes.lanes.is_empty() && lanes.round.is_empty());
    }
}
