//! Constraints: comparisons joined by `,` or blanks (and) and `||` (or).
//!
//! The grammar is the one that Masterminds/semver has in regular expressions, with the slips that they have: a `|` may
//! stand among the digits of a number, which makes some hyphen ranges after `||` an error. Texts that one tool accepts
//! and another refuses would be worse than a strange error.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::version::{Version, compare_prereleases};

/// Bytes of a constraint.
const MAX_BYTES: usize = 512;
/// Groups between `||`.
const MAX_GROUPS: usize = 32;

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
const VERSION: &str = concat!(
    r"v?([0-9|xX*]+)(\.[0-9|xX*]+)?(\.[0-9|xX*]+)?",
    r"(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
);

static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(r"[\t\n\f\r ]*(?<from>{VERSION})[\t\n\f\r ]+-[\t\n\f\r ]+(?<to>{VERSION})[\t\n\f\r ]*"))
});
static GROUP: LazyLock<Regex> = LazyLock::new(|| {
    let one = format!(r"(?:{OPERATORS})[\t\n\f\r ]*(?:{VERSION})[\t\n\f\r ]*");
    regex(&format!(r"^[\t\n\f\r ]*{one}(?:(?:[\t\n\f\r ]+|,[\t\n\f\r ]*){one})*$"))
});
static ONE: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"(?<op>{OPERATORS})[\t\n\f\r ]*(?<version>{VERSION})")));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant, and every test compiles it")
}

/// Which versions are wanted.
#[derive(Debug, Clone)]
pub struct Constraint {
    groups: Vec<Group>,
}

/// Why a text is no constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// Longer than any constraint is.
    #[error("constraint string is too long (max {MAX_BYTES} bytes, found {0})")]
    TooLong(usize),
    /// Too many alternatives.
    #[error("constraint has too many OR groups (max {MAX_GROUPS}, found {0})")]
    TooManyGroups(usize),
    /// Not of the form of a constraint.
    #[error("improper constraint: {0:?}")]
    Improper(String),
    /// A version in it is none.
    #[error("constraint parser error: {0:?}")]
    Version(String),
}

/// Comparisons that all have to hold.
#[derive(Debug, Clone)]
struct Group {
    comparisons: Vec<Comparison>,
    /// One prerelease in a group opens the whole group to prereleases.
    admits_prereleases: bool,
}

#[derive(Debug, Clone)]
struct Comparison {
    operator: Operator,
    version: Version,
    wildcard: Wildcard,
    /// As written, for display.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// From which part on the version is left open, by `x` or by being short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    None,
    Major,
    Minor,
    Patch,
}

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    /// When it is none; the empty text is none, either.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        if text.len() > MAX_BYTES {
            return Err(ConstraintError::TooLong(text.len()));
        }
        match plain(text) {
            Some(groups) => Ok(Self { groups: groups? }),
            None => Self::by_expressions(text),
        }
    }

    fn by_expressions(text: &str) -> Result<Self, ConstraintError> {
        // Hyphen ranges are rewritten before anything else, wherever they stand.
        let text = RANGE.replace_all(text, ">= ${from}, <= ${to} ");
        let groups = text.split("||").count();
        if groups > MAX_GROUPS {
            return Err(ConstraintError::TooManyGroups(groups));
        }
        Ok(Self { groups: text.split("||").map(group).collect::<Result<_, _>>()? })
    }

    /// Whether `version` is wanted. A prerelease is only where the group names one.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            let release = version.prerelease().is_empty();
            (release || group.admits_prereleases) && group.comparisons.iter().all(|c| c.admits(version))
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, group) in self.groups.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { " || " })?;
            for (j, comparison) in group.comparisons.iter().enumerate() {
                write!(f, "{}{}", if j == 0 { "" } else { " " }, comparison.text)?;
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Constraint {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        Self::parse(text)
    }
}

