//! From text to nodes.

use std::borrow::Cow;

use granit_parser::{Event, Parser, Placement, ScalarStyle, Span, StrInput, StructureStyle, Tag};

use super::{Document, Kind, Node, Style};
use crate::Limits;

/// The first document.
pub(super) fn document(text: &str) -> Option<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let depth = Limits::default().depth;
    let options = granit_parser::options! {
        emit_comments: true,
        emit_anchor_events: true,
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: depth,
        block_nesting_limit: depth,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { parser, text, peeked: None, pending: Vec::new() };
    loop {
        match reader.next()? {
            (Event::StreamStart, _) => {}
            (Event::DocumentStart(..), _) => break,
            _ => return None,
        }
    }
    let (event, span) = reader.next()?;
    let root = reader.node(event, &span, 0)?;
    // Comments before what comes next are the document's last.
    reader.next()?;
    Some(Document { root, foot: reader.pending })
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    peeked: Option<(Event<'a>, Span)>,
    /// Comments that no node has yet.
    pending: Vec<String>,
}

impl<'a> Reader<'a> {
    fn raw(&mut self) -> Option<(Event<'a>, Span)> {
        match self.peeked.take() {
            Some(peeked) => Some(peeked),
            None => self.parser.next_event()?.ok(),
        }
    }

    /// The next event that is no comment.
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        loop {
            match self.raw()? {
                (Event::Comment(text, _), _) => self.pending.push(text.into_owned()),
                other => return Some(other),
            }
        }
    }

    /// A comment that ends the line of what was read last.
    fn right(&mut self) -> Option<String> {
        match self.raw()? {
            (Event::Comment(text, Placement::Right), _) => Some(text.into_owned()),
            other => {
                self.peeked = Some(other);
                None
            }
        }
    }

    fn anchor(&mut self, id: usize) -> Option<String> {
        if id == 0 {
            return None;
        }
        match self.raw()? {
            (Event::Anchor(_, name), _) => Some(format!("&{name}")),
            other => {
                self.peeked = Some(other);
                None
            }
        }
    }

    /// The node that begins with `event`, with the comments that are due.
    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Option<Node> {
        if depth > Limits::DEEPEST {
            return None;
        }
        let (id, tag) = match &event {
            Event::Scalar(_, _, id, tag) | Event::SequenceStart(_, id, tag) | Event::MappingStart(_, id, tag) => {
                (*id, tag.as_deref().map(tag_text))
            }
            _ => (0, None),
        };
        let anchor = self.anchor(id);
        let kind = match event {
            Event::Alias(_) => Kind::Alias(span.slice(self.text)?.to_owned()),
            Event::Scalar(text, style, ..) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                };
                // The parser spells a scalar that is not there as `~`.
                let absent = style == Style::Plain && span.is_empty();
                Kind::Scalar { style, text: if absent { String::new() } else { Cow::into_owned(text) } }
            }
            Event::SequenceStart(style, ..) => {
                Kind::List { flow: style == StructureStyle::Flow, items: self.items(depth)? }
            }
            Event::MappingStart(style, ..) => {
                Kind::Map { flow: style == StructureStyle::Flow, entries: self.entries(depth)? }
            }
            _ => return None,
        };
        let is_block = matches!(kind, Kind::List { flow: false, .. } | Kind::Map { flow: false, .. });
        let line = if is_block { None } else { self.right() };
        Some(Node { line, anchor, tag, ..Node::new(kind) })
    }

    fn items(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Some(items);
            }
            let head = std::mem::take(&mut self.pending);
            items.push(Node { head, ..self.node(event, &span, depth + 1)? });
        }
    }

    fn entries(&mut self, depth: usize) -> Option<Vec<(Node, Node)>> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Some(entries);
            }
            let head = std::mem::take(&mut self.pending);
            let key = Node { head, ..self.node(event, &span, depth + 1)? };
            let (event, span) = self.next()?;
            entries.push((key, self.node(event, &span, depth + 1)?));
        }
    }
}

fn tag_text(tag: &Tag) -> String {
    match tag.handle() {
        "tag:yaml.org,2002:" => format!("!!{}", tag.suffix()),
        "!" => format!("!{}", tag.suffix()),
        handle => format!("!<{handle}{}>", tag.suffix()),
    }
}
