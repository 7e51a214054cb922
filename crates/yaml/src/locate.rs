//! Where a field stands in a text: for messages about what was read before.

use crate::events::{Event, Events, Style, Tag};
use crate::{Error, Limits, Mark};

/// Where `path` stands in the `document`th document (counted from 0 as [`crate::parse_all`] returns them): the key of a
/// map entry, the start of a list item; an empty path is the document's start. List indices are decimal strings.
///
/// What an alias or a merge key brings in is found where that alias or merge key stands. `None` where the text has no
/// such path. Reads the text again, so it is for error messages, not for every object.
#[must_use]
pub fn locate(text: &str, document: usize, path: &[&str]) -> Option<Mark> {
    let limits = Limits { bytes: usize::MAX, depth: Limits::DEEPEST, ..Limits::default() };
    let mut walk = Walk { events: Events::new(text, &limits).ok()? };
    let mut index = 0;
    loop {
        match walk.next()?.0 {
            Event::DocumentStart => {}
            Event::StreamEnd => return None,
            _ => continue,
        }
        let (root, at) = walk.next()?;
        let empty =
            matches!(&root, Event::Scalar { text, style: Style::Plain, tag: Tag::None, anchor: 0 } if text.is_empty());
        if empty {
            continue;
        }
        if index == document {
            return walk.find(root, at, path);
        }
        index += 1;
        walk.skip(&root)?;
    }
}

struct Walk<'a> {
    events: Events<'a>,
}

impl<'a> Walk<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Mark)> {
        self.events.next().map_err(|_: Error| ()).ok()
    }

    fn find(&mut self, root: Event<'a>, at: Mark, path: &[&str]) -> Option<Mark> {
        let (mut node, mut at) = (root, at);
        for step in path {
            (node, at) = match node {
                Event::MapStart { .. } => match self.entry(step)? {
                    Found::Entry(value, key) => (value, key),
                    Found::Merge(key) => return Some(key),
                },
                Event::ListStart { .. } => self.item(step.parse().ok()?)?,
                Event::Alias { .. } => return Some(at),
                _ => return None,
            };
        }
        Some(at)
    }

    /// The value of `name` in the map just opened, and where its key stands.
    fn entry(&mut self, name: &str) -> Option<Found<'a>> {
        let mut merge = None;
        loop {
            let (key, at) = self.next()?;
            match &key {
                Event::MapEnd => return merge.map(Found::Merge),
                Event::Scalar { text, .. } if text == name => return Some(Found::Entry(self.next()?.0, at)),
                Event::Scalar { text, style: Style::Plain, .. } if text == "<<" => merge = Some(at),
                _ => {}
            }
            self.skip(&key)?;
            let (value, _) = self.next()?;
            self.skip(&value)?;
        }
    }

    fn item(&mut self, index: usize) -> Option<(Event<'a>, Mark)> {
        for _ in 0..index {
            match self.next()?.0 {
                Event::ListEnd => return None,
                item => self.skip(&item)?,
            }
        }
        let (item, at) = self.next()?;
        (!matches!(item, Event::ListEnd)).then_some((item, at))
    }

    /// Reads past the rest of the node that `event` opened.
    fn skip(&mut self, event: &Event<'a>) -> Option<()> {
        let mut open = usize::from(matches!(event, Event::MapStart { .. } | Event::ListStart { .. }));
        while open > 0 {
            match self.next()?.0 {
                Event::MapStart { .. } | Event::ListStart { .. } => open += 1,
                Event::MapEnd | Event::ListEnd => open -= 1,
                Event::StreamEnd => return None,
                _ => {}
            }
        }
        Some(())
    }
}

enum Found<'a> {
    Entry(Event<'a>, Mark),
    Merge(Mark),
}
