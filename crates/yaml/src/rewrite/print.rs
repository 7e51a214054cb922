//! From nodes to text, as go-yaml prints them for kustomize: indented by two, lists not indented, no line folded.

use super::{Document, Kind, Node, Style};
use crate::emit::written;
use crate::folded;

pub(super) fn document(document: &Document) -> Option<String> {
    let mut out = String::new();
    match &document.root.kind {
        Kind::Map { flow: false, entries } => map(entries, 0, &mut out)?,
        Kind::List { flow: false, items } => list(items, 0, &mut out)?,
        _ => {
            comments(&document.root.head, 0, &mut out);
            value(&document.root, 0, Place::Root, &mut out)?;
        }
    }
    comments(&document.foot, 0, &mut out);
    Some(out)
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    /// Behind the key of a map whose entries begin at the column.
    Entry,
    /// Behind a dash at the column.
    Item,
}

fn spaces(columns: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', columns));
}

fn comments(lines: &[String], columns: usize, out: &mut String) {
    for line in lines {
        spaces(columns, out);
        out.push('#');
        out.push_str(line);
        out.push('\n');
    }
}

fn map(entries: &[(Node, Node)], columns: usize, out: &mut String) -> Option<()> {
    for (at, (key, node)) in entries.iter().enumerate() {
        // Whoever wrote `- ` has put the pen where the first entry begins.
        let continues = at == 0 && out.chars().next_back().is_some_and(|last| last != '\n');
        if continues && !key.head.is_empty() {
            return None;
        }
        comments(&key.head, columns, out);
        if !continues {
            spaces(columns, out);
        }
        let is_merge =
            matches!(&key.kind, Kind::Scalar { text, style: Style::Plain } if text == "<<" && key.tag.is_none());
        out.push_str(if is_merge { "!!merge " } else { "" });
        properties(key, out);
        out.push_str(&inline(key, true, false, columns)?);
        out.push(':');
        if let Some(comment) = &key.line {
            out.push_str(" #");
            out.push_str(comment);
        }
        value(node, columns, Place::Entry, out)?;
    }
    Some(())
}

fn list(items: &[Node], columns: usize, out: &mut String) -> Option<()> {
    for (at, item) in items.iter().enumerate() {
        let continues = at == 0 && out.chars().next_back().is_some_and(|last| last != '\n');
        if continues && !item.head.is_empty() {
            return None;
        }
        comments(&item.head, columns, out);
        if !continues {
            spaces(columns, out);
        }
        out.push('-');
        value(item, columns, Place::Item, out)?;
    }
    Some(())
}

/// `&anchor !tag ` in front of a node.
fn properties(node: &Node, out: &mut String) {
    for word in node.anchor.iter().chain(&node.tag) {
        out.push_str(word);
        out.push(' ');
    }
}

/// What stands behind a key or a dash, to the end of its last line.
fn value(node: &Node, columns: usize, place: Place, out: &mut String) -> Option<()> {
    let has_properties = node.anchor.is_some() || node.tag.is_some();
    match &node.kind {
        Kind::Map { flow: false, entries } if place == Place::Item && !has_properties => {
            out.push(' ');
            return map(entries, columns + 2, out);
        }
        Kind::List { flow: false, items } if place == Place::Item && !has_properties => {
            out.push(' ');
            return list(items, columns + 2, out);
        }
        Kind::Map { flow: false, .. } | Kind::List { flow: false, .. } => {
            for word in node.anchor.iter().chain(&node.tag) {
                out.push(' ');
                out.push_str(word);
            }
            out.push('\n');
            return match &node.kind {
                Kind::Map { entries, .. } => map(entries, columns + 2, out),
                Kind::List { items, .. } => list(items, if place == Place::Item { columns + 2 } else { columns }, out),
                Kind::Alias(_) | Kind::Scalar { .. } => None,
            };
        }
        _ => {}
    }
    let text = inline(node, false, false, columns + if place == Place::Root { 0 } else { 2 })?;
    if place != Place::Root && (has_properties || !text.is_empty()) {
        out.push(' ');
    }
    properties(node, out);
    let (first, rest) = text.split_once('\n').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest)));
    out.push_str(first);
    if let Some(comment) = &node.line {
        out.push_str(" #");
        out.push_str(comment);
    }
    out.push('\n');
    if let Some(rest) = rest {
        out.push_str(rest);
        out.push('\n');
    }
    Some(())
}

/// A node without its properties, on one line but for a block of text, whose lines begin at `columns`.
fn inline(node: &Node, is_key: bool, in_flow: bool, columns: usize) -> Option<String> {
    let inner = |node: &Node, is_key| -> Option<String> {
        let mut text = String::new();
        properties(node, &mut text);
        // What stands on the lines of a bracket has no place any more.
        if !node.head.is_empty() || node.line.is_some() {
            return None;
        }
        text.push_str(&inline(node, is_key, true, columns)?);
        Some(text)
    };
    Some(match &node.kind {
        Kind::Alias(name) if is_key => format!("{name} "),
        Kind::Alias(name) => name.clone(),
        Kind::List { flow: true, items } => {
            format!("[{}]", items.iter().map(|item| inner(item, false)).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Kind::Map { flow: true, entries } => {
            let entry = |(key, value): &(Node, Node)| Some(format!("{}: {}", inner(key, true)?, inner(value, false)?));
            format!("{{{}}}", entries.iter().map(entry).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Kind::List { .. } | Kind::Map { .. } if in_flow => return None,
        Kind::List { .. } | Kind::Map { .. } => return None,
        Kind::Scalar { style: Style::Folded, text } if !in_flow && !is_key && written::block_is_allowed(text) => {
            folded_block(text, columns)
        }
        Kind::Scalar { style, text } => {
            let wanted = match style {
                Style::Plain => written::Wanted::Plain,
                Style::Single => written::Wanted::Single,
                Style::Double => written::Wanted::Double,
                Style::Literal | Style::Folded => written::Wanted::Literal,
            };
            written::scalar(text, wanted, is_key, in_flow, columns)?
        }
    })
}

fn folded_block(text: &str, columns: usize) -> String {
    let chomp = match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
        Some(_) => "",
    };
    let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let mut out = format!(">{hint}{chomp}");
    for line in folded::written(text).trim_end_matches('\n').split('\n') {
        out.push('\n');
        if !line.is_empty() {
            spaces(columns, &mut out);
            out.push_str(line);
        }
    }
    out
}
