//! The grammar. It scans as the original does, so that what the original refuses is refused with the same words.

use std::str::Chars;

use crate::Error;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// As it stands, escapes resolved.
    Text(String),
    /// `${…}`.
    Function(Function),
}

/// `${variable operator arguments}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) variable: String,
    /// Empty for a bare variable.
    pub(crate) operator: String,
    pub(crate) arguments: Vec<Node>,
}

/// The parts of `text`; `depth` is how deep they may lie in one another.
pub(crate) fn parse(text: &str, depth: usize) -> Result<Vec<Node>, Error> {
    let mut parser = Parser { rest: text.chars(), depth: 0, max_depth: depth };
    let mut nodes = Vec::new();
    loop {
        // Everywhere in plain text, two dollars are one.
        match parser.scan(TEXT | OPEN | DOLLARS, |_, _| true) {
            Token::End => return Ok(nodes),
            Token::Open => nodes.push(Node::Function(parser.function()?)),
            Token::Text(text) => nodes.push(Node::Text(text)),
            Token::Close | Token::Illegal => return Err(Error::BadSubstitution),
        }
    }
}

/// What a scan may find.
type Modes = u8;
const TEXT: Modes = 1;
const OPEN: Modes = 2;
const CLOSE: Modes = 4;
/// `$$` is a dollar.
const DOLLARS: Modes = 8;
/// `\/` and `\\` are a slash and a backslash.
const BACKSLASHES: Modes = 16;

enum Token {
    End,
    Open,
    Close,
    Text(String),
    Illegal,
}

struct Parser<'a> {
    rest: Chars<'a>,
    depth: usize,
    max_depth: usize,
}

