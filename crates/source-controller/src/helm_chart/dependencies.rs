//! Dependencies that a chart in a source lists and lacks (spec/flux/source.md §5).

use std::io::{Seek, Write as _};

use bytes::Bytes;
use serde_json::Value;
use sluice_api::source::{HelmChart, HelmRepository, HelmRepositoryType};
use sluice_artifact::{Digest, Location};
use sluice_helm::Chart;
use sluice_oci::{Access, RepositoryName};
use sluice_tree::{Tree, path};
use sluice_version::{Constraint, Version};
use tokio::time::Instant;

use super::package::{Files, files, limits};
use super::{failure, registry, remote};
use crate::context::Context;
use crate::helm_repository::{self, HttpAccess, base_url, convert, fetch_index};
use crate::source::failure::Failure;
use crate::source::namespace;
use crate::source::store::working;

/// Dependencies that are built for one chart.
const MOST: usize = 200;

/// One that is lacking.
struct Wanted {
    name: String,
    version: String,
    repository: String,
}

/// The files that the chart's missing dependencies add to it.
pub async fn missing(
    object: &HelmChart,
    chart: &Chart,
    tree: &Tree,
    folder: &str,
    ctx: &Context,
) -> Result<Files, Failure> {
    let mut added = Files::new();
    let wanted: Vec<Wanted> = wanted(chart);
    if wanted.len() > MOST {
        return Err(failure::dependency(format!("{} dependencies are missing, more than {MOST}", wanted.len())));
    }
    for want in wanted {
        let named = |failure: Failure| {
            let message = format!("{}: dependency '{}'", failure.message, want.name);
            Failure { message, ..failure }
        };
        let repository = want.repository.trim_end_matches('/');
        if repository.is_empty() || repository.starts_with("file://") {
            added.extend(beside(&want, tree, folder, ctx).await.map_err(named)?);
            continue;
        }
        if repository.starts_with('@') || repository.starts_with("alias:") {
            return Err(named(failure::dependency("repositories by alias are not supported; name the address")));
        }
        let (name, data) = fetched(object, &want, ctx).await.map_err(|failed| {
            // Whatever failed, it failed for a dependency.
            let reason = failed.reason;
            let as_dependency = failure::dependency(&failed.message);
            named(if reason == "AuthenticationFailed" { Failure { reason, ..as_dependency } } else { as_dependency })
        })?;
        added.insert(format!("charts/{name}"), data);
    }
    Ok(added)
}

/// What Chart.lock lists, else Chart.yaml, and `charts/` lacks.
fn wanted(chart: &Chart) -> Vec<Wanted> {
    let has = |name: &str| chart.dependencies.iter().any(|it| it.name() == name);
    let locked = chart.lock.as_ref().and_then(|lock| lock.dependencies.as_array());
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let all: Vec<Wanted> = match locked {
        Some(list) => list
            .iter()
            .map(|it| Wanted {
                name: text(it, "name"),
                version: text(it, "version"),
                repository: text(it, "repository"),
            })
            .collect(),
        None => chart
            .metadata
            .dependencies
            .iter()
            .flatten()
            .map(|it| Wanted { name: it.name.clone(), version: it.version.clone(), repository: it.repository.clone() })
            .collect(),
    };
    all.into_iter().filter(|it| !has(&it.name)).collect()
}

/// A chart in the same source.
async fn beside(want: &Wanted, tree: &Tree, folder: &str, ctx: &Context) -> Result<Files, Failure> {
    let relative = want.repository.strip_prefix("file://").unwrap_or_default();
    if relative.is_empty() && want.repository.is_empty() {
        return Err(failure::dependency(format!("it names no repository, and charts/{} is not there", want.name)));
    }
    let at = path::join(folder, relative);
    let at = at.map_err(|error| failure::dependency(format!("`{}`: {error}", want.repository)))?;
    let subtree = tree.subtree(&at).ok_or_else(|| failure::dependency(format!("no chart found at '{at}'")))?;
    let limits = limits(&ctx.options);
    let loaded =
        working(ctx, move || Chart::load(&subtree, &limits).map_err(|error| failure::dependency(error.to_string())));
    let chart = loaded.await?;
    if !fits(&want.version, &chart.metadata.version) {
        let found = &chart.metadata.version;
        return Err(failure::dependency(format!(
            "can't get a valid version for constraint '{}': found '{found}'",
            want.version
        )));
    }
    let name = chart.name().to_owned();
    Ok(files(&chart).into_iter().map(|(path, data)| (format!("charts/{name}/{path}"), data)).collect())
}

