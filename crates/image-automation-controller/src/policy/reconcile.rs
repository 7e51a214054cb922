//! One pass over an ImagePolicy: which of the kept tags is wanted (spec/flux/image.md §2).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use sluice_api::image::{ImagePolicy, ImagePolicyStatus, ImageRef, ImageRepository, ReflectionPolicy};
use sluice_api::meta::{Time, find};
use sluice_oci::{Access, RepositoryName, Target};
use sluice_policy::{Choice, ChooseError, DigestReflection, FilterTags, Latest, choose, needs_digest};
use sluice_runtime::{Key, Requeue, Severity, duration_text};
use tracing::{error, info};

use super::{age, dependency};
use crate::context::Context;
use crate::failure::{self, Failure, Remedy};
use crate::lifecycle;
use crate::repository;

/// `enabled`: what would be chosen is told, and nothing is.
pub const DRY_RUN: &str = "sluice.dev/dry-run";
/// Tags whose age is looked at in one pass.
const LOOKS: usize = 50;
/// How often a digest is looked up where the interval is zero.
const INTERVAL: Duration = Duration::from_secs(600);
/// Time for what is asked of a registry.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a pass found.
struct Found {
    chosen: Latest,
    /// When to look again, if not only when something changes.
    next: Option<Duration>,
}

/// A registry, once somebody has to ask it.
struct Registry<'a> {
    name: RepositoryName,
    repository: &'a ImageRepository,
    access: Option<Access>,
    secrets: Vec<Key>,
}

/// One pass, from the object as it is in the cache to when it is to be looked at again.
pub async fn run(object: Arc<ImagePolicy>, ctx: &Context) -> Requeue {
    if object.metadata.deletion_timestamp.is_some() {
        return lifecycle::release(object.as_ref(), ctx).await;
    }
    let object = match lifecycle::finalized(object, &ctx.policies, ctx).await {
        Ok(object) => object,
        Err(requeue) => return requeue,
    };
    let before = &object.status;
    let mut after = before.clone();
    let generation = object.metadata.generation.unwrap_or_default();
    if object.spec.suspend {
        lifecycle::handled(object.as_ref(), &mut after);
        after.observed_generation = generation;
        let written = lifecycle::write(object.as_ref(), before, &after, &ctx.policies, ctx).await;
        return if written { Requeue::Never } else { Requeue::Backoff };
    }
    let outcome = look(&object, ctx).await;
    conclude(&mut after, generation, &outcome, is_dry_run(&object));
    lifecycle::handled(object.as_ref(), &mut after);
    if !lifecycle::write(object.as_ref(), before, &after, &ctx.policies, ctx).await {
        return Requeue::Backoff;
    }
    tell(&object, before, &after, &outcome, ctx)
}

async fn look(object: &ImagePolicy, ctx: &Context) -> Result<Found, Failure> {
    let interval = interval(object)?;
    let choice = choice(object)?;
    let repository = dependency::find(object, ctx).await?;
    let name = repository::name(&repository)?;
    let tags = repository::load(&Key::of(repository.as_ref()), &name.to_string(), ctx).await?;
    if tags.is_empty() {
        let wait = ctx.options.requeue_dependency.0;
        let message = format!("retrying in {} error: no tags in database", duration_text(wait));
        return Err(Failure::wait("DependencyNotReady", message, wait));
    }
    let mut registry = Registry { name, repository: &repository, access: None, secrets: Vec::new() };
    let found = choose_and_pin(object, &choice, &tags, &mut registry, ctx).await;
    ctx.policies.secrets.set(Key::of(object), registry.secrets);
    let (chosen, wait) = found?;
    Ok(Found { chosen, next: [interval.map(|it| ctx.jittered(it)), wait].into_iter().flatten().min() })
}

async fn choose_and_pin(
    object: &ImagePolicy,
    choice: &Choice,
    tags: &[String],
    registry: &mut Registry<'_>,
    ctx: &Context,
) -> Result<(Latest, Option<Duration>), Failure> {
    let (tag, wait) = old_enough(object, choice, tags, registry, ctx).await?;
    let mut chosen = Latest { name: registry.repository.spec.image.clone(), tag, digest: String::new() };
    let status = object.status.latest_ref.as_ref().map(latest);
    let reflection = match &object.spec.digest_reflection_policy {
        ReflectionPolicy::Always => DigestReflection::Always,
        ReflectionPolicy::IfNotPresent => DigestReflection::IfNotPresent,
        // What a later version may know is as if it were not there.
        ReflectionPolicy::Never | ReflectionPolicy::Other(_) => DigestReflection::Never,
    };
    if needs_digest(reflection, status.as_ref(), &chosen) {
        chosen.digest = registry.digest(&chosen.tag, ctx).await?;
    } else if reflection != DigestReflection::Never
        && let Some(status) = status
    {
        chosen.digest = status.digest;
    }
    Ok((chosen, wait))
}

