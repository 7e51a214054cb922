//! One pass over a HelmChart (spec/flux/source.md §5): which version does its source have, and is it another one?

use std::time::Duration;

use regex::Regex;
use sluice_api::meta::{Artifact, Status};
use sluice_api::source::{
    GitRepository, HelmChart, HelmChartSourceKind, HelmChartStatus, HelmRepository, HelmRepositoryType,
};
use sluice_artifact::{Digest, Location};
use sluice_helm::Chart;
use sluice_runtime::{Cache, Cached, Key};
use tokio::time::Instant;

use super::build::{Build, is_served, values_files, version_metadata, with_metadata};
use super::package::{files, merge_values, pack, set_values, set_version};
use super::{failure, local, registry, remote};
use crate::context::{Context, Shared};
use crate::helm_repository;
use crate::source::failure::{Aspect, Failure, Remedy};
use crate::source::{Known, Made, Outcome, Source, namespace, store};

/// What a chart in a repository may be called (spec/flux/source.md §5).
const NAME: &str = r"^([-a-z0-9]+/?\.?)+$";
/// Longest name.
const NAME_BYTES: usize = 200;

/// What a pass found beside the artifact.
pub struct Observed {
    source_revision: String,
    chart: Option<(String, Vec<String>)>,
}

impl Source for HelmChart {
    type State = HelmChartStatus;
    type Observed = Observed;
    const KIND: &'static str = "HelmChart";
    const LINK: Option<&'static str> = Some("latest.tar.gz");

    fn known(ctx: &Shared) -> &Known<Self> {
        &ctx.helm_charts
    }

    fn state(&self) -> &HelmChartStatus {
        &self.status
    }

    fn state_mut(&mut self) -> &mut HelmChartStatus {
        &mut self.status
    }

    fn artifact(state: &HelmChartStatus) -> Option<&Artifact> {
        state.artifact.as_ref()
    }

    fn set_artifact(state: &mut HelmChartStatus, artifact: Option<Artifact>, link: Option<String>) {
        state.artifact = artifact;
        state.url = link.unwrap_or_default();
    }

