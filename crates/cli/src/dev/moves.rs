//! Tells the controllers when the repository changes, as a webhook would.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::plane::Plane;
use super::sources::{self, Target};
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
    let context = Context { target: plane.target.clone(), tell: plane.tell.clone() };
    Following(tokio::spawn(context.run()))
}

struct Context {
    target: Target,
    tell: tokio::sync::mpsc::Sender<Happening>,
}

impl Context {
    async fn run(self) {
        let mut known = None;
        loop {
            let (repository, start) = (self.target.repository.clone(), Instant::now());
            let now = tokio::task::spawn_blocking(move || repository.fingerprint()).await.ok().flatten();
            if now.is_some() && now != known {
                if known.is_some() {
                    let head = self.target.repository.head();
                    // The printer may be behind; what it misses is in the table.
                    let _ = self.tell.try_send(Happening::Moved { head });
                    if let Err(error) = notify(&self.target.cluster, &self.target.url).await {
                        talk::warning(&format!("the controllers could not be told: {error:#}"));
                    }
                    // The commit may have changed the Flux objects themselves.
                    if let Err(error) = sources::apply(&self.target).await {
                        talk::warning(&format!("the repository's Flux objects: {error:#}"));
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
