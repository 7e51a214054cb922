//! Which of many versions is taken. The choosers differ in what they do with equals, that is, with versions that
//! differ in build metadata alone.

use crate::constraint::{Constraint, ConstraintError};
use crate::version::Version;

/// The versions that Flux takes for such and that `constraint` admits, highest first, equals as they came.
pub fn sorted<'a>(constraint: Option<&Constraint>, versions: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut matching: Vec<_> = matching(constraint, versions).collect();
    matching.sort_by(|(a, _), (b, _)| b.cmp(a));
    matching.into_iter().map(|(_, text)| text).collect()
}

/// The highest version, of equals the first: for image policies, OCI repositories.
pub fn latest<'a>(constraint: Option<&Constraint>, versions: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let first = |best: (Version, &'a str), next: (Version, &'a str)| if next.0 > best.0 { next } else { best };
    matching(constraint, versions).reduce(first).map(|(_, text)| text)
}

/// The highest version, of equals the one with the greatest `key`, of those the last: for Git tags, by the commit's
/// time.
pub fn latest_by_key<'a, K: Ord>(
    constraint: Option<&Constraint>,
    versions: impl IntoIterator<Item = (&'a str, K)>,
) -> Option<&'a str> {
    let parsed = versions.into_iter().filter_map(|(text, key)| Some((admitted(constraint, text)?, key, text)));
    parsed.max_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1))).map(|(.., text)| text)
}

/// The index of the entry of a Helm repository's index that `wanted` means: the first with exactly this text, else the
/// highest that matches, of equals the one created last. An empty `wanted` or `*` is the latest release.
///
/// # Errors
/// When `wanted` is neither there nor a constraint.
pub fn helm_index<K: Ord>(wanted: &str, entries: &[(&str, K)]) -> Result<Option<usize>, ConstraintError> {
    if let Some(exact) = entries.iter().position(|(text, _)| !wanted.is_empty() && *text == wanted) {
        return Ok(Some(exact));
    }
    let constraint = helm_constraint(wanted)?;
    let parsed = entries.iter().enumerate();
    let parsed = parsed.filter_map(|(i, (text, key))| Some((admitted(Some(&constraint), text)?, key, i)));
    Ok(parsed.max_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1))).map(|(.., i)| i))
}

/// The tag of a chart in a registry that `wanted` means: exactly this text, else the highest that matches, of equals the
/// first. An empty `wanted` or `*` is the latest release.
///
/// # Errors
/// When `wanted` is neither there nor a constraint.
pub fn helm_oci<'a>(wanted: &str, tags: &[&'a str]) -> Result<Option<&'a str>, ConstraintError> {
    if let Some(exact) = tags.iter().find(|tag| !wanted.is_empty() && **tag == wanted) {
        return Ok(Some(exact));
    }
    Ok(latest(Some(&helm_constraint(wanted)?), tags.iter().copied()))
}

fn helm_constraint(wanted: &str) -> Result<Constraint, ConstraintError> {
    Constraint::parse(if wanted.is_empty() { "*" } else { wanted })
}

fn matching<'a>(
    constraint: Option<&Constraint>,
    versions: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = (Version, &'a str)> {
    versions.into_iter().filter_map(move |text| Some((admitted(constraint, text)?, text)))
}

fn admitted(constraint: Option<&Constraint>, text: &str) -> Option<Version> {
    Version::parse_tag(text).ok().filter(|version| constraint.is_none_or(|c| c.matches(version)))
}
