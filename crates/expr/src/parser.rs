//! Tokens into a syntax tree, macros included. Recursion and the tree's depth are limited, so that nothing that walks
//! the tree later can overflow the stack.

use regex::RegexBuilder;

use crate::ast::{Call, Comprehension, Expr, Macro, Node};
use crate::env::{Env, Library};
use crate::error::CompileError;
use crate::lexer::{Token, tokens};
use crate::signature;

/// How large a compiled regular expression may be, in bytes.
pub(crate) const REGEX_SIZE: usize = 1 << 20;

const BINARY: &[&[&str]] = &[&["<", "<=", ">", ">=", "==", "!=", "in"], &["+", "-"], &["*", "/", "%"]];

const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

pub(crate) fn parse(source: &str, env: &Env) -> Result<Node, CompileError> {
    if source.len() > env.limits.source {
        let limit = env.limits.source;
        return Err(CompileError::new(
            source,
            0,
            format!("expression code size exceeds limit: size: {}, limit {limit}", source.len()),
        ));
    }
    let tokens = tokens(source)?;
    let mut parser = Parser { source, env, tokens, next: 0, depth: 0, nodes: 0 };
    let node = parser.expression()?;
    if *parser.peek() != Token::End {
        let found = parser.peek().describe();
        return Err(parser.error(format!("Syntax error: extraneous input {found} expecting <EOF>")));
    }
    Ok(node)
}

struct Parser<'a> {
    source: &'a str,
    env: &'a Env,
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
    nodes: usize,
}

