//! Which quotes, if any, a string gets: go-yaml's analysis of a scalar.

use crate::Dialect;
use crate::scalar::{self, Plain};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What the characters of a text allow.
#[derive(Default)]
struct Analysis {
    special: bool,
    breaks: bool,
    leading_space: bool,
    leading_break: bool,
    trailing_space: bool,
    trailing_break: bool,
    /// A space right after a break.
    break_space: bool,
    /// A break right after a space.
    space_break: bool,
    /// Something that would end or begin another construct.
    indicators: bool,
}

/// The style of `text`, or the character that YAML cannot carry at all.
pub(super) fn choose(text: &str, is_key: bool) -> Result<Style, char> {
    if text.is_empty() {
        return Ok(Style::Double);
    }
    if is_simple(text) {
        return Ok(if reads_as_text(text) { Style::Plain } else { Style::Double });
    }
    let found = analyse(text)?;
    if text.contains('\n') {
        let block = !found.trailing_space && !found.space_break && !found.special && !is_key;
        return Ok(if block { Style::Literal } else { Style::Double });
    }
    if !reads_as_text(text) || (is_key && found.breaks) {
        return Ok(Style::Double);
    }
    let single = !found.break_space && !found.space_break && !found.special;
    let plain = single
        && !found.leading_space
        && !found.leading_break
        && !found.trailing_space
        && !found.trailing_break
        && !found.breaks
        && !found.indicators;
    Ok(match (plain, single) {
        (true, _) => Style::Plain,
        (false, true) => Style::Single,
        (false, false) => Style::Double,
    })
}

/// How a text may be written.
pub(super) struct Allowed {
    pub(super) plain: bool,
    pub(super) flow_plain: bool,
    pub(super) single: bool,
    pub(super) block: bool,
}

/// What `text` allows, whatever it would be read as; `None` where YAML cannot carry it at all.
pub(super) fn allowed(text: &str) -> Option<Allowed> {
    if text.is_empty() {
        return Some(Allowed { plain: true, flow_plain: false, single: true, block: true });
    }
    let found = analyse(text).ok()?;
    let single = !found.break_space && !found.space_break && !found.special;
    let outer = found.leading_space || found.leading_break || found.trailing_space || found.trailing_break;
    let plain = single && !outer && !found.breaks && !found.indicators;
    let in_brackets = text.contains([',', '[', ']', '{', '}', '?', ':']);
    let block = !found.trailing_space && !found.space_break && !found.special;
    Some(Allowed { plain, flow_plain: plain && !in_brackets, single, block })
}

/// Whether unquoted text would be read back as a string, by the dialect that knows more words.
fn reads_as_text(text: &str) -> bool {
    match text.as_bytes()[0] {
        b'+' | b'-' | b'.' | b'0'..=b'9' => scalar::plain(text, Dialect::V2, true) == Plain::Str && !is_base_60(text),
        _ => scalar::plain(text, Dialect::V2, true) == Plain::Str,
    }
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let head = parts.next().unwrap_or_default();
    let mut minutes = 0;
    head.starts_with(|c: char| c.is_ascii_digit())
        && head.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && parts.all(|part| {
            minutes += 1;
            matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
        })
        && minutes > 0
        && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// Only letters, digits and what is harmless anywhere but in front: the bulk of all text, told at a glance.
fn is_simple(text: &str) -> bool {
    let bytes = text.as_bytes();
    (bytes[0].is_ascii_alphanumeric() || matches!(bytes[0], b'/' | b'_' | b'.' | b'$'))
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'/' | b'_' | b'$'))
        && !text.starts_with("...")
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether the text has a line break of any kind.
pub(super) fn is_multiline(text: &str) -> bool {
    text.chars().any(is_break)
}

/// What go-yaml writes as it is; the rest is escaped.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// What no YAML text may hold, even quoted.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// The length of a key as Go's JSON has it between the quotes, plus the quotes.
pub(super) fn json_length(key: &str) -> usize {
    let escaped = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        _ => 1,
    };
    key.chars().map(escaped).sum::<usize>() + 2
}

fn analyse(text: &str) -> Result<Analysis, char> {
    let is_line = text.bytes().fold(true, |all, b| all & matches!(b, b' '..=b'~'));
    if is_line { Ok(analyse_ascii_line(text)) } else { analyse_any(text) }
}

/// As [`analyse_any`] for printable ASCII without breaks, which nearly all text is.
fn analyse_ascii_line(text: &str) -> Analysis {
    let bytes = text.as_bytes();
    let before_blank = |at: usize| matches!(bytes.get(at + 1), None | Some(b' '));
    let leads = match bytes[0] {
        b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
        | b'`' => true,
        b'-' | b'?' | b':' => before_blank(0),
        _ => false,
    };
    let within = |at: usize| match bytes[at] {
        b':' => before_blank(at),
        b'#' => bytes[at - 1] == b' ',
        _ => false,
    };
    Analysis {
        indicators: leads || text.starts_with("---") || text.starts_with("...") || (1..bytes.len()).any(within),
        leading_space: bytes[0] == b' ',
        trailing_space: bytes[bytes.len() - 1] == b' ',
        ..Analysis::default()
    }
}

fn analyse_any(text: &str) -> Result<Analysis, char> {
    let mut found = Analysis { indicators: text.starts_with("---") || text.starts_with("..."), ..Analysis::default() };
    let (mut after_space, mut after_break, mut after_blank) = (false, false, true);
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, c)| *c);
        let before_blank = next.is_none_or(|c| matches!(c, ' ' | '\t') || is_break(c));
        found.indicators |= match c {
            '#' if at > 0 => after_blank,
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => at == 0,
            '-' | '?' => at == 0 && before_blank,
            ':' => before_blank,
            _ => false,
        };
        if !is_printable(c) {
            if is_forbidden(c) {
                return Err(c);
            }
            found.special = true;
        }
        if c == ' ' {
            found.leading_space |= at == 0;
            found.trailing_space |= next.is_none();
            found.break_space |= after_break;
            (after_space, after_break) = (true, false);
        } else if is_break(c) {
            found.breaks = true;
            found.leading_break |= at == 0;
            found.trailing_break |= next.is_none();
            found.space_break |= after_space;
            (after_space, after_break) = (false, true);
        } else {
            (after_space, after_break) = (false, false);
        }
        after_blank = matches!(c, ' ' | '\t') || is_break(c);
    }
    Ok(found)
}
