//! Patterns of `#` and `%`. They match bytes: a star may stop in the middle of a character, and half a character is
//! one for `?`.

use crate::Error;
use crate::evaluate::Budget;

/// How much of what matches is taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    Shortest,
    Longest,
}

/// `value` without the start that `pattern` matches. A match of nothing does not count, and a malformed pattern matches
/// nothing.
pub(crate) fn without_prefix<'a>(
    value: &'a [u8],
    pattern: &[u8],
    take: Take,
    budget: &mut Budget<'_>,
) -> Result<&'a [u8], Error> {
    let Some(tokens) = parse(pattern) else { return Ok(value) };
    let mut ends = 1..=value.len();
    let mut next = || if take == Take::Shortest { ends.next() } else { ends.next_back() };
    while let Some(end) = next() {
        if matches(&tokens, &value[..end], budget)? {
            return Ok(&value[end..]);
        }
    }
    Ok(value)
}

/// The characters of `text` and how many bytes they have; a byte that belongs to none is one of its own.
pub(crate) fn characters(mut text: &[u8]) -> impl Iterator<Item = (char, usize)> {
    std::iter::from_fn(move || {
        let found = decode(text)?;
        text = &text[found.1..];
        Some(found)
    })
}

fn decode(text: &[u8]) -> Option<(char, usize)> {
    let chunk = text[..text.len().min(4)].utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(c) => Some((c, c.len_utf8())),
        None => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}

enum Token {
    Byte(u8),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// `None` when the pattern is malformed.
fn parse(mut pattern: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    while let Some((first, rest)) = pattern.split_first() {
        pattern = rest;
        tokens.push(match first {
            b'*' => Token::Star,
            b'?' => Token::Any,
            b'\\' => {
                let (escaped, rest) = pattern.split_first()?;
                pattern = rest;
                Token::Byte(*escaped)
            }
            b'[' => class(&mut pattern)?,
            byte => Token::Byte(*byte),
        });
    }
    Some(tokens)
}

fn class(pattern: &mut &[u8]) -> Option<Token> {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        *pattern = &pattern[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if pattern.first() == Some(&b']') && !ranges.is_empty() {
            *pattern = &pattern[1..];
            return Some(Token::Class { negated, ranges });
        }
        let low = member(pattern)?;
        let high = if pattern.first() == Some(&b'-') {
            *pattern = &pattern[1..];
            member(pattern)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn member(pattern: &mut &[u8]) -> Option<char> {
    match pattern.first()? {
        b'-' | b']' => return None,
        b'\\' => *pattern = &pattern[1..],
        _ => {}
    }
    let (c, width) = decode(pattern)?;
    if c == char::REPLACEMENT_CHARACTER && width == 1 {
        return None;
    }
    *pattern = &pattern[width..];
    Some(c)
}

/// Whether all of `text` matches.
fn matches(tokens: &[Token], text: &[u8], budget: &mut Budget<'_>) -> Result<bool, Error> {
    let (mut at, mut rest) = (0, text);
    // Where to go on when what follows the last star does not fit: the star takes one byte more.
    let mut retry: Option<(usize, &[u8])> = None;
    loop {
        budget.spend(1)?;
        let taken = match tokens.get(at) {
            Some(Token::Star) => {
                at += 1;
                retry = Some((at, rest));
                // What ends in a star has matched.
                if at == tokens.len() {
                    return Ok(true);
                }
                continue;
            }
            Some(token) => taken(token, rest),
            None if rest.is_empty() => return Ok(true),
            None => None,
        };
        if let Some(width) = taken {
            at += 1;
            rest = &rest[width..];
        } else {
            let Some((after_star, tail)) = &mut retry else { return Ok(false) };
            let Some((_, shorter)) = tail.split_first() else { return Ok(false) };
            *tail = shorter;
            at = *after_star;
            rest = shorter;
        }
    }
}

/// How many bytes the token takes, if it fits.
fn taken(token: &Token, rest: &[u8]) -> Option<usize> {
    match token {
        Token::Byte(byte) => (rest.first() == Some(byte)).then_some(1),
        Token::Any => decode(rest).map(|(_, width)| width),
        Token::Star => None,
        Token::Class { negated, ranges } => {
            let (c, width) = decode(rest)?;
            (ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated).then_some(width)
        }
    }
}
