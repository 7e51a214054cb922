//! One pass over an ImageRepository: is it time, and which tags are there (spec/flux/image.md §1).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sluice_api::image::{ImageRepository, ImageRepositoryStatus, ScanResult};
use sluice_api::meta::{Time, find};
use sluice_oci::{Access, ErrorKind, RepositoryName};
use sluice_runtime::{Key, Requeue, Severity};
use tracing::{debug, error, info};

use super::scan::{self, Form};
use super::{access, name};
use crate::context::Context;
use crate::failure::{self, Failure, Remedy};
use crate::lifecycle;

/// What a pass found.
struct Looked {
    /// The scan, if it was time for one.
    scan: Option<Scan>,
    /// When to look again.
    next: Duration,
}

struct Scan {
    image: String,
    result: ScanResult,
    exclusions: Vec<String>,
    /// Whether policies have to look again although the revision may be the same.
    was_empty: bool,
}

/// One pass, from the object as it is in the cache to when it is to be looked at again.
pub async fn run(object: Arc<ImageRepository>, ctx: &Context) -> Requeue {
    if object.metadata.deletion_timestamp.is_some() {
        return end(object.as_ref(), ctx).await;
    }
    let object = match lifecycle::finalized(object, &ctx.repositories, ctx).await {
        Ok(object) => object,
        Err(requeue) => return requeue,
    };
    let before = &object.status;
    let mut after = before.clone();
    let generation = object.metadata.generation.unwrap_or_default();
    if object.spec.suspend {
        lifecycle::handled(object.as_ref(), &mut after);
        after.observed_generation = generation;
        let written = lifecycle::write(object.as_ref(), before, &after, &ctx.repositories, ctx).await;
        return if written { Requeue::Never } else { Requeue::Backoff };
    }
    let outcome = look(&object, ctx).await;
    conclude(&mut after, generation, &outcome);
    lifecycle::handled(object.as_ref(), &mut after);
    if !lifecycle::write(object.as_ref(), before, &after, &ctx.repositories, ctx).await {
        return Requeue::Backoff;
    }
    tell(&object, before, &after, &outcome, ctx)
}

async fn end(object: &ImageRepository, ctx: &Context) -> Requeue {
    let (tags, key) = (ctx.clone(), Key::of(object));
    let removed = tokio::task::spawn_blocking(move || tags.tags.remove(&key)).await;
    if let Ok(Err(error)) = removed {
        error!(%error, "the kept tags could not be removed");
        return Requeue::Backoff;
    }
    lifecycle::release(object, ctx).await
}

async fn look(object: &ImageRepository, ctx: &Context) -> Result<Looked, Failure> {
    let name = name(object)?;
    let key = Key::of(object);
    let timeout = scan::timeout(object);
    let mut secrets = Vec::new();
    let access = tokio::time::timeout(timeout, access(object, &name, &mut secrets, ctx)).await;
    ctx.repositories.secrets.set(key.clone(), secrets);
    let access =
        access.map_err(|_| Failure::retry("AuthenticationFailed", "the API server does not answer in time"))??;
    let image = name.to_string();
    let kept = load(&key, &image, ctx).await?.len();
    let interval = scan::interval(object);
    match scan::why(object, &image, kept, Timestamp::now()) {
        Ok(why) => {
            debug!(?why, "scanning");
            let scan = scan(object, &name, &access, timeout, kept == 0, ctx).await?;
            // Never sooner than the interval: the pass would find that it is not time yet.
            Ok(Looked { scan: Some(scan), next: ctx.jittered(interval).max(interval) })
        }
        Err(next) => Ok(Looked { scan: None, next }),
    }
}

/// The tags that are kept of a repository.
///
/// # Errors
/// When the thread that reads them is aborted.
pub async fn load(key: &Key, image: &str, ctx: &Context) -> Result<Vec<String>, Failure> {
    let (tags, key, image) = (ctx.clone(), key.clone(), image.to_owned());
    let loaded = tokio::task::spawn_blocking(move || tags.tags.load(&key, &image)).await;
    loaded.map_err(|_| Failure::retry("ReadOperationFailed", "reading the kept tags was aborted; it is tried again"))
}

