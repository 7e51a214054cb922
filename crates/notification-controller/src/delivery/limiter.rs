//! Which events are the same as one before (spec/flux/notification.md §3).

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Keys remembered, some 40 bytes each. With more than that within an interval the oldest half is forgotten, and a
/// repeated event may get through.
const KEYS: usize = 500_000;

/// Lets each key through once an interval.
pub struct Limiter {
    interval: Duration,
    start: Instant,
    seen: HashMap<[u8; 16], u32>,
    limit: usize,
}

impl Limiter {
    /// A limiter; an interval of nothing lets everything through.
    pub fn new(interval: Duration) -> Limiter {
        Limiter { interval, start: Instant::now(), seen: HashMap::new(), limit: KEYS }
    }

    /// Whether the key comes for the first time in its interval; it then begins one.
    pub fn admits(&mut self, key: [u8; 32]) -> bool {
        if self.interval.is_zero() {
            return true;
        }
        let now = self.start.elapsed();
        // A clock of tenths of seconds that lasts 13 years.
        let tenths = |it: Duration| u32::try_from(it.as_millis() / 100).unwrap_or(u32::MAX);
        let (now, interval) = (tenths(now), tenths(self.interval).max(1));
        let mut short = [0; 16];
        short.copy_from_slice(&key[..16]);
        if self.seen.get(&short).is_some_and(|then| now.saturating_sub(*then) < interval) {
            return false;
        }
        if self.seen.len() >= self.limit {
            self.seen.retain(|_, then| now.saturating_sub(*then) < interval);
        }
        if self.seen.len() >= self.limit {
            let mut times: Vec<u32> = self.seen.values().copied().collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            let mut left = middle;
            self.seen.retain(|_, then| {
                let keep = *then > median || left == 0;
                left -= usize::from(!keep);
                keep
            });
        }
        self.seen.insert(short, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> [u8; 32] {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&n.to_le_bytes());
        key
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_passes_once_an_interval() {
        let mut limiter = Limiter::new(Duration::from_secs(300));
        assert!(limiter.admits(key(1)) && limiter.admits(key(2)));
        assert!(!limiter.admits(key(1)));
        tokio::time::advance(Duration::from_secs(299)).await;
        assert!(!limiter.admits(key(1)));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(limiter.admits(key(1)));
        assert!(Limiter::new(Duration::ZERO).admits(key(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn its_memory_is_bounded() {
        let mut limiter = Limiter { limit: 100, ..Limiter::new(Duration::from_secs(300)) };
        for n in 0..1000 {
            assert!(limiter.admits(key(n)));
            assert!(limiter.seen.len() <= 100);
        }
        assert!(!limiter.admits(key(999)));
    }
}
