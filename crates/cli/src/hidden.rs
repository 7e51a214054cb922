//! Files without some of them.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sluice_kustomize::{FileError, Files};
use sluice_tree::ignore::Patterns;

/// The files of `F`, without those below a folder that patterns leave out.
pub struct Hidden<F> {
    files: F,
    /// The folder that the patterns are about, with a slash behind it; empty for the root.
    below: String,
    patterns: Patterns,
    /// Comparisons made so far; the patterns bound them.
    steps: AtomicU64,
}

impl<F: Files> Hidden<F> {
    /// Hides what `patterns` match below `folder`.
    pub fn new(files: F, folder: &str, patterns: Patterns) -> Self {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Self { files, below, patterns, steps: AtomicU64::new(0) }
    }

    /// Whether `path`, or a folder that it is in, is hidden.
    fn hides(&self, path: &str) -> Result<bool, FileError> {
        let Some(inner) = path.strip_prefix(&self.below).filter(|it| !it.is_empty()) else { return Ok(false) };
        let mut steps = self.steps.load(Ordering::Relaxed);
        let ends = inner.match_indices('/').map(|(at, _)| at).chain([inner.len()]);
        let hidden = ends.map(|end| {
            let is_dir = end < inner.len() || self.files.is_dir(path);
            self.patterns.ignores(&inner[..end], is_dir, &mut steps)
        });
        let hidden = hidden.collect::<Result<Vec<bool>, _>>();
        self.steps.store(steps, Ordering::Relaxed);
        let hidden = hidden.map_err(|error| FileError::Other { path: path.to_owned(), reason: error.to_string() })?;
        Ok(hidden.contains(&true))
    }

    fn shown(&self, path: &str) -> Result<(), FileError> {
        if self.hides(path)? { Err(FileError::NotFound(path.to_owned())) } else { Ok(()) }
    }
}

impl<F: Files> Files for Hidden<F> {
    fn resolve(&self, path: &str) -> Result<String, FileError> {
        let resolved = self.files.resolve(path)?;
        self.shown(&resolved).map(|()| resolved)
    }

    fn read(&self, path: &str) -> Result<Bytes, FileError> {
        self.shown(path)?;
        self.files.read(path)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let mut names = self.files.list(path)?;
        let full = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let shown: Vec<bool> = names.iter().map(|it| self.hides(&full(it)).map(|it| !it)).collect::<Result<_, _>>()?;
        let mut shown = shown.into_iter();
        names.retain(|_| shown.next().unwrap_or(true));
        Ok(names)
    }

    fn is_dir(&self, path: &str) -> bool {
        self.files.is_dir(path) && self.shown(path).is_ok()
    }

    fn absolute(&self, path: &str) -> Option<String> {
        self.files.absolute(path)
    }
}

#[cfg(test)]
mod tests {
    use sluice_tree::ignore::IgnoreLimits;
    use sluice_tree::{Limits, TreeBuilder};

    use super::*;

    #[test]
    fn what_patterns_match_is_not_there() {
        let mut builder = TreeBuilder::new(Limits::default());
        for path in ["app/a.yaml", "app/b.txt", "app/docs/c.yaml", "b.txt"] {
            builder.file(path, "x", false).unwrap();
        }
        let patterns = Patterns::of_bucket(None, Some("*.txt\n/docs/"), &IgnoreLimits::default()).unwrap();
        let files = Hidden::new(builder.build(), "app", patterns);
        assert_eq!(files.list("app").unwrap(), ["a.yaml"]);
        assert_eq!(files.list("").unwrap(), ["app", "b.txt"]);
        assert!(files.read("app/docs/c.yaml").is_err());
        assert!(files.read("b.txt").is_ok());
        assert!(!files.exists("app/b.txt") && !files.is_dir("app/docs"));
    }
}
