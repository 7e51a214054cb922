//! Source into tokens.

use crate::error::CompileError;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Ident(String),
    /// A field name in back quotes.
    Quoted(String),
    Int(u64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Punct(&'static str),
    End,
}

impl Token {
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Ident(name) => format!("'{name}'"),
            Self::Quoted(name) => format!("'`{name}`'"),
            Self::Int(n) | Self::Uint(n) => format!("'{n}'"),
            Self::Double(n) => format!("'{n}'"),
            Self::String(text) => format!("''{text}''"),
            Self::Bytes(_) => "bytes".to_owned(),
            Self::Punct(p) => format!("'{p}'"),
            Self::End => "'<EOF>'".to_owned(),
        }
    }
}

// Longer ones first.
const PUNCTUATION: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}",
];

/// The tokens of `source`, each with its byte offset; the last one is [`Token::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<(Token, usize)>, CompileError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut out = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.next()?;
        let done = token == Token::End;
        out.push((token, start));
        if done {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.source.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn error(&self, at: usize, message: impl std::fmt::Display) -> CompileError {
        CompileError::new(self.source, at, format!("Syntax error: {message}"))
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c if self.at < self.source.len() => self.at += 1,
                b'/' if self.peek(1) == b'/' => {
                    self.at = self.rest().find('\n').map_or(self.source.len(), |i| self.at + i);
                }
                _ => return,
            }
        }
    }

    fn next(&mut self) -> Result<Token, CompileError> {
        if self.at >= self.source.len() {
            return Ok(Token::End);
        }
        let first = self.peek(0);
        if let Some(prefix) = self.string_prefix() {
            return self.string(prefix);
        }
        if first.is_ascii_alphabetic() || first == b'_' {
            let len = self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let name = self.rest()[..len].to_owned();
            self.at += len;
            return Ok(Token::Ident(name));
        }
        if first == b'`' {
            let body = &self.source[self.at + 1..];
            let len = body.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_.-/ ".contains(b)).count();
            if len == 0 || body.as_bytes().get(len) != Some(&b'`') {
                return Err(self.error(self.at, "token recognition error at: '`'"));
            }
            let name = body[..len].to_owned();
            self.at += len + 2;
            return Ok(Token::Quoted(name));
        }
        if first.is_ascii_digit() || (first == b'.' && self.peek(1).is_ascii_digit()) {
            return self.number();
        }
        for punct in PUNCTUATION {
            if self.rest().starts_with(punct) {
                self.at += punct.len();
                return Ok(Token::Punct(punct));
            }
        }
        let bad = self.rest().chars().next().unwrap_or(' ');
        Err(self.error(self.at, format_args!("token recognition error at: '{bad}'")))
    }

    fn number(&mut self) -> Result<Token, CompileError> {
        let start = self.at;
        let bytes = self.source.as_bytes();
        let digits = |mut i: usize, hex: bool| {
            while bytes.get(i).is_some_and(|b| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() }) {
                i += 1;
            }
            i
        };
        let hex = bytes[start] == b'0' && matches!(self.peek(1), b'x' | b'X');
        let mut end = if hex { digits(start + 2, true) } else { digits(start, false) };
        let mut float = false;
        if !hex {
            if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
                float = true;
                end = digits(end + 1, false);
            }
            if matches!(bytes.get(end), Some(b'e' | b'E')) {
                let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                    float = true;
                    end = digits(end + 1 + sign, false);
                }
            }
        }
        let text = &self.source[start..end];
        self.at = end;
        if float {
            return match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Token::Double(value)),
                _ => Err(self.error(start, format_args!("invalid double literal '{text}'"))),
            };
        }
        let unsigned = matches!(bytes.get(end), Some(b'u' | b'U'));
        self.at += usize::from(unsigned);
        let value = if hex { u64::from_str_radix(&text[2..], 16) } else { text.parse() };
        match value {
            Ok(value) if unsigned => Ok(Token::Uint(value)),
            Ok(value) => Ok(Token::Int(value)),
            Err(_) => Err(self.error(start, format_args!("invalid int literal '{text}'"))),
        }
    }

    /// The letters before a quote, when a string starts here.
    fn string_prefix(&self) -> Option<&'static str> {
        ["", "r", "R", "b", "B", "br", "bR", "Br", "BR", "rb", "rB", "Rb", "RB"]
            .into_iter()
            .find(|p| self.rest().starts_with(p) && matches!(self.peek(p.len()), b'\'' | b'"'))
    }

    fn string(&mut self, prefix: &str) -> Result<Token, CompileError> {
        let start = self.at;
        let raw = prefix.contains(['r', 'R']);
        let bytes = prefix.contains(['b', 'B']);
        self.at += prefix.len();
        let quote = if self.peek(0) == b'\'' { "'" } else { "\"" };
        let long = self.rest().starts_with(&quote.repeat(3));
        let end = if long { quote.repeat(3) } else { quote.to_owned() };
        self.at += end.len();
        let mut out = Vec::new();
        loop {
            if self.rest().starts_with(&end) {
                self.at += end.len();
                break;
            }
            let Some(c) = self.rest().chars().next().filter(|c| long || !matches!(c, '\n' | '\r')) else {
                return Err(self.error(start, "token recognition error: unterminated string"));
            };
            self.at += c.len_utf8();
            if c == '\\' && !raw {
                self.escape(bytes, &mut out)?;
            } else {
                if c == '\\' && self.rest().starts_with(quote) {
                    // A raw string keeps the backslash, and it still guards the quote.
                    out.push(b'\\');
                    self.at += 1;
                    out.extend_from_slice(quote.as_bytes());
                    continue;
                }
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if bytes {
            return Ok(Token::Bytes(out));
        }
        String::from_utf8(out).map(Token::String).map_err(|_| self.error(start, "invalid text in string"))
    }

    fn escape(&mut self, bytes: bool, out: &mut Vec<u8>) -> Result<(), CompileError> {
        let start = self.at;
        let bad = |lexer: &Self| lexer.error(start, "token recognition error: invalid escape sequence");
        let c = self.peek(0);
        self.at += 1;
        let plain = match c {
            b'a' => Some(7),
            b'b' => Some(8),
            b'f' => Some(12),
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'v' => Some(11),
            b'\\' | b'\'' | b'"' | b'`' | b'?' => Some(c),
            _ => None,
        };
        if let Some(plain) = plain {
            out.push(plain);
            return Ok(());
        }
        let (radix, len) = match c {
            b'x' | b'X' => (16, 2),
            b'u' if !bytes => (16, 4),
            b'U' if !bytes => (16, 8),
            b'0'..=b'3' => {
                self.at -= 1;
                (8, 3)
            }
            _ => {
                self.at = start;
                return Err(bad(self));
            }
        };
        let digits = self.source.get(self.at..self.at + len).ok_or_else(|| bad(self))?;
        let code = u32::from_str_radix(digits, radix).map_err(|_| bad(self))?;
        self.at += len;
        match (bytes, char::from_u32(code)) {
            (true, _) => out.push(u8::try_from(code).map_err(|_| bad(self))?),
            (false, Some(c)) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            (false, None) => return Err(bad(self)),
        }
        Ok(())
    }
}
