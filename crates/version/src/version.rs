//! One version.

use std::cmp::Ordering;
use std::fmt;

/// Bytes of a version.
const MAX_BYTES: usize = 256;

/// A version, with the text it was read from.
///
/// Order and equality are precedence: build metadata does not count, and `1.0` equals `v1.0.0`.
#[derive(Debug, Clone)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
    /// The third number.
    pub patch: u64,
    prerelease: String,
    metadata: String,
    original: String,
}

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Longer than any version is.
    #[error("version string is too long (max {MAX_BYTES} bytes, found {0})")]
    TooLong(usize),
    /// Not of the form of a version.
    #[error("invalid semantic version")]
    Invalid,
    /// A number with a leading zero, where none may be.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// A number beyond 64 bits.
    #[error("version segment is greater than 18446744073709551615")]
    Overflow,
}

impl Version {
    /// A version as people write it: `v` in front, missing parts and leading zeros in the three numbers are fine.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        if text.len() > MAX_BYTES {
            return Err(VersionError::TooLong(text.len()));
        }
        let (numbers, prerelease, metadata) = cut(text.strip_prefix('v').unwrap_or(text))?;
        let mut parts = numbers.split('.');
        let major = number(parts.next().unwrap_or_default())?;
        let minor = parts.next().map_or(Ok(0), number)?;
        let patch = parts.next().map_or(Ok(0), number)?;
        if parts.next().is_some() {
            return Err(VersionError::Invalid);
        }
        let has_leading_zero = |part: &str| part.len() > 1 && part.starts_with('0') && is_number(part);
        if prerelease.split('.').any(has_leading_zero) {
            return Err(VersionError::LeadingZero);
        }
        let (prerelease, metadata) = (prerelease.to_owned(), metadata.to_owned());
        Ok(Self { major, minor, patch, prerelease, metadata, original: text.to_owned() })
    }

    /// A version by the letter of the standard: three numbers without leading zeros, no `v`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_strict(text: &str) -> Result<Self, VersionError> {
        let version = Self::parse(text)?;
        let (numbers, ..) = cut(text).map_err(|_| VersionError::Invalid)?;
        if numbers.split('.').count() != 3 {
            return Err(VersionError::Invalid);
        }
        if numbers.split('.').any(|part| part.len() > 1 && part.starts_with('0')) {
            return Err(VersionError::LeadingZero);
        }
        Ok(version)
    }

    /// A tag that Flux takes for a version: it needs two dots somewhere, so `1.2` and `v1` are none.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_tag(text: &str) -> Result<Self, VersionError> {
        if text.bytes().filter(|b| *b == b'.').count() < 2 {
            return Err(VersionError::Invalid);
        }
        Self::parse(text)
    }

    /// What stands after `-`, or nothing.
    #[must_use]
    pub fn prerelease(&self) -> &str {
        &self.prerelease
    }

    /// What stands after `+`, or nothing.
    #[must_use]
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The text it was read from.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }

    /// The next major version. As in Go, the number after the greatest is 0.
    #[must_use]
    pub fn next_major(&self) -> Self {
        self.next(self.major.wrapping_add(1), 0, 0)
    }

    /// The next minor version.
    #[must_use]
    pub fn next_minor(&self) -> Self {
        self.next(self.major, self.minor.wrapping_add(1), 0)
    }

    /// The next patch version; a prerelease becomes its release.
    #[must_use]
    pub fn next_patch(&self) -> Self {
        let patch = if self.prerelease.is_empty() { self.patch.wrapping_add(1) } else { self.patch };
        self.next(self.major, self.minor, patch)
    }

    /// A `v` in front stays there.
    fn next(&self, major: u64, minor: u64, patch: u64) -> Self {
        let v = if self.original.starts_with('v') { "v" } else { "" };
        let original = format!("{v}{major}.{minor}.{patch}");
        Self { major, minor, patch, prerelease: String::new(), metadata: String::new(), original }
    }
}

/// Numbers, prerelease and metadata of a version without `v`.
fn cut(text: &str) -> Result<(&str, &str, &str), VersionError> {
    let (text, metadata) = text.split_once('+').map_or((text, None), |(left, right)| (left, Some(right)));
    let (numbers, prerelease) = text.split_once('-').map_or((text, None), |(left, right)| (left, Some(right)));
    if !numbers.split('.').all(is_number) || ![prerelease, metadata].into_iter().flatten().all(has_good_parts) {
        return Err(VersionError::Invalid);
    }
    Ok((numbers, prerelease.unwrap_or_default(), metadata.unwrap_or_default()))
}

fn has_good_parts(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn number(digits: &str) -> Result<u64, VersionError> {
    digits.parse().map_err(|_| VersionError::Overflow)
}

impl fmt::Display for Version {
    /// The canonical form: three numbers, no `v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::parse(text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prereleases(&self.prerelease, &other.prerelease))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

pub(crate) fn compare_prereleases(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.split('.').map(Part::of).cmp(b.split('.').map(Part::of)),
    }
}

/// A part of a prerelease; numbers come before names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Number(u64),
    /// Digits beyond 64 bits are a name, too: Masterminds compares them so.
    Name(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        text.parse().map_or(Part::Name(text), Part::Number)
    }
}
