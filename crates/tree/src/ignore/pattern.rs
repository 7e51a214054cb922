//! One pattern. The rules are those of the gitignore matcher that Flux uses, which differ from git's in many corners;
//! `conformance/sourceignore` holds them.

use super::glob::Glob;

/// A line of a `.sourceignore`.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The folder of the file that it stands in, which it is limited to.
    domain: Vec<String>,
    /// `!`: brings back instead of leaving out.
    pub(super) keeps: bool,
    /// A trailing slash: folders only, and what lies in them.
    folders_only: bool,
    parts: Parts,
}

#[derive(Debug, Clone)]
enum Parts {
    /// No slash: any part of a path may match.
    Name(Glob),
    /// With a slash: from the domain on, part by part.
    Anchored(Vec<Part>),
    /// Matches nothing, but is a pattern all the same: it switches the defaults off.
    Nothing,
}

#[derive(Debug, Clone)]
enum Part {
    /// Between two slashes; also the leading slash.
    Empty,
    /// `**`.
    AnyFolders,
    Glob(Glob),
}

impl Pattern {
    /// The pattern in `line`; `None` for a comment or a blank line.
    pub(super) fn parse(line: &[u8], domain: &[String]) -> Option<Self> {
        let Ok(line) = std::str::from_utf8(line) else {
            // No name in a tree can match it.
            let (keeps, folders_only) = (line.starts_with(b"!"), false);
            let comment = line.starts_with(b"#");
            return (!comment).then(|| Self { domain: domain.to_vec(), keeps, folders_only, parts: Parts::Nothing });
        };
        if line.starts_with('#') || line.trim().is_empty() {
            return None;
        }
        let (keeps, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        let (folders_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        let parts = if line.contains('/') { anchored(line) } else { Glob::parse(line).map(Parts::Name) };
        let parts = parts.unwrap_or(Parts::Nothing);
        Some(Self { domain: domain.to_vec(), keeps, folders_only, parts })
    }

    /// Whether the pattern speaks of `path`, a folder or not; `steps` counts the work.
    pub(super) fn matches(&self, path: &[&str], is_dir: bool, steps: &mut u64) -> bool {
        *steps += 1;
        if path.len() <= self.domain.len() || self.domain.iter().zip(path).any(|(domain, part)| domain != part) {
            return false;
        }
        let path = &path[self.domain.len()..];
        match &self.parts {
            Parts::Nothing => false,
            Parts::Name(glob) => path
                .iter()
                .position(|part| glob.matches(part, steps))
                .is_some_and(|at| is_dir || !self.folders_only || at + 1 < path.len()),
            Parts::Anchored(parts) => match walk(parts, path, steps) {
                Some(rest) => is_dir || !self.folders_only || !rest.is_empty(),
                None => false,
            },
        }
    }
}

/// The parts of a pattern with a slash; `None` when one is malformed.
fn anchored(line: &str) -> Option<Parts> {
    let parse = |part: &str| match part {
        "" => Some(Part::Empty),
        "**" => Some(Part::AnyFolders),
        // Unlike in a pattern without slash, `**` and something else never match here.
        part if part.contains("**") => None,
        part => Glob::parse(part).map(Part::Glob),
    };
    line.split('/').map(parse).collect::<Option<Vec<_>>>().map(Parts::Anchored)
}

/// Follows `parts` along `path` and returns what is left of it: a pattern that ends early has matched a leading folder.
fn walk<'a, 'p>(parts: &[Part], mut path: &'a [&'p str], steps: &mut u64) -> Option<&'a [&'p str]> {
    let mut matched = false;
    let mut skipping = false;
    for (i, part) in parts.iter().enumerate() {
        let glob = match part {
            Part::Empty => {
                skipping = false;
                continue;
            }
            Part::AnyFolders if i + 1 == parts.len() => break,
            Part::AnyFolders => {
                skipping = true;
                continue;
            }
            Part::Glob(glob) => glob,
        };
        if path.is_empty() {
            return None;
        }
        if skipping {
            skipping = false;
            match path.iter().position(|name| glob.matches(name, steps)) {
                Some(at) => {
                    path = &path[at + 1..];
                    matched = true;
                }
                None => {
                    path = &[];
                    matched = false;
                }
            }
        } else if glob.matches(path[0], steps) {
            path = &path[1..];
            matched = true;
        } else {
            return None;
        }
    }
    matched.then_some(path)
}
