//! What source-controller leaves out of a tree: `.sourceignore` files, `spec.ignore` and built-in patterns.
//!
//! The last matching pattern decides, in this order: version control files, then the built-in defaults (only while
//! nobody wrote a pattern), then every `.sourceignore` from the root down, then `spec.ignore`. Every file is matched by
//! itself, so a pattern can bring back a file of an ignored folder. Buckets know only the root's file and
//! `spec.ignore`. Behaviour: spec/flux/source.md §1, conformance/sourceignore.

mod glob;
mod pattern;

use std::sync::Arc;

use crate::limits::{LimitExceeded, Limits};
use crate::path::escape;
use crate::tree::{Entry, Node, Tree};
use pattern::Pattern;

/// The name of the file with patterns.
pub const FILE_NAME: &str = ".sourceignore";

const VERSION_CONTROL: &str = ".git/\n.gitignore\n.gitmodules\n.gitattributes\n";

const DEFAULTS: &str = "*.jpg\n*.jpeg\n*.gif\n*.png\n*.wmv\n*.flv\n*.tar.gz\n*.zip\n\
    .github/\n.circleci/\n.travis.yml\n.gitlab-ci.yml\nappveyor.yml\n.drone.yml\ncloudbuild.yaml\n\
    codeship-services.yml\ncodeship-steps.yml\n\
    **/.goreleaser.yml\n**/.sops.yaml\n**/.flux.yaml\n";

/// The bounds of pattern files and of the work they make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreLimits {
    /// Bytes of one file, or of `spec.ignore`.
    pub bytes: u64,
    /// Patterns of all files together.
    pub patterns: u64,
    /// Comparisons made for one tree.
    pub steps: u64,
}

impl Default for IgnoreLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, patterns: 20_000, steps: 500_000_000 }
    }
}

/// The patterns, or what they ask for, are too much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ignore patterns of `{file}`: {source}")]
pub struct IgnoreError {
    /// The file, or `spec.ignore`.
    pub file: String,
    /// Which limit.
    pub source: LimitExceeded,
}

/// Patterns in the order they count.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    limits: IgnoreLimits,
}

impl Patterns {
    /// The patterns of a Git or OCI source: of `tree`, and of `spec.ignore`.
    ///
    /// # Errors
    /// When a file or all of them are too big.
    pub fn of_tree(tree: &Tree, spec: Option<&str>, limits: &IgnoreLimits) -> Result<Self, IgnoreError> {
        let mut written = Self { patterns: Vec::new(), limits: limits.clone() };
        written.file_in(tree, "")?;
        for (path, entry) in tree.walk() {
            if matches!(entry, Entry::Directory) && !path.split('/').any(|part| part == ".git") {
                written.file_in(tree, path)?;
            }
        }
        written.read("spec.ignore", spec.unwrap_or_default().as_bytes(), &[])?;
        let mut all = Self { patterns: Vec::new(), limits: limits.clone() };
        all.read("the version control patterns", VERSION_CONTROL.as_bytes(), &[])?;
        if written.patterns.is_empty() {
            all.read("the default patterns", DEFAULTS.as_bytes(), &[])?;
        }
        all.patterns.append(&mut written.patterns);
        Ok(all)
    }

    /// The patterns of a bucket: of its `.sourceignore` object, and of `spec.ignore`.
    ///
    /// # Errors
    /// When one of them is too big.
    pub fn of_bucket(object: Option<&[u8]>, spec: Option<&str>, limits: &IgnoreLimits) -> Result<Self, IgnoreError> {
        let mut patterns = Self { patterns: Vec::new(), limits: limits.clone() };
        patterns.read(FILE_NAME, object.unwrap_or_default(), &[])?;
        patterns.read("spec.ignore", spec.unwrap_or_default().as_bytes(), &[])?;
        Ok(patterns)
    }

    /// Whether the patterns leave out `path`. `steps` is a count to carry from call to call.
    ///
    /// # Errors
    /// When `steps` grows beyond its limit.
    pub fn ignores(&self, path: &str, is_dir: bool, steps: &mut u64) -> Result<bool, IgnoreError> {
        let parts: Vec<&str> = path.split('/').collect();
        for pattern in self.patterns.iter().rev() {
            let matched = pattern.matches(&parts, is_dir, steps);
            Limits::check("steps", *steps, self.limits.steps)
                .map_err(|source| IgnoreError { file: escape(path.as_bytes()), source })?;
            if matched {
                return Ok(!pattern.keeps);
            }
        }
        Ok(false)
    }

    /// Whether a bucket's object is fetched: no folder marker, no `.sourceignore` at the root, not ignored.
    ///
    /// # Errors
    /// As [`Patterns::ignores`].
    pub fn keeps_key(&self, key: &str, steps: &mut u64) -> Result<bool, IgnoreError> {
        Ok(!key.ends_with('/') && key != FILE_NAME && !self.ignores(key, false, steps)?)
    }

    /// Adds the file in the folder `dir`, if there is one. A link to a file in the tree is read.
    fn file_in(&mut self, tree: &Tree, dir: &str) -> Result<(), IgnoreError> {
        let file = if dir.is_empty() { FILE_NAME.to_owned() } else { format!("{dir}/{FILE_NAME}") };
        let Some(entry) = tree.get(&file) else { return Ok(()) };
        let target = if matches!(entry, Entry::Symlink { .. }) { tree.resolve(&file).ok() } else { Some(file.clone()) };
        let Some(data) = target.and_then(|target| tree.read(&target).ok()) else { return Ok(()) };
        let domain: Vec<String> = dir.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        self.read(&file, data, &domain)
    }

    fn read(&mut self, file: &str, text: &[u8], domain: &[String]) -> Result<(), IgnoreError> {
        let error = |source| IgnoreError { file: escape(file.as_bytes()), source };
        Limits::check("bytes", text.len() as u64, self.limits.bytes).map_err(error)?;
        for line in text.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.patterns.extend(Pattern::parse(line, domain));
            Limits::check("patterns", self.patterns.len() as u64, self.limits.patterns).map_err(error)?;
        }
        Ok(())
    }
}

/// What source-controller keeps of a Git or OCI tree; links are left out, and empty folders stay.
///
/// # Errors
/// When the patterns are too many or ask for too much work.
pub fn filter(tree: &Tree, spec: Option<&str>, limits: &IgnoreLimits) -> Result<Tree, IgnoreError> {
    let patterns = Patterns::of_tree(tree, spec, limits)?;
    let mut steps = 0;
    let mut kept: Vec<Node> = Vec::new();
    // Ignored folders on the way to where the walk is: they come back, without an entry in the archive, when
    // something in them is kept.
    let mut ignored: Vec<&Node> = Vec::new();
    for node in tree.nodes.iter() {
        ignored.retain(|dir| node.path.strip_prefix(&*dir.path).is_some_and(|rest| rest.starts_with('/')));
        let is_dir = matches!(node.entry, Entry::Directory);
        if matches!(node.entry, Entry::Symlink { .. }) {
            continue;
        }
        if node.implied || patterns.ignores(&node.path, is_dir, &mut steps)? {
            if is_dir {
                ignored.push(node);
            }
            continue;
        }
        kept.extend(ignored.drain(..).map(|dir| Node { implied: true, ..dir.clone() }));
        kept.push(node.clone());
    }
    Ok(Tree { nodes: Arc::from(kept) })
}