impl Parser<'_> {
    /// After `${`: a function up to its `}`.
    fn function(&mut self) -> Result<Function, Error> {
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(Error::Limit { limit: "depth", max: self.max_depth as u64 });
        }
        let function = self.any_function();
        self.depth -= 1;
        function
    }

    fn any_function(&mut self) -> Result<Function, Error> {
        if self.peek() == Some('#') {
            return self.length();
        }
        let variable = self.text(is_name, Error::VariableName)?;
        match self.peek() {
            Some(':') => match self.after(1) {
                Some('=' | '-' | '?' | '+') => self.default(variable),
                _ => self.substring(variable),
            },
            Some('=') => self.default(variable),
            Some(',' | '^') => self.casing(variable),
            Some('/') => self.replacement(variable),
            Some(sign @ ('#' | '%')) => self.trim(variable, sign),
            _ => match self.scan(CLOSE, is_name) {
                Token::Close => Ok(Function { variable, operator: String::new(), arguments: Vec::new() }),
                _ => Err(Error::MissingClosingBrace),
            },
        }
    }

    /// `${#name}`.
    fn length(&mut self) -> Result<Function, Error> {
        let operator = self.text(|c, at| c == '#' && at == 1, Error::BadSubstitution)?;
        let variable = self.text(is_name, Error::BadSubstitution)?;
        self.close(Function { variable, operator, arguments: Vec::new() })
    }

    /// `${name=text}`, `${name:=text}` and the signs that do the same.
    fn default(&mut self, variable: String) -> Result<Function, Error> {
        let operator = if self.peek() == Some('=') {
            self.text(|c, at| c == '=' && at == 1, Error::BadSubstitution)?
        } else {
            let sign = |c, at| (c == ':' && at == 1) || (matches!(c, '=' | '-' | '?' | '+') && at == 2);
            self.text(sign, Error::BadSubstitution)?
        };
        let mut arguments = Vec::new();
        while self.peek() != Some('}') {
            arguments.push(self.argument(0, not_closing)?);
        }
        self.close(Function { variable, operator, arguments })
    }

    /// `${name:offset}` and `${name:offset:length}`.
    fn substring(&mut self, variable: String) -> Result<Function, Error> {
        let operator = self.text(|c, at| c == ':' && at == 1, Error::BadSubstitution)?;
        let offset = self.argument(0, |c, _| c != ':' && c != '}')?;
        let mut function = Function { variable, operator, arguments: vec![offset] };
        match self.scan(TEXT | CLOSE, |c, _| c == ':') {
            Token::Close => return Ok(function),
            Token::Text(_) => {}
            _ => return Err(Error::BadSubstitution),
        }
        function.arguments.push(self.argument(0, not_closing)?);
        self.close(function)
    }

    /// `${name^}`, `${name^^}`, `${name,}`, `${name,,}`.
    fn casing(&mut self, variable: String) -> Result<Function, Error> {
        let operator = self.text(|c, at| matches!(c, ',' | '^') && at < 3, Error::BadSubstitution)?;
        self.close(Function { variable, operator, arguments: Vec::new() })
    }

    /// `${name#pattern}`, `${name##pattern}`, and from the end with `%`.
    fn trim(&mut self, variable: String, sign: char) -> Result<Function, Error> {
        let operator = self.text(|c, at| c == sign && at < 3, Error::BadSubstitution)?;
        let arguments = vec![self.argument(0, not_closing)?];
        self.close(Function { variable, operator, arguments })
    }

    /// `${name/old/new}`, `${name//old/new}`, `${name/#old/new}`, `${name/%old/new}`.
    fn replacement(&mut self, variable: String) -> Result<Function, Error> {
        let sign = |c, at| (c == '/' && at == 1) || (matches!(c, '/' | '#' | '%') && at == 2);
        let operator = self.text(sign, Error::BadSubstitution)?;
        let old = self.argument(DOLLARS | BACKSLASHES, |c, _| c != '/')?;
        let mut function = Function { variable, operator, arguments: vec![old] };
        self.text(|c, _| c == '/', Error::BadSubstitution)?;
        if self.peek() != Some('}') {
            function.arguments.push(self.argument(DOLLARS | BACKSLASHES, not_closing)?);
        }
        self.close(function)
    }

    /// Text, or a function of its own.
    fn argument(&mut self, escapes: Modes, accept: impl Fn(char, usize) -> bool) -> Result<Node, Error> {
        match self.scan(TEXT | OPEN | escapes, accept) {
            Token::Open => Ok(Node::Function(self.function()?)),
            Token::Text(text) => Ok(Node::Text(text)),
            _ => Err(Error::Argument),
        }
    }

    fn close(&mut self, function: Function) -> Result<Function, Error> {
        match self.scan(CLOSE, |_, _| false) {
            Token::Close => Ok(function),
            _ => Err(Error::BadSubstitution),
        }
    }

    fn text(&mut self, accept: impl Fn(char, usize) -> bool, otherwise: Error) -> Result<String, Error> {
        match self.scan(TEXT, accept) {
            Token::Text(text) => Ok(text),
            _ => Err(otherwise),
        }
    }

    /// One token. `accept` is asked about a character and where it ends, in bytes from the token's start.
    fn scan(&mut self, modes: Modes, accept: impl Fn(char, usize) -> bool) -> Token {
        let Some(first) = self.peek() else { return Token::End };
        if modes & OPEN != 0 && self.at_opening() {
            self.rest.nth(1);
            return Token::Open;
        }
        if modes & CLOSE != 0 && first == '}' {
            self.rest.next();
            return Token::Close;
        }
        if modes & TEXT == 0 {
            return Token::Illegal;
        }
        let mut text = String::new();
        while let Some(c) = self.peek() {
            if modes & OPEN != 0 && self.at_opening() {
                break;
            }
            if let Some(escaped) = self.escaped(c, modes) {
                text.push(escaped);
                self.rest.nth(1);
            } else if accept(c, text.len() + c.len_utf8()) {
                text.push(c);
                self.rest.next();
            } else {
                break;
            }
        }
        if text.is_empty() { Token::Illegal } else { Token::Text(text) }
    }

    fn escaped(&self, c: char, modes: Modes) -> Option<char> {
        let next = self.after(1)?;
        match (c, next) {
            ('$', '$') if modes & DOLLARS != 0 => Some('$'),
            ('\\', '/' | '\\') if modes & BACKSLASHES != 0 => Some(next),
            _ => None,
        }
    }

    fn at_opening(&self) -> bool {
        self.rest.as_str().starts_with("${")
    }

    /// The next character. A NUL ends the text, as it does in the original.
    fn peek(&self) -> Option<char> {
        self.after(0)
    }

    fn after(&self, characters: usize) -> Option<char> {
        self.rest.clone().nth(characters).filter(|c| *c != '\0')
    }
}

fn is_name(c: char, _: usize) -> bool {
    c.is_alphabetic() || c.is_numeric() || c == '_'
}

fn not_closing(c: char, _: usize) -> bool {
    c != '}'
}