fn group(text: &str) -> Result<Group, ConstraintError> {
    if !GROUP.is_match(text) {
        return Err(ConstraintError::Improper(text.to_owned()));
    }
    let written = ONE.captures_iter(text).map(|found| {
        let text = |at: Option<regex::Match<'_>>| at.map_or("", |at| at.as_str()).to_owned();
        // After `op` and `version`: the three numbers, with their dots, and the prerelease with its hyphen.
        let [major, minor, patch, prerelease] = [3, 4, 5, 6].map(|at| text(found.get(at)));
        let [whole, operator, version] = [0, 1, 2].map(|at| text(found.get(at)));
        comparison(&Written {
            whole: &whole,
            operator: &operator,
            version: &version,
            parts: [&major, &minor, &patch, &prerelease],
        })
    });
    Group::of(written)
}

impl Group {
    fn of(comparisons: impl Iterator<Item = Result<Comparison, ConstraintError>>) -> Result<Self, ConstraintError> {
        let comparisons = comparisons.collect::<Result<Vec<_>, _>>()?;
        let admits_prereleases = comparisons.iter().any(|c| !c.version.prerelease().is_empty());
        Ok(Self { comparisons, admits_prereleases })
    }
}

/// A comparison, as it stands in the text.
struct Written<'t> {
    whole: &'t str,
    operator: &'t str,
    version: &'t str,
    /// The three numbers, with their dots, and the prerelease with its hyphen.
    parts: [&'t str; 4],
}

const BLANKS: [char; 5] = ['\t', '\n', '\x0c', '\r', ' '];

/// Reads what nearly all constraints are, without an expression, which would take longer to be built than all the rest
/// of a small chart. None for what only the expressions know: ranges with a hyphen, a `|` by itself, what is improper.
fn plain(text: &str) -> Option<Result<Vec<Group>, ConstraintError>> {
    let mut groups = Vec::new();
    for text in text.split("||") {
        let mut rest = text.trim_start_matches(BLANKS);
        let mut comparisons = Vec::new();
        loop {
            let (written, behind) = Written::cut(rest)?;
            comparisons.push(comparison(&written));
            let next = behind.trim_start_matches(BLANKS);
            rest = match next.strip_prefix(',') {
                Some(next) => next.trim_start_matches(BLANKS),
                None if next.is_empty() => break,
                None if next.len() < behind.len() => next,
                None => return None,
            };
        }
        groups.push(Group::of(comparisons.into_iter()));
    }
    if groups.len() > MAX_GROUPS {
        return None;
    }
    Some(groups.into_iter().collect())
}

impl<'t> Written<'t> {
    /// Cuts one off the beginning of a text, and gives what stands behind it.
    fn cut(text: &'t str) -> Option<(Self, &'t str)> {
        let operator = [">=", "=>", "<=", "=<", "!=", "~>", "=", ">", "<", "~", "^", ""];
        let operator = operator.into_iter().find(|operator| text.starts_with(operator)).unwrap_or_default();
        let version = text[operator.len()..].trim_start_matches(BLANKS);
        let number = |c: char| c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*');
        let (major, mut rest) = run(version.strip_prefix('v').unwrap_or(version), number);
        if major.is_empty() {
            return None;
        }
        let mut parts = [major, "", "", ""];
        for part in &mut parts[1..3] {
            let Some(behind) = rest.strip_prefix('.') else { break };
            let length = run(behind, number).0.len();
            if length == 0 {
                return None;
            }
            (*part, rest) = rest.split_at(1 + length);
        }
        (parts[3], rest) = words(rest, '-')?;
        (_, rest) = words(rest, '+')?;
        let length = |behind: &str| text.len() - behind.len();
        let version = &version[..version.len() - rest.len()];
        Some((Self { whole: &text[..length(rest)], operator, version, parts }, rest))
    }
}

/// What is at the beginning, and what stands behind it.
fn run(text: &str, of: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !of(c)).unwrap_or(text.len()))
}

