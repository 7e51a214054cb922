//! The little language of `--set` and its kin: `a.b[0].c=value,d={x,y}`.
//!
//! Behaviour: Helm's strvals, its oddities included; indices and nesting are bounded as there.

use std::str::Chars;

use serde_json::{Map, Value};

/// The largest index of a list.
pub const MAX_INDEX: i64 = 65_536;
/// How many names may stand behind each other in one key.
pub const MAX_NESTED_NAMES: usize = 30;

type Reader<'r> = &'r dyn Fn(&str) -> Result<Value, String>;

/// `--set`: values are typed by how they look.
///
/// # Errors
/// What is wrong, as Helm words it.
pub fn set(text: &str, values: &mut Map<String, Value>) -> Result<(), String> {
    Parser::new(text, &|text| Ok(typed(text)), Style::Plain).parse(values)
}

/// `--set-string`: every value is a text.
///
/// # Errors
/// As [`set`].
pub fn set_string(text: &str, values: &mut Map<String, Value>) -> Result<(), String> {
    Parser::new(text, &|text| Ok(Value::from(text)), Style::Plain).parse(values)
}

/// `--set-file`: every value is what `read` finds under this path.
///
/// # Errors
/// As [`set`], or what `read` says.
pub fn set_file(text: &str, values: &mut Map<String, Value>, read: Reader<'_>) -> Result<(), String> {
    Parser::new(text, read, Style::Plain).parse(values)
}

/// `--set-json`: every value is JSON.
///
/// # Errors
/// As [`set`].
pub fn set_json(text: &str, values: &mut Map<String, Value>) -> Result<(), String> {
    Parser::new(text, &|text| Ok(Value::from(text)), Style::Json).parse(values)
}

/// `--set-literal`: all after the first `=` is one text.
///
/// # Errors
/// As [`set`].
pub fn set_literal(text: &str, values: &mut Map<String, Value>) -> Result<(), String> {
    Parser::new(text, &|text| Ok(Value::from(text)), Style::Literal).parse(values)
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Json,
    Literal,
}

/// Why reading stopped.
enum Stop {
    End,
    Error(String),
}

type Parsed<T> = Result<T, Stop>;

fn error<T>(text: String) -> Parsed<T> {
    Err(Stop::Error(text))
}

struct Parser<'t, 'r> {
    rest: Chars<'t>,
    reader: Reader<'r>,
    style: Style,
}

fn typed(text: &str) -> Value {
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    if text.eq_ignore_ascii_case("null") {
        return Value::Null;
    }
    if text == "0" {
        return Value::from(0_i64);
    }
    match text.parse::<i64>() {
        Ok(number) if !text.starts_with('0') => Value::from(number),
        _ => Value::from(text),
    }
}

impl<'t, 'r> Parser<'t, 'r> {
    fn new(text: &'t str, reader: Reader<'r>, style: Style) -> Self {
        Self { rest: text.chars(), reader, style }
    }

    fn parse(mut self, values: &mut Map<String, Value>) -> Result<(), String> {
        loop {
            match self.key(values, 0) {
                Ok(()) => {}
                Err(Stop::End) => return Ok(()),
                Err(Stop::Error(text)) => return Err(text),
            }
        }
    }

    /// Reads up to one of the characters; what was read, and the one it stopped at if any.
    fn until(&mut self, stops: &str) -> (String, Option<char>) {
        let mut read = String::new();
        while let Some(c) = self.rest.next() {
            match c {
                c if stops.contains(c) => return (read, Some(c)),
                '\\' if self.style != Style::Literal => match self.rest.next() {
                    Some(next) => read.push(next),
                    None => return (read, None),
                },
                c => read.push(c),
            }
        }
        (read, None)
    }

    fn read(&self, text: &str) -> Parsed<Value> {
        (self.reader)(text).map_err(Stop::Error)
    }

    fn key(&mut self, data: &mut Map<String, Value>, depth: usize) -> Parsed<()> {
        let stops = if self.style == Style::Literal { "=[." } else { "=[,." };
        let (name, stop) = self.until(stops);
        match stop {
            None if name.is_empty() => Err(Stop::End),
            None => error(format!("key {} has no value", quote(&name))),
            Some('[') => {
                let index = self.index()?;
                let mut list = match data.get_mut(&name) {
                    None => Vec::new(),
                    Some(Value::Array(list)) => std::mem::take(list),
                    Some(other) => return error(conversion(other, "[]interface {}")),
                };
                let outcome = self.list_item(&mut list, index, depth);
                put(data, name, Value::Array(list));
                outcome
            }
            Some('=') if self.style == Style::Json => match self.json()? {
                Json::Empty => {
                    put(data, name, Value::Null);
                    Ok(())
                }
                Json::Value(value) => {
                    put(data, name, value);
                    self.empty();
                    Ok(())
                }
            },
            Some('=') => {
                let (value, outcome) = self.value()?;
                put(data, name, value);
                outcome
            }
            Some(',') => {
                put(data, name.clone(), Value::from(""));
                error(format!("key {} has no value (cannot end with ,)", quote(&name)))
            }
            Some(_) => {
                let depth = depth + 1;
                if depth > MAX_NESTED_NAMES {
                    return error(format!(
                        "value name nested level is greater than maximum supported nested level of {MAX_NESTED_NAMES}"
                    ));
                }
                let mut inner = match data.get_mut(&name) {
                    None => Map::new(),
                    Some(Value::Object(map)) => std::mem::take(map),
                    Some(Value::Null) => {
                        return error(
                            "unable to parse key: interface conversion: interface {} is nil, not map[string]interface {}"
                                .into(),
                        );
                    }
                    Some(other) => return error(conversion(other, "map[string]interface {}")),
                };
                let outcome = self.key(&mut inner, depth);
                if outcome.is_ok() && inner.is_empty() {
                    return error(format!("key map {} has no value", quote(&name)));
                }
                if !inner.is_empty() {
                    put(data, name, Value::Object(inner));
                }
                outcome
            }
        }
    }