fn fits(range: &str, version: &str) -> bool {
    match (Constraint::parse(if range.is_empty() { "*" } else { range }), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

/// A chart from elsewhere: its file name and bytes.
async fn fetched(object: &HelmChart, want: &Wanted, ctx: &Context) -> Result<(String, Bytes), Failure> {
    let known = known_repository(object, &want.repository, ctx);
    let (data, chart) = if let Some(rest) = want.repository.strip_prefix("oci://") {
        let repository = match &known {
            Some(known) => helm_repository::registry(object, known, &want.name, ctx).await?,
            None => {
                let name = format!("{}/{}", rest.trim_end_matches('/'), want.name);
                let name: RepositoryName =
                    name.parse().map_err(|error: sluice_oci::ReferenceError| failure::dependency(error.to_string()))?;
                ctx.oci.repository(&name, &Access::default(), std::time::Duration::from_secs(60))
            }
        };
        let version = registry::version(&repository, &want.version).await?;
        registry::pull(&repository, &version, ctx).await?
    } else {
        by_index(object, want, known.as_deref(), ctx).await?
    };
    Ok((format!("{}-{}.tgz", chart.name(), chart.metadata.version), data))
}

async fn by_index(
    object: &HelmChart,
    want: &Wanted,
    known: Option<&HelmRepository>,
    ctx: &Context,
) -> Result<(Bytes, Chart), Failure> {
    let (access, timeout) = match known {
        Some(known) => (helm_repository::http(object, known, ctx).await?, remote::timeout(known)),
        None => (HttpAccess::default(), std::time::Duration::from_secs(60)),
    };
    let deadline = Instant::now() + timeout;
    let (shared, wanted) = (ctx.clone(), (want.name.clone(), want.version.clone()));
    let missing = || format!("no '{}' chart with version matching '{}' found", want.name, want.version);
    let artifact = known.and_then(|it| it.status.artifact.as_ref());
    let place = artifact.and_then(|it| Some((Location::parse(&it.path).ok()?, it.digest.parse::<Digest>().ok()?)));
    let entry = match place {
        Some((location, digest)) => {
            working(ctx, move || {
                let found = shared.indexes.entry(&shared.storage, (&location, &digest), &wanted.0, &wanted.1);
                found.map_err(failure::dependency)
            })
            .await?
        }
        None => {
            let base = base_url(&want.repository)?;
            let fetched = fetch_index(&base, &access, deadline, ctx).await;
            let (mut raw, ..) = fetched.map_err(failure::dependency)?;
            working(ctx, move || {
                let io = |error: std::io::Error| failure::dependency(format!("a temporary file: {error}"));
                let mut stored = tempfile::NamedTempFile::new().map_err(io)?;
                convert(&mut raw, &mut stored).map_err(|error| failure::dependency(error.to_string()))?;
                stored.flush().and_then(|()| stored.rewind()).map_err(io)?;
                helm_repository::pick(stored.path(), &wanted.0, &wanted.1).map_err(failure::dependency)
            })
            .await?
        }
    };
    let entry = entry.ok_or_else(|| failure::dependency(missing()))?;
    remote::pull(&want.repository, &entry, &access, deadline, ctx).await
}

/// The HelmRepository in the chart's namespace that has the same address, for its credentials.
fn known_repository(object: &HelmChart, url: &str, ctx: &Context) -> Option<std::sync::Arc<HelmRepository>> {
    let own = namespace(object);
    let plain = |url: &str| url.trim_end_matches('/').to_owned();
    let is_registry = url.starts_with("oci://");
    let mut all = ctx.helm_repositories.cache.all();
    all.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    all.into_iter().find(|it| {
        namespace(it.as_ref()) == own
            && plain(&it.spec.url) == plain(url)
            && (it.spec.type_ == HelmRepositoryType::Oci) == is_registry
            && it.metadata.deletion_timestamp.is_none()
    })
}
