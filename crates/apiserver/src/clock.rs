//! The time that workloads see: the machine's, or one that a test turns.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A clock for the simulator and for the creation times of objects. Clones are the same clock.
///
/// It decides when Pods become ready, Jobs expire, CronJobs run and deadlines pass. What clients need real time for
/// (tokens, leases, watches) does not look at it.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    turned: Notify,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How far ahead of the machine's clock it is; of `stopped_at` when it stands.
    ahead: Duration,
    /// Where it stood when it was made.
    stopped_at: Option<(Timestamp, Instant)>,
}

impl Clock {
    /// A clock that goes with the machine's.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `time` and moves by [`Clock::advance`] alone.
    #[must_use]
    pub fn stopped(time: Timestamp) -> Self {
        let state = State { ahead: Duration::ZERO, stopped_at: Some((time, Instant::now())) };
        Self(Arc::new(Shared { state: Mutex::new(state), turned: Notify::new() }))
    }

    /// Moves the clock forward; what is due by then happens at once.
    pub fn advance(&self, by: Duration) {
        {
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.ahead = state.ahead.saturating_add(by);
        }
        self.0.turned.notify_waiters();
        self.0.turned.notify_one();
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let state = self.state();
        let base = state.stopped_at.map_or_else(Timestamp::now, |(time, _)| time);
        let ahead = SignedDuration::try_from(state.ahead).unwrap_or(SignedDuration::MAX);
        base.saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// The same time on the scale of timers.
    pub(crate) fn instant(&self) -> Instant {
        let state = self.state();
        let base = state.stopped_at.map_or_else(Instant::now, |(_, at)| at);
        base.checked_add(state.ahead).unwrap_or(base)
    }

    /// Returns when the clock says `at`; never when it stands and nobody turns it.
    pub(crate) async fn reach(&self, at: Option<Instant>) {
        loop {
            let turned = self.0.turned.notified();
            let (now, stands) = (self.instant(), self.state().stopped_at.is_some());
            match at {
                Some(at) if at <= now => return,
                Some(at) if !stands => tokio::select! {
                    () = tokio::time::sleep(at - now) => return,
                    () = turned => {}
                },
                _ => turned.await,
            }
        }
    }

    fn state(&self) -> State {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    static STEP: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// Runs one step of the simulator at one time: whatever it writes carries that time, however long it takes.
pub(crate) fn at<T>(time: Timestamp, step: impl FnOnce() -> T) -> T {
    STEP.set(Some(time));
    let done = step();
    STEP.set(None);
    done
}

/// The time of the step that runs, or the machine's outside of one.
pub(crate) fn now() -> Timestamp {
    STEP.get().unwrap_or_else(Timestamp::now)
}

/// [`now`] as objects carry it: whole seconds.
pub(crate) fn now_text() -> String {
    text(now())
}

/// A time as objects carry it.
pub(crate) fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stopped_clock_moves_when_it_is_turned() {
        let clock = Clock::stopped("2030-01-01T00:00:00Z".parse().unwrap());
        let due = clock.instant() + Duration::from_secs(3600);
        let waits = clock.clone();
        let waiting = tokio::spawn(async move { waits.reach(Some(due)).await });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(1800));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(Duration::from_secs(1800));
        waiting.await.unwrap();
        assert_eq!(text(clock.now()), "2030-01-01T01:00:00Z");
    }
}
