//! The tree of a template.
//!
//! Made to be small, as a chart has a tree for each of its hundreds of templates: names and texts are places in the text
//! that was parsed, and lists have no room to grow.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;

use crate::quote::quote;

/// A place in the text, in bytes. The parser takes no text that is too long for it.
pub(crate) type Pos = u32;

/// A part of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: Pos,
    pub(crate) end: Pos,
}

impl Span {
    pub(crate) fn bytes(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The text was UTF-8 when it was cut, so every span is.
    pub(crate) fn of(self, text: &[u8]) -> &str {
        std::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }
}

/// One named template.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: String,
    /// Name of the text it stands in: errors name this one.
    pub(crate) parse_name: Arc<str>,
    /// The whole text it stands in, shared with whoever gave it.
    pub(crate) text: Bytes,
    pub(crate) root: Box<[Node]>,
}

impl Tree {
    /// `file:line:column` of a place, the column counted in bytes from 0.
    pub(crate) fn location(&self, pos: Pos) -> String {
        let before = &self.text[..(pos as usize).min(self.text.len())];
        let column = before.iter().rposition(|b| *b == b'\n').map_or(before.len(), |at| before.len() - at - 1);
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        format!("{}:{line}:{column}", self.parse_name)
    }

    /// True if it holds nothing but white space: such a definition never replaces another.
    pub(crate) fn is_empty(&self) -> bool {
        is_empty(&self.root, &self.text)
    }
}

/// True if a list holds nothing but white space.
pub(crate) fn is_empty(nodes: &[Node], text: &[u8]) -> bool {
    nodes.iter().all(|node| matches!(&node.kind, NodeKind::Text(span) if span.of(text).trim().is_empty()))
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) pos: Pos,
    pub(crate) kind: NodeKind,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Text(Span),
    Action(Pipe),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<Invocation>),
    Break,
    Continue,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: Box<[Node]>,
    pub(crate) otherwise: Option<Box<[Node]>>,
}

/// A `template` or `block` action.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) name: String,
    pub(crate) pipe: Option<Pipe>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) pos: Pos,
    pub(crate) assign: bool,
    /// The variables that it sets.
    pub(crate) decl: Box<[Span]>,
    pub(crate) commands: Box<[Command]>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) pos: Pos,
    pub(crate) args: Box<[Expr]>,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) pos: Pos,
    pub(crate) kind: ExprKind,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    String(Box<Quoted>),
    /// `.a.b`
    Field(Span),
    /// `$x.a.b`
    Variable(Span),
    Identifier(Span),
    Chain(Box<Chain>),
    Pipe(Box<Pipe>),
}

/// Something and the fields behind it: `.a.b`.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) node: Expr,
    pub(crate) fields: Span,
}

/// A string, as it stands there and what it means.
#[derive(Debug)]
pub(crate) struct Quoted {
    pub(crate) quoted: Span,
    pub(crate) value: crate::Value,
}

/// A numeric constant, in each type that can hold it.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) text: Span,
    pub(crate) int: Option<i64>,
    pub(crate) float: Option<f64>,
    /// Real and imaginary part of a constant with an `i`.
    pub(crate) complex: Option<Box<(f64, f64)>>,
    pub(crate) character: bool,
}

/// The names in a span of fields, such as `.a.b`.
pub(crate) fn names(fields: &str) -> impl DoubleEndedIterator<Item = &str> {
    fields.strip_prefix('.').unwrap_or(fields).split('.')
}

/// Something of a tree with the text that it stands in, to be shown as Go shows it.
pub(crate) struct Shown<'s, T>(pub(crate) &'s [u8], pub(crate) &'s T);

fn joined<T>(f: &mut fmt::Formatter<'_>, text: &[u8], items: &[T], separator: &str) -> fmt::Result
where
    for<'s> Shown<'s, T>: fmt::Display,
{
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{}", Shown(text, item))?;
    }
    Ok(())
}

impl fmt::Display for Shown<'_, Span> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1.of(self.0))
    }
}

impl fmt::Display for Shown<'_, Pipe> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(text, pipe) = self;
        if !pipe.decl.is_empty() {
            joined(f, text, &pipe.decl, ", ")?;
            f.write_str(if pipe.assign { " = " } else { " := " })?;
        }
        joined(f, text, &pipe.commands, " | ")
    }
}

impl fmt::Display for Shown<'_, Command> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.1.args.iter().enumerate() {
            if index > 0 {
                f.write_char(' ')?;
            }
            operand(f, self.0, arg)?;
        }
        Ok(())
    }
}

/// A pipeline shows its parentheses where it is an operand.
fn operand(f: &mut fmt::Formatter<'_>, text: &[u8], expr: &Expr) -> fmt::Result {
    match &expr.kind {
        ExprKind::Pipe(pipe) => write!(f, "({})", Shown(text, &**pipe)),
        _ => write!(f, "{}", Shown(text, expr)),
    }
}

impl fmt::Display for Shown<'_, Expr> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        match &self.1.kind {
            ExprKind::Dot => f.write_char('.'),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Bool(value) => write!(f, "{value}"),
            ExprKind::Number(number) => f.write_str(number.text.of(text)),
            ExprKind::String(string) => f.write_str(string.quoted.of(text)),
            ExprKind::Field(span) | ExprKind::Variable(span) | ExprKind::Identifier(span) => f.write_str(span.of(text)),
            ExprKind::Chain(chain) => {
                operand(f, text, &chain.node)?;
                f.write_str(chain.fields.of(text))
            }
            ExprKind::Pipe(pipe) => write!(f, "{}", Shown(text, &**pipe)),
        }
    }
}

fn control(f: &mut fmt::Formatter<'_>, text: &[u8], word: &str, branch: &Branch) -> fmt::Result {
    write!(f, "{{{{{word} {}}}}}", Shown(text, &branch.pipe))?;
    joined(f, text, &branch.list, "")?;
    if let Some(otherwise) = &branch.otherwise {
        f.write_str("{{else}}")?;
        joined(f, text, otherwise, "")?;
    }
    f.write_str("{{end}}")
}

impl fmt::Display for Shown<'_, Node> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        match &self.1.kind {
            NodeKind::Text(span) => f.write_str(span.of(text)),
            NodeKind::Action(pipe) => write!(f, "{{{{{}}}}}", Shown(text, pipe)),
            NodeKind::If(branch) => control(f, text, "if", branch),
            NodeKind::With(branch) => control(f, text, "with", branch),
            NodeKind::Range(branch) => control(f, text, "range", branch),
            NodeKind::Template(invocation) => {
                write!(f, "{{{{template {}", quote(&invocation.name))?;
                if let Some(pipe) = &invocation.pipe {
                    write!(f, " {}", Shown(text, pipe))?;
                }
                f.write_str("}}")
            }
            NodeKind::Break => f.write_str("{{break}}"),
            NodeKind::Continue => f.write_str("{{continue}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Expr, Node};

    #[test]
    fn trees_are_small() {
        assert_eq!((size_of::<Node>(), size_of::<Command>(), size_of::<Expr>()), (48, 24, 24));
    }
}