async fn scan(
    object: &ImageRepository,
    name: &RepositoryName,
    access: &Access,
    timeout: Duration,
    was_empty: bool,
    ctx: &Context,
) -> Result<Scan, Failure> {
    let key = Key::of(object);
    let exclusions = scan::exclusions(object);
    let registry = ctx.registry(name.registry());
    let _permit = registry.acquire().await;
    if let Some(until) = ctx.patience.until(name, access) {
        return Err(left_alone(name, until));
    }
    let before = ctx.listings.get(&key, name, access);
    let listed = ctx.oci.repository(name, access, timeout).list(before.as_deref()).await;
    let listing = listed.map_err(|error| oci_failure("scan failed", name, access, error, ctx))?;
    let form = if ctx.gate("FluxStorage") { Form::Sha256 } else { Form::Adler32 };
    let (pages, fetched) = (listing.pages(), listing.fetched());
    let (store, saved, image) = (ctx.clone(), key.clone(), name.to_string());
    // Filtering and sorting a million tags takes a while; it must not keep other passes waiting.
    let work = tokio::task::spawn_blocking(move || {
        let failed = |why: String| Failure::retry("ReadOperationFailed", format!("scan failed: {why}"));
        let tags = scan::kept(listing.tags(), &exclusions).map_err(failed)?;
        store.tags.save(&saved, &image, &tags).map_err(|error| failed(format!("failed to set tags: {error}")))?;
        let result = ScanResult {
            revision: scan::revision(&tags, form),
            tag_count: i64::try_from(tags.len()).unwrap_or(i64::MAX),
            scan_time: Some(Time::now()),
            latest_tags: scan::shown(&tags),
        };
        Ok((listing, Scan { image, result, exclusions, was_empty }))
    });
    let aborted = |_| Failure::retry("ReadOperationFailed", "scan failed: it was aborted; it is tried again");
    let (listing, scan) = work.await.map_err(aborted)??;
    ctx.listings.keep(key, name, access, listing);
    debug!(tags = scan.result.tag_count, pages, fetched, "scanned");
    Ok(scan)
}

/// That a registry asked to be left alone.
fn left_alone(name: &RepositoryName, until: Timestamp) -> Failure {
    let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
    let until = Time::from(until);
    let message =
        format!("scan failed: {name}: the registry asked to be left alone; it is asked again at {until}, not before");
    // A moment more: at that time, not just before.
    Failure::wait("ReadOperationFailed", message, wait + Duration::from_millis(1))
}

/// The failure that an error of a registry is. What the registry asks of us is remembered.
pub fn oci_failure(
    doing: &str,
    name: &RepositoryName,
    access: &Access,
    error: sluice_oci::Error,
    ctx: &Context,
) -> Failure {
    if error.kind == ErrorKind::Access {
        return Failure::retry("AuthenticationFailed", error.to_string());
    }
    let Some(wait) = error.retry_after.filter(|it| !it.is_zero()) else {
        return Failure::retry("ReadOperationFailed", format!("{doing}: {error}"));
    };
    let until = ctx.patience.asked(name, access, wait);
    let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
    let message = format!("{doing}: {error}; it is asked again at {}, not before", Time::from(until));
    Failure::wait("ReadOperationFailed", message, wait + Duration::from_millis(1))
}

/// What the user reads after a pass. Pure.
fn conclude(status: &mut ImageRepositoryStatus, generation: i64, outcome: &Result<Looked, Failure>) {
    match outcome {
        Ok(looked) => {
            if let Some(scan) = &looked.scan {
                status.canonical_image_name.clone_from(&scan.image);
                status.observed_exclusion_list.clone_from(&scan.exclusions);
                status.last_scan_result = Some(scan.result.clone());
            }
            let (count, revision) =
                status.last_scan_result.as_ref().map_or((0, ""), |it| (it.tag_count, it.revision.as_str()));
            let message = format!("successful scan: found {count} tags with checksum {revision}");
            failure::succeeded(status, generation, &message);
        }
        Err(failure) => failure::failed(status, generation, failure),
    }
}

fn tell(
    object: &ImageRepository,
    before: &ImageRepositoryStatus,
    after: &ImageRepositoryStatus,
    outcome: &Result<Looked, Failure>,
    ctx: &Context,
) -> Requeue {
    let ready = |status: &ImageRepositoryStatus| {
        find(&status.conditions, "Ready").map(|it| (it.is_true(), it.reason.clone(), it.message.clone()))
    };
    let changed = ready(before) != ready(after);
    match outcome {
        Ok(looked) => {
            if changed && let Some((_, _, message)) = ready(after) {
                info!("{message}");
                ctx.event(object, Severity::Info, "Succeeded", &message);
            }
            // The watch brings a new revision; that there are tags again shows in no status.
            if looked.scan.as_ref().is_some_and(|it| it.was_empty && it.result.tag_count > 0) {
                crate::policy::wake(&Key::of(object), ctx);
            }
            Requeue::After(looked.next)
        }
        Err(failure) => {
            error!(reason = failure.reason, error = %failure, "the pass failed");
            if changed || failure.remedy == Remedy::Retry {
                ctx.event(object, Severity::Error, failure.reason, &failure.message);
            }
            match failure.remedy {
                Remedy::Retry => Requeue::Backoff,
                Remedy::Wait(wait) => Requeue::RetryAfter(wait),
                Remedy::Change => Requeue::Never,
            }
        }
    }
}