/// A mark and words joined by dots, or nothing.
fn words(text: &str, mark: char) -> Option<(&str, &str)> {
    if !text.starts_with(mark) {
        return Some(("", text));
    }
    let (words, _) = run(&text[1..], |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    let whole = words.split('.').all(|word| !word.is_empty());
    whole.then(|| text.split_at(1 + words.len()))
}

fn comparison(found: &Written<'_>) -> Result<Comparison, ConstraintError> {
    let operator = match found.operator {
        "" | "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        "<" => Operator::Less,
        ">=" | "=>" => Operator::GreaterOrEqual,
        "<=" | "=<" => Operator::LessOrEqual,
        "~" | "~>" => Operator::Tilde,
        _ => Operator::Caret,
    };
    let open = |part: &str| matches!(part.strip_prefix('.').unwrap_or(part), "" | "x" | "X" | "*");
    let [major, minor, patch, prerelease] = found.parts;
    // The first open part counts; what stands behind it is forgotten.
    let (wildcard, version) = if open(major) {
        (Wildcard::Major, format!("0.0.0{prerelease}"))
    } else if open(minor) {
        (Wildcard::Minor, format!("{major}.0.0{prerelease}"))
    } else if open(patch) {
        (Wildcard::Patch, format!("{major}{minor}.0{prerelease}"))
    } else {
        (Wildcard::None, found.version.to_owned())
    };
    let version = Version::parse(&version).map_err(|_| ConstraintError::Version(found.whole.to_owned()))?;
    Ok(Comparison { operator, version, wildcard, text: format!("{}{}", found.operator, found.version) })
}

impl Comparison {
    fn admits(&self, v: &Version) -> bool {
        let want = &self.version;
        match self.operator {
            Operator::Equal if self.wildcard == Wildcard::None => v == want,
            Operator::Equal | Operator::Tilde => self.in_tilde_range(v),
            Operator::NotEqual => self.differs(v),
            Operator::Less => v < want,
            Operator::GreaterOrEqual => v >= want,
            // `>1` is `>=2.0.0` and `>1.2` is `>=1.3.0`; `>*` is `>0.0.0`.
            Operator::Greater => match self.wildcard {
                Wildcard::Minor => v.major > want.major,
                Wildcard::Patch => (v.major, v.minor) > (want.major, want.minor),
                Wildcard::None | Wildcard::Major => v > want,
            },
            // `<=1` admits 1.9.9.
            Operator::LessOrEqual => match self.wildcard {
                Wildcard::None => v <= want,
                Wildcard::Minor => v.major <= want.major,
                Wildcard::Major | Wildcard::Patch => (v.major, v.minor) <= (want.major, want.minor),
            },
            Operator::Caret => self.in_caret_range(v),
        }
    }

    fn in_tilde_range(&self, v: &Version) -> bool {
        let want = &self.version;
        // `~0.0.0` and `*` admit everything; `~0` and `~0.0` do not.
        let open = matches!(self.wildcard, Wildcard::None | Wildcard::Major);
        if open && (want.major, want.minor, want.patch) == (0, 0, 0) {
            return true;
        }
        v >= want && v.major == want.major && (v.minor == want.minor || self.wildcard == Wildcard::Minor)
    }

    fn in_caret_range(&self, v: &Version) -> bool {
        let want = &self.version;
        if v < want || v.major != want.major {
            return false;
        }
        if want.major > 0 || self.wildcard == Wildcard::Minor {
            return true;
        }
        if v.minor != want.minor {
            return false;
        }
        want.minor > 0 || self.wildcard == Wildcard::Patch || v.patch == want.patch
    }

    fn differs(&self, v: &Version) -> bool {
        let want = &self.version;
        match self.wildcard {
            Wildcard::None | Wildcard::Major => v != want,
            Wildcard::Minor => v.major != want.major,
            Wildcard::Patch => {
                (v.major, v.minor) != (want.major, want.minor)
                    || compare_prereleases(v.prerelease(), want.prerelease()).is_ne()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Constraint, plain};

    proptest::proptest! {
        #[test]
        fn what_is_read_by_hand_is_read_as_by_the_expressions(text in r"([ ,|v=<>!~^0-9xX*.a+-]|>=|1\.2| \|\| | - ){0,12}") {
            if let Some(read) = plain(&text) {
                let wanted = Constraint::by_expressions(&text).map(|constraint| constraint.groups);
                assert_eq!(format!("{read:?}"), format!("{wanted:?}"), "{text:?}");
            }
        }
    }

    #[test]
    fn what_charts_ask_for_needs_no_expression() {
        for text in [">=1.25.0-0", "^1.2.3", "~1.2", "1.x.x", "*", ">= 1.16.0-0, < 2", "1.2.3 || v2.0.0-rc.1+b5", ""] {
            assert_eq!(plain(text).is_some(), !text.is_empty(), "{text:?}");
        }
    }
}
