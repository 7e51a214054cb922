//! What was looked up a moment ago.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Entries that are remembered; beyond that all are forgotten, and looked up anew.
const ENTRIES: usize = 4096;

/// Answers by question, each with the time when it was given.
pub struct Recent<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    /// An answer that is no older than `age`.
    pub fn get(&self, key: &str, age: Duration) -> Option<T> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(then, _)| then.elapsed() < age).map(|(_, answer)| answer.clone())
    }

    /// Remembers an answer.
    pub fn put(&self, key: String, answer: T) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES {
            entries.clear();
        }
        entries.insert(key, (Instant::now(), answer));
    }
}