    /// The value behind a `=`, and whether the text ended with it.
    fn value(&mut self) -> Parsed<(Value, Parsed<()>)> {
        if self.style == Style::Literal {
            let text: String = self.rest.by_ref().collect();
            return Ok((self.read(&text)?, Ok(())));
        }
        match self.rest.as_str().chars().next() {
            None => Ok((Value::from(""), Err(Stop::End))),
            Some('{') => {
                self.rest.next();
                Ok((Value::Array(self.list()?), Ok(())))
            }
            Some(_) => {
                let (text, _) = self.until(",");
                Ok((self.read(&text)?, Ok(())))
            }
        }
    }

    fn list(&mut self) -> Parsed<Vec<Value>> {
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(",}");
            match stop {
                None => return error("list must terminate with '}'".into()),
                Some('}') => {
                    if self.rest.as_str().starts_with(',') {
                        self.rest.next();
                    }
                    list.push(self.read(&text)?);
                    return Ok(list);
                }
                Some(_) => list.push(self.read(&text)?),
            }
        }
    }

    fn index(&mut self) -> Parsed<i64> {
        let (text, stop) = self.until("]");
        if stop.is_none() {
            return error("error parsing index: EOF".into());
        }
        text.parse::<i64>().map_err(|_| {
            let quoted = quote(&text);
            Stop::Error(format!("error parsing index: strconv.Atoi: parsing {quoted}: invalid syntax"))
        })
    }

    fn list_item(&mut self, list: &mut Vec<Value>, index: i64, depth: usize) -> Parsed<()> {
        if index < 0 {
            return error(format!("negative {index} index not allowed"));
        }
        let (text, stop) = self.until("[.=");
        if !text.is_empty() {
            return error(format!("unexpected data at end of array index: {}", quote(&text)));
        }
        match stop {
            None => Err(Stop::End),
            Some('=') if self.style == Style::Json => {
                let value = match self.json()? {
                    Json::Empty => Value::Null,
                    Json::Value(value) => {
                        self.empty();
                        value
                    }
                };
                put_at(list, index, value)
            }
            Some('=') => {
                let (value, _) = self.value()?;
                put_at(list, index, value)
            }
            Some('[') => {
                let next = self.index()?;
                let mut inner = match at(list, index) {
                    None | Some(Value::Null) => Vec::new(),
                    Some(Value::Array(inner)) => std::mem::take(inner),
                    Some(other) => return error(conversion(other, "[]interface {}")),
                };
                if depth + 1 > MAX_NESTED_NAMES {
                    return error(format!(
                        "value name nested level is greater than maximum supported nested level of {MAX_NESTED_NAMES}"
                    ));
                }
                self.list_item(&mut inner, next, depth + 1)?;
                put_at(list, index, Value::Array(inner))
            }
            Some(_) => {
                let mut inner = match at(list, index) {
                    Some(Value::Object(map)) => std::mem::take(map),
                    _ => Map::new(),
                };
                if depth + 1 > MAX_NESTED_NAMES {
                    return error(format!(
                        "value name nested level is greater than maximum supported nested level of {MAX_NESTED_NAMES}"
                    ));
                }
                let outcome = self.key(&mut inner, depth + 1);
                match outcome {
                    Ok(()) => put_at(list, index, Value::Object(inner)),
                    // At the end of the text Helm keeps what it changed in place, but adds nothing.
                    Err(stop) => {
                        if let Some(slot) = at(list, index) {
                            *slot = Value::Object(inner);
                        }
                        Err(stop)
                    }
                }
            }
        }
    }

    /// Skips blanks; true if a comma (skipped too) or the end follows.
    fn empty(&mut self) -> bool {
        loop {
            let mut ahead = self.rest.clone();
            match ahead.next() {
                None => return true,
                Some(',') => {
                    self.rest = ahead;
                    return true;
                }
                Some(c) if c.is_ascii_whitespace() => self.rest = ahead,
                Some(_) => return false,
            }
        }
    }

    fn json(&mut self) -> Parsed<Json> {
        if self.empty() {
            return Ok(Json::Empty);
        }
        let text = self.rest.as_str();
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        match stream.next() {
            Some(Ok(mut value)) => {
                let end = stream.byte_offset();
                self.rest = text[end..].chars();
                crate::values::floats(&mut value);
                Ok(Json::Value(value))
            }
            Some(Err(e)) if e.is_eof() => error("unexpected EOF".into()),
            Some(Err(e)) => error(e.to_string()),
            None => Ok(Json::Empty),
        }
    }
}

enum Json {
    Empty,
    Value(Value),
}

fn quote(text: &str) -> String {
    sluice_gotemplate::quote(text)
}

fn conversion(value: &Value, wanted: &str) -> String {
    let is = match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {is}, not {wanted}")
}

fn put(data: &mut Map<String, Value>, name: String, value: Value) {
    if !name.is_empty() {
        data.insert(name, value);
    }
}

fn at(list: &mut [Value], index: i64) -> Option<&mut Value> {
    usize::try_from(index).ok().and_then(|index| list.get_mut(index))
}

fn put_at(list: &mut Vec<Value>, index: i64, value: Value) -> Parsed<()> {
    if index > MAX_INDEX {
        return error(format!("index of {index} is greater than maximum supported index of {MAX_INDEX}"));
    }
    let Ok(place) = usize::try_from(index) else {
        return error(format!("negative {index} index not allowed"));
    };
    if list.len() <= place {
        list.resize(place + 1, Value::Null);
    }
    list[place] = value;
    Ok(())
}
