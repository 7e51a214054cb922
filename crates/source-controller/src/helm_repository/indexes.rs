//! The stored indexes, for the charts that are looked for in them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_artifact::{Digest, Location, Storage};
use sluice_version::pick::helm_index;

use super::index::{Candidate, Entry, candidates, entry};

/// Versions kept in memory, of all charts that were looked for.
const KEPT: usize = 100_000;

/// What was found in indexes, by their digest: charts of one repository share it.
#[derive(Default)]
pub struct Indexes(Mutex<HashMap<Key, Arc<[Candidate]>>>);

/// The digest of an index, and a chart.
type Key = (String, String);

impl Indexes {
    /// The entry of a chart that `wanted` means, in a stored index; `None` when there is none. Reads files.
    ///
    /// # Errors
    /// When the index is not there or damaged, or `wanted` is no version and no range.
    pub fn entry(
        &self,
        storage: &Storage,
        index: (&Location, &Digest),
        chart: &str,
        wanted: &str,
    ) -> Result<Option<Entry>, String> {
        let (location, digest) = index;
        let key = (digest.to_string(), chart.to_owned());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let path = storage.path(location);
        let versions = match known {
            Some(versions) if storage.exists(location) => versions,
            _ => {
                storage.verify(location, digest).map_err(|problem| problem.to_string())?;
                let found: Arc<[Candidate]> = open(&path).and_then(|it| candidates(it, chart)).map_err(unread)?.into();
                let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.values().map(|it| it.len() + 1).sum::<usize>() + found.len() > KEPT {
                    kept.clear();
                }
                kept.insert(key, Arc::clone(&found));
                found
            }
        };
        chosen(&path, &versions, wanted)
    }
}

/// The entry of a chart that `wanted` means, in an index that is nobody's artifact.
///
/// # Errors
/// As [`Indexes::entry`].
pub fn pick(path: &Path, chart: &str, wanted: &str) -> Result<Option<Entry>, String> {
    let versions = open(path).and_then(|it| candidates(it, chart)).map_err(unread)?;
    chosen(path, &versions, wanted)
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(256 << 10, File::open(path)?))
}

fn chosen(path: &Path, versions: &[Candidate], wanted: &str) -> Result<Option<Entry>, String> {
    let pairs: Vec<(&str, _)> = versions.iter().map(|it| (it.version.as_str(), it.created)).collect();
    let Some(at) = helm_index(wanted, &pairs).map_err(|error| error.to_string())? else { return Ok(None) };
    let Some(candidate) = versions.get(at) else { return Ok(None) };
    let found = File::open(path).and_then(|file| entry(file, candidate));
    found.map(Some).map_err(unread)
}

fn unread(error: io::Error) -> String {
    format!("the stored index cannot be read: {error}")
}