type Parsed = Result<Node, CompileError>;

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.next].0.clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn eat(&mut self, punct: &str) -> bool {
        let found = matches!(self.peek(), Token::Punct(p) if *p == punct);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, punct: &str) -> Result<(), CompileError> {
        if self.eat(punct) {
            return Ok(());
        }
        let found = self.peek().describe();
        Err(self.error(format!("Syntax error: missing '{punct}' at {found}")))
    }

    fn error(&self, message: impl Into<String>) -> CompileError {
        CompileError::new(self.source, self.at(), message)
    }

    fn node(&mut self, at: usize, expr: Expr, below: usize) -> Parsed {
        self.nodes += 1;
        let (depth, limits) = (below + 1, &self.env.limits);
        if depth > limits.depth {
            return Err(CompileError::new(
                self.source,
                at,
                format!("expression recursion limit exceeded: {}", limits.depth),
            ));
        }
        if self.nodes > limits.nodes {
            return Err(CompileError::new(self.source, at, format!("expression has more than {} nodes", limits.nodes)));
        }
        Ok(Node { expr, at, depth })
    }

    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > self.env.limits.depth {
            return Err(self.error(format!("expression recursion limit exceeded: {}", self.env.limits.depth)));
        }
        let node = self.conditional();
        self.depth -= 1;
        node
    }

    fn conditional(&mut self) -> Parsed {
        let at = self.at();
        let condition = self.logical(true)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let yes = self.logical(true)?;
        self.expect(":")?;
        let no = self.expression()?;
        let below = condition.depth.max(yes.depth).max(no.depth);
        self.node(at, Expr::Conditional(Box::new([condition, yes, no])), below)
    }

    fn logical(&mut self, or: bool) -> Parsed {
        let at = self.at();
        let operand = |parser: &mut Self| if or { parser.logical(false) } else { parser.binary(0) };
        let first = operand(self)?;
        let punct = if or { "||" } else { "&&" };
        let mut all = vec![first];
        while self.eat(punct) {
            all.push(operand(self)?);
        }
        if all.len() == 1 {
            return Ok(all.remove(0));
        }
        let below = deepest(&all);
        self.node(at, if or { Expr::Or(all) } else { Expr::And(all) }, below)
    }

    fn binary(&mut self, level: usize) -> Parsed {
        let Some(operators) = BINARY.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        loop {
            let at = self.at();
            let operator = match self.peek() {
                Token::Punct(p) => operators.iter().find(|o| *o == p),
                Token::Ident(name) if name == "in" => operators.iter().find(|o| **o == "in"),
                _ => None,
            };
            let Some(operator) = operator else { return Ok(left) };
            self.advance();
            let right = self.binary(level + 1)?;
            let below = left.depth.max(right.depth);
            left = self.node(at, Expr::Binary(operator, Box::new(left), Box::new(right)), below)?;
        }
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        for operator in ["!", "-"] {
            let mut count = 0;
            while self.eat(operator) {
                count += 1;
            }
            if count == 0 {
                continue;
            }
            if operator == "-" && count == 1 {
                match *self.peek() {
                    Token::Int(n) if n == 1 << 63 => {
                        self.advance();
                        let node = self.node(at, Expr::Int(i64::MIN), 0)?;
                        return self.members(node);
                    }
                    Token::Int(_) | Token::Double(_) => {
                        let mut node = self.primary()?;
                        match &mut node.expr {
                            Expr::Int(n) => *n = -*n,
                            Expr::Double(n) => *n = -*n,
                            _ => {}
                        }
                        return self.members(node);
                    }
                    _ => {}
                }
            }
            let operand = self.member()?;
            // Two of a kind undo each other, as in cel-go.
            if count % 2 == 0 {
                return Ok(operand);
            }
            let below = operand.depth;
            return self.node(at, Expr::Unary(operator, Box::new(operand)), below);
        }
        self.member()
    }

    fn member(&mut self) -> Parsed {
        let node = self.primary()?;
        self.members(node)
    }

    fn members(&mut self, mut node: Node) -> Parsed {
        loop {
            let at = self.at();
            if self.eat(".") {
                let optional = self.eat_optional()?;
                let after_dot = self.at();
                let (field, quoted) = match self.advance() {
                    Token::Ident(name) => (name, false),
                    Token::Quoted(name) => (name, true),
                    _ => {
                        return Err(CompileError::new(
                            self.source,
                            after_dot,
                            "Syntax error: no viable alternative at input '.'",
                        ));
                    }
                };
                if !optional && !quoted && self.eat("(") {
                    node = self.method(at, node, field)?;
                    continue;
                }
                let field = if self.env.escaped_names && !quoted { unescape(field) } else { field };
                let below = node.depth;
                node = self.node(at, Expr::Select { operand: Box::new(node), field, optional }, below)?;
            } else if self.eat("[") {
                let optional = self.eat_optional()?;
                let index = self.expression()?;
                self.expect("]")?;
                let below = node.depth.max(index.depth);
                node =
                    self.node(at, Expr::Index { operand: Box::new(node), index: Box::new(index), optional }, below)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn eat_optional(&mut self) -> Result<bool, CompileError> {
        if !self.eat("?") {
            return Ok(false);
        }
        if self.env.has(Library::Optional) { Ok(true) } else { Err(self.error("unsupported syntax '?'")) }
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let expr = match self.advance() {
            Token::Int(n) => match i64::try_from(n) {
                Ok(n) => Expr::Int(n),
                Err(_) => return Err(CompileError::new(self.source, at, "Syntax error: invalid int literal")),
            },
            Token::Uint(n) => Expr::Uint(n),
            Token::Double(n) => Expr::Double(n),
            Token::String(text) => Expr::String(text),
            Token::Bytes(bytes) => Expr::Bytes(bytes),
            Token::Punct("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Punct("[") => return self.list(at),
            Token::Punct("{") => return self.map(at),
            // A leading dot names the root scope, and there is only one.
            Token::Punct(".") if matches!(self.peek(), Token::Ident(_)) => return self.primary(),
            Token::Ident(name) => return self.name(at, name),
            other => {
                let expecting = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
                let found = if other == Token::End { "'<EOF>'".to_owned() } else { other.describe() };
                let what = if other == Token::End { "mismatched" } else { "extraneous" };
                return Err(CompileError::new(
                    self.source,
                    at,
                    format!("Syntax error: {what} input {found} expecting {expecting}"),
                ));
            }
        };
        self.node(at, expr, 0)
    }

    fn name(&mut self, at: usize, name: String) -> Parsed {
        match name.as_str() {
            "true" => return self.node(at, Expr::Bool(true), 0),
            "false" => return self.node(at, Expr::Bool(false), 0),
            "null" => return self.node(at, Expr::Null, 0),
            "in" => return Err(CompileError::new(self.source, at, "Syntax error: mismatched input 'in'")),
            reserved if RESERVED.contains(&reserved) => {
                return Err(CompileError::new(self.source, at, format!("Syntax error: reserved identifier: {name}")));
            }
            _ => {}
        }
        if self.eat("(") {
            if name == "has" {
                return self.has(at);
            }
            let args = self.arguments()?;
            return self.call(at, name, None, args);
        }
        if matches!(self.peek(), Token::Punct("{")) {
            return Err(self.error("message construction is not supported"));
        }
        self.node(at, Expr::Ident(name), 0)
    }

    fn has(&mut self, at: usize) -> Parsed {
        let mut args = self.arguments()?;
        if let Some(Node { expr: Expr::Select { operand, field, optional: false }, .. }) = args.pop()
            && args.is_empty()
        {
            let below = operand.depth;
            return self.node(at, Expr::Has { operand, field }, below);
        }
        Err(CompileError::new(self.source, at, "invalid argument to has() macro"))
    }

    fn list(&mut self, at: usize) -> Parsed {
        let mut items = Vec::new();
        let mut below = 0;
        while !self.eat("]") {
            let optional = self.eat_optional()?;
            let item = self.expression()?;
            below = below.max(item.depth);
            items.push((item, optional));
            if !self.eat(",") {
                self.expect("]")?;
                break;
            }
        }
        self.node(at, Expr::List(items), below)
    }

    fn map(&mut self, at: usize) -> Parsed {
        let mut entries = Vec::new();
        let mut below = 0;
        while !self.eat("}") {
            let optional = self.eat_optional()?;
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            below = below.max(key.depth).max(value.depth);
            entries.push((key, value, optional));
            if !self.eat(",") {
                self.expect("}")?;
                break;
            }
        }
        self.node(at, Expr::Map(entries), below)
    }

    fn arguments(&mut self) -> Result<Vec<Node>, CompileError> {
        let mut args = Vec::new();
        if self.eat(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if !self.eat(",") {
                self.expect(")")?;
                return Ok(args);
            }
        }
    }

    fn call(&mut self, at: usize, function: String, target: Option<Node>, args: Vec<Node>) -> Parsed {
        let below = deepest(&args).max(target.as_ref().map_or(0, |t| t.depth));
        let known = signature::known(&function, target.is_some(), self.env);
        let mut pattern = None;
        if let Some(Node { expr: Expr::String(text), at, .. }) = args.get(usize::from(target.is_none()))
            && matches!(function.as_str(), "matches" | "find" | "findAll")
        {
            match RegexBuilder::new(text).size_limit(REGEX_SIZE).build() {
                Ok(regex) => pattern = Some(regex),
                Err(_) if self.env.checked => {
                    return Err(CompileError::new(self.source, *at, "invalid matches argument"));
                }
                // Without a check it is an error of the evaluation that gets so far.
                Err(_) => {}
            }
        }
        self.node(at, Expr::Call(Box::new(Call { function, target, args, known, pattern })), below)
    }

    /// A call with a receiver: a macro, a function in a namespace, or a method.
    fn method(&mut self, at: usize, target: Node, name: String) -> Parsed {
        if let Expr::Ident(namespace) = &target.expr {
            let qualified = format!("{namespace}.{name}");
            if signature::known(&qualified, false, self.env) {
                let args = self.arguments()?;
                return self.call(at, qualified, None, args);
            }
        }
        let mut args = self.arguments()?;
        if matches!(name.as_str(), "optMap" | "optFlatMap") && args.len() == 2 && self.env.has(Library::Optional) {
            let body = args.pop().expect("two arguments");
            let Expr::Ident(variable) = args.remove(0).expr else {
                return Err(CompileError::new(
                    self.source,
                    at,
                    format!("{name}() variable name must be a simple identifier"),
                ));
            };
            let below = body.depth.max(target.depth);
            let (target, body, flat) = (Box::new(target), Box::new(body), name == "optFlatMap");
            return self.node(at, Expr::OptionalMap { target, variable, body, flat }, below);
        }
        if let Some((kind, two)) = macro_kind(&name, args.len(), self.env) {
            return self.comprehension(at, kind, two, target, args);
        }
        self.call(at, name, Some(target), args)
    }

    fn comprehension(&mut self, at: usize, kind: Macro, two: bool, range: Node, mut args: Vec<Node>) -> Parsed {
        let count = if two { 2 } else { 1 };
        let mut variables = Vec::new();
        for arg in args.drain(..count) {
            match arg.expr {
                Expr::Ident(name) => variables.push(name),
                _ => return Err(CompileError::new(self.source, arg.at, "argument must be a simple name")),
            }
        }
        let below = deepest(&args).max(range.depth);
        let body = args.pop().expect("a macro's arity was checked");
        let filter = args.pop();
        self.node(at, Expr::Comprehension(Box::new(Comprehension { kind, range, variables, filter, body })), below)
    }
}

fn deepest(nodes: &[Node]) -> usize {
    nodes.iter().map(|n| n.depth).max().unwrap_or(0)
}

/// The macro of this name and number of arguments, and whether it binds two variables.
fn macro_kind(name: &str, args: usize, env: &Env) -> Option<(Macro, bool)> {
    let one = match (name, args) {
        ("all", 2) => Macro::All,
        ("exists", 2) => Macro::Exists,
        ("exists_one" | "existsOne", 2) => Macro::ExistsOne,
        ("map", 2 | 3) => Macro::Map,
        ("filter", 2) => Macro::Filter,
        _ => {
            let two = match (name, args) {
                ("all", 3) => Macro::All,
                ("exists", 3) => Macro::Exists,
                ("exists_one" | "existsOne", 3) => Macro::ExistsOne,
                ("transformList", 3 | 4) => Macro::TransformList,
                ("transformMap", 3 | 4) => Macro::TransformMap,
                ("transformMapEntry", 3 | 4) => Macro::TransformMapEntry,
                _ => return None,
            };
            return env.has(Library::TwoVariables).then_some((two, true));
        }
    };
    Some((one, false))
}

/// Kubernetes spells field names that are no identifiers with escapes.
fn unescape(name: String) -> String {
    if !name.contains("__") {
        return name;
    }
    if let Some(word) = name.strip_prefix("__").and_then(|n| n.strip_suffix("__"))
        && (RESERVED.contains(&word) || matches!(word, "true" | "false" | "null" | "in"))
    {
        return word.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name.as_str();
    while let Some(c) = rest.chars().next() {
        let escape = [("__underscores__", "__"), ("__dot__", "."), ("__dash__", "-"), ("__slash__", "/")]
            .into_iter()
            .find(|(escape, _)| rest.starts_with(escape));
        if let Some((escape, plain)) = escape {
            out.push_str(plain);
            rest = &rest[escape.len()..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}
