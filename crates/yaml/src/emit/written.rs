//! A scalar in the style that it had, as far as its text allows: go-yaml's choice for a node that was read.

use super::style::{Style, allowed, is_multiline};
use super::writer::Writer;

/// How it was written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wanted {
    Plain,
    Single,
    Double,
    Literal,
}

/// Whether the text may be written as a block.
pub(crate) fn block_is_allowed(text: &str) -> bool {
    allowed(text).is_some_and(|allowed| allowed.block)
}

/// The text, in quotes or as a block (whose lines begin at `columns`) where it needs that; `None` where YAML cannot
/// carry it.
pub(crate) fn scalar(text: &str, wanted: Wanted, is_key: bool, in_flow: bool, columns: usize) -> Option<String> {
    let allowed = allowed(text)?;
    let mut style = match wanted {
        Wanted::Plain if text.contains('\n') => Style::Literal,
        Wanted::Plain => Style::Plain,
        Wanted::Single => Style::Single,
        Wanted::Double => Style::Double,
        Wanted::Literal => Style::Literal,
    };
    if is_key && is_multiline(text) {
        style = Style::Double;
    }
    if style == Style::Literal && (!allowed.block || in_flow || is_key) {
        style = Style::Double;
    }
    if style == Style::Plain {
        let plain = if in_flow { allowed.flow_plain } else { allowed.plain };
        if !plain || (text.is_empty() && (in_flow || is_key)) {
            style = Style::Single;
        }
    }
    if style == Style::Single && !allowed.single {
        style = Style::Double;
    }
    if style == Style::Plain {
        return Some(text.to_owned());
    }
    let mut writer = Writer::wide();
    writer.scalar(text, style, columns, style == Style::Literal);
    Some(writer.out.trim_end_matches('\n').to_owned())
}
