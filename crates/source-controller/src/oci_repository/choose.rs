//! Which tag or digest `spec.ref` means: digest before semver before tag before `latest`.

use regex::RegexBuilder;
use sluice_api::source::OciRepository;
use sluice_oci::{Repository, Target, media};
use sluice_version::{Constraint, pick};

use super::reconcile::named;
use crate::source::failure::{Aspect, Failure};

/// Bytes that a compiled filter may have.
const FILTER: usize = 1 << 20;

/// What `spec.ref` means; a range of versions asks the registry.
pub async fn target(object: &OciRepository, repository: &Repository) -> Result<Target, Failure> {
    let Some(reference) = &object.spec.reference else { return Ok(Target::Tag("latest".to_owned())) };
    if !reference.digest.is_empty() {
        let digest = reference.digest.parse().map_err(|error| refuse(object, &format!("spec.ref.digest: {error}")))?;
        return Ok(Target::Digest(digest));
    }
    if !reference.semver.is_empty() {
        let range = Constraint::parse(&reference.semver);
        let range = range.map_err(|error| refuse(object, &format!("spec.ref.semver: {error}")))?;
        let filter = (!reference.semver_filter.is_empty()).then(|| {
            let built = RegexBuilder::new(&reference.semver_filter).size_limit(FILTER).build();
            built.map_err(|error| refuse(object, &format!("spec.ref.semverFilter: {error}")))
        });
        let filter = filter.transpose()?;
        let what = format!("failed to determine the artifact tag for '{}'", object.spec.url);
        let tags = repository.tags().await.map_err(|error| {
            let failure = named(&what, error);
            if failure.reason == "AuthenticationFailed" { failure } else { Failure { reason: READ, ..failure } }
        })?;
        let tags = tags.iter().map(String::as_str).filter(|tag| filter.as_ref().is_none_or(|it| it.is_match(tag)));
        let is_chart = object.spec.layer_selector.as_ref().is_some_and(|it| it.media_type == media::HELM_CHART);
        return latest(&range, tags, is_chart).map(Target::Tag).ok_or_else(|| {
            refuse(object, &format!("no match found for semver: {}; check spec.ref", reference.semver))
        });
    }
    let tag = if reference.tag.is_empty() { "latest" } else { &reference.tag };
    Target::tag(tag).map_err(|error| refuse(object, &format!("spec.ref.tag: {error}")))
}

/// Flux's reason for a reference that cannot be told.
const READ: &str = "ReadOperationFailed";

fn refuse(object: &OciRepository, why: &str) -> Failure {
    let message = format!("failed to determine the artifact tag for '{}': {why}", object.spec.url);
    Failure::retry(Aspect::Fetch, READ, message)
}

/// The highest tag in a range. The tags of charts have `_` where their versions have `+`.
fn latest<'a>(range: &Constraint, tags: impl Iterator<Item = &'a str>, is_chart: bool) -> Option<String> {
    if !is_chart {
        return pick::latest(Some(range), tags).map(str::to_owned);
    }
    let versions: Vec<String> = tags.map(|tag| tag.replace('_', "+")).collect();
    pick::latest(Some(range), versions.iter().map(String::as_str)).map(|it| it.replace('+', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_tag_of_a_range_is_taken() {
        let check = |range: &str, is_chart: bool, want: Option<&str>| {
            let tags = ["latest", "1.0.0", "v1.2.0", "1.1.0_b.2", "2.0.0-rc.1"];
            let range = Constraint::parse(range).unwrap();
            assert_eq!(latest(&range, tags.into_iter(), is_chart).as_deref(), want);
        };
        check("1.x", false, Some("v1.2.0"));
        check(">=2.0.0-0", false, Some("2.0.0-rc.1"));
        check("~1.1", false, None);
        check("~1.1", true, Some("1.1.0_b.2"));
        check("3.x", false, None);
    }
}
