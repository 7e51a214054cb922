//! A chart from a repository with an index.

use std::time::Duration;

use bytes::Bytes;
use sluice_api::source::HelmRepository;
use sluice_artifact::Digest;
use sluice_helm::Chart;
use sluice_http::Url;
use tokio::time::Instant;

use super::failure;
use super::package::limits;
use crate::context::Context;
use crate::helm_repository::{Entry, HttpAccess, base_url, fetch};
use crate::source::failure::Failure;

/// The time that a repository's requests may take.
pub fn timeout(repository: &HelmRepository) -> Duration {
    let timeout = repository.spec.timeout.as_ref().and_then(|it| it.to_std().ok());
    timeout.unwrap_or(Duration::from_secs(60))
}

/// Gets the packed chart of an entry, and checks that it is the one.
pub async fn pull(
    repository: &str,
    entry: &Entry,
    access: &HttpAccess,
    deadline: Instant,
    ctx: &Context,
) -> Result<(Bytes, Chart), Failure> {
    let base = base_url(repository)?;
    let url = address(&base, entry)?;
    let answer = fetch(&url, access, deadline, ctx).await.map_err(failure::pull)?;
    let limit = ctx.options.helm_chart_max_size;
    let data =
        answer.body.all(limit).await.map_err(|error| failure::pull(format!("{error} (--helm-chart-max-size)")))?;
    let data = Bytes::from(data);
    let digest = entry.digest.strip_prefix("sha256:").unwrap_or(&entry.digest);
    let found = Digest::of(&data);
    if !digest.is_empty() && !digest.eq_ignore_ascii_case(found.hex()) {
        let at = sluice_http::redact(url.as_str());
        let digest = sluice_http::peer_text(digest.as_bytes());
        return Err(failure::pull(format!("{at}: the chart has digest {}, the index says {digest}", found.hex())));
    }
    let chart = load(data.clone(), &entry.name, &entry.version, ctx).await?;
    Ok((data, chart))
}

/// Loads a packed chart that is to be `name` in `version`.
pub async fn load(data: Bytes, name: &str, version: &str, ctx: &Context) -> Result<Chart, Failure> {
    let limits = limits(&ctx.options);
    let chart = crate::source::store::working(ctx, move || {
        Chart::from_archive(&data, &limits).map_err(|error| failure::pull(error.to_string()))
    })
    .await?;
    if chart.name() != name || chart.metadata.version != version {
        let (found_name, found_version) = (chart.name(), &chart.metadata.version);
        let why = format!("the chart is '{found_name}' in version '{found_version}', expected '{name}' in '{version}'");
        return Err(failure::pull(why));
    }
    Ok(chart)
}

/// Where the chart of an entry lies: its first address, relative to the repository.
fn address(base: &Url, entry: &Entry) -> Result<Url, Failure> {
    let first = entry.urls.first().ok_or_else(|| {
        failure::pull(format!("chart '{}' in version '{}' has no downloadable URLs", entry.name, entry.version))
    })?;
    let shown = sluice_http::redact(first);
    let mut url = base.join(first).map_err(|_| failure::pull(format!("`{shown}` in the index is no address")))?;
    if url.scheme() == "oci" || !matches!(url.scheme(), "http" | "https") {
        return Err(failure::pull(format!("`{shown}` in the index is not of http:// or https://")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(failure::pull(format!("`{shown}` in the index holds credentials; use spec.secretRef")));
    }
    if base.scheme() == "https" && url.scheme() == "http" {
        return Err(failure::pull(format!("`{shown}` in the index leads from https to http")));
    }
    // As Helm: a query of the repository, often a token, goes along.
    if url.query().is_none() && sluice_http::same_origin(base, &url) {
        url.set_query(base.query());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_lies_relative_to_its_repository() {
        let check = |base: &str, url: &str, want: Option<&str>| {
            let entry: Entry =
                serde_json::from_value(serde_json::json!({"name": "a", "version": "1", "urls": [url]})).unwrap();
            let found = address(&base_url(base).unwrap(), &entry);
            assert_eq!(found.as_ref().ok().map(Url::as_str), want, "{url}");
        };
        check("https://h.io/charts", "a.tgz", Some("https://h.io/charts/a.tgz"));
        check("https://h.io/charts?t=1", "a.tgz", Some("https://h.io/charts/a.tgz?t=1"));
        check("https://h.io/charts", "https://cdn.io/a.tgz", Some("https://cdn.io/a.tgz"));
        check("https://h.io/charts", "//cdn.io/a.tgz", Some("https://cdn.io/a.tgz"));
        for bad in ["http://h.io/a.tgz", "file:///etc/passwd", "oci://h.io/a", "https://u:p@h.io/a"] {
            check("https://h.io/charts", bad, None);
        }
    }
}
