//! A chart from a registry.

use bytes::Bytes;
use sluice_helm::Chart;
use sluice_oci::{ErrorKind, Platform, Repository, Target, media};
use sluice_version::{Version, pick};

use super::failure;
use super::remote::load;
use crate::context::Context;
use crate::source::failure::{Failure, Remedy};

/// The version that `wanted` means: itself, or the highest of a range among the tags.
pub async fn version(repository: &Repository, wanted: &str) -> Result<String, Failure> {
    if Version::parse_tag(wanted).is_ok() {
        return Ok(wanted.to_owned());
    }
    let tags = repository.tags().await.map_err(|error| pulling(&error))?;
    // A tag cannot have a `+`; charts have `_` in its place.
    let versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let found = pick::helm_oci(wanted, &versions).map_err(|error| failure::reference(error.to_string()))?;
    found.map(str::to_owned).ok_or_else(|| {
        let name = repository.name();
        let why = format!("could not locate a version matching provided version string {wanted} of '{name}'");
        // Nobody tells when a registry has a new tag, so it is looked for again.
        Failure { remedy: Remedy::Retry, ..failure::reference(why) }
    })
}

/// Gets the packed chart of a version.
pub async fn pull(repository: &Repository, version: &str, ctx: &Context) -> Result<(Bytes, Chart), Failure> {
    let tag = Target::tag(&version.replace('+', "_")).map_err(|error| failure::reference(error.to_string()))?;
    let (_, manifest) = repository.image(&tag, &Platform::linux_amd64()).await.map_err(|error| pulling(&error))?;
    let layer = manifest.layers.iter().find(|it| it.media_type == media::HELM_CHART).ok_or_else(|| {
        failure::pull(format!("{}:{tag}: it is no chart: no layer is `{}`", repository.name(), media::HELM_CHART))
    })?;
    let data = repository.blob_bytes(layer, ctx.options.helm_chart_max_size).await.map_err(|error| pulling(&error))?;
    let data = Bytes::from(data);
    let name = repository.name().path().rsplit('/').next().unwrap_or_default();
    let chart = load(data.clone(), name, version, ctx).await?;
    Ok((data, chart))
}

/// The failure that an error of a registry is.
pub fn pulling(error: &sluice_oci::Error) -> Failure {
    let failed = failure::pull(error);
    match error.kind {
        ErrorKind::Access | ErrorKind::Authentication => Failure { reason: "AuthenticationFailed", ..failed },
        _ => failed,
    }
}
