//! Prints values as Go's sigs.k8s.io/yaml does.

mod order;
mod style;
mod writer;
pub(crate) mod written;

use serde_json::{Map, Number, Value};

use crate::{EmitError, Limits, number};
use writer::Writer;

/// How long a key may be, in characters of JSON: Go's printer reads that back, and YAML's reader goes no further.
const LONGEST_KEY: usize = 1024;
/// The longest key, in bytes, that is written as `key: value` and not as `? key`.
const LONGEST_SIMPLE_KEY: usize = 128;

/// The value as YAML text, ending in a line break: byte for byte what `Marshal` of Go's sigs.k8s.io/yaml prints, as
/// kubectl, Flux, helm's `toYaml` and kustomize do. Keys in natural order, lists not indented, text folded after column 80.
/// Two things to know: the key `<<` is printed bare, as Go does, and is then read as a merge key; U+0085 is kept as `\N`,
/// where Go makes a space of it.
///
/// # Errors
/// For what Go refuses as well (characters that YAML cannot carry, keys over 1024 characters), and for a value nested
/// deeper than [`Limits::DEEPEST`].
pub fn emit(value: &Value) -> Result<String, EmitError> {
    emit_all([value])
}

/// Several documents, each as [`emit`] prints it, with `---` lines between.
///
/// # Errors
/// As [`emit`].
pub fn emit_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<String, EmitError> {
    let mut printer = Printer { writer: Writer::default(), path: Vec::new(), style: Layout::GO };
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            printer.writer.out.push_str("---\n");
        }
        printer.node(value, Indent::ROOT, Place::Root)?;
        printer.writer.end_document();
    }
    Ok(printer.writer.out)
}

/// The value as helm's `toYamlPretty` prints it: lists are indented, no text is folded, and floats keep their exponent.
///
/// # Errors
/// As [`emit`].
pub fn emit_pretty(value: &Value) -> Result<String, EmitError> {
    let mut printer = Printer { writer: Writer::wide(), path: Vec::new(), style: Layout::PRETTY };
    printer.node(value, Indent::ROOT, Place::Root)?;
    printer.writer.end_document();
    Ok(printer.writer.out)
}

/// The value as [`emit`] prints it, but with keys sorted by their bytes: what Flux makes digests of.
///
/// # Errors
/// As [`emit`].
pub fn emit_sorted(value: &Value) -> Result<String, EmitError> {
    let mut printer = Printer { writer: Writer::default(), path: Vec::new(), style: Layout::SORTED };
    printer.node(value, Indent::ROOT, Place::Root)?;
    printer.writer.end_document();
    Ok(printer.writer.out)
}

/// Whether a string may stand without quotes and is still read as this string, by both dialects.
pub(crate) fn plain_is_safe(text: &str) -> bool {
    style::choose(text, false) == Ok(style::Style::Plain)
}

/// Whether a string has neither a line break nor anything that needs an escape.
pub(crate) fn printable_on_a_line(text: &str) -> bool {
    text.chars().all(|c| style::is_printable(c) && !style::is_break(c))
}

/// Columns that a node's lines are indented by; `ROOT` is before the first level.
#[derive(Clone, Copy, PartialEq)]
struct Indent(Option<usize>);

impl Indent {
    const ROOT: Self = Self(None);

    /// One level deeper, for a map or list.
    fn block(self) -> usize {
        self.0.map_or(0, |columns| columns + 2)
    }

    /// One level deeper, for the later lines of a scalar.
    fn scalar(self) -> usize {
        self.0.map_or(2, |columns| columns + 2)
    }
}

/// Where a node stands: decides how a list is indented.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Item,
    Entry,
}

/// How the callers' layouts differ.
#[derive(Clone, Copy)]
struct Layout {
    /// Lists are indented, and floats keep their exponent.
    pretty: bool,
    /// Keys stand in the order of their bytes, which is that of the map, and not in natural order.
    sorted: bool,
}

impl Layout {
    const GO: Self = Self { pretty: false, sorted: false };
    const PRETTY: Self = Self { pretty: true, sorted: false };
    const SORTED: Self = Self { pretty: false, sorted: true };
}