/// The tag that the policy takes of those that are old enough, and in how long another one may be.
async fn old_enough(
    object: &ImagePolicy,
    choice: &Choice,
    tags: &[String],
    registry: &mut Registry<'_>,
    ctx: &Context,
) -> Result<(String, Option<Duration>), Failure> {
    let filter = object.spec.filter_tags.as_ref();
    let filter = filter.map(|it| FilterTags { pattern: it.pattern.clone(), extract: it.extract.clone() });
    let mut left: Vec<&str> = tags.iter().map(String::as_str).collect();
    let Some(minimum) = age::minimum(object)? else {
        let tag = choose(choice, filter.as_ref(), left).map_err(refused)?;
        return Ok((tag.to_owned(), None));
    };
    let mut young: Option<(&str, Duration)> = None;
    for _ in 0..LOOKS {
        let tag = match choose(choice, filter.as_ref(), left.iter().copied()) {
            Ok(tag) => tag,
            Err(error) => {
                let Some((tag, wait)) = young else { return Err(refused(error)) };
                let message = format!("no tag is {} old yet; `{tag}` is next", duration_text(minimum));
                return Err(Failure::wait("DependencyNotReady", message, wait));
            }
        };
        let Some(rest) = registry.rest(tag, minimum, ctx).await? else {
            return Ok((tag.to_owned(), young.map(|(_, wait)| wait)));
        };
        if young.is_none_or(|(_, known)| rest < known) {
            young = Some((tag, rest));
        }
        left.retain(|it| *it != tag);
    }
    let message = format!("the {LOOKS} best tags are all younger than {}", duration_text(minimum));
    Err(Failure::wait("DependencyNotReady", message, young.map_or(INTERVAL, |(_, wait)| wait)))
}

impl Registry<'_> {
    /// How long a tag is still too young; `None` when it is old enough.
    async fn rest(&mut self, tag: &str, minimum: Duration, ctx: &Context) -> Result<Option<Duration>, Failure> {
        let doing = format!("failed to look up the age of {}:{tag}", self.name);
        let access = self.access(ctx).await?;
        let made = ctx.ages.made(&ctx.oci.repository(&self.name, &access, self.timeout()), tag).await;
        let made = made.map_err(|error| repository::oci_failure(&doing, &self.name, &access, error, ctx))?;
        let made = made.ok_or_else(|| {
            let why = "the image does not say when it was made; filter it out, or demand no age";
            Failure::retry("Failure", format!("{doing}: {why}"))
        })?;
        let age = Timestamp::now().duration_since(made);
        // What is said to be made in the future is not old.
        let age = Duration::try_from(age).unwrap_or_default();
        Ok(minimum.checked_sub(age).filter(|rest| !rest.is_zero()))
    }

    async fn digest(&mut self, tag: &str, ctx: &Context) -> Result<String, Failure> {
        let doing = format!("failed fetching digest of {}:{tag}", self.repository.spec.image);
        let access = self.access(ctx).await?;
        let repository = ctx.oci.repository(&self.name, &access, self.timeout());
        let target = Target::tag(tag).map_err(|error| Failure::retry("Failure", format!("{doing}: {error}")))?;
        let resolved = repository.resolve(&target).await;
        let resolved = resolved.map_err(|error| repository::oci_failure(&doing, &self.name, &access, error, ctx))?;
        Ok(resolved.digest.to_string())
    }

    async fn access(&mut self, ctx: &Context) -> Result<Access, Failure> {
        let access = match self.access.take() {
            Some(access) => access,
            None => repository::access(self.repository, &self.name, &mut self.secrets, ctx).await?,
        };
        if let Some(until) = ctx.patience.until(&self.name, &access) {
            let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
            let message = format!(
                "{}: the registry asked to be left alone; it is asked again at {}, not before",
                self.name,
                Time::from(until)
            );
            return Err(Failure::wait("ReadOperationFailed", message, wait + Duration::from_millis(1)));
        }
        self.access = Some(access.clone());
        Ok(access)
    }

    fn timeout(&self) -> Duration {
        let own = self.repository.spec.timeout.as_ref().and_then(|it| it.to_std().ok()).filter(|it| !it.is_zero());
        own.unwrap_or(TIMEOUT)
    }
}

/// How often the digest is looked up.
fn interval(object: &ImagePolicy) -> Result<Option<Duration>, Failure> {
    if object.spec.digest_reflection_policy != ReflectionPolicy::Always {
        return Ok(None);
    }
    let stalled = |why: String| Failure::stalled("IntervalNotConfigured", why);
    let interval = object.spec.interval.as_ref().ok_or_else(|| {
        stalled("spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'".to_owned())
    })?;
    let interval = interval.to_std().map_err(|error| stalled(format!("spec.interval: {error}")))?;
    Ok(Some(if interval.is_zero() { INTERVAL } else { interval }))
}

fn choice(object: &ImagePolicy) -> Result<Choice, Failure> {
    let value = serde_json::to_value(&object.spec.policy);
    let choice: Choice = value
        .and_then(serde_json::from_value)
        .map_err(|error| Failure::stalled("InvalidPolicy", format!("invalid policy: {error}")))?;
    if choice == Choice::default() {
        let message =
            "invalid policy: given ImagePolicyChoice object is invalid; set semver, alphabetical or numerical";
        return Err(Failure::stalled("InvalidPolicy", message));
    }
    Ok(choice)
}

