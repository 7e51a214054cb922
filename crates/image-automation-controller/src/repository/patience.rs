//! What is remembered of registries between passes: who asked to be left alone, and what they listed last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sluice_oci::{Access, Listing, RepositoryName};
use sluice_runtime::Key;

/// No registry is left alone for longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Registries remembered.
const REGISTRIES: usize = 10_000;

/// Which registries asked to be left alone, and until when. Limits are for an account, so another one may ask.
#[derive(Default)]
pub struct Patience(Mutex<HashMap<(String, String), Timestamp>>);

impl Patience {
    /// Until when a registry is not to be asked.
    pub fn until(&self, name: &RepositoryName, access: &Access) -> Option<Timestamp> {
        let until = self.lock().get(&key(name, access)).copied();
        until.filter(|until| *until > Timestamp::now())
    }

    /// Notes that a registry asked to be left alone for so long; returns until when it is.
    pub fn asked(&self, name: &RepositoryName, access: &Access, wait: Duration) -> Timestamp {
        let now = Timestamp::now();
        let until = now.checked_add(wait.min(LONGEST)).unwrap_or(now);
        let mut all = self.lock();
        if all.len() >= REGISTRIES {
            all.retain(|_, until| *until > now);
        }
        let known = all.entry(key(name, access)).or_insert(until);
        *known = until.max(*known);
        *known
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(name: &RepositoryName, access: &Access) -> (String, String) {
    (name.registry().to_owned(), access.fingerprint())
}

/// The last list of tags of each ImageRepository whose registry tells what is as before. What another account was shown
/// is never used.
#[derive(Default)]
pub struct Listings(Mutex<HashMap<Key, (String, Arc<Listing>)>>);

impl Listings {
    /// The last list that was shown to this account.
    pub fn get(&self, key: &Key, name: &RepositoryName, access: &Access) -> Option<Arc<Listing>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (whose, listing) = all.get(key)?;
        (*whose == owner(name, access)).then(|| Arc::clone(listing))
    }

    /// Keeps a list, if that can spare anything.
    pub fn keep(&self, key: Key, name: &RepositoryName, access: &Access, listing: Listing) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if listing.is_comparable() {
            all.insert(key, (owner(name, access), Arc::new(listing)));
        } else {
            all.remove(&key);
        }
    }

    /// Drops the list of an object that is gone.
    pub fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn owner(name: &RepositoryName, access: &Access) -> String {
    format!("{name} {}", access.fingerprint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_left_alone_as_long_as_it_asked() {
        let patience = Patience::default();
        let name: RepositoryName = "h.io/a/b".parse().unwrap();
        let other: RepositoryName = "h.io/c".parse().unwrap();
        let (nobody, somebody) = (
            Access::default(),
            Access { credentials: sluice_oci::Credentials::Token("t".into()), ..Access::default() },
        );
        assert_eq!(patience.until(&name, &nobody), None);
        let until = patience.asked(&name, &nobody, Duration::from_secs(100));
        assert_eq!(patience.until(&other, &nobody), Some(until));
        assert_eq!(patience.until(&name, &somebody), None);
        assert_eq!(patience.asked(&name, &nobody, Duration::ZERO), until);
        patience.asked(&name, &somebody, Duration::ZERO);
        assert_eq!(patience.until(&name, &somebody), None);
        let longest = patience.asked(&name, &nobody, Duration::MAX);
        assert!(longest.duration_since(Timestamp::now()).as_hours() <= 24);
    }
}
