//! Makes trees of tokens, with Go's error texts.

pub(crate) mod ast;
mod number;
mod pipeline;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use ast::{Branch, Command, Expr, Invocation, Node, NodeKind, Pos, Tree};

use crate::Error;
use crate::lex::{Kind, Lexer, Token};
use crate::quote::{quote, unquote};

/// Nested parentheses and control structures that one text may have.
const MAX_NESTING: usize = 300;

/// What parsing a text gives: its trees by name, in the order of definition.
pub(crate) struct Parsed {
    pub(crate) trees: Vec<Arc<Tree>>,
}

pub(crate) fn parse(name: &str, text: &Bytes, known: &dyn Fn(&str) -> bool) -> Result<Parsed, Error> {
    if Pos::try_from(text.len()).is_err() {
        let most = Pos::MAX;
        return Err(Error::new(format!("template: {name}: longer than {most} bytes (limit: parser text)")));
    }
    let text = match String::from_utf8_lossy(text) {
        Cow::Borrowed(_) => text.clone(),
        Cow::Owned(mended) => Bytes::from(mended),
    };
    let source = text.clone();
    let source = std::str::from_utf8(&source).map_err(|error| Error::new(error.to_string()))?;
    let mut parser = Parser {
        name: Arc::from(name),
        text,
        lexer: Lexer::new(source),
        tokens: std::array::from_fn(|_| Token { kind: Kind::Eof, pos: 0, line: 1, text: "".into() }),
        peeked: 0,
        vars: vec!["$".to_owned()],
        action_line: 0,
        range_depth: 0,
        nesting: 0,
        known,
        trees: HashMap::new(),
        order: Vec::new(),
        nodes: Vec::new(),
        commands: Vec::new(),
        exprs: Vec::new(),
    };
    parser.file()?;
    let Parser { mut trees, order, .. } = parser;
    Ok(Parsed { trees: order.iter().filter_map(|name| trees.remove(name)).collect() })
}

pub(super) struct Parser<'a> {
    name: Arc<str>,
    text: Bytes,
    lexer: Lexer<'a>,
    tokens: [Token<'a>; 3],
    peeked: usize,
    vars: Vec<String>,
    action_line: u32,
    range_depth: usize,
    nesting: usize,
    known: &'a dyn Fn(&str) -> bool,
    trees: HashMap<String, Arc<Tree>>,
    order: Vec<String>,
    // The parts of lists that are still open, the innermost list last: a list is allocated once, when it is whole.
    nodes: Vec<Node>,
    commands: Vec<Command>,
    exprs: Vec<Expr>,
}

/// Takes the list off that began at `from`.
fn closed<T>(open: &mut Vec<T>, from: usize) -> Box<[T]> {
    open.drain(from..).collect()
}

/// What ended a list.
enum Ended {
    End,
    Else,
}

impl Ended {
    fn text(&self) -> &'static str {
        match self {
            Ended::End => "{{end}}",
            Ended::Else => "{{else}}",
        }
    }
}

enum Item {
    Node(Node),
    Ended(Ended),
}