fn refused(error: ChooseError) -> Failure {
    match error {
        ChooseError::InvalidPolicy(_) => Failure::stalled("InvalidPolicy", error.to_string()),
        ChooseError::InvalidPattern { .. }
        | ChooseError::NoTags
        | ChooseError::NoneMatches
        | ChooseError::NotANumber(_) => Failure::retry("Failure", error.to_string()),
    }
}

fn latest(image: &ImageRef) -> Latest {
    Latest { name: image.name.clone(), tag: image.tag.clone(), digest: image.digest.clone() }
}

fn is_dry_run(object: &ImagePolicy) -> bool {
    object.annotations().get(DRY_RUN).is_some_and(|it| it == "enabled")
}

/// What the user reads after a pass. Pure.
fn conclude(status: &mut ImagePolicyStatus, generation: i64, outcome: &Result<Found, Failure>, dry_run: bool) {
    let found = match outcome {
        Ok(found) => found,
        Err(failure) => return failure::failed(status, generation, failure),
    };
    let chosen = &found.chosen;
    let image = ImageRef { name: chosen.name.clone(), tag: chosen.tag.clone(), digest: chosen.digest.clone() };
    if dry_run && status.latest_ref.as_ref() != Some(&image) {
        let now = status.latest_ref.as_ref().map_or("none".to_owned(), |it| latest(it).to_string());
        return failure::succeeded(status, generation, &format!("Dry run: {chosen} would be chosen (now {now})"));
    }
    if status.latest_ref.as_ref() != Some(&image)
        && let Some(previous) = status.latest_ref.replace(image)
    {
        status.observed_previous_ref = Some(previous);
    }
    let mut message = format!("Latest image tag for {} resolved to {}", chosen.name, chosen.tag);
    if !chosen.digest.is_empty() {
        message.push_str(&format!(" with digest {}", chosen.digest));
    }
    if let Some(previous) = &status.observed_previous_ref {
        message.push_str(&format!(" (previously {})", latest(previous)));
    }
    failure::succeeded(status, generation, &message);
}

fn tell(
    object: &ImagePolicy,
    before: &ImagePolicyStatus,
    after: &ImagePolicyStatus,
    outcome: &Result<Found, Failure>,
    ctx: &Context,
) -> Requeue {
    let ready = |status: &ImagePolicyStatus| {
        find(&status.conditions, "Ready").map(|it| (it.is_true(), it.reason.clone(), it.message.clone()))
    };
    let changed = ready(before) != ready(after);
    match outcome {
        Ok(found) => {
            if changed && let Some((_, _, message)) = ready(after) {
                info!("{message}");
                ctx.event(object, Severity::Info, "Succeeded", &message);
            }
            found.next.map_or(Requeue::Never, Requeue::After)
        }
        Err(failure) => {
            if changed {
                error!(reason = failure.reason, error = %failure, "the pass failed");
            }
            // What is waited for is told once.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tag: &str, digest: &str) -> Result<Found, Failure> {
        Ok(Found { chosen: Latest { name: "h.io/web".into(), tag: tag.into(), digest: digest.into() }, next: None })
    }

    fn message(status: &ImagePolicyStatus) -> &str {
        &find(&status.conditions, "Ready").unwrap().message
    }

    #[test]
    fn what_was_chosen_before_is_remembered() {
        let mut status = ImagePolicyStatus::default();
        conclude(&mut status, 1, &found("1", ""), false);
        assert_eq!(message(&status), "Latest image tag for h.io/web resolved to 1");
        conclude(&mut status, 1, &found("2", "sha256:a"), false);
        let want = "Latest image tag for h.io/web resolved to 2 with digest sha256:a (previously h.io/web:1)";
        assert_eq!(message(&status), want);
        conclude(&mut status, 1, &found("2", "sha256:a"), false);
        assert_eq!(message(&status), want);
        conclude(&mut status, 2, &found("2", "sha256:b"), false);
        assert!(message(&status).ends_with("(previously h.io/web:2@sha256:a)"), "{}", message(&status));
    }

    #[test]
    fn a_dry_run_tells_and_changes_nothing() {
        let mut status = ImagePolicyStatus::default();
        conclude(&mut status, 1, &found("1", ""), false);
        conclude(&mut status, 1, &found("2", ""), true);
        assert_eq!(message(&status), "Dry run: h.io/web:2 would be chosen (now h.io/web:1)");
        assert_eq!(status.latest_ref.as_ref().unwrap().tag, "1");
    }

    #[test]
    fn a_policy_must_say_how_to_choose_and_how_often() {
        let mut object = ImagePolicy::default();
        assert_eq!(choice(&object).unwrap_err().reason, "InvalidPolicy");
        object.spec.digest_reflection_policy = ReflectionPolicy::Always;
        assert_eq!(interval(&object).unwrap_err().reason, "IntervalNotConfigured");
        object.spec.interval = Some("0s".into());
        assert_eq!(interval(&object).unwrap(), Some(INTERVAL));
    }
}
