//! What an ImagePolicy says (spec/flux/image.md §2).

use serde::{Deserialize, Serialize};

/// `spec.policy`. Of several the first counts, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Choice {
    /// The highest version of a range.
    pub semver: Option<Semver>,
    /// The first or last by bytes.
    pub alphabetical: Option<Alphabetical>,
    /// The least or greatest number.
    pub numerical: Option<Numerical>,
}

/// `semver`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Semver {
    /// The constraint.
    pub range: String,
}

/// `alphabetical`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alphabetical {
    /// `asc` (also when empty) or `desc`, in any case.
    pub order: String,
}

/// `numerical`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numerical {
    /// `asc` (also when empty) or `desc`, in any case.
    pub order: String,
}

/// `spec.filterTags`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterTags {
    /// A regular expression that a tag must contain a match of.
    pub pattern: String,
    /// What of the match is compared, with `$name`, `${name}` and `$1`; empty for the whole tag.
    pub extract: String,
}

/// `spec.digestReflectionPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestReflection {
    /// No digest.
    #[default]
    Never,
    /// The digest that the tag had when it was chosen.
    IfNotPresent,
    /// The digest that the tag has now.
    Always,
}

/// `status.latestRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latest {
    /// The image without a tag, as the ImageRepository names it.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// The digest, or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// `name:tag[@digest]`
impl std::fmt::Display for Latest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)?;
        if self.digest.is_empty() { Ok(()) } else { write!(f, "@{}", self.digest) }
    }
}

/// Whether the registry must be asked for the digest of `chosen` (whose own is not looked at), given what the status
/// says now; otherwise the status' digest stays where the image is the same and the reflection is not `Never`.
#[must_use]
pub fn needs_digest(reflection: DigestReflection, status: Option<&Latest>, chosen: &Latest) -> bool {
    match reflection {
        DigestReflection::Never => false,
        DigestReflection::Always => true,
        DigestReflection::IfNotPresent => status
            .is_none_or(|status| status.name != chosen.name || status.tag != chosen.tag || status.digest.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_asked_for_when_the_policy_wants_one_that_is_not_there() {
        let image = |tag: &str, digest: &str| Latest { name: "a/b".into(), tag: tag.into(), digest: digest.into() };
        let cases = [
            (DigestReflection::Never, None, false),
            (DigestReflection::Never, Some(image("1", "")), false),
            (DigestReflection::Always, Some(image("1", "sha256:0")), true),
            (DigestReflection::IfNotPresent, None, true),
            (DigestReflection::IfNotPresent, Some(image("1", "")), true),
            (DigestReflection::IfNotPresent, Some(image("0", "sha256:0")), true),
            (DigestReflection::IfNotPresent, Some(image("1", "sha256:0")), false),
        ];
        for (reflection, status, needed) in cases {
            assert_eq!(needs_digest(reflection, status.as_ref(), &image("1", "")), needed, "{reflection:?} {status:?}");
        }
    }
}
