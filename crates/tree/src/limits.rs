//! How much a tree may hold.

/// The bounds of one tree; every field can be set, and an error names the field that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the packed archive.
    pub download: u64,
    /// Bytes of all file contents together, with the archive's extended headers.
    pub extracted: u64,
    /// Files, folders and links, folders that are only implied by a path included.
    pub entries: u64,
    /// Parts of one path.
    pub depth: u64,
    /// Bytes of one path.
    pub path: u64,
    /// Bytes of one part of a path.
    pub segment: u64,
    /// Unpacked bytes for each packed byte.
    pub ratio: u64,
    /// Unpacked bytes from which on `ratio` counts: small files may compress as well as they like.
    pub ratio_after: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            download: 512 << 20,
            extracted: 1 << 30,
            entries: 100_000,
            depth: 100,
            path: 4096,
            segment: 255,
            ratio: 200,
            ratio_after: 10 << 20,
        }
    }
}

impl Limits {
    /// `value` against the limit `name` of `max`.
    pub(crate) fn check(name: &'static str, value: u64, max: u64) -> Result<(), LimitExceeded> {
        if value > max { Err(LimitExceeded { limit: name, value, max }) } else { Ok(()) }
    }
}

/// A limit was reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limit `{limit}` is {max}, found {value}")]
pub struct LimitExceeded {
    /// The name of the limit, as in [`Limits`].
    pub limit: &'static str,
    /// What was found; where counting stopped at the limit, the first value beyond it.
    pub value: u64,
    /// What is allowed.
    pub max: u64,
}