    fn observe(&self, state: &mut HelmChartStatus, observed: Observed) {
        state.observed_source_artifact_revision = observed.source_revision;
        if let Some((name, values_files)) = observed.chart {
            state.observed_chart_name = name;
            state.observed_values_files = if self.spec.ignore_missing_values_files { values_files } else { Vec::new() };
        }
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn interval(&self) -> Option<Duration> {
        self.spec.interval.to_std().ok()
    }

    fn asks_for_verification(&self) -> bool {
        self.spec.verify.is_some()
    }

    fn stored(artifact: &Artifact) -> String {
        format!("stored artifact for chart version '{}'", artifact.revision)
    }

    async fn pass(&self, ctx: &Context, new: &mut Option<String>) -> Result<Outcome<Observed>, Failure> {
        story(self, ctx, new).await
    }
}

async fn story(object: &HelmChart, ctx: &Context, new: &mut Option<String>) -> Result<Outcome<Observed>, Failure> {
    if object.spec.verify.is_some() {
        let message = "spec.verify: signature verification is not supported yet, so nothing that asks for it is served";
        return Err(Failure::retry(Aspect::Verification, "ChartVerificationError", message));
    }
    let (build, source_revision) = match &object.spec.source_ref.kind {
        HelmChartSourceKind::HelmRepository => {
            let repository = source(object, &ctx.helm_repositories.cache).await?;
            if repository.spec.type_ == HelmRepositoryType::Oci {
                (from_registry(object, &repository, ctx).await?, String::new())
            } else {
                let artifact = artifact(object, repository.as_ref())?;
                let revision = artifact.revision.clone();
                if is_seen(object, &revision) {
                    return Ok(Outcome::Unchanged(None));
                }
                (from_index(object, &repository, &artifact, ctx).await?, revision)
            }
        }
        HelmChartSourceKind::GitRepository => {
            let repository = source::<GitRepository>(object, &ctx.git_repositories.cache).await?;
            let artifact = artifact(object, repository.as_ref())?;
            let revision = artifact.revision.clone();
            if is_seen(object, &revision) {
                return Ok(Outcome::Unchanged(None));
            }
            (local::build(object, &artifact, ctx).await?, revision)
        }
        other => {
            let message = format!("spec.sourceRef.kind: `{other}` is not supported yet");
            return Err(Failure::stalled(Aspect::Fetch, "UnsupportedSourceKind", message));
        }
    };
    let observed = Observed { source_revision, chart: Some((build.name.clone(), build.values_files.clone())) };
    let Some(data) = build.data.clone() else {
        let observed = Observed { chart: None, ..observed };
        return Ok(Outcome::Unchanged(Some(observed)));
    };
    *new = Some(build.version.clone());
    let file = format!("{}-{}.tgz", build.name, build.version);
    let artifact = store::publish(object, &file, build.version.clone(), ctx, move |storage, location| {
        Ok(storage.publish(location, |out| std::io::Write::write_all(out, &data))?)
    })
    .await?;
    let said = (build.reason(), build.summary());
    Ok(Outcome::Made(Box::new(Made { artifact, observed, stored: said.clone(), told: said })))
}

/// Whether the last pass has seen this revision of the source, and this specification, and went well.
fn is_seen(object: &HelmChart, revision: &str) -> bool {
    object.status.artifact.is_some()
        && object.status.observed_source_artifact_revision == revision
        && Some(object.status.observed_generation()) == object.metadata.generation
        && !crate::source::status::had_failed(&object.status)
}

async fn source<K: Cached>(object: &HelmChart, cache: &Cache<K>) -> Result<std::sync::Arc<K>, Failure> {
    cache.synced().await;
    let name = &object.spec.source_ref.name;
    cache.get(&Key::new(&namespace(object), name)).ok_or_else(|| {
        let kind = K::kind(&());
        let message = format!("failed to get source: {kind} '{}/{name}' not found", namespace(object));
        Failure { aspect: Aspect::Fetch, remedy: Remedy::Wait, reason: "SourceUnavailable", message }
    })
}

fn artifact<K: Source>(object: &HelmChart, source: &K) -> Result<Artifact, Failure> {
    K::artifact(source.state()).cloned().ok_or_else(|| {
        let message = format!("no artifact available for {} source '{}'", K::KIND, object.spec.source_ref.name);
        Failure { aspect: Aspect::Fetch, remedy: Remedy::Wait, reason: "NoSourceArtifact", message }
    })
}

/// The chart's name, if it may be one.
fn name(object: &HelmChart) -> Result<&str, Failure> {
    let name = object.spec.chart.as_str();
    let pattern = Regex::new(NAME).map_err(failure::reference)?;
    if name.len() > NAME_BYTES || !pattern.is_match(name) {
        let shown = sluice_http::peer_text(name.as_bytes());
        return Err(failure::reference(format!("invalid chart name '{shown}', a valid name must match '{NAME}'")));
    }
    Ok(name)
}

async fn from_index(
    object: &HelmChart,
    repository: &HelmRepository,
    index: &Artifact,
    ctx: &Context,
) -> Result<Build, Failure> {
    let name = name(object)?;
    let wanted = object.spec.version.clone();
    let unread = |why: String| Failure::retry(Aspect::Storage, "ReadOperationFailed", why);
    let location = Location::parse(&index.path).map_err(|error| unread(error.to_string()))?;
    let digest: Digest =
        index.digest.parse().map_err(|error: sluice_artifact::DigestError| unread(error.to_string()))?;
    let (shared, chart, range) = (ctx.clone(), name.to_owned(), wanted.clone());
    let entry = store::working(ctx, move || {
        let found = shared.indexes.entry(&shared.storage, (&location, &digest), &chart, &range);
        found.map_err(|why| failure::reference(format!("failed to get chart version for remote reference: {why}")))
    })
    .await?;
    let entry = entry.ok_or_else(|| {
        let wanted = if wanted.is_empty() { "*" } else { &wanted };
        failure::reference(format!(
            "failed to get chart version for remote reference: no '{name}' chart with version matching '{wanted}' found"
        ))
    })?;
    let version = with_metadata(&entry.version, &version_metadata(object, None))?;
    if is_served(object, &entry.name, &version) {
        return Ok(served(object, entry.name, version));
    }
    let access = helm_repository::http(object, repository, ctx).await?;
    let deadline = Instant::now() + remote::timeout(repository);
    let (data, chart) = remote::pull(&repository.spec.url, &entry, &access, deadline, ctx).await?;
    packed(object, chart, data, version, ctx).await
}

async fn from_registry(object: &HelmChart, repository: &HelmRepository, ctx: &Context) -> Result<Build, Failure> {
    let chart = name(object)?;
    let remote = helm_repository::registry(object, repository, chart, ctx).await?;
    let wanted = if object.spec.version.is_empty() { "*" } else { object.spec.version.as_str() };
    let plain = registry::version(&remote, wanted).await?;
    let version = with_metadata(&plain, &version_metadata(object, None))?;
    let name = chart.rsplit('/').next().unwrap_or(chart);
    if is_served(object, name, &version) {
        return Ok(served(object, name.to_owned(), version));
    }
    let (data, chart) = registry::pull(&remote, &plain, ctx).await?;
    packed(object, chart, data, version, ctx).await
}

fn served(object: &HelmChart, name: String, version: String) -> Build {
    let values_files = object.status.observed_values_files.clone();
    Build { name, version, data: None, is_packaged: !self::values_files(object).is_empty(), values_files }
}

/// The chart as it came, or with the values files merged.
async fn packed(
    object: &HelmChart,
    chart: Chart,
    data: bytes::Bytes,
    version: String,
    ctx: &Context,
) -> Result<Build, Failure> {
    let name = chart.name().to_owned();
    let names = values_files(object).to_vec();
    if names.is_empty() {
        return Ok(Build { name, version, data: Some(data), is_packaged: false, values_files: Vec::new() });
    }
    let (object, options) = (object.clone(), ctx.options.clone());
    store::working(ctx, move || {
        let mut content = files(&chart);
        let read = |name: &str| {
            let at = sluice_tree::path::join("", name).map_err(|error| error.to_string())?;
            Ok(content.get(&at).cloned())
        };
        let (values, merged) = merge_values(&object, &names, read)?;
        set_values(&mut content, values)?;
        set_version(&mut content, &version)?;
        let data = pack(&name, &content, &options)?;
        Ok(Build { name, version, data: Some(data), is_packaged: true, values_files: merged })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_name_leads_nowhere_else() {
        let check = |text: &str, want: bool| {
            let mut object = HelmChart::default();
            object.spec.chart = text.into();
            assert_eq!(name(&object).is_ok(), want, "{text}");
        };
        for good in ["podinfo", "org/app", "a.b", "my-app"] {
            check(good, true);
        }
        for bad in ["", "..", "../x", "/etc", "A", "a\0", "a b", "a//b", &"x".repeat(1000)] {
            check(bad, false);
        }
    }
}
