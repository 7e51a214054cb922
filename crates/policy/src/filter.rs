//! `filterTags`: which tags stay, and what of them is compared.

use std::borrow::Cow;
use std::collections::HashMap;

use regex::Captures;

use crate::choice::FilterTags;
use crate::choose::ChooseError;
use crate::pattern;

/// What is compared, and the tag that it stands for.
pub(crate) type Candidate<'a> = (Cow<'a, str>, &'a str);

/// The tags that match. Of tags with the same extracted text the last stays, in the first one's place.
pub(crate) fn apply<'a>(
    filter: &FilterTags,
    tags: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Candidate<'a>>, ChooseError> {
    let regex = pattern::compile(&filter.pattern)
        .map_err(|why| ChooseError::InvalidPattern { pattern: filter.pattern.clone(), why })?;
    let mut kept: Vec<Candidate<'a>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for tag in tags {
        let compared = if filter.extract.is_empty() {
            if !regex.is_match(tag) {
                continue;
            }
            Cow::Borrowed(tag)
        } else {
            let Some(captures) = regex.captures(tag) else { continue };
            Cow::Owned(expand(&filter.extract, &captures))
        };
        match places.get(compared.as_ref()) {
            Some(place) => kept[*place].1 = tag,
            None => {
                places.insert(compared.to_string(), kept.len());
                kept.push((compared, tag));
            }
        }
    }
    Ok(kept)
}

/// Go's `Expand`: `$name` takes the longest name, `${name}` an exact one, `$$` is a dollar, an unknown group is empty; a
/// dollar before anything else is itself.
fn expand(template: &str, captures: &Captures<'_>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let braced = rest.starts_with('{');
        let body = if braced { &rest[1..] } else { rest };
        let length = body.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(body.len());
        let closed = !braced || body[length..].starts_with('}');
        if length == 0 || !closed {
            out.push('$');
            continue;
        }
        let name = &body[..length];
        let group = match name.parse::<usize>() {
            Ok(number) if name.bytes().all(|b| b.is_ascii_digit()) => captures.get(number),
            _ => captures.name(name),
        };
        out.push_str(group.map_or("", |it| it.as_str()));
        rest = &body[length + usize::from(braced)..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_as_go_fills_them() {
        let regex = pattern::compile(r"^(?P<n>\w+)-(\d+)$").unwrap();
        let captures = regex.captures("a_b-12").unwrap();
        let cases = [
            ("$n", "a_b"),
            ("$nx", ""),
            ("${n}x", "a_bx"),
            ("$1x", ""),
            ("${1}x", "a_bx"),
            ("$2$$", "12$"),
            ("$", "$"),
            ("${n", "${n"),
            ("a$-b", "a$-b"),
            ("${}", "${}"),
            ("$9", ""),
        ];
        for (template, filled) in cases {
            assert_eq!(expand(template, &captures), filled, "{template}");
        }
    }
}
