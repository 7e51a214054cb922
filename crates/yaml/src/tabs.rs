//! Tabs at the start of lines, where Go's scanner takes none and ours does.

use granit_parser::{Event, ScalarStyle, Span, StructureStyle};

use crate::events::mark_at;
use crate::{Error, Mark};

/// The tabs of one text that stand among the blanks at the start of a line, and what the scanner knows when it meets them.
#[derive(Default)]
pub(crate) struct Tabs {
    /// Byte offsets, in order, with the number of blanks before each on its line.
    leading: Vec<(usize, u32)>,
    /// Of the collections that are open: the 1-based column of those in block style, nothing for a flow.
    open: Vec<Option<u32>>,
    /// The end of the last token, and whether it was a plain scalar, to which the blanks behind it still belong.
    last: (usize, bool),
}

impl Tabs {
    pub(crate) fn new(text: &str) -> Self {
        let mut leading = Vec::new();
        if text.contains('\t') {
            let mut start = 0;
            for line in text.split_inclusive('\n') {
                let blanks = line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).enumerate();
                let tabs = blanks.filter(|&(_, b)| b == b'\t');
                leading.extend(tabs.map(|(column, _)| (start + column, u32::try_from(column).unwrap_or(u32::MAX))));
                start += line.len();
            }
        }
        Self { leading, ..Self::default() }
    }

    /// Refuses what Go refuses of the text up to the end of this event.
    pub(crate) fn check(&mut self, text: &str, event: &Event<'_>, span: &Span) -> Result<(), Error> {
        if self.leading.is_empty() {
            return Ok(());
        }
        if let Some(range) = span.byte_range() {
            let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..)) && !span.is_empty();
            let refused = self.token(text, (range.start, range.end), plain);
            refused.map_err(|(at, message)| Error::new(mark_at(text, at), message))?;
        }
        match event {
            Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => {
                let column = match (*style, event) {
                    (StructureStyle::Flow, _) => None,
                    // The dashes of a list may stand below the key of the list; the parser then names the first item.
                    (_, Event::SequenceStart(..))
                        if !span.byte_range().is_some_and(|it| text[it.start..].starts_with('-')) =>
                    {
                        Some(self.indent())
                    }
                    _ => Some(Mark::from(&span.start).column),
                };
                self.open.push(column);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            _ => {}
        }
        Ok(())
    }

    /// The 1-based column of the innermost collection in block style, which is to Go's scanner, counting from zero, the
    /// first column within it.
    fn indent(&self) -> u32 {
        self.open.iter().rev().find_map(|column| *column).unwrap_or(0)
    }

    /// The first tab that Go refuses up to the end of a token at `start..end`, and what it says.
    fn token(&mut self, text: &str, (start, end): (usize, usize), plain: bool) -> Result<(), (usize, &'static str)> {
        let (before, after_plain) = self.last;
        self.last = (end.max(before), plain);
        let indent = self.indent();
        let in_flow = self.open.last().is_some_and(Option::is_none);
        let from = self.leading.partition_point(|&(at, _)| at < before);
        for &(at, column) in self.leading[from..].iter().take_while(|&&(at, _)| at < end) {
            if at >= start {
                if plain && column < indent {
                    return Err((at, VIOLATES));
                }
            } else if after_plain && text[before..at].bytes().all(|b| b.is_ascii_whitespace()) {
                if column < indent {
                    return Err((at, VIOLATES));
                }
            } else if !in_flow {
                return Err((at, "found character that cannot start any token"));
            }
        }
        Ok(())
    }
}

const VIOLATES: &str = "found a tab character that violates indentation";
