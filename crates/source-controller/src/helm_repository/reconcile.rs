//! One pass over a HelmRepository (spec/flux/source.md §4): is its index another one?

use std::io;
use std::time::Duration;

use sluice_api::meta::Artifact;
use sluice_api::source::{HelmRepository, HelmRepositoryStatus};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::access::{base_url, http};
use super::download::fetch_index;
use super::index::{IndexError, convert};
use crate::context::{Context, Shared};
use crate::source::failure::{Aspect, Failure};
use crate::source::{Known, Made, Outcome, Source, store, unchanged};

impl Source for HelmRepository {
    type State = HelmRepositoryStatus;
    type Observed = ();
    const KIND: &'static str = "HelmRepository";
    const LINK: Option<&'static str> = Some("index.yaml");

    fn known(ctx: &Shared) -> &Known<Self> {
        &ctx.helm_repositories
    }

    fn state(&self) -> &HelmRepositoryStatus {
        &self.status
    }

    fn state_mut(&mut self) -> &mut HelmRepositoryStatus {
        &mut self.status
    }

    fn artifact(state: &HelmRepositoryStatus) -> Option<&Artifact> {
        state.artifact.as_ref()
    }

    fn set_artifact(state: &mut HelmRepositoryStatus, artifact: Option<Artifact>, link: Option<String>) {
        state.artifact = artifact;
        state.url = link.unwrap_or_default();
    }

    fn observe(&self, _state: &mut HelmRepositoryStatus, (): ()) {}

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn interval(&self) -> Option<Duration> {
        self.spec.interval.as_ref().and_then(|it| it.to_std().ok()).filter(|it| !it.is_zero())
    }

    fn asks_for_verification(&self) -> bool {
        false
    }

    fn stored(artifact: &Artifact) -> String {
        format!("stored artifact: revision '{}'", artifact.revision)
    }

    async fn pass(&self, ctx: &Context, new: &mut Option<String>) -> Result<Outcome<()>, Failure> {
        story(self, ctx, new).await
    }
}

async fn story(object: &HelmRepository, ctx: &Context, new: &mut Option<String>) -> Result<Outcome<()>, Failure> {
    let base = base_url(&object.spec.url)?;
    let access = http(object, object, ctx).await?;
    let timeout = object.spec.timeout.as_ref().and_then(|it| it.to_std().ok()).unwrap_or(Duration::from_secs(60));
    let fetched = fetch_index(&base, &access, Instant::now() + timeout, ctx).await;
    let (mut raw, digest, size) =
        fetched.map_err(|why| indexation_failed(&format!("failed to fetch Helm repository index: {why}")))?;
    let revision = digest.to_string();
    let advertised = object.status.artifact.as_ref().map(|it| it.revision.as_str());
    if advertised == Some(revision.as_str()) {
        debug!(%revision, "nothing new");
        return Ok(unchanged());
    }
    *new = Some(revision.clone());
    let file = format!("index-{}.yaml", digest.hex());
    let artifact = store::publish(object, &file, revision, ctx, move |storage, location| {
        let mut invalid = None;
        let stored = storage.publish(location, |out| match convert(&mut raw, out) {
            Ok(converted) => {
                for why in &converted.skipped {
                    warn!(left_out = converted.left_out, "an entry of the index is left out: {why}");
                }
                Ok(())
            }
            Err(IndexError::Io(error)) => Err(error),
            Err(IndexError::Invalid(why)) => {
                invalid = Some(why);
                Err(io::Error::other("no index"))
            }
        });
        match invalid {
            Some(why) => Err(indexation_failed(&format!("failed to load Helm repository from index YAML: {why}"))),
            None => Ok(stored?),
        }
    })
    .await?;
    let told = format!("stored fetched index of size {} from '{}'", human(size), sluice_http::redact(&object.spec.url));
    let stored = ("Succeeded", HelmRepository::stored(&artifact));
    Ok(Outcome::Made(Box::new(Made { artifact, observed: (), stored, told: ("NewArtifact", told) })))
}

fn indexation_failed(message: &str) -> Failure {
    Failure::retry(Aspect::Fetch, "IndexationFailed", message)
}

/// `1.2MB`, as Flux writes sizes.
fn human(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB"] {
        if value < 1000.0 {
            // Four digits that count, without zeros at the end.
            let digits = if value >= 100.0 {
                1
            } else if value >= 10.0 {
                2
            } else {
                3
            };
            let text = format!("{value:.digits$}");
            let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            return format!("{text}{unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1}GB")
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_are_read_by_people() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(512), "512B");
        assert_eq!(human(40_900), "40.9kB");
        assert_eq!(human(1_500_000), "1.5MB");
        assert_eq!(human(33_123_456), "33.12MB");
    }
}
