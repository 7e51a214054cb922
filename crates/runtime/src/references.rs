//! Who refers to what, so that a change wakes exactly whom it concerns.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Key;

/// All references of the objects of one kind, both ways; `R` is what one of them can refer to.
pub struct References<R>(Mutex<Maps<R>>);

struct Maps<R> {
    of: HashMap<Key, Vec<R>>,
    to: HashMap<R, HashSet<Key>>,
}

impl<R> Default for References<R> {
    fn default() -> Self {
        References(Mutex::new(Maps { of: HashMap::new(), to: HashMap::new() }))
    }
}

impl<R: Clone + Eq + Hash> References<R> {
    fn lock(&self) -> MutexGuard<'_, Maps<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what an object refers to.
    pub fn set(&self, key: Key, references: Vec<R>) {
        let mut maps = self.lock();
        if maps.of.get(&key) == Some(&references) {
            return;
        }
        maps.remove(&key);
        for reference in &references {
            maps.to.entry(reference.clone()).or_default().insert(key.clone());
        }
        maps.of.insert(key, references);
    }

    /// Forgets an object.
    pub fn remove(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// Who refers to something.
    #[must_use]
    pub fn to(&self, reference: &R) -> Vec<Key> {
        self.lock().to.get(reference).into_iter().flatten().cloned().collect()
    }
}

impl<R: Clone + Eq + Hash> Maps<R> {
    fn remove(&mut self, key: &Key) {
        for reference in self.of.remove(key).unwrap_or_default() {
            if let Some(keys) = self.to.get_mut(&reference) {
                keys.remove(key);
                if keys.is_empty() {
                    self.to.remove(&reference);
                }
            }
        }
    }
}
