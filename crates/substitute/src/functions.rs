//! What the operators do.

use std::borrow::Cow;

use crate::Error;
use crate::evaluate::Budget;
use crate::glob;

/// Whether the operator says what an unset variable is. `:?` and `:+` do what `:-` does.
pub(crate) fn is_default(operator: &str) -> bool {
    matches!(operator, "=" | ":=" | ":-" | ":?" | ":+")
}

/// The value of `variable` after `operator`.
pub(crate) fn apply<'a>(
    variable: &str,
    operator: &str,
    value: &'a [u8],
    arguments: &[Vec<u8>],
    budget: &mut Budget<'_>,
) -> Result<Cow<'a, [u8]>, Error> {
    Ok(match (operator, arguments) {
        ("^", _) => first(value, uppercase).into(),
        (",", _) => first(value, lowercase).into(),
        ("^^", _) => map(value, uppercase).into(),
        (",,", _) => map(value, lowercase).into(),
        ("#", []) => value.len().to_string().into_bytes().into(),
        ("#", [pattern, ..]) => glob::without_prefix(value, pattern, glob::Take::Shortest, budget)?.into(),
        ("##", [pattern, ..]) => glob::without_prefix(value, pattern, glob::Take::Longest, budget)?.into(),
        ("%", [pattern, ..]) => without_suffix(value, pattern, glob::Take::Shortest, budget)?,
        ("%%", [pattern, ..]) => without_suffix(value, pattern, glob::Take::Longest, budget)?,
        (":", [offset, length @ ..]) => substring(variable, value, offset, length.first())?.into(),
        ("/", [old, new @ ..]) => replace(value, old, new.first(), 1, budget)?.into(),
        ("//", [old, new @ ..]) => replace(value, old, new.first(), usize::MAX, budget)?.into(),
        ("/#", [old, new]) if value.starts_with(old) => replace(value, old, Some(new), 1, budget)?.into(),
        ("/%", [old, new]) if value.ends_with(old) => [&value[..value.len() - old.len()], new].concat().into(),
        (operator, arguments) if is_default(operator) && value.is_empty() => arguments.concat().into(),
        // A bare variable, a default that is not needed, and `^,`, which means nothing.
        _ => value.into(),
    })
}

/// From the end by way of the reversed text: the pattern is reversed, too, so a class in it works no more. The
/// original does the same.
fn without_suffix<'a>(
    value: &'a [u8],
    pattern: &[u8],
    take: glob::Take,
    budget: &mut Budget<'_>,
) -> Result<Cow<'a, [u8]>, Error> {
    let reversed = reverse(value);
    let rest = glob::without_prefix(&reversed, &reverse(pattern), take, budget)?;
    if rest.len() == reversed.len() { Ok(value.into()) } else { Ok(reverse(rest).into()) }
}

fn reverse(text: &[u8]) -> Vec<u8> {
    let characters: Vec<char> = glob::characters(text).map(|(c, _)| c).collect();
    characters.into_iter().rev().collect::<String>().into_bytes()
}

/// What begins at byte `offset` (from the end when below zero). A number that is none gives the whole value.
fn substring<'a>(variable: &str, value: &'a [u8], offset: &[u8], length: Option<&Vec<u8>>) -> Result<&'a [u8], Error> {
    let Some(offset) = number(offset) else { return Ok(value) };
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let start = if offset < 0 { offset.saturating_add(size).max(0) } else { offset };
    let end = match length.map(|length| number(length)) {
        None => size,
        Some(None) => return Ok(value),
        Some(Some(length)) => start.saturating_add(length),
    };
    if end < size && end < start {
        return Err(Error::NegativeLength(variable.to_owned()));
    }
    let at = |position: i64| usize::try_from(position.min(size)).unwrap_or(0);
    Ok(&value[at(start)..at(end.max(start))])
}

fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The first `times` occurrences of `old` replaced, or taken away. An empty `old` is found around every character.
fn replace(
    value: &[u8],
    old: &[u8],
    new: Option<&Vec<u8>>,
    times: usize,
    budget: &mut Budget<'_>,
) -> Result<Vec<u8>, Error> {
    let new = new.map_or(&[][..], Vec::as_slice);
    let mut out = Vec::new();
    let (mut rest, mut done) = (value, 0);
    while done < times {
        let skipped = if old.is_empty() && done > 0 {
            match glob::characters(rest).next() {
                Some((_, width)) => width,
                None => break,
            }
        } else {
            match find(rest, old, budget)? {
                Some(at) => at,
                None => break,
            }
        };
        out.extend_from_slice(&rest[..skipped]);
        out.extend_from_slice(new);
        budget.allows(out.len())?;
        rest = &rest[skipped + old.len()..];
        done += 1;
    }
    out.extend_from_slice(rest);
    Ok(out)
}

fn find(text: &[u8], part: &[u8], budget: &mut Budget<'_>) -> Result<Option<usize>, Error> {
    let Some(first) = part.first() else { return Ok(Some(0)) };
    budget.spend(text.len() as u64)?;
    for (at, byte) in text.iter().enumerate() {
        if byte == first {
            budget.spend(part.len() as u64)?;
            if text[at..].starts_with(part) {
                return Ok(Some(at));
            }
        }
    }
    Ok(None)
}

fn first(value: &[u8], case: impl Fn(char) -> char) -> Vec<u8> {
    match glob::characters(value).next() {
        Some((c, width)) => [case(c).to_string().as_bytes(), &value[width..]].concat(),
        None => Vec::new(),
    }
}

fn map(value: &[u8], case: impl Fn(char) -> char) -> Vec<u8> {
    glob::characters(value).map(|(c, _)| case(c)).collect::<String>().into_bytes()
}

/// One character for one character: `ß` stays, as in Go.
fn uppercase(c: char) -> char {
    let mut upper = c.to_uppercase();
    upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
}

fn lowercase(c: char) -> char {
    // The only character whose lower case is longer is the dotted capital I; its first is what Go takes.
    c.to_lowercase().next().unwrap_or(c)
}
