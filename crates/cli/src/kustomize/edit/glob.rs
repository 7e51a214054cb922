//! File patterns: `*`, `?` and `[a-z]` within one part of a path.

use std::fs;
use std::path::Path;

/// More files than one edit names.
const MAX_MATCHES: usize = 10_000;

/// The paths below `dir` that a pattern matches, sorted; a pattern without wildcards matches what is there.
pub fn matches(dir: &Path, pattern: &str) -> Vec<String> {
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for base in &found {
            let join = |name: &str| {
                if base.is_empty() || base.ends_with('/') { format!("{base}{name}") } else { format!("{base}/{name}") }
            };
            if !part.contains(['*', '?', '[']) {
                let path = join(part);
                if dir.join(&path).exists() {
                    next.push(path);
                }
                continue;
            }
            let folder = if base.is_empty() { dir.to_owned() } else { dir.join(base) };
            let names =
                fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|it| it.file_name().into_string().ok());
            next.extend(names.filter(|name| fits(part, name)).map(|name| join(&name)));
        }
        next.truncate(MAX_MATCHES);
        found = next;
    }
    found.retain(|path| !path.is_empty());
    found.sort();
    found
}

/// Whether a path fits a pattern, part by part.
pub fn path_fits(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(pattern, part)| fits(pattern, part))
}

/// Whether a name fits a pattern; with one place to come back to, so the time is bounded by their product.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&pattern[p..], name[n]),
            Some(c) => (*c == name[n]).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(width), _) => (p, n) = (p + width, n + 1),
            (None, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The width of a class that has the character.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let end = pattern.iter().skip(2).position(|c| *c == ']')? + 2;
    let (negated, set) = match &pattern[1..end] {
        ['^' | '!', rest @ ..] => (true, rest),
        set => (false, set),
    };
    let mut has = false;
    let mut rest = set;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match rest {
            ['-', last, tail @ ..] => {
                has |= (*first..=*last).contains(&c);
                rest = tail;
            }
            _ => has |= *first == c,
        }
    }
    (has != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, fit) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a?c", "abc", true),
            ("a[b-d]c", "acc", true),
            ("a[^b]c", "abc", false),
            ("*a*b*", "xxaxxb", true),
            ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("[", "[", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
