//! Waiting, never longer than told, and saying for what.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How long a scenario waits for what takes a second on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The time between two looks: short beside what is waited for, long beside a look.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until `check` is content, and returns what it found.
///
/// # Panics
/// When `deadline` passes first: with what was waited for, and what the last look found instead.
pub async fn eventually<T>(
    what: impl Display,
    deadline: Duration,
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    loop {
        match check().await {
            Ok(found) => return found,
            Err(instead) if start.elapsed() > deadline => panic!("waited {deadline:?} for {what}; last: {instead}"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Looks for a while whether something remains so.
///
/// # Panics
/// When it does not, with what was found.
pub async fn stays(what: impl Display, for_long: Duration, mut check: impl AsyncFnMut() -> Result<(), String>) {
    let start = Instant::now();
    while start.elapsed() < for_long {
        if let Err(instead) = check().await {
            panic!("{what} did not last; after {:?}: {instead}", start.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
}
