//! The syntax tree.

use regex::Regex;

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub expr: Expr,
    /// Byte offset in the source.
    pub at: usize,
    /// How deep the tree below is, itself counted.
    pub depth: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Ident(String),
    Select {
        operand: Box<Node>,
        field: String,
        optional: bool,
    },
    /// `has(operand.field)`
    Has {
        operand: Box<Node>,
        field: String,
    },
    Index {
        operand: Box<Node>,
        index: Box<Node>,
        optional: bool,
    },
    Call(Box<Call>),
    List(Vec<(Node, bool)>),
    Map(Vec<(Node, Node, bool)>),
    /// `!` and unary `-`.
    Unary(&'static str, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    Comprehension(Box<Comprehension>),
    /// `target.optMap(variable, body)`, `optFlatMap` when `flat`.
    OptionalMap {
        target: Box<Node>,
        variable: String,
        body: Box<Node>,
        flat: bool,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub function: String,
    pub target: Option<Node>,
    pub args: Vec<Node>,
    /// Whether the environment has a function of this name.
    pub known: bool,
    /// A pattern written as a literal, compiled once.
    pub pattern: Option<Regex>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Macro {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    TransformList,
    TransformMap,
    TransformMapEntry,
}

#[derive(Debug, Clone)]
pub(crate) struct Comprehension {
    pub kind: Macro,
    pub range: Node,
    /// One variable, or two (index or key, and value).
    pub variables: Vec<String>,
    pub filter: Option<Node>,
    pub body: Node,
}
