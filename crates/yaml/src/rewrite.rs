//! Changes values in a text of YAML and keeps the rest as it is written: order, quotes, brackets, comments, anchors.
//!
//! This is what kustomize does with a YAML text that a string of an object holds: it reads nodes, changes some, and
//! prints them all. So layout that is no part of a node is lost: blank lines, indentation, what follows the document.

mod print;
mod read;

use std::borrow::Cow;

use serde_json::Value;

use crate::scalar::{Plain, plain};
use crate::{Dialect, emit};

/// The first document of `text`, which says `before`, once it says `after`; `None` where that cannot be done in place.
#[must_use]
pub fn rewrite(text: &str, before: &Value, after: &Value) -> Option<String> {
    let mut document = read::document(text)?;
    sync(&mut document.root, before, after)?;
    print::document(&document)
}

/// A document, and the comments after it.
struct Document {
    root: Node,
    foot: Vec<String>,
}

/// A node as it is written.
struct Node {
    /// Comments on the lines before it, and behind it, without `#`.
    head: Vec<String>,
    line: Option<String>,
    /// `&name`.
    anchor: Option<String>,
    /// As it is written, such as `!!str`.
    tag: Option<String>,
    kind: Kind,
}

enum Kind {
    /// `*name`.
    Alias(String),
    Scalar {
        style: Style,
        text: String,
    },
    List {
        flow: bool,
        items: Vec<Node>,
    },
    Map {
        flow: bool,
        entries: Vec<(Node, Node)>,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

impl Node {
    fn new(kind: Kind) -> Self {
        Self { head: Vec::new(), line: None, anchor: None, tag: None, kind }
    }

    fn fresh(value: &Value) -> Self {
        Self::new(match value {
            Value::Object(map) => Kind::Map {
                flow: map.is_empty(),
                entries: map.iter().map(|(key, value)| (Self::key(key), Self::fresh(value))).collect(),
            },
            Value::Array(list) => Kind::List { flow: list.is_empty(), items: list.iter().map(Self::fresh).collect() },
            scalar => Kind::Scalar { style: quoted(scalar), text: text_of(scalar).into_owned() },
        })
    }

    fn key(text: &str) -> Self {
        Self::new(Kind::Scalar { style: quoted(&Value::from(text)), text: text.to_owned() })
    }
}

/// A text that would not be read as one needs its quotes.
fn quoted(scalar: &Value) -> Style {
    let is_text = |text: &str| plain(text, Dialect::V3, true) == Plain::Str;
    if scalar.as_str().is_some_and(|text| !is_text(text)) { Style::Double } else { Style::Plain }
}

fn text_of(scalar: &Value) -> Cow<'_, str> {
    match scalar {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(emit(other).unwrap_or_default().trim_end().to_owned()),
    }
}

/// Changes the node where the values differ.
fn sync(node: &mut Node, before: &Value, after: &Value) -> Option<()> {
    if before == after {
        return Some(());
    }
    match (&mut node.kind, before, after) {
        // The change would be one of the anchor's node.
        (Kind::Alias(_), _, _) => None,
        (Kind::Map { entries, .. }, Value::Object(before), Value::Object(after)) => {
            for (name, after) in after {
                let is_it =
                    |(key, _): &&mut (Node, Node)| matches!(&key.kind, Kind::Scalar { text, .. } if text == name);
                match (entries.iter_mut().find(is_it), before.get(name)) {
                    (Some((_, value)), Some(before)) => sync(value, before, after)?,
                    // It came in through a merge key.
                    (None, Some(before)) if before == after => {}
                    (None, Some(_)) | (Some(_), None) => return None,
                    (None, None) => entries.push((Node::key(name), Node::fresh(after))),
                }
            }
            Some(())
        }
        (Kind::List { items, .. }, Value::Array(before), Value::Array(after)) => {
            for (at, after) in after.iter().enumerate() {
                match (items.get_mut(at), before.get(at)) {
                    (Some(item), Some(before)) => sync(item, before, after)?,
                    _ => items.push(Node::fresh(after)),
                }
            }
            Some(())
        }
        (Kind::Scalar { style, text }, _, Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null) => {
            if *style == Style::Plain && node.tag.is_none() {
                *style = quoted(after);
            }
            text_of(after).as_ref().clone_into(text);
            Some(())
        }
        (kind, _, _) => {
            *kind = Node::fresh(after).kind;
            Some(())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parse;

    #[track_caller]
    fn check(text: &str, path: &str, new: Value, want: &str) {
        let before = parse(text, Dialect::V3).unwrap();
        let mut after = before.clone();
        *after.pointer_mut(path).unwrap() = new;
        assert_eq!(rewrite(text, &before, &after).unwrap(), want);
    }

    #[test]
    fn what_is_no_node_goes() {
        check(
            "# top\na:   x   # c\n\n\nb:\n    - c:  d\n    -   e\n---\nf: g\n",
            "/a",
            json!("new"),
            "# top\na: new # c\nb:\n- c: d\n- e\n",
        );
        check(
            "---\na: x\nb: one\n  two\nc: |-\n    one\n      two\n",
            "/a",
            json!(5),
            "a: 5\nb: one two\nc: |-\n  one\n    two\n",
        );
    }

    #[test]
    fn what_is_one_stays() {
        check("a: {\n  b: x,\n  'c': [1,2],\n}\n", "/a/b", json!("y"), "a: {b: y, 'c': [1, 2]}\n");
        check(
            "a: &q x\nb: *q\nc: !!str 1\nd: !foo e\n<<: {g: h}\n",
            "/c",
            json!("2"),
            "a: &q x\nb: *q\nc: !!str 2\nd: !foo e\n!!merge <<: {g: h}\n",
        );
        check("c: >\n  fold\n  ed\n\n  more\na: x\n", "/a", json!("y"), "c: >\n  fold ed\n\n  more\na: y\n");
    }

    #[test]
    fn new_text_has_the_quotes_that_it_needs() {
        check("a: x\n", "/a", json!("017"), "a: \"017\"\n");
        check("a: x\n", "/a", json!("b: c"), "a: 'b: c'\n");
        check("a: {b: x}\n", "/a/b", json!("c,d"), "a: {b: 'c,d'}\n");
        check("a: x # c\n", "/a", json!("b\nc"), "a: |- # c\n  b\n  c\n");
        check("a: [x]\n", "/a/0", json!("b\nc"), "a: [\"b\\nc\"]\n");
    }
}
