//! Cuts a template into tokens.

use std::borrow::Cow;

use crate::parse::ast::{Pos, Span};
use crate::quote::char_name;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

/// A piece of the text.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) pos: Pos,
    pub(crate) line: u32,
    pub(crate) text: Cow<'a, str>,
}

impl Token<'_> {
    pub(crate) fn span(&self) -> Span {
        Span { start: self.pos, end: self.pos + self.text.len() as Pos }
    }
}

const LEFT: &str = "{{";
const RIGHT: &str = "}}";

pub(crate) struct Lexer<'a> {
    input: &'a str,
    pos: usize,
    start: usize,
    line: u32,
    parens: i32,
    /// After the opening delimiter and before the closing one.
    inside: bool,
    done: bool,
    queue: std::collections::VecDeque<Token<'a>>,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric() && c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric())
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self { input, pos: 0, start: 0, line: 1, parens: 0, inside: false, done: false, queue: Default::default() }
    }

    /// The next token; after the end, always `Eof`.
    pub(crate) fn next_token(&mut self) -> Token<'a> {
        loop {
            if let Some(token) = self.queue.pop_front() {
                return token;
            }
            if self.done {
                return Token { kind: Kind::Eof, pos: self.pos as Pos, line: self.line, text: "EOF".into() };
            }
            if self.inside { self.action() } else { self.text() }
        }
    }

    fn rest(&self) -> &'a str {
        &self.input[self.pos..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn accept(&mut self, valid: &str) -> bool {
        match self.peek() {
            Some(c) if valid.contains(c) => {
                self.pos += c.len_utf8();
                true
            }
            _ => false,
        }
    }

    fn emit(&mut self, kind: Kind) {
        let text = &self.input[self.start..self.pos];
        self.queue.push_back(Token { kind, pos: self.start as Pos, line: self.line, text: text.into() });
        self.ignore();
    }

    /// Drops what was read since the last token, keeping count of lines.
    fn ignore(&mut self) {
        let lines = self.input[self.start..self.pos].bytes().filter(|b| *b == b'\n').count();
        self.line = self.line.saturating_add(lines as u32);
        self.start = self.pos;
    }

    fn error(&mut self, message: impl Into<String>) {
        self.queue.push_back(Token {
            kind: Kind::Error,
            pos: self.start as Pos,
            line: self.line,
            text: Cow::Owned(message.into()),
        });
        self.done = true;
        self.pos = self.input.len();
        self.start = self.pos;
    }

    fn text(&mut self) {
        let Some(offset) = self.rest().find(LEFT) else {
            self.pos = self.input.len();
            if self.pos > self.start {
                self.emit(Kind::Text);
            }
            self.done = true;
            return;
        };
        let delim = self.pos + offset;
        let after = &self.input[delim + LEFT.len()..];
        let trim = after.starts_with('-') && after[1..].starts_with(is_space);
        self.pos = delim;
        if trim {
            self.pos = self.start + self.input[self.start..delim].trim_end_matches(is_space).len();
        }
        if self.pos > self.start {
            self.emit(Kind::Text);
        }
        self.pos = delim;
        self.ignore();
        let marker = if trim { 2 } else { 0 };
        if after[marker..].starts_with("/*") {
            self.pos = delim + LEFT.len() + marker;
            self.ignore();
            self.comment();
            return;
        }
        self.pos = delim + LEFT.len();
        self.emit(Kind::LeftDelim);
        self.pos += marker;
        self.ignore();
        self.inside = true;
        self.parens = 0;
    }

    fn comment(&mut self) {
        let Some(end) = self.rest().find("*/") else { return self.error("unclosed comment") };
        self.pos += end + 2;
        let (closes, trim) = self.at_right_delim();
        if !closes {
            return self.error("comment ends before closing delimiter");
        }
        self.pos += RIGHT.len() + if trim { 2 } else { 0 };
        self.ignore();
        if trim {
            self.skip_space();
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.pos += rest.len() - rest.trim_start_matches(is_space).len();
        self.ignore();
    }

    fn at_right_delim(&self) -> (bool, bool) {
        let rest = self.rest();
        let mut chars = rest.chars();
        if chars.next().is_some_and(is_space) && chars.next() == Some('-') && rest[2..].starts_with(RIGHT) {
            return (true, true);
        }
        (rest.starts_with(RIGHT), false)
    }

    fn right_delim(&mut self) {
        let (_, trim) = self.at_right_delim();
        if trim {
            self.pos += 2;
            self.ignore();
        }
        self.pos += RIGHT.len();
        self.emit(Kind::RightDelim);
        if trim {
            self.skip_space();
        }
        self.inside = false;
    }

    fn action(&mut self) {
        if self.at_right_delim().0 {
            return if self.parens == 0 { self.right_delim() } else { self.error("unclosed left paren") };
        }
        let Some(c) = self.peek() else { return self.error("unclosed action") };
        if is_space(c) {
            return self.space();
        }
        self.pos += c.len_utf8();
        match c {
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.accept("=") {
                    self.emit(Kind::Declare);
                } else {
                    self.error("expected :=");
                }
            }
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match self.rest().find('`') {
                Some(end) => {
                    self.pos += end + 1;
                    self.emit(Kind::RawString);
                }
                None => self.error("unterminated raw quoted string"),
            },
            '$' => self.field_or_variable(Kind::Variable),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => self.field_or_variable(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => {
                self.pos = self.start;
                self.number();
            }
            '(' => {
                self.emit(Kind::LeftParen);
                self.parens += 1;
            }
            ')' => {
                self.parens -= 1;
                if self.parens < 0 {
                    return self.error("unexpected right paren");
                }
                self.emit(Kind::RightParen);
            }
            c if is_alphanumeric(c) => self.identifier(),
            ' '..='~' => self.emit(Kind::Char),
            c => self.error(format!("unrecognized character in action: {}", char_name(c))),
        }
    }

    fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            if self.at_right_delim() == (true, true) {
                break;
            }
            self.pos += 1;
        }
        if self.pos > self.start {
            self.emit(Kind::Space);
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) {
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, c)) if c != '\n' => {}
                    _ => return self.error(unterminated),
                },
                '\n' => return self.error(unterminated),
                c if c == quote => {
                    self.pos += at + 1;
                    return self.emit(kind);
                }
                _ => {}
            }
        }
        self.error(unterminated);
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some(c) => is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(') || self.rest().starts_with(RIGHT),
        }
    }

    fn word(&mut self) -> bool {
        while self.peek().is_some_and(is_alphanumeric) {
            self.pos += self.peek().map_or(0, char::len_utf8);
        }
        if self.at_terminator() {
            return true;
        }
        let c = self.peek().unwrap_or(char::REPLACEMENT_CHARACTER);
        self.error(format!("bad character {}", char_name(c)));
        false
    }

    fn field_or_variable(&mut self, kind: Kind) {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Variable { kind } else { Kind::Dot });
        }
        if self.word() {
            self.emit(kind);
        }
    }

    fn identifier(&mut self) {
        if !self.word() {
            return;
        }
        let kind = match &self.input[self.start..self.pos] {
            "true" | "false" => Kind::Bool,
            "nil" => Kind::Nil,
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "template" => Kind::Template,
            "with" => Kind::With,
            _ => Kind::Identifier,
        };
        self.emit(kind);
    }

    fn number(&mut self) {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.input[..self.pos].ends_with('i') {
                return self.bad_number();
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number);
    }

    fn bad_number(&mut self) {
        let text = crate::quote::quote(&self.input[self.start..self.pos]);
        self.error(format!("bad number syntax: {text}"));
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        while self.accept(digits) {}
        if self.accept(".") {
            while self.accept(digits) {}
        }
        if digits.len() == 11 && self.accept("eE") || digits.len() > 20 && self.accept("pP") {
            self.accept("+-");
            while self.accept("0123456789_") {}
        }
        self.accept("i");
        if let Some(c) = self.peek()
            && is_alphanumeric(c)
        {
            self.pos += c.len_utf8();
            return false;
        }
        true
    }
}
