//! Globs over one name, as Go's `path/filepath.Match` reads them.

/// One step of a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// This character.
    Literal(char),
    /// `?`: any character.
    Any,
    /// `*`: any characters, or none.
    Star,
    /// `[…]`: a character in one of the ranges, or with `^` in none.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// A compiled glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Token>);

impl Glob {
    /// `None` when the glob is malformed: a class without end or without members, an escape of nothing.
    pub(super) fn parse(glob: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut rest = glob.chars();
        while let Some(c) = rest.next() {
            let token = match c {
                // Two stars in a row are one.
                '*' if tokens.last() == Some(&Token::Star) => continue,
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' => Token::Literal(rest.next()?),
                '[' => class(&mut rest)?,
                c => Token::Literal(c),
            };
            tokens.push(token);
        }
        Some(Self(tokens))
    }

    /// Whether the whole of `name` matches; `steps` counts the comparisons made.
    pub(super) fn matches(&self, name: &str, steps: &mut u64) -> bool {
        let tokens = &self.0;
        let (mut at, mut rest) = (0, name.chars());
        // Where to go on when the tokens after the last star do not fit: the star takes one character more.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            *steps += 1;
            let mut ahead = rest.clone();
            let fits = match tokens.get(at) {
                Some(Token::Star) => {
                    retry = Some((at + 1, rest.clone()));
                    at += 1;
                    continue;
                }
                Some(token) => ahead.next().is_some_and(|c| token.takes(c)),
                None if rest.as_str().is_empty() => return true,
                None => false,
            };
            if fits {
                at += 1;
                rest = ahead;
            } else {
                let Some((after_star, tail)) = &mut retry else { return false };
                if tail.next().is_none() {
                    return false;
                }
                at = *after_star;
                rest = tail.clone();
            }
        }
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Literal(want) => *want == c,
            Self::Any => true,
            Self::Star => false,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

/// The rest of a class after its `[`.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Token> {
    let negated = rest.as_str().starts_with('^');
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if rest.as_str().starts_with(']') && !ranges.is_empty() {
            rest.next();
            return Some(Token::Class { negated, ranges });
        }
        let low = member(rest)?;
        let high = if rest.as_str().starts_with('-') {
            rest.next();
            member(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn member(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, name: &str, want: bool) {
        let got = Glob::parse(glob).is_some_and(|glob| glob.matches(name, &mut 0));
        assert_eq!(got, want, "`{glob}` on `{name}`");
    }

    #[test]
    fn globs_match_as_in_go() {
        check("*.md", "a.md", true);
        check("*.md", ".md", true);
        check("*.md", "a.mdx", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-b-b", false);
        check("?", "é", true);
        check("?", "", false);
        check("*", "", true);
        check("[a-c]x", "bx", true);
        check("[^a-c]x", "bx", false);
        check("[!a]", "!", true);
        check("[!a]", "b", false);
        check("[[:alpha:]]", "a]", true);
        check("[\\]]", "]", true);
        check("a\\*", "a*", true);
        check("a\\*", "ab", false);
    }

    #[test]
    fn malformed_globs_match_nothing() {
        for glob in ["[", "[]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "a\\", "[^]", "[\\"] {
            assert_eq!(Glob::parse(glob), None, "{glob}");
        }
    }

    #[test]
    fn many_stars_take_linear_time() {
        let glob = Glob::parse(&"*a".repeat(1000)).unwrap();
        let mut steps = 0;
        assert!(!glob.matches(&"a".repeat(255), &mut steps));
        assert!(steps < 10_000, "{steps}");
    }
}
