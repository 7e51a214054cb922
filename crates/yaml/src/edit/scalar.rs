//! One scalar's new text, in the quotes of the old one.

use super::{Change, Content, Node, Quotes};
use crate::emit::{plain_is_safe, printable_on_a_line};

/// The changes that make the scalar `node` of `text` the string `value`. Its quotes, its anchor and a block scalar's
/// form stay; plain text that would no longer be read as a string is quoted, and a tag that says it is something else
/// goes. Nothing for what is no scalar, or not written.
#[must_use]
pub fn scalar(text: &str, node: &Node, value: &str) -> Vec<Change> {
    let Content::Scalar { quotes, header, .. } = &node.content else { return Vec::new() };
    if node.is_absent() {
        return Vec::new();
    }
    let mut changes = Vec::new();
    let tag = node.tag.as_ref().filter(|tag| {
        let written = text.get((*tag).clone()).unwrap_or_default();
        matches!(written, "!!int" | "!!float" | "!!bool" | "!!null" | "!!timestamp" | "!!binary")
    });
    if let Some(tag) = tag {
        let blanks = text[tag.end..].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
        changes.push(Change { range: tag.start..tag.end + blanks, with: String::new() });
    }
    let Some(header) = *header else {
        changes.push(Change { range: node.range.clone(), with: quoted(value, *quotes, node.flow) });
        return changes;
    };
    changes.extend(block(text, node, header, value));
    changes
}

/// A string in the quotes asked for, or in stronger ones where those cannot hold it.
pub(super) fn quoted(value: &str, quotes: Quotes, flow: bool) -> String {
    match quotes {
        Quotes::Single if printable_on_a_line(value) => format!("'{}'", value.replace('\'', "''")),
        Quotes::Single | Quotes::Double => double(value),
        Quotes::None | Quotes::Literal | Quotes::Folded => {
            if !plain_is_safe(value) {
                return double(value);
            }
            // Within brackets these end a scalar, or may.
            let ends = flow && value.contains([',', '[', ']', '{', '}', ':', '?']);
            if ends { format!("'{}'", value.replace('\'', "''")) } else { value.to_owned() }
        }
    }
}

fn double(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' | '\u{a1}'..='\u{d7ff}' if !matches!(c, '\u{2028}' | '\u{2029}') => out.push(c),
            c if u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// A block scalar's header and body.
fn block(text: &str, node: &Node, header: usize, value: &str) -> Vec<Change> {
    let bytes = text.as_bytes();
    let indicators = bytes[header + 1..].iter().take_while(|b| matches!(b, b'+' | b'-' | b'0'..=b'9')).count();
    let indicators = header + 1..header + 1 + indicators;
    let body = text[node.range.clone()].trim_end_matches(['\n', '\r', ' ', '\t']);
    let start = body.len() - body.trim_start_matches(['\n', '\r', ' ', '\t']).len();
    if body.is_empty() || !fits_a_block(value) {
        let replaced = Change { range: header..indicators.end, with: quoted(value, Quotes::Double, node.flow) };
        // The body goes with its lines, but for the last line end.
        let line = text[..node.range.start].rfind('\n').map_or(0, |at| at + 1);
        let gone =
            if body.is_empty() { node.range.start..node.range.start } else { line..node.range.start + body.len() };
        let gone = gone.start.max(indicators.end)..gone.end.max(indicators.end);
        return vec![replaced, Change { range: gone, with: String::new() }];
    }
    let digits: String = text[indicators.clone()].chars().filter(char::is_ascii_digit).collect();
    let end = node.range.start + body.len();
    // Blanks at the end of a line are text, too.
    let blanks = bytes[end..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let content = node.range.start + start..end + blanks;
    // So are empty lines in front.
    let first = text[indicators.end..].find('\n').map_or(content.start, |at| indicators.end + at + 1);
    let line = text[..content.start].rfind('\n').map_or(content.start, |at| at + 1);
    let mut changes = vec![Change { range: indicators, with: format!("{digits}-") }];
    if first < line {
        changes.push(Change { range: first..line, with: String::new() });
    }
    changes.push(Change { range: content, with: value.to_owned() });
    changes
}

/// One line that neither starts with a blank nor needs an escape.
fn fits_a_block(value: &str) -> bool {
    !value.is_empty() && value.trim() == value && printable_on_a_line(value)
}
