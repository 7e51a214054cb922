//! Parsed files, shared between builds by the digest of their bytes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use sluice_yaml::Value;

use crate::layout::Layout;

/// SHA-256 of a file's bytes.
pub type Digest = [u8; 32];

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// One object of a file.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) value: Value,
    /// Where its document begins, from 1.
    pub(crate) line: u32,
    /// How it is written, where that is to be told.
    pub(crate) layout: Option<Arc<Layout>>,
    /// The document's place in the text; empty for an element of a list.
    pub(crate) span: Range<usize>,
    /// The text of the document, once it belongs to a file.
    pub(crate) source: Option<Bytes>,
}

/// Resource files that were read before. Any number of builds may share one; it keeps what was used last.
#[derive(Debug)]
pub struct Cache {
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<Digest, (Arc<Vec<Parsed>>, usize, u64)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    /// A cache of files of together at most `max_bytes` of text (the objects take a few times that).
    #[must_use]
    pub fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, state: Mutex::default() })
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Vec<Parsed>>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let entry = state.files.get_mut(digest)?;
        entry.2 = now;
        Some(entry.0.clone())
    }

    pub(crate) fn put(&self, digest: Digest, parsed: &Arc<Vec<Parsed>>, size: usize) {
        if size > self.max_bytes / 4 {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        if state.files.insert(digest, (parsed.clone(), size, now)).is_none() {
            state.bytes += size;
        }
        if state.bytes > self.max_bytes {
            // Drops the older half at once, so that the scan is paid for by many insertions.
            let mut ages: Vec<u64> = state.files.values().map(|entry| entry.2).collect();
            ages.sort_unstable();
            let middle = ages[ages.len() / 2];
            state.files.retain(|_, entry| entry.2 > middle);
            state.bytes = state.files.values().map(|entry| entry.1).sum();
        }
    }
}
