//! The tree of a template.

use std::fmt;

/// A place in the text, in bytes.
pub(crate) type Pos = usize;

/// One named template.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: String,
    /// Name of the text it stands in: errors name this one.
    pub(crate) parse_name: String,
    pub(crate) text: std::sync::Arc<str>,
    pub(crate) root: Vec<Node>,
}

impl Tree {
    /// `file:line:column` of a place, the column counted in bytes from 0.
    pub(crate) fn location(&self, pos: Pos) -> String {
        let before = &self.text.as_bytes()[..pos.min(self.text.len())];
        let column = before.iter().rposition(|b| *b == b'\n').map_or(before.len(), |at| before.len() - at - 1);
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        format!("{}:{line}:{column}", self.parse_name)
    }
}

/// True if a list holds nothing but white space: such a definition never replaces another.
pub(crate) fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| matches!(&node.kind, NodeKind::Text(text) if text.trim().is_empty()))
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) pos: Pos,
    pub(crate) kind: NodeKind,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Text(String),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { name: String, pipe: Option<Pipe> },
    Break,
    Continue,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) pos: Pos,
    pub(crate) assign: bool,
    pub(crate) decl: Vec<String>,
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) pos: Pos,
    pub(crate) args: Vec<Expr>,
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
    Number(Number),
    String { quoted: String, value: crate::Value },
    Field(Vec<String>),
    Variable(Vec<String>),
    Identifier(String),
    Chain(Box<Expr>, Vec<String>),
    Pipe(Pipe),
}

/// A numeric constant, in each type that can hold it.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    /// Real and imaginary part of a constant with an `i`.
    pub(crate) complex: Option<(f64, f64)>,
    pub(crate) character: bool,
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.decl.is_empty() {
            joined(f, &self.decl, ", ")?;
            f.write_str(if self.assign { " = " } else { " := " })?;
        }
        joined(f, &self.commands, " | ")
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match &arg.kind {
                ExprKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => write!(f, "{arg}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Dot => f.write_str("."),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Bool(value) => write!(f, "{value}"),
            ExprKind::Number(number) => f.write_str(&number.text),
            ExprKind::String { quoted, .. } => f.write_str(quoted),
            ExprKind::Field(names) => names.iter().try_for_each(|name| write!(f, ".{name}")),
            ExprKind::Variable(names) => joined(f, names, "."),
            ExprKind::Identifier(name) => f.write_str(name),
            ExprKind::Chain(node, names) => {
                match &node.kind {
                    ExprKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => write!(f, "{node}")?,
                }
                names.iter().try_for_each(|name| write!(f, ".{name}"))
            }
            ExprKind::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, word: &str, branch: &Branch) -> fmt::Result {
    write!(f, "{{{{{word} {}}}}}", branch.pipe)?;
    joined(f, &branch.list, "")?;
    if let Some(otherwise) = &branch.otherwise {
        f.write_str("{{else}}")?;
        joined(f, otherwise, "")?;
    }
    f.write_str("{{end}}")
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Text(text) => f.write_str(text),
            NodeKind::Action(pipe) => write!(f, "{{{{{pipe}}}}}"),
            NodeKind::If(branch) => list(f, "if", branch),
            NodeKind::With(branch) => list(f, "with", branch),
            NodeKind::Range(branch) => list(f, "range", branch),
            NodeKind::Template { name, pipe } => {
                write!(f, "{{{{template {}", crate::quote::quote(name))?;
                if let Some(pipe) = pipe {
                    write!(f, " {pipe}")?;
                }
                f.write_str("}}")
            }
            NodeKind::Break => f.write_str("{{break}}"),
            NodeKind::Continue => f.write_str("{{continue}}"),
        }
    }
}
