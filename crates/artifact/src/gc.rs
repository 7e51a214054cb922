//! Garbage collection: old files of a source go, the advertised one never does.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::location::Location;
use crate::storage::{Storage, StorageError, error, gone};

/// What to keep of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// How old a file may be that is not advertised any more.
    pub ttl: Duration,
    /// How many files there may be, the advertised one included.
    pub records: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(60), records: 2 }
    }
}

/// What was taken away, and what could not be.
#[derive(Debug, Default)]
pub struct Collected {
    /// Names of the files that are gone.
    pub removed: Vec<String>,
    /// Files that stay for now; the next run tries again.
    pub failed: Vec<StorageError>,
}

impl Storage {
    /// Takes away files of the source of `current` that are older than the TTL, and the oldest ones beyond the count.
    ///
    /// `current` stays in any case. A download under way goes on: the file is only unlinked. Files from the future are
    /// as good as new.
    ///
    /// # Errors
    /// When the folder cannot be listed. None there is nothing to do.
    pub fn collect(&self, current: &Location, retention: &Retention) -> Result<Collected, StorageError> {
        let mut others = self.others(current)?;
        others.sort();
        let now = SystemTime::now();
        let expired = |modified: SystemTime| now.duration_since(modified).is_ok_and(|age| age > retention.ttl);
        let mut left = others.len() + 1;
        let mut out = Collected::default();
        for (modified, name) in others {
            if !expired(modified) && left <= retention.records.max(1) {
                break;
            }
            let path = self.root.join(current.folder()).join(&name);
            match gone(fs::remove_file(&path)) {
                Ok(()) => {
                    left -= 1;
                    // Flux leaves a lock beside each of its files.
                    let _ = fs::remove_file(lock_of(&path));
                    out.removed.push(name);
                }
                Err(e) => out.failed.push(error("remove", &path, e)),
            }
        }
        Ok(out)
    }

    /// Age and name of the source's other files; links, locks and temporary files are none.
    fn others(&self, current: &Location) -> Result<Vec<(SystemTime, String)>, StorageError> {
        let folder = self.root.join(current.folder());
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|e| error("list", &folder, e))?,
        };
        let mut others = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| error("list", &folder, e))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name == current.file() || current.sibling(&name).is_err() {
                continue;
            }
            // A file may go between listing and looking.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                others.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), name));
            }
        }
        Ok(others)
    }
}

fn lock_of(path: &std::path::Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}
