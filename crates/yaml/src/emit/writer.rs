//! Puts scalars, indicators and line breaks on the page, folding text after column 80.

use super::style::{Style, is_break, is_printable};

/// A space beyond this column becomes a line break, where the text allows it.
const WIDTH: usize = 80;

/// The page and where the pen is.
pub(super) struct Writer {
    pub(super) out: String,
    /// Characters on this line.
    column: usize,
    /// Whether the last thing written was white space.
    whitespace: bool,
    /// Whether the line has only indentation and indicators so far.
    pub(super) indention: bool,
    width: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Self { out: String::new(), column: 0, whitespace: true, indention: true, width: WIDTH }
    }
}

impl Writer {
    /// A page so wide that no text is folded.
    pub(super) fn wide() -> Self {
        // Columns are added to this.
        Self { width: usize::MAX / 2, ..Self::default() }
    }

    /// Goes to column `columns` of a fresh line, or of this one if it is still free there.
    pub(super) fn line(&mut self, columns: usize) {
        if !self.indention || self.column > columns || (self.column == columns && !self.whitespace) {
            self.out.push('\n');
            self.column = 0;
        }
        while self.column < columns {
            self.out.push(' ');
            self.column += 1;
        }
        (self.whitespace, self.indention) = (true, true);
    }

    /// `-`, `?` or `:` in front of a node.
    pub(super) fn indicator(&mut self, mark: &str, is_indention: bool) {
        self.space();
        self.out.push_str(mark);
        self.column += mark.len();
        self.whitespace = false;
        self.indention &= is_indention;
    }

    /// The colon after a simple key.
    pub(super) fn colon(&mut self) {
        self.out.push(':');
        self.column += 1;
        (self.whitespace, self.indention) = (false, false);
    }

    /// A short plain text.
    pub(super) fn word(&mut self, text: &str) {
        self.space();
        self.out.push_str(text);
        self.column += text.len();
        (self.whitespace, self.indention) = (false, false);
    }

    /// Ends the last line and is ready for the next document.
    pub(super) fn end_document(&mut self) {
        self.line(0);
    }

    /// A string; its later lines begin at `columns`. `fold`: whether it may have several.
    pub(super) fn scalar(&mut self, text: &str, style: Style, columns: usize, fold: bool) {
        let short = text.len() <= self.width && self.column + 1 + text.len() <= self.width;
        match style {
            Style::Plain if !fold || short => {
                self.space();
                self.put(text);
            }
            Style::Plain if text.is_ascii() => self.plain_ascii(text, columns),
            Style::Plain => self.plain(text, columns),
            Style::Single => self.single(text, columns, fold),
            Style::Double => self.double(text, columns, fold),
            Style::Literal => return self.literal(text, columns),
        }
        (self.whitespace, self.indention) = (false, false);
    }

    fn space(&mut self) {
        if !self.whitespace {
            self.out.push(' ');
            self.column += 1;
        }
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
    }

    fn put_char(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn plain(&mut self, text: &str, columns: usize) {
        self.space();
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            if c == ' ' && !after_space && self.column > self.width && !text[at + 1..].starts_with(' ') {
                self.line(columns);
            } else {
                self.put_char(c);
            }
            after_space = c == ' ';
            self.indention = false;
        }
    }

    /// As [`Writer::plain`], by leaps: characters are bytes, so the next place to fold can be told ahead.
    fn plain_ascii(&mut self, text: &str, columns: usize) {
        self.space();
        let bytes = text.as_bytes();
        let mut rest = 0;
        loop {
            let earliest = rest + (self.width + 1).saturating_sub(self.column);
            let is_fold = |at: &usize| bytes[*at] == b' ' && bytes[at - 1] != b' ' && bytes.get(at + 1) != Some(&b' ');
            let fold = (earliest.max(1)..bytes.len()).find(is_fold);
            let line = &text[rest..fold.unwrap_or(text.len())];
            self.out.push_str(line);
            self.column += line.len();
            let Some(fold) = fold else { return };
            self.indention = false;
            self.line(columns);
            rest = fold + 1;
        }
    }

    fn single(&mut self, text: &str, columns: usize, fold: bool) {
        self.space();
        self.put_char('\'');
        self.indention = false;
        let (mut after_space, mut after_break) = (false, false);
        for (at, c) in text.char_indices() {
            if c == ' ' {
                let rest = &text[at + 1..];
                let foldable = fold && !after_space && self.column > self.width && at > 0;
                if foldable && !rest.is_empty() && !rest.starts_with(' ') {
                    self.line(columns);
                } else {
                    self.put_char(c);
                }
                after_space = true;
            } else if is_break(c) {
                if !after_break && c == '\n' {
                    self.put_break('\n');
                }
                self.put_break(c);
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.line(columns);
                }
                if c == '\'' {
                    self.put_char('\'');
                }
                self.put_char(c);
                self.indention = false;
                (after_space, after_break) = (false, false);
            }
        }
        self.put_char('\'');
    }

    fn double(&mut self, text: &str, columns: usize, fold: bool) {
        self.space();
        self.put_char('"');
        self.indention = false;
        let mut after_space = false;
        // go-yaml looks for a byte order mark at the start of the text, whatever character it is at.
        let escape_all = text.starts_with('\u{feff}');
        for (at, c) in text.char_indices() {
            if escape_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
                after_space = false;
            } else if c == ' ' {
                let rest = &text[at + 1..];
                if fold && !after_space && self.column > self.width && at > 0 && !rest.is_empty() {
                    self.line(columns);
                    if rest.starts_with(' ') {
                        self.put_char('\\');
                    }
                } else {
                    self.put_char(c);
                }
                after_space = true;
            } else {
                self.put_char(c);
                after_space = false;
            }
            self.indention = false;
        }
        self.put_char('"');
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{a0}' => "\\_",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            _ => {
                let code = u32::from(c);
                let long = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return self.put(&long);
            }
        };
        self.put(short);
    }

    fn literal(&mut self, text: &str, columns: usize) {
        self.space();
        self.out.push('|');
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.out.push('2');
        }
        let mut ending = text.chars().rev();
        match (ending.next().is_some_and(is_break), ending.next().is_none_or(is_break)) {
            (false, _) => self.out.push('-'),
            (true, true) => self.out.push('+'),
            (true, false) => {}
        }
        self.out.push('\n');
        self.column = 0;
        (self.whitespace, self.indention) = (true, true);
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.put_break(c);
                (self.indention, after_break) = (true, true);
                continue;
            }
            if after_break {
                self.line(columns);
            }
            self.put_char(c);
            (self.indention, after_break) = (false, false);
        }
    }
}
