//! Reads a format: flags, width, precision, indices, verbs.

use super::print;
use crate::Value;

/// Go refuses larger widths and precisions.
const MAX_WIDTH: i64 = 1_000_000;

/// One directive.
#[derive(Clone, Debug, Default)]
pub(super) struct Spec {
    pub(super) verb: char,
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) plus_v: bool,
    pub(super) sharp_v: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

impl Spec {
    pub(super) fn plain(verb: char) -> Self {
        Self { verb, ..Self::default() }
    }
}

pub(super) struct Formatter<'a> {
    pub(super) out: Vec<u8>,
    pub(super) values: &'a [Value],
    pub(super) limit: usize,
    pub(super) next: usize,
    pub(super) reordered: bool,
    pub(super) good_index: bool,
}

impl Formatter<'_> {
    pub(super) fn run(mut self, format: &[u8]) -> Option<Vec<u8>> {
        let mut at = 0;
        while at < format.len() {
            let literal = format[at..].iter().position(|b| *b == b'%').map_or(format.len(), |found| at + found);
            self.out.extend_from_slice(&format[at..literal]);
            if literal == format.len() {
                break;
            }
            at = self.directive(format, literal + 1);
            if self.out.len() > self.limit {
                return None;
            }
        }
        if !self.reordered && self.next < self.values.len() {
            self.out.extend_from_slice(b"%!(EXTRA ");
            for (index, value) in self.values[self.next..].iter().enumerate() {
                if index > 0 {
                    self.out.extend_from_slice(b", ");
                }
                if value.is_nil() {
                    self.out.extend_from_slice(b"<nil>");
                } else {
                    self.out.extend_from_slice(value.type_name().as_bytes());
                    self.out.push(b'=');
                    print::value(&mut self.out, value, &Spec::plain('v'), 0);
                }
            }
            self.out.push(b')');
        }
        Some(self.out)
    }

    /// Handles the directive that starts at `at`, after the percent sign; gives where it ends.
    fn directive(&mut self, format: &[u8], mut at: usize) -> usize {
        let mut spec = Spec::default();
        self.good_index = true;
        self.reordered = false;
        loop {
            match format.get(at) {
                Some(b'#') => spec.sharp = true,
                Some(b'0') => spec.zero = true,
                Some(b'+') => spec.plus = true,
                Some(b'-') => spec.minus = true,
                Some(b' ') => spec.space = true,
                _ => break,
            }
            at += 1;
        }
        let mut after_index = self.index(format, &mut at);
        if format.get(at) == Some(&b'*') {
            at += 1;
            match self.int_argument() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => self.out.extend_from_slice(b"%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            spec.width = number(format, &mut at);
            if after_index && spec.width.is_some() {
                self.good_index = false;
            }
        }
        if format.get(at) == Some(&b'.') {
            at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index(format, &mut at);
            if format.get(at) == Some(&b'*') {
                at += 1;
                match self.int_argument() {
                    Some(precision) => spec.precision = usize::try_from(precision).ok(),
                    None => self.out.extend_from_slice(b"%!(BADPREC)"),
                }
                after_index = false;
            } else {
                spec.precision = Some(number(format, &mut at).unwrap_or(0));
            }
        }
        if !after_index {
            self.index(format, &mut at);
        }
        let Some((verb, length)) = first_char(&format[at..]) else {
            self.out.extend_from_slice(b"%!(NOVERB)");
            return format.len();
        };
        spec.verb = verb;
        self.apply(spec);
        at + length
    }

    fn apply(&mut self, mut spec: Spec) {
        let verb = spec.verb;
        if verb == '%' {
            return self.out.push(b'%');
        }
        let note = if !self.good_index {
            "(BADINDEX)"
        } else if self.next >= self.values.len() {
            "(MISSING)"
        } else {
            ""
        };
        if !note.is_empty() {
            return self.out.extend_from_slice(format!("%!{verb}{note}").as_bytes());
        }
        let value = &self.values[self.next];
        self.next += 1;
        if verb == 'v' {
            spec.sharp_v = std::mem::take(&mut spec.sharp);
            spec.plus_v = std::mem::take(&mut spec.plus);
        }
        if spec.minus {
            // Padding with zeros on the right would change the number.
            spec.zero = false;
        }
        print::value(&mut self.out, value, &spec, 0);
    }

    fn int_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        match value {
            Value::Float(_) => None,
            value => value.as_int().filter(|n| n.abs() <= MAX_WIDTH),
        }
    }

    /// Reads `[n]`, which chooses the next argument.
    fn index(&mut self, format: &[u8], at: &mut usize) -> bool {
        if format.get(*at) != Some(&b'[') {
            return false;
        }
        self.reordered = true;
        let Some(close) = format[*at..].iter().position(|b| *b == b']') else {
            self.good_index = false;
            *at += 1;
            return false;
        };
        let text = &format[*at + 1..*at + close];
        *at += close + 1;
        let mut end = 0;
        match number(text, &mut end) {
            Some(n) if end == text.len() && n >= 1 && n <= self.values.len() => {
                self.next = n - 1;
                true
            }
            _ => {
                self.good_index = false;
                true
            }
        }
    }
}

fn number(format: &[u8], at: &mut usize) -> Option<usize> {
    let start = *at;
    let mut value = 0i64;
    while let Some(digit) = format.get(*at).filter(|b| b.is_ascii_digit()) {
        value = value * 10 + i64::from(digit - b'0');
        if value > MAX_WIDTH {
            return None;
        }
        *at += 1;
    }
    (*at > start).then_some(value as usize)
}

fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    if bytes.is_empty() {
        return None;
    }
    let chunk = bytes.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(c) => Some((c, c.len_utf8())),
        None => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}
