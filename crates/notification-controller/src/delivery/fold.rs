//! A failure that goes on is told now and then, and its end once. Pure: the clock is handed in.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Event;

/// Failures remembered; beyond that the one that was told of longest ago is forgotten, and tells of itself anew.
const FAILURES: usize = 20_000;

/// An alert and an object, as one text.
pub type FoldKey = String;

/// A failure that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// When it began, in seconds.
    pub since: i64,
    /// How often it was reported.
    pub count: u64,
    /// Its reason.
    pub reason: String,
    /// Tells it from another failure of the object.
    pub what: u64,
    /// When somebody was last told, in seconds.
    pub told: i64,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is sent as it is.
    Plain,
    /// It is sent, and this is added.
    With(String),
    /// Somebody knows already.
    Folded,
}

/// All failures that have not ended.
#[derive(Default)]
pub struct Folds {
    failing: HashMap<FoldKey, Failing>,
}

/// What identifies the failures of an object for an alert.
#[must_use]
pub fn key(alert: &str, event: &Event) -> FoldKey {
    let object = &event.involved_object;
    format!("{alert}|{}/{}/{}", object.kind, object.namespace, object.name)
}

/// Whether an event says that its object is well again. A rollback that succeeds says the contrary, and what a pass did
/// on its way has the reason of the pass before it, which may have failed.
#[must_use]
pub fn is_success(event: &Event) -> bool {
    let failed = ["Failed", "Error", "NotFound", "Stalled", "Exceeded", "Denied", "Invalid"];
    let under_way = ["Progressing", "ProgressingWithRetry", "DependencyNotReady", "GarbageCollectionSucceeded"];
    let remedies = ["RollbackSucceeded", "UninstallSucceeded"];
    event.severity == "info"
        && !under_way.contains(&event.reason.as_str())
        && !remedies.contains(&event.reason.as_str())
        && !failed.iter().any(|it| event.reason.ends_with(it))
}

/// The same failure has other durations and counts each time, so numbers do not count.
fn fingerprint(event: &Event) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.reason.hash(&mut hasher);
    let mut in_number = false;
    for c in event.message.chars() {
        // `1.5s`, `1m30s` and `999ms` are numbers with units.
        let goes_on = c.is_ascii_digit() || (in_number && matches!(c, '.' | 'h' | 'm' | 's' | 'µ' | 'u' | 'n'));
        if !goes_on {
            c.hash(&mut hasher);
        } else if !in_number {
            '0'.hash(&mut hasher);
        }
        in_number = goes_on;
    }
    hasher.finish()
}

impl Folds {
    /// Takes up what an earlier process knew.
    pub fn restore(&mut self, key: FoldKey, failing: Option<Failing>) {
        match failing {
            Some(failing) => _ = self.failing.insert(key, failing),
            None => _ = self.failing.remove(&key),
        }
    }

    /// All of them, for the journal.
    pub fn all(&self) -> impl Iterator<Item = (&FoldKey, &Failing)> {
        self.failing.iter()
    }

    /// What is known of a failure.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Failing> {
        self.failing.get(key)
    }

    /// A failure that is reported.
    pub fn failed(&mut self, key: &FoldKey, event: &Event, now: Timestamp, interval: Duration) -> Told {
        let (now, what) = (now.as_second(), fingerprint(event));
        if let Some(known) = self.failing.get_mut(key) {
            known.count += 1;
            known.reason.clone_from(&event.reason);
            let other = known.what != what;
            known.what = what;
            let due = now - known.told >= i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
            if !other && !due {
                return Told::Folded;
            }
            known.told = now;
            if other {
                return Told::Plain;
            }
            return Told::With(format!("still failing, {} times since {}", known.count, clock(known.since)));
        }
        if self.failing.len() >= FAILURES {
            let oldest = self.failing.iter().min_by_key(|(_, it)| it.told).map(|(key, _)| key.clone());
            oldest.map(|key| self.failing.remove(&key));
        }
        let failing = Failing { since: now, count: 1, reason: event.reason.clone(), what, told: now };
        self.failing.insert(key.clone(), failing);
        Told::Plain
    }

    /// A success that is reported; `Some` when it ends a failure.
    pub fn succeeded(&mut self, key: &FoldKey) -> Option<String> {
        let was = self.failing.remove(key)?;
        let times = if was.count == 1 { "once".to_owned() } else { format!("{} times", was.count) };
        Some(format!("recovered: {} was reported {times} since {}", was.reason, clock(was.since)))
    }
}

/// `10:02 UTC`.
fn clock(seconds: i64) -> String {
    let zoned = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    format!("{:02}:{:02} UTC", zoned.hour(), zoned.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(severity: &str, reason: &str, message: &str) -> Event {
        Event { severity: severity.into(), reason: reason.into(), message: message.into(), ..Event::default() }
    }

    #[test]
    fn a_failure_is_told_once_an_hour_and_its_end_once() {
        let mut folds = Folds::default();
        let at = |minute: i64| Timestamp::from_second(36_120 + 60 * minute).unwrap();
        let hour = Duration::from_secs(3600);
        let key = "ns/alert|Kustomization/ns/apps".to_owned();
        let failure = |seconds: u32| event("error", "HealthCheckFailed", &format!("timeout after {seconds}.1s"));
        assert_eq!(folds.failed(&key, &failure(30), at(0), hour), Told::Plain);
        assert_eq!(folds.failed(&key, &failure(31), at(5), hour), Told::Folded);
        assert_eq!(folds.failed(&key, &failure(127), at(59), hour), Told::Folded);
        assert_eq!(
            folds.failed(&key, &failure(1), at(60), hour),
            Told::With("still failing, 4 times since 10:02 UTC".into())
        );
        assert_eq!(folds.failed(&key, &event("error", "BuildFailed", "no"), at(61), hour), Told::Plain);
        assert_eq!(folds.succeeded(&key).unwrap(), "recovered: BuildFailed was reported 5 times since 10:02 UTC");
        assert_eq!(folds.succeeded(&key), None);
    }

    #[test]
    fn numbers_and_their_units_make_no_other_failure() {
        let print = |message: &str| fingerprint(&event("error", "HealthCheckFailed", message));
        for other in ["after 1.001s: [web]", "after 1m30s: [web]", "after 0ms: [web]"] {
            assert_eq!(print("after 999ms: [web]"), print(other), "{other}");
        }
        assert_ne!(print("after 1s: [web]"), print("after 1s: [api]"));
    }

    #[test]
    fn a_rollback_is_no_recovery() {
        assert!(is_success(&event("info", "ReconciliationSucceeded", "")));
        assert!(!is_success(&event("info", "RollbackSucceeded", "")));
        assert!(!is_success(&event("info", "Progressing", "")));
        assert!(!is_success(&event("info", "HealthCheckFailed", "Deployment/apps/web configured")));
        assert!(!is_success(&event("trace", "ReconciliationSucceeded", "")));
    }
}
