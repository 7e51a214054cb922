//! Charts of artifacts, read once and shared by all releases of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_artifact::{Digest, FetchError, Fetcher};
use sluice_helm::{Chart, Limits};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// Charts that are kept; the ones used last.
const KEPT: usize = 32;

type Slot = Arc<OnceCell<Chart>>;

/// The charts used last, by the digest of their artifact.
pub struct Charts {
    fetcher: Fetcher,
    kept: Mutex<VecDeque<(Digest, Slot)>>,
}

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The server has no such artifact (any more).
    #[error("artifact not found")]
    NotFound,
    /// It cannot be downloaded.
    #[error("{0}")]
    Fetch(FetchError),
    /// It is no chart.
    #[error("{0}")]
    Load(String),
}

impl Charts {
    /// No charts yet.
    pub fn new(fetcher: Fetcher) -> Self {
        Charts { fetcher, kept: Mutex::default() }
    }

    /// The chart of an artifact; `url` is where to get it when nobody has it.
    ///
    /// # Errors
    /// See [`ChartError`]; an error is not remembered.
    pub async fn open(&self, url: &str, digest: &Digest) -> Result<Chart, ChartError> {
        let slot = self.slot(digest);
        slot.get_or_try_init(|| self.read(url, digest)).await.cloned()
    }

    fn slot(&self, digest: &Digest) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|(it, _)| it == digest).and_then(|at| kept.remove(at));
        let entry = known.unwrap_or_else(|| (digest.clone(), Slot::default()));
        let slot = entry.1.clone();
        kept.push_back(entry);
        while kept.len() > KEPT {
            kept.pop_front();
        }
        slot
    }

    async fn read(&self, url: &str, digest: &Digest) -> Result<Chart, ChartError> {
        let data = self.fetcher.fetch(url, digest).await.map_err(|error| match error {
            FetchError::NotFound(_) => ChartError::NotFound,
            other => ChartError::Fetch(other),
        })?;
        let load = spawn_blocking(move || Chart::from_archive(&data, &Limits::default()));
        let loaded = load.await.map_err(|_| ChartError::Load("reading the chart was aborted".to_owned()))?;
        loaded.map_err(|error| ChartError::Load(error.to_string()))
    }
}
