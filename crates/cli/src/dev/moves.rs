//! Tells the controllers when the repository changes, as a webhook would.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::plane::Plane;
use super::sources;
use super::state::Happening;
use crate::cluster::Cluster;
use crate::output::talk;
use crate::{kinds, reconcile};

/// Between two looks at the references, which take about a millisecond.
const LOOK: Duration = Duration::from_millis(100);
/// A big folder takes longer to read; looking takes no more than this share of the time.
const SHARE: u32 = 5;

/// Stops when it is dropped.
pub struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks until it is dropped. What is in the repository when this is called is known already.
pub fn follow(plane: &Plane) -> Following {
    let context = Context {
        repository: plane.repository.clone(),
        cluster: plane.cluster.clone(),
        url: plane.git_url.clone(),
        tell: plane.tell.clone(),
    };
    Following(tokio::spawn(context.run()))
}

struct Context {
    repository: std::sync::Arc<super::repository::Repository>,
    cluster: Cluster,
    url: String,
    tell: tokio::sync::mpsc::Sender<Happening>,
}

impl Context {
    async fn run(self) {
        let mut known = None;
        loop {
            let (repository, start) = (self.repository.clone(), Instant::now());
            let now = tokio::task::spawn_blocking(move || repository.fingerprint()).await.ok().flatten();
            if now.is_some() && now != known {
                if known.is_some() {
                    let head = self.repository.head();
                    // The printer may be behind; what it misses is in the table.
                    let _ = self.tell.try_send(Happening::Moved { head });
                    if let Err(error) = notify(&self.cluster, &self.url).await {
                        talk::warning(&format!("the controllers could not be told: {error:#}"));
                    }
                }
                known = now;
            }
            tokio::time::sleep(LOOK.max(start.elapsed() * SHARE)).await;
        }
    }
}

/// Has every GitRepository of the local server looked at now.
///
/// # Errors
/// As the API server says.
pub async fn notify(cluster: &Cluster, url: &str) -> anyhow::Result<()> {
    let (sources, _) = cluster.list(&kinds::GIT.path(""), "").await?;
    for source in sources.iter().filter(|it| it.pointer("/spec/url").and_then(|it| it.as_str()) == Some(url)) {
        let path = kinds::GIT.object(sluice_object::namespace(source), sluice_object::name(source));
        reconcile::request(cluster, &path, &[]).await?;
    }
    Ok(())
}

/// Applies the Flux objects again when a commit has changed them.
///
/// # Errors
/// When the repository cannot be read.
pub async fn reapply(plane: &Plane) -> anyhow::Result<()> {
    sources::apply(plane).await
}
