//! Go's `path.Match`, and the globs of `.Files.Glob`.

/// A pattern with a bracket or backslash that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

#[derive(Debug)]
enum Token {
    Star,
    Any,
    Char(char),
    Class { negate: bool, ranges: Vec<(char, char)> },
}

/// A pattern of Go's `path.Match`.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Token>);

impl Pattern {
    pub(crate) fn parse(pattern: &str) -> Result<Self, BadPattern> {
        tokens(pattern).map(Self)
    }

    /// Whether the whole of `name` matches. `*` and `?` do not match a slash.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let (mut tokens, mut rest) = (&*self.0, name);
        // After the last star: the tokens behind it and what it has not eaten yet.
        let mut star = None;
        while !rest.is_empty() || !tokens.is_empty() {
            let next = rest.chars().next();
            match (tokens.split_first(), next) {
                (Some((Token::Star, behind)), _) => {
                    star = Some((behind, rest));
                    tokens = behind;
                    continue;
                }
                (Some((token, behind)), Some(c)) if token.accepts(c) => {
                    (tokens, rest) = (behind, &rest[c.len_utf8()..]);
                    continue;
                }
                _ => {}
            }
            let eaten = star.and_then(|(behind, left): (_, &str)| {
                let c = left.chars().next().filter(|c| *c != '/')?;
                Some((behind, &left[c.len_utf8()..]))
            });
            let Some((behind, left)) = eaten else { return false };
            star = eaten;
            (tokens, rest) = (behind, left);
        }
        true
    }
}

/// Whether the whole of `name` matches; a bad pattern matches nothing.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(name))
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => c != '/',
            Self::Char(own) => *own == c,
            Self::Class { negate, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negate,
        }
    }
}

fn tokens(pattern: &str) -> Result<Vec<Token>, BadPattern> {
    let mut chars = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::Char(chars.next().ok_or(BadPattern)?),
            '[' => {
                let negate = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
                    let low = class_char(&mut chars)?;
                    let high = if chars.next_if_eq(&'-').is_some() { class_char(&mut chars)? } else { low };
                    ranges.push((low, high));
                }
                Token::Class { negate, ranges }
            }
            other => Token::Char(other),
        });
    }
    Ok(tokens)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next() {
        Some('\\') => chars.next().ok_or(BadPattern),
        Some('-' | ']') | None => Err(BadPattern),
        Some(c) => Ok(c),
    }
}

/// The expression of a glob of `.Files.Glob` (gobwas/glob with `/` as separator): `**` crosses folders, `{a,b}` is a
/// choice. None for a pattern that is none.
pub(crate) fn super_glob(pattern: &str) -> Option<regex::Regex> {
    let mut expression = String::from("(?s)^");
    let mut chars = pattern.chars().peekable();
    let mut braces = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => expression.push_str(".*"),
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '\\' => expression.push_str(&regex::escape(chars.next()?.encode_utf8(&mut [0; 4]))),
            '{' => {
                braces += 1;
                expression.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                expression.push(')');
            }
            ',' if braces > 0 => expression.push('|'),
            '[' => {
                expression.push('[');
                if chars.next_if_eq(&'!').is_some() {
                    expression.push('^');
                }
                loop {
                    match chars.next()? {
                        ']' => break,
                        '-' => expression.push('-'),
                        other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
                    }
                }
                expression.push(']');
            }
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    regex::RegexBuilder::new(&expression).size_limit(1 << 20).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("ab[c-e]", "abd", true),
            ("ab[^c]", "abc", false),
            ("a\\*b", "a*b", true),
            ("a?b", "a/b", false),
            ("*x", "xxx", true),
            ("[-]", "-", false),
            ("a*", "ab/c", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn globs_of_files_cross_folders_with_two_stars() {
        let hit = |pattern: &str, name: &str| super_glob(pattern).unwrap().is_match(name);
        assert!(hit("files/**", "files/a/b") && hit("**.yaml", "a/b.yaml") && hit("f/*.{a,b}", "f/x.b"));
        assert!(!hit("files/*", "files/a/b"));
    }
}
