//! Where an artifact lies: `<kind>/<namespace>/<name>/<file>`, in the storage folder and in URLs alike.

use std::fmt;

/// The place of one artifact file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// `kind/namespace/name`.
    folder: String,
    file: String,
}

/// A part of a location that could lead elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be part of an artifact's path: only letters, digits and `-._+:@~` are allowed, no dot in front, no `.lock` \
     behind, and 255 bytes"
)]
pub struct LocationError(String);

impl Location {
    /// The file `file` of the source `namespace/name` of `kind`, which is written in lower case.
    ///
    /// # Errors
    /// When one of them could lead out of the folder, or to a file that is no artifact.
    pub fn new(kind: &str, namespace: &str, name: &str, file: &str) -> Result<Self, LocationError> {
        let kind = kind.to_ascii_lowercase();
        for part in [&kind, namespace, name, file] {
            check(part)?;
        }
        Ok(Self { folder: format!("{kind}/{namespace}/{name}"), file: file.to_owned() })
    }

    /// Reads a path as `.status.artifact.path` and URLs have it.
    ///
    /// # Errors
    /// As [`Location::new`]; also when there are not just four parts.
    pub fn parse(path: &str) -> Result<Self, LocationError> {
        let parts: Vec<&str> = path.splitn(5, '/').collect();
        match parts[..] {
            [kind, namespace, name, file] => Self::new(kind, namespace, name, file),
            _ => Err(LocationError(sluice_tree::path::escape(path.as_bytes()))),
        }
    }

    /// The folder of the source, relative to the storage's root.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The name of the file in its folder.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Another file of the same source.
    ///
    /// # Errors
    /// As [`Location::new`].
    pub fn sibling(&self, file: &str) -> Result<Self, LocationError> {
        check(file)?;
        Ok(Self { folder: self.folder.clone(), file: file.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.folder, self.file)
    }
}

/// Temporary files begin with a dot, and locks end in `.lock`: neither is ever an artifact.
fn check(part: &str) -> Result<(), LocationError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._+:@~".contains(&b);
    if part.is_empty()
        || part.len() > 255
        || part.starts_with('.')
        || part.ends_with(".lock")
        || !part.bytes().all(good)
    {
        return Err(LocationError(sluice_tree::path::escape(part.as_bytes())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_stays_in_its_folder() {
        let at = Location::new("GitRepository", "flux-system", "podinfo", "0c1f.tar.gz").unwrap();
        assert_eq!(at.to_string(), "gitrepository/flux-system/podinfo/0c1f.tar.gz");
        assert_eq!(Location::parse(&at.to_string()).unwrap(), at);
        for file in ["sha256:0c1f.tar.gz", "podinfo-6.5.0+abc.4.tgz", "index-0c.yaml", "123.tar.gz"] {
            Location::new("k", "ns", "n", file).unwrap();
        }
        for file in ["", ".", "..", "a/b", "../x", ".tmp", "x.lock", "a\\b", "a b", "a%2fb", "a\0", &"x".repeat(256)] {
            assert!(Location::new("k", "ns", "n", file).is_err(), "{file}");
            assert!(Location::new("k", file, "n", "f").is_err(), "{file}");
        }
        for path in ["a/b/c", "a/b/c/d/e", "/a/b/c/d", "a/../c/d", "a//c/d", "a/b/c/"] {
            assert!(Location::parse(path).is_err(), "{path}");
        }
    }
}
