//! A chart from a source of files.

use bytes::Bytes;
use sluice_api::meta::Artifact;
use sluice_api::source::{HelmChart, ReconcileStrategy};
use sluice_artifact::{Digest, Location};
use sluice_helm::Chart;
use sluice_tree::{Entry, Limits, Tree, path};

use super::build::{Build, is_served, values_files, version_metadata, with_metadata};
use super::package::{files, limits, merge_values, pack, set_values, set_version};
use super::{dependencies, failure};
use crate::context::Context;
use crate::source::failure::{Aspect, Failure};
use crate::source::store::working;

/// A chart as it lies in a source.
struct Found {
    tree: Tree,
    /// The chart's folder; empty is the root.
    folder: String,
    chart: Chart,
    /// The packed chart, where it lies packed.
    packed: Option<Bytes>,
}

/// Builds the chart at `spec.chart` in the files of an artifact.
pub async fn build(object: &HelmChart, artifact: &Artifact, ctx: &Context) -> Result<Build, Failure> {
    let found = find(object, artifact, ctx).await?;
    let by_revision = object.spec.reconcile_strategy == ReconcileStrategy::Revision;
    let metadata = version_metadata(object, by_revision.then_some(artifact.revision.as_str()));
    let name = found.chart.name().to_owned();
    let version = with_metadata(&found.chart.metadata.version, &metadata)?;
    let names = values_files(object).to_vec();
    if is_served(object, &name, &version) {
        let values_files = object.status.observed_values_files.clone();
        return Ok(Build { name, version, data: None, is_packaged: true, values_files });
    }
    let mut content = files(&found.chart);
    if found.packed.is_none() {
        content.extend(dependencies::missing(object, &found.chart, &found.tree, &found.folder, ctx).await?);
    }
    let (object, options) = (object.clone(), ctx.options.clone());
    working(ctx, move || {
        let mut merged = Vec::new();
        if !names.is_empty() {
            let (values, there) = merge_values(&object, &names, |name| read(&found.tree, name))?;
            set_values(&mut content, values)?;
            merged = there;
        }
        if let (Some(packed), true) = (found.packed, names.is_empty() && metadata.is_empty()) {
            return Ok(Build { name, version, data: Some(packed), is_packaged: false, values_files: merged });
        }
        set_version(&mut content, &version)?;
        let data = pack(&name, &content, &options)?;
        Ok(Build { name, version, data: Some(data), is_packaged: true, values_files: merged })
    })
    .await
}

async fn find(object: &HelmChart, artifact: &Artifact, ctx: &Context) -> Result<Found, Failure> {
    let at = path::join("", &object.spec.chart)
        .map_err(|error| failure::reference(format!("spec.chart `{}`: {error}", object.spec.chart)))?;
    let unread = |why: String| Failure::retry(Aspect::Storage, "ReadOperationFailed", why);
    let location = Location::parse(&artifact.path).map_err(|error| unread(error.to_string()))?;
    let digest: Digest =
        artifact.digest.parse().map_err(|error: sluice_artifact::DigestError| unread(error.to_string()))?;
    let (storage, limits) = (ctx.storage.clone(), limits(&ctx.options));
    let (most, revision) = (ctx.options.helm_chart_max_size, artifact.revision.clone());
    working(ctx, move || {
        let tree = storage.read_tree(&location, &digest, &Limits::default()).map_err(|it| unread(it.to_string()))?;
        let bad = |error: sluice_helm::Error| failure::reference(format!("`{at}` in '{revision}': {error}"));
        if let Some(Entry::File { data, .. }) = tree.get(&at) {
            if data.len() as u64 > most {
                let why = format!("`{at}` has {} bytes, more than {most} (--helm-chart-max-size)", data.len());
                return Err(failure::reference(why));
            }
            let (packed, chart) = (data.clone(), Chart::from_archive(data, &limits).map_err(bad)?);
            return Ok(Found { tree, folder: String::new(), chart, packed: Some(packed) });
        }
        let folder = if at.is_empty() { Some(tree.clone()) } else { tree.subtree(&at) };
        let folder = folder.ok_or_else(|| failure::reference(format!("no chart at '{at}' in '{revision}'")))?;
        let chart = Chart::load(&folder, &limits).map_err(bad)?;
        Ok(Found { tree, folder: at, chart, packed: None })
    })
    .await
}

/// A values file, by its path from the root of the source.
fn read(tree: &Tree, name: &str) -> Result<Option<Bytes>, String> {
    let at = path::join("", name).map_err(|error| error.to_string())?;
    match tree.get(&at) {
        Some(Entry::File { data, .. }) => Ok(Some(data.clone())),
        Some(Entry::Directory) => Err("it is a folder".into()),
        Some(Entry::Symlink { .. }) => Err("it is a symbolic link".into()),
        None => Ok(None),
    }
}