type Parse<T> = Result<T, Error>;

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token<'a> {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.lexer.next_token();
        }
        self.tokens[self.peeked].clone()
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn backup2(&mut self, first: Token<'a>) {
        self.tokens[1] = first;
        self.peeked = 2;
    }

    fn backup3(&mut self, second: Token<'a>, first: Token<'a>) {
        self.tokens[1] = first;
        self.tokens[2] = second;
        self.peeked = 3;
    }

    fn peek(&mut self) -> &Token<'a> {
        if self.peeked == 0 {
            self.peeked = 1;
            self.tokens[0] = self.lexer.next_token();
        }
        &self.tokens[self.peeked - 1]
    }

    fn next_non_space(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token<'a> {
        let token = self.next_non_space();
        self.backup();
        token
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Parse<T> {
        let text = format!("template: {}:{}: {}", self.name, self.tokens[0].line, message.as_ref());
        Err(Error::new(text))
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parse<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", shown(token)));
        }
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != token.line {
            extra = format!(" in action started at {}:{}", self.name, self.action_line);
            if token.text.ends_with(" action") {
                extra.replace_range(..10, "");
            }
        }
        self.error(format!("{}{extra}", token.text))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parse<Token<'a>> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn deeper(&mut self) -> Parse<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.error(format!("nested more than {MAX_NESTING} deep (limit: parser nesting)"));
        }
        Ok(())
    }

    fn file(&mut self) -> Parse<()> {
        let from = self.nodes.len();
        loop {
            if self.peek().kind == Kind::Eof {
                break;
            }
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.backup2(delim);
            }
            match self.text_or_action()? {
                Item::Node(node) => self.nodes.push(node),
                Item::Ended(ended) => return self.error(format!("unexpected {}", ended.text())),
            }
        }
        let root = closed(&mut self.nodes, from);
        let name = self.name.as_ref().to_owned();
        self.add(name, root)
    }

    fn add(&mut self, name: String, root: Box<[Node]>) -> Parse<()> {
        if let Some(known) = self.trees.get(&name)
            && !known.is_empty()
        {
            if ast::is_empty(&root, &self.text) {
                return Ok(());
            }
            return self.error(format!("template: multiple definition of template {}", quote(&name)));
        }
        let tree = Tree { name: name.clone(), parse_name: self.name.clone(), text: self.text.clone(), root };
        if self.trees.insert(name.clone(), Arc::new(tree)).is_none() {
            self.order.push(name);
        }
        Ok(())
    }

    /// The body of a `define` or `block`: its variables are its own.
    fn body(&mut self, context: &str, name: String) -> Parse<()> {
        let vars = std::mem::replace(&mut self.vars, vec!["$".to_owned()]);
        let depth = std::mem::take(&mut self.range_depth);
        let (list, ended) = self.list()?;
        if let Ended::Else = ended {
            return self.error(format!("unexpected {} in {context}", ended.text()));
        }
        self.add(name, list)?;
        self.vars = vars;
        self.range_depth = depth;
        Ok(())
    }

    fn definition(&mut self) -> Parse<()> {
        let context = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        self.expect(Kind::RightDelim, context)?;
        self.body(context, name)
    }

    fn template_name(&mut self, token: &Token<'_>, context: &str) -> Parse<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(&token.text) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
            None => self.error("invalid syntax"),
        }
    }

    fn list(&mut self) -> Parse<(Box<[Node]>, Ended)> {
        self.deeper()?;
        let from = self.nodes.len();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => self.nodes.push(node),
                Item::Ended(ended) => {
                    self.nesting -= 1;
                    return Ok((closed(&mut self.nodes, from), ended));
                }
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parse<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node { pos: token.pos, kind: NodeKind::Text(token.span()) })),
            Kind::LeftDelim => {
                self.action_line = token.line;
                let item = self.action();
                self.action_line = 0;
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parse<Item> {
        let token = self.next_non_space();
        let pos = token.pos;
        let kind = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.leave("break", NodeKind::Break)?,
            Kind::Continue => self.leave("continue", NodeKind::Continue)?,
            Kind::Else => {
                let next = self.peek_non_space();
                if !matches!(next.kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Item::Ended(Ended::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Ended(Ended::End));
            }
            Kind::If => return Ok(Item::Node(self.control(Kind::If, pos)?)),
            Kind::Range => return Ok(Item::Node(self.control(Kind::Range, pos)?)),
            Kind::With => return Ok(Item::Node(self.control(Kind::With, pos)?)),
            Kind::Template => {
                let token = self.next_non_space();
                let name = self.template_name(&token, "template clause")?;
                let mut pipe = None;
                if self.next_non_space().kind != Kind::RightDelim {
                    self.backup();
                    pipe = Some(self.pipeline("template clause", Kind::RightDelim)?);
                }
                return Ok(Item::Node(Node {
                    pos: token.pos,
                    kind: NodeKind::Template(Box::new(Invocation { name, pipe })),
                }));
            }
            _ => {
                self.backup();
                let pos = self.peek().pos;
                let pipe = self.pipeline("command", Kind::RightDelim)?;
                return Ok(Item::Node(Node { pos, kind: NodeKind::Action(pipe) }));
            }
        };
        Ok(Item::Node(Node { pos: kind.0.unwrap_or(pos), kind: kind.1 }))
    }

    fn block(&mut self) -> Parse<(Option<Pos>, NodeKind)> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        self.body(context, name.clone())?;
        Ok((Some(token.pos), NodeKind::Template(Box::new(Invocation { name, pipe: Some(pipe) }))))
    }

    fn leave(&mut self, word: &str, kind: NodeKind) -> Parse<(Option<Pos>, NodeKind)> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, &format!("{{{{{word}}}}}"));
        }
        if self.range_depth == 0 {
            return self.error(format!("{{{{{word}}}}} outside {{{{range}}}}"));
        }
        Ok((None, kind))
    }

    fn control(&mut self, kind: Kind, pos: Pos) -> Parse<Node> {
        let context = match kind {
            Kind::If => "if",
            Kind::With => "with",
            _ => "range",
        };
        let vars = self.vars.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        if kind == Kind::Range {
            self.range_depth += 1;
        }
        let (list, ended) = self.list()?;
        if kind == Kind::Range {
            self.range_depth -= 1;
        }
        let mut otherwise = None;
        if let Ended::Else = ended {
            let next = self.peek().kind;
            if next == kind && kind != Kind::Range {
                let token = self.next();
                self.deeper()?;
                otherwise = Some(Box::from([self.control(kind, token.pos)?]));
                self.nesting -= 1;
            } else {
                let (list, ended) = self.list()?;
                if let Ended::Else = ended {
                    return self.error(format!("expected end; found {}", ended.text()));
                }
                otherwise = Some(list);
            }
        }
        self.vars.truncate(vars);
        let branch = Box::new(Branch { pipe, list, otherwise });
        let kind = match kind {
            Kind::If => NodeKind::If(branch),
            Kind::With => NodeKind::With(branch),
            _ => NodeKind::Range(branch),
        };
        Ok(Node { pos, kind })
    }
}

fn shown(token: &Token<'_>) -> String {
    match token.kind {
        Kind::Eof => "EOF".to_owned(),
        Kind::Error => token.text.clone().into_owned(),
        Kind::Block
        | Kind::Break
        | Kind::Continue
        | Kind::Define
        | Kind::Else
        | Kind::End
        | Kind::If
        | Kind::Range
        | Kind::Template
        | Kind::With
        | Kind::Dot
        | Kind::Nil => format!("<{}>", token.text),
        _ if token.text.len() > 10 => {
            let cut: String = token.text.chars().take(10).collect();
            format!("{}...", quote(&cut))
        }
        _ => quote(&token.text),
    }
}