/// One step of the path for error messages.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

struct Printer<'a> {
    writer: Writer,
    path: Vec<Step<'a>>,
    style: Layout,
}

impl<'a> Printer<'a> {
    fn node(&mut self, value: &'a Value, indent: Indent, place: Place) -> Result<(), EmitError> {
        match value {
            Value::Null => self.writer.word("null"),
            Value::Bool(true) => self.writer.word("true"),
            Value::Bool(false) => self.writer.word("false"),
            Value::Number(n) => self.number(n),
            Value::String(text) => self.string(text, indent.scalar(), false)?,
            Value::Array(items) if items.is_empty() => self.writer.word("[]"),
            Value::Object(map) if map.is_empty() => self.writer.word("{}"),
            Value::Array(items) => self.list(items, indent, place)?,
            Value::Object(map) => self.map(map, indent.block())?,
        }
        Ok(())
    }

    fn list(&mut self, items: &'a [Value], indent: Indent, place: Place) -> Result<(), EmitError> {
        self.check_depth()?;
        // A list right below its key is not indented; after `? key` it stands on the line of `:` and is.
        let flush = place == Place::Entry && !self.writer.indention && !self.style.pretty;
        let columns = if flush { indent.0.unwrap_or(0) } else { indent.block() };
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            self.writer.line(columns);
            self.writer.indicator("-", true);
            self.node(item, Indent(Some(columns)), Place::Item)?;
            self.path.pop();
        }
        Ok(())
    }

    fn map(&mut self, map: &'a Map<String, Value>, columns: usize) -> Result<(), EmitError> {
        self.check_depth()?;
        if self.style.sorted || order::is_natural(map) {
            return map.iter().try_for_each(|(key, value)| self.entry(key, value, columns));
        }
        order::natural(map).into_iter().try_for_each(|(key, value)| self.entry(key, value, columns))
    }

    fn entry(&mut self, key: &'a str, value: &'a Value, columns: usize) -> Result<(), EmitError> {
        self.check_key(key)?;
        self.path.push(Step::Key(key));
        self.writer.line(columns);
        let indent = Indent(Some(columns));
        if key.len() <= LONGEST_SIMPLE_KEY && !style::is_multiline(key) {
            self.string(key, indent.scalar(), true)?;
            self.writer.colon();
        } else {
            self.writer.indicator("?", true);
            self.string(key, indent.scalar(), false)?;
            self.writer.line(columns);
            self.writer.indicator(":", true);
        }
        self.node(value, indent, Place::Entry)?;
        self.path.pop();
        Ok(())
    }

    fn string(&mut self, text: &str, columns: usize, is_key: bool) -> Result<(), EmitError> {
        match style::choose(text, is_key) {
            Ok(style) => {
                self.writer.scalar(text, style, columns, !is_key);
                Ok(())
            }
            Err(character) => Err(EmitError::Control { path: self.path(), character: u32::from(character) }),
        }
    }

    fn number(&mut self, n: &Number) {
        if let Some(float) = n.as_f64().filter(|_| n.is_f64()) {
            let text = if self.style.pretty { number::format(float) } else { number::format_json(float) };
            return self.writer.word(&text);
        }
        self.writer.word(&n.to_string());
    }

    fn check_depth(&self) -> Result<(), EmitError> {
        if self.path.len() < Limits::DEEPEST {
            return Ok(());
        }
        let mut path = self.path();
        path.truncate(path.floor_char_boundary(200));
        Err(EmitError::Depth { path, limit: Limits::DEEPEST })
    }

    fn check_key(&self, key: &str) -> Result<(), EmitError> {
        if key.len() <= LONGEST_KEY / 6 {
            return Ok(());
        }
        let length = style::json_length(key);
        if length <= LONGEST_KEY { Ok(()) } else { Err(EmitError::LongKey { path: self.path(), length }) }
    }

    fn path(&self) -> String {
        let steps: Vec<String> = self
            .path
            .iter()
            .map(|step| match step {
                Step::Key(key) => (*key).to_owned(),
                Step::Index(index) => index.to_string(),
            })
            .collect();
        steps.join(".")
    }
}
