//! In which order deliveries are made: one lane a provider, so that a slow or broken one holds up nobody else.
//!
//! In a lane, what concerns one object stays in order. A lane whose provider fails pauses, then tries one delivery
//! before it goes on, each time another one: what a provider will never take does not hold up what it would. Pure: the
//! clock is handed in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use sluice_runtime::Key;
use tokio::time::Instant;

/// Deliveries under way to one provider.
const IN_LANE: usize = 8;
/// Deliveries under way at all.
const IN_ALL: usize = 64;
/// How far a lane is searched for a delivery that does not have to wait for another.
const LOOK_AHEAD: usize = 512;
/// The first wait after a failure, of a lane and of a delivery; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait of a lane: soon after a provider works again it is noticed.
const LANE_PAUSE: Duration = Duration::from_secs(60);
/// The longest wait of a delivery.
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
    /// When it may be tried again.
    pub not_before: Option<Instant>,
}

impl Entry {
    /// A delivery that was not tried yet.
    #[must_use]
    pub fn new(id: u64, object: u64) -> Entry {
        Entry { id, object, attempts: 0, not_before: None }
    }
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
    /// Objects that something is under way of, and how often the lane had failed when that began.
    under_way: HashMap<u64, u32>,
    paused_until: Option<Instant>,
    /// Failures since it worked last; those that began together count once.
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

    /// When something may begin that may not begin now.
    #[must_use]
    pub fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.under_way >= IN_ALL {
            return None;
        }
        // What is due now already waits for something else: the end of a delivery.
        self.lanes.values().filter_map(Lane::due).filter(|due| *due > now).min()
    }

    /// Notes what became of a delivery.
    pub fn finished(&mut self, provider: &Key, mut entry: Entry, outcome: Outcome, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(provider) else { return };
        let begun = lane.under_way.remove(&entry.object);
        match outcome {
            Outcome::Done | Outcome::Refused => {
                // More than one failure was an outage, and it is over for all; one may be due to the delivery.
                if lane.failures > 1 {
                    lane.waiting.iter_mut().for_each(|it| it.not_before = None);
                }
                lane.failures = 0;
                lane.paused_until = None;
            }
            Outcome::Again(asked) => {
                // Nobody is kept waiting for longer than a day by what a server asks for.
                let asked = asked.unwrap_or_default().min(Duration::from_secs(86_400));
                if begun.is_none_or(|begun| begun == lane.failures) {
                    lane.failures = lane.failures.saturating_add(1);
                    lane.paused_until = Some(now + pause(lane.failures, LANE_PAUSE));
                }
                lane.paused_until = lane.paused_until.max(Some(now + asked));
                entry.attempts = entry.attempts.saturating_add(1);
                entry.not_before = Some(now + pause(entry.attempts, LONGEST_PAUSE).max(asked));
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

/// The wait after so many failures.
fn pause(failures: u32, longest: Duration) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
}

impl Lane {
    fn take(&mut self, now: Instant) -> Option<Entry> {
        if self.is_full() || self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        let at = self.first_due(now)?;
        let entry = self.waiting.remove(at)?;
        self.under_way.insert(entry.object, self.failures);
        Some(entry)
    }

    /// Where what begins next waits.
    fn first_due(&self, now: Instant) -> Option<usize> {
        let mut due = self.heads().filter(|(_, it)| it.not_before.is_none_or(|at| at <= now));
        // Of a lane that fails, what was tried least is the best sign that it works again.
        let first = if self.failures > 0 { due.min_by_key(|(_, it)| it.attempts) } else { due.next() };
        first.map(|(at, _)| at)
    }

    fn is_full(&self) -> bool {
        self.under_way.len() >= if self.failures > 0 { 1 } else { IN_LANE }
    }

    /// What waits for no other delivery of its object.
    fn heads(&self) -> impl Iterator<Item = (usize, &Entry)> {
        let mut before: HashSet<u64> = self.under_way.keys().copied().collect();
        self.waiting.iter().take(LOOK_AHEAD).enumerate().filter(move |(_, it)| before.insert(it.object))
    }

    /// When something of it may begin, if that does not wait for the end of a delivery.
    fn due(&self) -> Option<Instant> {
        if self.is_full() {
            return None;
        }
        let first = self.heads().map(|(_, it)| it.not_before).min()?;
        first.max(self.paused_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, object: u64) -> Entry {
        Entry::new(id, object)
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
        // Eight that failed together have failed once.
        let wake = lanes.wake_at(now).unwrap();
        assert_eq!(wake, now + Duration::from_secs(1));
        let (key, first) = lanes.next(wake).unwrap();
        assert_eq!((first.id, first.attempts), (8, 0), "another one tries whether the provider works");
        assert!(lanes.next(wake).is_none(), "and it alone");
        lanes.finished(&key, first, Outcome::Again(None), wake);
        let wake = lanes.wake_at(wake).unwrap();
        assert_eq!(wake, now + Duration::from_secs(3));
        let (key, next) = lanes.next(wake).unwrap();
        lanes.finished(&key, next, Outcome::Done, wake);
        let begun: Vec<u64> = std::iter::from_fn(|| lanes.next(wake)).map(|(_, it)| it.id).collect();
        assert_eq!(begun, [0, 1, 2, 3, 4, 5, 6, 7], "an outage that is over is over for all");
        assert_eq!(lanes.wake_at(wake), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_provider_never_takes_holds_up_nothing_else() {
        let mut lanes = Lanes::default();
        let start = Instant::now();
        for id in 0..20 {
            lanes.push(&provider("a"), entry(id, id));
        }
        let (mut now, mut arrived, mut tries) = (start, 0, 0);
        while now < start + Duration::from_secs(300) {
            let begun: Vec<_> = std::iter::from_fn(|| lanes.next(now)).collect();
            for (key, entry) in begun {
                let poison = entry.id == 3;
                (arrived, tries) = if poison { (arrived, tries + 1) } else { (arrived + 1, tries) };
                lanes.finished(&key, entry, if poison { Outcome::Again(None) } else { Outcome::Done }, now);
            }
            assert!(arrived == 19 || now <= start + Duration::from_secs(2), "{arrived} after {:?}", now - start);
            match lanes.wake_at(now) {
                Some(wake) => now = wake,
                None if lanes.waiting() == 0 => break,
                None => {}
            }
        }
        assert!(arrived == 19 && (8..=11).contains(&tries), "{arrived} arrived, {tries} tries");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_is_given_the_time_it_asks_for() {
        let mut lanes = Lanes::default();
        let now = Instant::now();
        lanes.push(&provider("a"), entry(1, 1));
        let (key, it) = lanes.next(now).unwrap();
        lanes.finished(&key, it, Outcome::Again(Some(Duration::from_secs(30))), now);
        assert_eq!(lanes.wake_at(now), Some(now + Duration::from_secs(30)));
        assert!(lanes.next(now + Duration::from_secs(29)).is_none());
        let (key, it) = lanes.next(now + Duration::from_secs(30)).unwrap();
        lanes.finished(&key, it, Outcome::Done, now);
        assert!(lanes.lanes.is_empty() && lanes.round.is_empty());
    }
}
