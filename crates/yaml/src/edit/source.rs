//! A text as a tree of nodes that know where they stand.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};

use crate::tabs::Tabs;
use crate::{Error, Limits, Mark};

/// The documents of a text. All places are byte offsets into it.
#[derive(Debug)]
pub struct Source<'a> {
    /// The text.
    pub text: &'a str,
    /// The root of each document, those without content too.
    pub documents: Vec<Node>,
    /// Whether a `%` directive stands before any document.
    pub directives: bool,
}

/// A value or a key.
#[derive(Clone, Debug)]
pub struct Node {
    /// The node's bytes without tag and anchor: quotes and brackets are in it, a block scalar's header is not.
    pub range: Range<usize>,
    /// Its tag, if it has one.
    pub tag: Option<Range<usize>>,
    /// Whether it stands between brackets.
    pub flow: bool,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Content {
    /// Text, after escapes.
    Scalar {
        /// What it says.
        text: String,
        /// How it is quoted.
        quotes: Quotes,
        /// Where the `|` or `>` of a block scalar stands.
        header: Option<usize>,
    },
    /// A map; `true` with brackets.
    Map(Vec<Entry>, bool),
    /// A list; `true` with brackets.
    List(Vec<Node>, bool),
    /// A `*name`.
    Alias,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Node,
    /// The value; its range is empty where none is written.
    pub value: Node,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// Without quotes.
    None,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// Reads a text into nodes.
///
/// # Errors
/// When it is no YAML, or breaks a limit.
pub fn read<'a>(text: &'a str, limits: &Limits) -> Result<Source<'a>, Error> {
    if text.len() > limits.bytes {
        let message = format!("the text has {} bytes, the limit `bytes` is {}", text.len(), limits.bytes);
        return Err(Error::new(Mark { line: 1, column: 1 }, message));
    }
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let depth = limits.depth.clamp(1, Limits::DEEPEST) + 1;
    let options = granit_parser::options! {
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
        bom_inside_document_as_content: true,
        flow_nesting_limit: depth,
        block_nesting_limit: depth,
    };
    let parser = Parser::new_from_str_with_options(body, options);
    let mut reader = Reader {
        parser,
        text,
        shift: text.len() - body.len(),
        tabs: Tabs::new(body),
        end: 0,
        nodes: 0,
        limit: limits.nodes,
    };
    let mut source = Source { text, documents: Vec::new(), directives: has_directive(body) };
    while let Some((event, _)) = reader.next()? {
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(..) => {
                if source.documents.len() >= limits.documents {
                    let message = format!("more documents than the limit `documents` allows ({})", limits.documents);
                    return Err(Error::new(Mark { line: 1, column: 1 }, message));
                }
                let Some((event, span)) = reader.next()? else { break };
                source.documents.push(reader.node(event, &span, false)?);
            }
            _ => {}
        }
    }
    Ok(source)
}

/// Directives stand before the first document, or after one that ends in `...`.
fn has_directive(text: &str) -> bool {
    let mut may = true;
    for line in text.lines() {
        match line.as_bytes().first() {
            Some(b'%') if may => return true,
            None | Some(b'#') => {}
            _ if line.starts_with("...") => may = true,
            _ => may = false,
        }
    }
    false
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    /// What a byte order mark in front moves all places by.
    shift: usize,
    tabs: Tabs,
    /// Where the last event ended.
    end: usize,
    nodes: usize,
    limit: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Error> {
        let next = self.parser.next_event().transpose()?;
        if let Some((event, span)) = &next {
            self.tabs.check(&self.text[self.shift..], event, span)?;
        }
        Ok(next)
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or_default();
        range.start + self.shift..range.end + self.shift
    }

    fn node(&mut self, event: Event<'a>, span: &Span, flow: bool) -> Result<Node, Error> {
        self.nodes += 1;
        if self.nodes > self.limit {
            let message = format!("more nodes than the limit `nodes` allows ({})", self.limit);
            return Err(Error::new(Mark::from(&span.start), message));
        }
        let mut range = self.range(span);
        let tag = span.tag_span().map(|tag| self.range(&tag));
        let after = self.end;
        self.end = range.end.max(after);
        let content = match event {
            Event::Scalar(text, style, ..) => {
                let quotes = Quotes::from(style);
                let block = matches!(quotes, Quotes::Literal | Quotes::Folded);
                let header = if block { header(self.text, after) } else { None };
                let text = if quotes == Quotes::None && range.is_empty() { String::new() } else { text.into_owned() };
                Content::Scalar { text, quotes, header }
            }
            Event::SequenceStart(style, ..) => {
                let own = style == StructureStyle::Flow;
                let mut items = Vec::new();
                while let Some((event, span)) = self.next()? {
                    if matches!(event, Event::SequenceEnd) {
                        self.close(&mut range, &span, own);
                        break;
                    }
                    items.push(self.node(event, &span, own)?);
                }
                Content::List(items, own)
            }
            Event::MappingStart(style, ..) => {
                let own = style == StructureStyle::Flow;
                let mut entries = Vec::new();
                while let Some((event, span)) = self.next()? {
                    if matches!(event, Event::MappingEnd) {
                        self.close(&mut range, &span, own);
                        break;
                    }
                    let key = self.node(event, &span, own)?;
                    let Some((event, span)) = self.next()? else { break };
                    let value = self.node(event, &span, own)?;
                    entries.push(Entry { key, value });
                }
                Content::Map(entries, own)
            }
            _ => Content::Alias,
        };
        Ok(Node { range, tag, flow, content })
    }

    /// A collection ends with its bracket, or where its last child does.
    fn close(&mut self, range: &mut Range<usize>, span: &Span, flow: bool) {
        if flow {
            self.end = self.range(span).end;
        }
        range.end = self.end.max(range.start);
    }
}

/// Where the `|` or `>` stands that follows `after`.
fn header(text: &str, after: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = after;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'|' | b'>' => return Some(at),
            b'#' => at += bytes[at..].iter().position(|b| *b == b'\n')?,
            b'!' | b'&' => at += bytes[at..].iter().position(u8::is_ascii_whitespace)?,
            _ => at += 1,
        }
    }
    None
}

impl From<ScalarStyle> for Quotes {
    fn from(style: ScalarStyle) -> Self {
        match style {
            ScalarStyle::SingleQuoted => Self::Single,
            ScalarStyle::DoubleQuoted => Self::Double,
            ScalarStyle::Literal => Self::Literal,
            ScalarStyle::Folded => Self::Folded,
            _ => Self::None,
        }
    }
}

impl Node {
    /// What a scalar says; nothing for all else.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a map, the last where it is repeated.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(entries, _) => {
                entries.iter().rev().find(|entry| entry.key.text() == Some(key)).map(|it| &it.value)
            }
            _ => None,
        }
    }

    /// Whether it is a value that is not written at all.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.range.is_empty() && matches!(self.content, Content::Scalar { quotes: Quotes::None, .. })
    }
}
