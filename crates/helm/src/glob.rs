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

/// Whether the pattern is well formed.
pub(crate) fn check(pattern: &str) -> Result<(), BadPattern> {
    tokens(pattern).map(drop)
}

/// Whether the whole of `name` matches; a bad pattern matches nothing. `*` and `?` do not match a slash.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Ok(tokens) = tokens(pattern) else { return false };
    let name: Vec<char> = name.chars().collect();
    // After the last star: where its token is and how far it has eaten.
    let (mut t, mut n, mut star) = (0, 0, None);
    while n < name.len() || t < tokens.len() {
        match tokens.get(t) {
            Some(Token::Star) => {
                star = Some((t, n));
                t += 1;
                continue;
            }
            Some(token) if n < name.len() && token.accepts(name[n]) => {
                (t, n) = (t + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((at, eaten)) if eaten < name.len() && name[eaten] != '/' => {
                star = Some((at, eaten + 1));
                (t, n) = (at + 1, eaten + 1);
            }
            _ => return false,
        }
    }
    true
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
