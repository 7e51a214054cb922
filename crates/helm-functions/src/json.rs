//! Reads JSON with the errors of Go's encoding/json.

use serde_json::{Map, Number, Value};

/// How deep JSON may nest; Go says the same at 10,000, where values are dropped by recursion here.
const MOST_NESTED: usize = 500;

/// Why a text cannot be read.
#[derive(Debug)]
pub(crate) struct Error {
    /// In Go's words.
    pub(crate) message: String,
    /// What was read all the same, where only a number was too large: that is a zero.
    pub(crate) read: Option<Value>,
}

/// The value of a text; all numbers are floating.
///
/// # Errors
/// As Go words it.
pub(crate) fn parse(text: &str) -> Result<Value, Error> {
    let mut reader = Reader { text, at: 0, open: Vec::new(), too_large: None };
    match (reader.value(), reader.too_large) {
        (Ok(value), None) => Ok(value),
        (Ok(value), Some(message)) => Err(Error { message, read: Some(value) }),
        (Err(message), _) => Err(Error { message, read: None }),
    }
}

/// A list or map that is being read.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, String),
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Open>,
    too_large: Option<String>,
}

type Read<T> = Result<T, String>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong<T>(&self, context: &str) -> Read<T> {
        let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            return Err("unexpected end of JSON input".into());
        };
        let shown = match c {
            '\'' => "\\'".to_owned(),
            '"' => "\"".to_owned(),
            c => sluice_gotemplate::quote(&c.to_string()).trim_matches('"').to_owned(),
        };
        Err(format!("invalid character '{shown}' {context}"))
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Without recursion: what is open stands in a list.
    fn value(&mut self) -> Read<Value> {
        'value: loop {
            self.blanks();
            let mut done = match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    self.blanks();
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                        Value::Object(Map::new())
                    } else {
                        let key = self.key()?;
                        self.open(Open::Map(Map::new(), key))?;
                        continue 'value;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.blanks();
                    if self.peek() == Some(b']') {
                        self.at += 1;
                        Value::Array(Vec::new())
                    } else {
                        self.open(Open::List(Vec::new()))?;
                        continue 'value;
                    }
                }
                _ => self.scalar()?,
            };
            loop {
                self.blanks();
                let next = self.peek();
                match self.open.last_mut() {
                    None if next.is_none() => return Ok(done),
                    None => return self.wrong("after top-level value"),
                    Some(Open::List(items)) => {
                        items.push(done);
                        match next {
                            Some(b',') => {
                                self.at += 1;
                                continue 'value;
                            }
                            Some(b']') => self.at += 1,
                            _ => return self.wrong("after array element"),
                        }
                    }
                    Some(Open::Map(map, key)) => {
                        map.insert(std::mem::take(key), done);
                        match next {
                            Some(b',') => {
                                self.at += 1;
                                let next_key = self.key()?;
                                if let Some(Open::Map(_, key)) = self.open.last_mut() {
                                    *key = next_key;
                                }
                                continue 'value;
                            }
                            Some(b'}') => self.at += 1,
                            _ => return self.wrong("after object key:value pair"),
                        }
                    }
                }
                done = match self.open.pop() {
                    Some(Open::List(items)) => Value::Array(items),
                    Some(Open::Map(map, _)) => Value::Object(map),
                    None => Value::Null,
                };
            }
        }
    }

    fn open(&mut self, what: Open) -> Read<()> {
        self.open.push(what);
        if self.open.len() > MOST_NESTED {
            return Err("exceeded max depth".into());
        }
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self) -> Read<String> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return self.wrong("looking for beginning of object key string");
        }
        let key = self.string()?;
        self.blanks();
        if self.peek() != Some(b':') {
            return self.wrong("after object key");
        }
        self.at += 1;
        Ok(key)
    }

    fn scalar(&mut self) -> Read<Value> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.wrong("looking for beginning of value"),
        }
    }

    fn word(&mut self, word: &str) -> Read<()> {
        for expected in word.chars() {
            if self.peek().map(char::from) != Some(expected) {
                return self.wrong(&format!("in literal {word} (expecting '{expected}')"));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                _ => return self.wrong("in string"),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Read<()> {
        let start = self.at;
        self.at += 1;
        let c = match self.peek() {
            None => return self.wrong(""),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'u') => {
                let first = self.hex(start)?;
                let low = self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u"));
                if (0xd800..0xdc00).contains(&first) && low {
                    let back = self.at;
                    self.at += 1;
                    let second = self.hex(back)?;
                    if (0xdc00..0xe000).contains(&second) {
                        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                        return Ok(());
                    }
                    self.at = back;
                }
                out.push(char::from_u32(first).unwrap_or('\u{fffd}'));
                return Ok(());
            }
            Some(_) => return self.bad_escape(start),
        };
        self.at += 1;
        out.push(c);
        Ok(())
    }

    /// The four digits behind a `u`.
    fn hex(&mut self, start: usize) -> Read<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            match self.peek().and_then(|byte| char::from(byte).to_digit(16)) {
                Some(digit) => code = code * 16 + digit,
                None if self.peek().is_none() => return self.wrong(""),
                None => return self.bad_escape(start),
            }
            self.at += 1;
        }
        Ok(code)
    }

    fn bad_escape<T>(&self, start: usize) -> Read<T> {
        let end = self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8());
        let shown = &self.text[start..end];
        let quoted = if shown.contains('`') { sluice_gotemplate::quote(shown) } else { format!("`{shown}`") };
        Err(format!("invalid escape sequence {quoted} in string"))
    }

    fn digits(&mut self) -> Read<()> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return self.wrong("in numeric literal");
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        if number.is_none() && self.too_large.is_none() {
            let mut path = String::new();
            for open in &self.open {
                if let Open::Map(_, key) = open {
                    path.push('.');
                    path.push_str(key);
                }
            }
            let place = if path.is_empty() { "value".to_owned() } else { format!("struct field {path}") };
            self.too_large = Some(format!("json: cannot unmarshal number {text} into Go {place} of type float64"));
        }
        Ok(number.map_or_else(|| Value::from(0.0), Value::Number))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn errors_are_gos() {
        for (text, wanted) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{a", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\" 1", "invalid character '1' after object key"),
            ("{\"a\": 01}", "invalid character '1' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("1 2", "invalid character '2' after top-level value"),
            ("nul", "unexpected end of JSON input"),
            ("nulx", "invalid character 'x' in literal null (expecting 'l')"),
            ("\"\\u12\"", "invalid escape sequence `\\u12\"` in string"),
            ("{\"a\":1e400}", "json: cannot unmarshal number 1e400 into Go struct field .a of type float64"),
        ] {
            assert_eq!(parse(text).expect_err(text).message, wanted, "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
