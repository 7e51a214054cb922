//! Our own view of the parser: the events we use, with our positions and errors.
//!
//! Nothing outside this file, `error.rs`, `tabs.rs` and `edit` knows which parser it is.

use std::borrow::Cow;

use granit_parser::{Event as Raw, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag as RawTag};

use crate::tabs::Tabs;
use crate::{Error, Limits, Mark};

/// How a scalar was written, as far as its meaning depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    /// Quoted or literal.
    Quoted,
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
    text: &'a str,
    /// Whether the text has U+2028 or U+2029 anywhere, which Go counts as line breaks.
    has_separators: bool,
    tabs: Tabs,
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
            return Err(Error::new(mark_at(text, at), "control characters are not allowed"));
        }
        let depth = limits.depth.clamp(1, Limits::DEEPEST) + 1;
        let options = granit_parser::options! {
            emit_comments: false,
            block_scalar_eof_without_line_feed: true,
            bom_inside_document_as_content: true,
            flow_nesting_limit: depth,
            block_nesting_limit: depth,
        };
        let has_separators = text.contains(['\u{2028}', '\u{2029}']);
        Ok(Self {
            parser: Parser::new_from_str_with_options(text, options),
            text,
            has_separators,
            tabs: Tabs::new(text),
        })
    }

    /// The next event and where it starts.
    pub(crate) fn next(&mut self) -> Result<(Event<'a>, Mark), Error> {
        loop {
            let Some(next) = self.parser.next_event() else {
                return Ok((Event::StreamEnd, Mark { line: 1, column: 1 }));
            };
            let (raw, span): (Raw<'a>, Span) = next?;
            let mark = Mark::from(&span.start);
            self.tabs.check(self.text, &raw, &span)?;
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
                Raw::Scalar(_, ScalarStyle::DoubleQuoted, ..) if has_unknown_escape(&span, self.text) => {
                    return Err(Error::new(mark, "found unknown escape character (`\\/`, or half a surrogate pair)"));
                }
                Raw::Scalar(text, style, anchor, tag) => Event::Scalar {
                    text: self.scalar(text, style, &span),
                    style: match style {
                        ScalarStyle::Plain => Style::Plain,
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

impl<'a> Events<'a> {
    /// A scalar's text as Go has it.
    fn scalar(&self, text: Cow<'a, str>, style: ScalarStyle, span: &Span) -> Cow<'a, str> {
        if style == ScalarStyle::Plain && span.is_empty() {
            // The parser spells a scalar that is not there as `~`.
            return Cow::Borrowed("");
        }
        if !self.has_separators || !text.contains(['\u{2028}', '\u{2029}']) {
            return text;
        }
        match style {
            ScalarStyle::Plain | ScalarStyle::SingleQuoted => Cow::Owned(without_indentation(&text, None)),
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let lines = span.slice(self.text).unwrap_or_default().lines().skip(1);
                let first = lines.map(str::trim_end).find(|line| !line.is_empty()).unwrap_or_default();
                let columns = first.bytes().take_while(|b| *b == b' ').count();
                Cow::Owned(without_indentation(&text, Some(columns)))
            }
            // Written raw or as an escape: not told apart, and Go's printer always escapes.
            _ => text,
        }
    }
}

/// The position of the byte at `at`.
pub(crate) fn mark_at(text: &str, at: usize) -> Mark {
    let before = &text[..at];
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Mark { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
}

/// Whether double-quoted text has an escape that our parser takes and Go does not: JSON's `\/`, and surrogates.
fn has_unknown_escape(span: &Span, text: &str) -> bool {
    let Some(written) = span.slice(text).filter(|written| written.contains('\\')) else { return false };
    let mut bytes = written.as_bytes();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        if *first == b'\\' {
            if matches!(rest, [b'/', ..] | [b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]) {
                return true;
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
    }
    false
}

/// Drops the blanks that surround separators in a flow scalar, or that indent the line after one in a block.
fn without_indentation(text: &str, columns: Option<usize>) -> String {
    let is_separator = |c| matches!(c, '\u{2028}' | '\u{2029}');
    let is_blank = |c| matches!(c, ' ' | '\t');
    let mut kept = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive(is_separator).enumerate() {
        let line = match columns {
            _ if index == 0 => line,
            None => line.trim_start_matches(is_blank),
            Some(columns) => &line[line.bytes().take(columns).take_while(|b| *b == b' ').count()..],
        };
        let body = line.trim_end_matches(is_separator);
        kept.push_str(if columns.is_none() && body.len() < line.len() {
            body.trim_end_matches(is_blank)
        } else {
            body
        });
        kept.push_str(&line[body.len()..]);
    }
    kept
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
fn control_character(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let suspect = |b: u8| (b < b' ' && b != b'\n') || matches!(b, 0x7f | 0xc2 | 0xef);
    // Whole stretches are looked at at once, nearly all of which have nothing to look at closely.
    let stretches =
        bytes.chunks(64).enumerate().filter(|(_, chunk)| chunk.iter().fold(false, |any, b| any | suspect(*b)));
    stretches.flat_map(|(index, chunk)| index * 64..index * 64 + chunk.len()).find(|&at| match bytes[at] {
        b'\t' | b'\n' | b'\r' => false,
        0x00..=0x1f | 0x7f => true,
        0xc2 => matches!(bytes.get(at + 1), Some(0x80..=0x84 | 0x86..=0x9f)),
        0xef => bytes.get(at + 1) == Some(&0xbf) && matches!(bytes.get(at + 2), Some(0xbe | 0xbf)),
        _ => false,
    })
}
