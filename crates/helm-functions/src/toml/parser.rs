//! TOML 1.0 as BurntSushi/toml reads it, with its messages for what goes wrong most.

use std::collections::HashSet;

use sluice_gotemplate::{Elem, List, Map, Value};

use super::scalar;

/// How deep arrays, inline tables and dotted keys may nest.
const DEPTH: usize = 100;

pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser { rest: text, line: 1, last: Vec::new(), table: Vec::new(), closed: HashSet::new() };
    let root = empty();
    parser.document(&root).map_err(|failure| match failure {
        Failure::Plain(message) => format!("toml: line {}: {message}", parser.line),
        Failure::Value(message) => {
            format!("toml: line {} (last key {}): {message}", parser.line, sluice_gotemplate::quote(&parser.last()))
        }
    })?;
    Ok(Value::Map(root))
}

pub(super) enum Failure {
    /// A message with the line.
    Plain(String),
    /// A message with the line and the key.
    Value(String),
}

type Parsed<T> = Result<T, Failure>;

fn plain<T>(message: impl Into<String>) -> Parsed<T> {
    Err(Failure::Plain(message.into()))
}

fn value<T>(message: impl Into<String>) -> Parsed<T> {
    Err(Failure::Value(message.into()))
}

fn empty() -> Map {
    Map::new(sluice_gotemplate::MapKind::Any, Default::default())
}

pub(super) struct Parser<'t> {
    rest: &'t str,
    line: usize,
    /// The key being read, inside its table.
    last: Vec<String>,
    table: Vec<String>,
    /// Paths that nothing may be added to: headers seen, values, inline tables.
    closed: HashSet<Vec<String>>,
}

