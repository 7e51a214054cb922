//! Our own view of the parser: the events we use, with our positions and errors.
//!
//! Nothing outside this file and `error.rs` knows which parser it is.

use std::borrow::Cow;

use granit_parser::{Event as Raw, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag as RawTag};

use crate::{Error, Limits, Mark};

/// How a scalar was written, as far as its meaning depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    Literal,
    Folded,
}

/// A tag that changes what a scalar means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    None,
    /// `!`: text in V2, nothing in V3.
    Bare,
    Str,
    Bool,
    Int,
    Float,
    Null,
    Timestamp,
    Binary,
    Merge,
    /// Any other: a scalar is then text.
    Other,
}

#[derive(Debug)]
pub(crate) enum Event<'a> {
    DocumentStart,
    DocumentEnd,
    Alias { anchor: usize },
    Scalar { text: Cow<'a, str>, style: Style, tag: Tag, anchor: usize },
    ListStart { anchor: usize, flow: bool },
    ListEnd,
    MapStart { anchor: usize, flow: bool },
    MapEnd,
    StreamEnd,
}

/// The events of one text.
pub(crate) struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Events<'a> {
    /// Checks what Go's reader checks of the whole text (size, control characters) and opens it.
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.bytes {
            let message = format!("the text has {} bytes, the limit `bytes` is {}", text.len(), limits.bytes);
            return Err(Error::new(Mark { line: 1, column: 1 }, message));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(at) = control_character(text) {
            let before = &text[..at];
            let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let mark = Mark {
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
            };
            return Err(Error::new(mark, "control characters are not allowed"));
        }
        let depth = limits.depth.clamp(1, Limits::DEEPEST) + 1;
        let options = granit_parser::options! {
            emit_comments: false,
            block_scalar_eof_without_line_feed: true,
            bom_inside_document_as_content: true,
            flow_nesting_limit: depth,
            block_nesting_limit: depth,
        };
        Ok(Self { parser: Parser::new_from_str_with_options(text, options) })
    }

    /// The next event and where it starts.
    pub(crate) fn next(&mut self) -> Result<(Event<'a>, Mark), Error> {
        loop {
            let Some(next) = self.parser.next_event() else {
                return Ok((Event::StreamEnd, Mark { line: 1, column: 1 }));
            };
            let (raw, span): (Raw<'a>, Span) = next?;
            let mark = Mark::from(&span.start);
            let event = match raw {
                Raw::StreamStart | Raw::Anchor(..) => continue,
                Raw::StreamEnd => Event::StreamEnd,
                Raw::DocumentStart(_, version) => {
                    if version.is_some_and(|v| (v.major, v.minor) != (1, 1)) {
                        return Err(Error::new(mark, "found incompatible YAML document: only `%YAML 1.1` is read"));
                    }
                    Event::DocumentStart
                }
                Raw::DocumentEnd => Event::DocumentEnd,
                Raw::Alias(anchor) => Event::Alias { anchor },
                Raw::Scalar(text, style, anchor, tag) => Event::Scalar {
                    // The parser spells a scalar that is not there as `~`.
                    text: if style == ScalarStyle::Plain && span.is_empty() { Cow::Borrowed("") } else { text },
                    style: match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::Literal => Style::Literal,
                        ScalarStyle::Folded => Style::Folded,
                        _ => Style::Quoted,
                    },
                    tag: tag.as_deref().map_or(Tag::None, Tag::of),
                    anchor,
                },
                Raw::SequenceStart(style, anchor, _) => {
                    Event::ListStart { anchor, flow: style == StructureStyle::Flow }
                }
                Raw::SequenceEnd => Event::ListEnd,
                Raw::MappingStart(style, anchor, _) => Event::MapStart { anchor, flow: style == StructureStyle::Flow },
                Raw::MappingEnd => Event::MapEnd,
                _ => continue,
            };
            return Ok((event, mark));
        }
    }
}

impl Tag {
    fn of(raw: &RawTag) -> Self {
        let full = format!("{}{}", raw.handle(), raw.suffix());
        match full.strip_prefix("tag:yaml.org,2002:") {
            Some("str") => Self::Str,
            Some("bool") => Self::Bool,
            Some("int") => Self::Int,
            Some("float") => Self::Float,
            Some("null") => Self::Null,
            Some("timestamp") => Self::Timestamp,
            Some("binary") => Self::Binary,
            Some("merge") => Self::Merge,
            _ if full == "!" => Self::Bare,
            _ => Self::Other,
        }
    }
}

/// Where the first character stands that may not be in YAML text at all.
pub(crate) fn control_character(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().find_map(|(at, byte)| {
        let bad = match *byte {
            b'\t' | b'\n' | b'\r' | 0x20..=0x7e => false,
            0x00..=0x1f | 0x7f => true,
            0xc2 => matches!(bytes.get(at + 1), Some(0x80..=0x84 | 0x86..=0x9f)),
            0xef => bytes.get(at + 1) == Some(&0xbf) && matches!(bytes.get(at + 2), Some(0xbe | 0xbf)),
            _ => false,
        };
        bad.then_some(at)
    })
}