impl Parser<'_> {
    fn last(&self) -> String {
        self.table.iter().chain(&self.last).map(String::as_str).collect::<Vec<_>>().join(".")
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn eat(&mut self, start: &str) -> bool {
        let found = self.rest.starts_with(start);
        if found {
            self.line += start.matches('\n').count();
            self.rest = &self.rest[start.len()..];
        }
        found
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn comment(&mut self) {
        if self.rest.starts_with('#') {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.rest = &self.rest[end..];
        }
    }

    /// White space, line breaks and comments.
    fn gap(&mut self) {
        loop {
            self.blanks();
            self.comment();
            if !self.eat("\n") && !self.eat("\r\n") {
                return;
            }
        }
    }

    fn document(&mut self, root: &Map) -> Parsed<()> {
        loop {
            self.gap();
            match self.peek() {
                None => return Ok(()),
                Some('[') => self.header(root)?,
                Some(_) => {
                    let at = self.at_table(root)?;
                    let path = self.table.clone();
                    self.pair(&at, &path, 0)?;
                }
            }
            self.blanks();
            self.comment();
            match self.peek() {
                None => return Ok(()),
                _ if self.eat("\n") || self.eat("\r\n") => {}
                Some(c) => {
                    return plain(format!(
                        "expected a top-level item to end with a newline, comment, or EOF, but got {} instead",
                        scalar::quoted_char(c)
                    ));
                }
            }
        }
    }

    fn at_table(&mut self, root: &Map) -> Parsed<Map> {
        let path = self.table.clone();
        self.descend(root, &path)
    }

    /// The table at a path, made where it is missing; of a list of tables the last.
    fn descend(&mut self, from: &Map, path: &[String]) -> Parsed<Map> {
        let mut at = from.clone();
        for (index, name) in path.iter().enumerate() {
            let found = at.get(name);
            at = match found {
                None => {
                    let made = empty();
                    at.write().insert(name.clone(), Value::Map(made.clone()));
                    made
                }
                Some(Value::Map(map)) => map,
                Some(Value::List(list)) => match list.items.last() {
                    Some(Value::Map(map)) if list.elem == Elem::Map => map.clone(),
                    _ => return plain(format!("Key '{}' has already been defined.", path[..=index].join("."))),
                },
                Some(_) => return plain(format!("Key '{}' has already been defined.", path[..=index].join("."))),
            };
        }
        Ok(at)
    }

    fn header(&mut self, root: &Map) -> Parsed<()> {
        let many = self.eat("[[");
        if !many {
            self.next();
        }
        self.last.clear();
        self.table.clear();
        let path = self.key(']')?;
        let end = if many { "]]" } else { "]" };
        if !self.eat(end) {
            let found = self.peek().map_or_else(|| "end of file".to_owned(), scalar::quoted_char);
            return plain(format!("expected '.' or ']' to end table name, but got {found} instead"));
        }
        let twice = |path: &[String]| plain(format!("Key '{}' has already been defined.", path.join(".")));
        let Some((name, parents)) = path.split_last() else { return plain("table name cannot be empty") };
        let parent = self.descend(root, parents)?;
        let found = parent.get(name);
        if many {
            let mut items = match found {
                None => Vec::new(),
                Some(Value::List(list)) if list.elem == Elem::Map => list.items.to_vec(),
                Some(_) => return twice(&path),
            };
            // Tables below belong to the new element.
            self.closed.retain(|closed| !closed.starts_with(&path));
            items.push(Value::Map(empty()));
            let list = List::new(Elem::Map, items);
            parent.write().insert(name.clone(), Value::List(list));
        } else {
            if self.closed.contains(&path) || !matches!(found, None | Some(Value::Map(_))) {
                return twice(&path);
            }
            self.closed.insert(path.clone());
            self.descend(&parent, std::slice::from_ref(name))?;
        }
        self.table = path;
        Ok(())
    }

    /// A key of one or more parts, up to where its end is expected.
    fn key(&mut self, end: char) -> Parsed<Vec<String>> {
        let mut path = Vec::new();
        loop {
            self.blanks();
            let part = match self.peek() {
                Some('"') => scalar::basic(&mut self.rest).map_err(Failure::Plain)?,
                Some('\'') => scalar::literal(&mut self.rest).map_err(Failure::Plain)?,
                _ => {
                    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    let length = self.rest.find(|c| !bare(c)).unwrap_or(self.rest.len());
                    let part = self.rest[..length].to_owned();
                    self.rest = &self.rest[length..];
                    part
                }
            };
            if part.is_empty() && !self.rest.is_empty() && path.is_empty() && end == '=' && self.peek() == Some('=') {
                return plain("unexpected '=': key name appears blank");
            }
            path.push(part);
            if path.len() > DEPTH {
                return plain(format!("a key of more than {DEPTH} parts (limit: toml depth)"));
            }
            self.blanks();
            if !self.eat(".") {
                return Ok(path);
            }
        }
    }

    /// `key = value`, put into a table.
    fn pair(&mut self, table: &Map, prefix: &[String], depth: usize) -> Parsed<()> {
        let path = self.key('=')?;
        self.blanks();
        match self.peek() {
            Some('=') => {
                self.next();
            }
            None => return plain("unexpected EOF; expected key separator '='"),
            Some(c) => return plain(format!("expected '.' or '=', but got {} instead", scalar::quoted_char(c))),
        }
        self.last = path.clone();
        let found = self.value(depth)?;
        let Some((name, parents)) = path.split_last() else { return Ok(()) };
        let full = [prefix, &path].concat();
        for length in 1..path.len() {
            if self.closed.contains(&full[..prefix.len() + length]) {
                return plain(format!("Key '{}' has already been defined.", full[..prefix.len() + length].join(".")));
            }
        }
        let at = self.descend(table, parents)?;
        if at.get(name).is_some() {
            return value(format!("Key '{}' has already been defined.", full.join(".")));
        }
        self.closed.insert(full);
        at.write().insert(name.clone(), found);
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Parsed<Value> {
        if depth > DEPTH {
            return plain(format!("nested more than {DEPTH} deep (limit: toml depth)"));
        }
        self.blanks();
        let before = self.rest;
        let parsed = match self.peek() {
            Some('[') => return self.array(depth),
            Some('{') => return self.inline_table(depth),
            Some('"') if self.rest.starts_with("\"\"\"") => scalar::long(&mut self.rest, '"'),
            Some('\'') if self.rest.starts_with("'''") => scalar::long(&mut self.rest, '\''),
            Some('"') => scalar::basic(&mut self.rest),
            Some('\'') => scalar::literal(&mut self.rest),
            Some(c) if c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.') => {
                let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | ':');
                let mut length = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
                // A date may be parted from its time by a space.
                if length == 10 && before.as_bytes()[4] == b'-' && before[length..].starts_with(' ') {
                    let time = &before[length + 1..];
                    if time.starts_with(|c: char| c.is_ascii_digit()) {
                        length += 1 + time.find(|c| !word(c)).unwrap_or(time.len());
                    }
                }
                self.rest = &self.rest[length..];
                return scalar::word(&before[..length]).map_err(Failure::Value);
            }
            Some(c) => return value(format!("expected value but found {} instead", scalar::quoted_char(c))),
            None => return value("unexpected EOF; expected value"),
        };
        self.line += before[..before.len() - self.rest.len()].matches('\n').count();
        parsed.map(Value::from).map_err(Failure::Value)
    }

    fn array(&mut self, depth: usize) -> Parsed<Value> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.gap();
            match self.peek() {
                Some(']') => {
                    self.next();
                    return Ok(Value::list(items));
                }
                Some(',') => return value("unexpected comma"),
                None => return value("unexpected EOF; expected array end ']'"),
                Some(_) => items.push(self.value(depth + 1)?),
            }
            self.gap();
            match self.peek() {
                Some(',') => {
                    self.next();
                }
                Some(']') => {}
                None => return value("unexpected EOF; expected array end ']'"),
                Some(c) => {
                    return value(format!(
                        "expected a comma (',') or array terminator (']'), but got {}",
                        scalar::quoted_char(c)
                    ));
                }
            }
        }
    }

    fn inline_table(&mut self, depth: usize) -> Parsed<Value> {
        self.next();
        let table = empty();
        let outer = std::mem::take(&mut self.closed);
        let key = self.last.clone();
        self.blanks();
        let mut first = true;
        loop {
            self.blanks();
            match self.peek() {
                Some('}') if first => break,
                Some('\n' | '\r') => return value("newlines not allowed within inline tables"),
                None => return value("unexpected EOF; expected inline table end '}'"),
                _ => self.pair(&table, &[], depth + 1)?,
            }
            first = false;
            self.blanks();
            match self.peek() {
                Some(',') => {
                    self.next();
                    self.blanks();
                    if self.peek() == Some('}') {
                        return value("trailing comma not allowed in inline tables");
                    }
                }
                Some('}') => break,
                Some('\n' | '\r') => return value("newlines not allowed within inline tables"),
                None => return value("unexpected EOF; expected inline table end '}'"),
                Some(c) => {
                    return value(format!(
                        "expected a comma or an inline table terminator '}}', but got {} instead",
                        scalar::quoted_char(c)
                    ));
                }
            }
        }
        self.next();
        self.closed = outer;
        self.last = key;
        Ok(Value::Map(table))
    }
}
