//! Regular expressions as Go writes them: checked with Go's errors, and rewritten for the engine that runs them.
//!
//! Both engines are of one family and match alike; what differs is the spelling. Go's classes are ASCII, a `-`, `[` or
//! `&&` in brackets means itself, and repetitions are counted.

use sluice_gotemplate::quote;

/// The largest count of a repetition.
const MOST_REPEATS: u32 = 1_000;
/// How deep groups may nest, as in Go.
const MOST_NESTED: usize = 1_000;

/// Rewrites an expression.
///
/// # Errors
/// What Go says behind `error parsing regexp: `.
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    let mut parser = Parser { whole: pattern, rest: pattern, out: String::with_capacity(pattern.len() + 16) };
    parser.run()?;
    Ok(parser.out)
}

struct Parser<'p> {
    whole: &'p str,
    rest: &'p str,
    out: String,
}

/// What stands before a repetition operator.
#[derive(Clone, Copy, PartialEq)]
enum Before<'p> {
    Nothing,
    Operand,
    /// The text from the last repetition operator on.
    Repeat(&'p str),
}

fn raw(text: &str) -> String {
    format!("`{text}`")
}

impl<'p> Parser<'p> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn run(&mut self) -> Result<(), String> {
        // For each open group: the largest product of counts in it. The same for the last operand.
        let mut groups: Vec<u32> = vec![1];
        let mut last = 1;
        let mut names: Vec<&str> = Vec::new();
        let mut before = Before::Nothing;
        while let Some(c) = self.rest.chars().next() {
            let here = self.rest;
            match c {
                '(' => {
                    if groups.len() > MOST_NESTED {
                        return Err(format!("expression nests too deeply: {}", raw(self.whole)));
                    }
                    if self.group(&mut names)? {
                        groups.push(1);
                    }
                    before = Before::Nothing;
                    continue;
                }
                ')' => {
                    let inner = groups.pop().unwrap_or(1);
                    let Some(outer) = groups.last_mut() else {
                        return Err(format!("unexpected ): {}", raw(self.whole)));
                    };
                    *outer = inner.max(*outer);
                    self.take();
                    self.out.push(')');
                    (before, last) = (Before::Operand, inner);
                    continue;
                }
                '|' => {
                    self.take();
                    self.out.push('|');
                    before = Before::Nothing;
                    continue;
                }
                '*' | '+' | '?' => {
                    self.take();
                    before = self.repeat(here, before, &c.to_string())?;
                    continue;
                }
                '{' => {
                    if let Some((text, after, counts)) = counts(here) {
                        let (least, most) = counts.ok_or_else(|| format!("invalid repeat count: {}", raw(text)))?;
                        if least > MOST_REPEATS || most.is_some_and(|most| most > MOST_REPEATS || most < least) {
                            return Err(format!("invalid repeat count: {}", raw(text)));
                        }
                        self.rest = after;
                        before = self.repeat(here, before, text)?;
                        last *= most.unwrap_or(least).max(1);
                        if last > MOST_REPEATS {
                            return Err(format!("invalid repeat count: {}", raw(text)));
                        }
                        if let Some(group) = groups.last_mut() {
                            *group = last.max(*group);
                        }
                        continue;
                    }
                    self.take();
                    self.out.push_str("\\{");
                }
                '[' => self.class()?,
                '\\' => self.escape()?,
                '^' | '$' | '.' => {
                    self.take();
                    self.out.push(c);
                }
                c => {
                    self.take();
                    literal(&mut self.out, c);
                }
            }
            (before, last) = (Before::Operand, 1);
        }
        if groups.len() == 1 { Ok(()) } else { Err(format!("missing closing ): {}", raw(self.whole))) }
    }

    /// A repetition operator that was read already, with the `?` behind it.
    fn repeat(&mut self, here: &'p str, before: Before<'p>, written: &str) -> Result<Before<'p>, String> {
        let lazy = self.rest.starts_with('?');
        if lazy {
            self.take();
        }
        match before {
            Before::Nothing => {
                let operator = &here[..here.len() - self.rest.len()];
                return Err(format!("missing argument to repetition operator: {}", raw(operator)));
            }
            Before::Repeat(start) => {
                let both = &start[..start.len() - self.rest.len()];
                return Err(format!("invalid nested repetition operator: {}", raw(both)));
            }
            Before::Operand => {}
        }
        self.out.push_str(written);
        if lazy {
            self.out.push('?');
        }
        Ok(Before::Repeat(here))
    }

    /// `(` and what belongs to it. True if a group was opened, false if only flags were set.
    fn group(&mut self, names: &mut Vec<&'p str>) -> Result<bool, String> {
        let here = self.rest;
        if !here.starts_with("(?") {
            self.take();
            self.out.push('(');
            return Ok(true);
        }
        if let Some(inner) = here.strip_prefix("(?P<").or_else(|| here.strip_prefix("(?<")) {
            let Some((name, after)) = inner.split_once('>') else {
                return Err(format!("invalid named capture: {}", raw(here)));
            };
            let capture = &here[..here.len() - after.len()];
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!("invalid named capture: {}", raw(capture)));
            }
            self.rest = after;
            if names.contains(&name) {
                // Go lets a name stand twice; it means the first group.
                self.out.push('(');
                return Ok(true);
            }
            names.push(name);
            // A name may start with a digit in Go alone.
            let own = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
            self.out.push_str(&format!("(?P<{own}{name}>"));
            return Ok(true);
        }
        self.rest = &here[2..];
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negative, mut any) = (false, false);
        loop {
            let Some(c) = self.take() else {
                return Err(format!("invalid or unsupported Perl syntax: {}", raw(here)));
            };
            match c {
                'i' | 'm' | 's' | 'U' => {
                    any = true;
                    if negative { &mut off } else { &mut on }.push(c);
                }
                '-' if !negative => {
                    negative = true;
                    any = false;
                }
                ':' | ')' if !negative || any => {
                    let mut flags: Vec<char> = on.chars().filter(|flag| !off.contains(*flag)).collect();
                    flags.dedup();
                    let (mut set, mut unset) = (String::new(), String::new());
                    flags.iter().for_each(|flag| {
                        if !set.contains(*flag) {
                            set.push(*flag)
                        }
                    });
                    off.chars().for_each(|flag| {
                        if !unset.contains(flag) {
                            unset.push(flag)
                        }
                    });
                    let minus = if unset.is_empty() { "" } else { "-" };
                    if set.is_empty() && unset.is_empty() && c == ')' {
                        // `(?)` sets nothing.
                        return Ok(false);
                    }
                    self.out.push_str(&format!("(?{set}{minus}{unset}{c}"));
                    return Ok(c == ':');
                }
                _ => {
                    let shown = &here[..here.len() - self.rest.len()];
                    return Err(format!("invalid or unsupported Perl syntax: {}", raw(shown)));
                }
            }
        }
    }

    /// An escape outside of brackets.
    fn escape(&mut self) -> Result<(), String> {
        let here = self.rest;
        let mut ahead = here[1..].chars();
        let Some(c) = ahead.next() else { return Err("trailing backslash at end of expression: ``".into()) };
        let after = ahead.as_str();
        let simple = match c {
            'A' => Some("\\A"),
            'z' => Some("\\z"),
            'b' => Some("(?-u:\\b)"),
            'B' => Some("\\B"),
            _ => None,
        };
        if let Some(text) = simple {
            self.rest = after;
            self.out.push_str(text);
            return Ok(());
        }
        if c == 'C' {
            return Err(format!("invalid escape sequence: {}", raw("\\C")));
        }
        if c == 'Q' {
            let (text, after) = after.split_once("\\E").unwrap_or((after, ""));
            self.rest = after;
            // One group, or a repetition would take only the last character: which is what Go does.
            text.chars().for_each(|c| literal(&mut self.out, c));
            return Ok(());
        }
        if let Some(set) = perl(c) {
            self.rest = after;
            let not = if c.is_ascii_uppercase() { "^" } else { "" };
            self.out.push_str(&format!("[{not}{set}]"));
            return Ok(());
        }
        if matches!(c, 'p' | 'P') {
            let (text, after) = unicode(here)?;
            self.rest = after;
            self.out.push_str(&text);
            return Ok(());
        }
        let (c, after) = character(here)?;
        self.rest = after;
        literal(&mut self.out, c);
        Ok(())
    }

    /// A class in brackets.
    fn class(&mut self) -> Result<(), String> {
        let here = self.rest;
        let unclosed = || format!("missing closing ]: {}", raw(here));
        let mut rest = &here[1..];
        let mut items = String::new();
        if let Some(after) = rest.strip_prefix('^') {
            items.push('^');
            rest = after;
        }
        let mut first = true;
        loop {
            let Some(c) = rest.chars().next() else { return Err(unclosed()) };
            if c == ']' && !first {
                rest = &rest[1..];
                break;
            }
            first = false;
            if let Some((name, after)) = rest.strip_prefix("[:").and_then(|inner| inner.split_once(":]")) {
                let shown = &rest[..rest.len() - after.len()];
                let (not, plain) = name.strip_prefix('^').map_or(("", name), |plain| ("^", plain));
                const NAMES: [&str; 14] = [
                    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
                    "upper", "word", "xdigit",
                ];
                if !NAMES.contains(&plain) {
                    return Err(format!("invalid character class range: {}", raw(shown)));
                }
                items.push_str(&format!("[:{not}{plain}:]"));
                rest = after;
                continue;
            }
            if let Some(escaped) = rest.strip_prefix('\\') {
                let kind = escaped.chars().next();
                if let Some(set) = kind.and_then(perl) {
                    let upper = kind.is_some_and(|c| c.is_ascii_uppercase());
                    items.push_str(&if upper { format!("[^{set}]") } else { set.to_owned() });
                    rest = &escaped[1..];
                    continue;
                }
                if matches!(kind, Some('p' | 'P')) {
                    let (text, after) = unicode(rest)?;
                    items.push_str(&text);
                    rest = after;
                    continue;
                }
            }
            let start = rest;
            let (low, after) = one(rest).map_err(|why| why.unwrap_or_else(unclosed))?;
            rest = after;
            let mut high = low;
            if let Some(after) = rest.strip_prefix('-').filter(|after| !after.starts_with(']')) {
                if after.is_empty() {
                    return Err(unclosed());
                }
                let (end, after) = one(after).map_err(|why| why.unwrap_or_else(unclosed))?;
                rest = after;
                high = end;
                if high < low {
                    let shown = &start[..start.len() - rest.len()];
                    return Err(format!("invalid character class range: {}", raw(shown)));
                }
            }
            class_char(&mut items, low);
            if high != low {
                items.push('-');
                class_char(&mut items, high);
            }
        }
        self.out.push('[');
        self.out.push_str(&items);
        self.out.push(']');
        self.rest = rest;
        Ok(())
    }
}

/// One character of a class. The error is None at the end of the expression.
fn one(text: &str) -> Result<(char, &str), Option<String>> {
    let Some(c) = text.chars().next() else { return Err(None) };
    if c == '\\' { character(text).map_err(Some) } else { Ok((c, &text[c.len_utf8()..])) }
}

/// An escape that stands for one character.
fn character(text: &str) -> Result<(char, &str), String> {
    let mut ahead = text[1..].chars();
    let Some(c) = ahead.next() else { return Err("trailing backslash at end of expression: ``".into()) };
    let after = ahead.as_str();
    let bad = |end: &str| Err(format!("invalid escape sequence: {}", raw(&text[..text.len() - end.len()])));
    match c {
        'a' => Ok(('\x07', after)),
        'f' => Ok(('\x0c', after)),
        'n' => Ok(('\n', after)),
        'r' => Ok(('\r', after)),
        't' => Ok(('\t', after)),
        'v' => Ok(('\x0b', after)),
        '0'..='7' => {
            // A single digit but 0 would be a backreference.
            if c != '0' && !after.starts_with(|c: char| ('0'..='7').contains(&c)) {
                return bad(after);
            }
            let more = after.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let digits = &text[1..2 + more];
            let code = u32::from_str_radix(digits, 8).unwrap_or(0);
            Ok((char::from_u32(code).unwrap_or('\u{fffd}'), &after[more..]))
        }
        'x' => {
            if let Some(inner) = after.strip_prefix('{') {
                let mut code = 0;
                for (at, c) in inner.char_indices() {
                    let end = &inner[at + c.len_utf8()..];
                    match c.to_digit(16) {
                        Some(digit) => code = code * 16 + digit,
                        None if c == '}' && at > 0 => return Ok((char::from_u32(code).unwrap_or('\u{fffd}'), end)),
                        None => return bad(end),
                    }
                    if code > 0x10_ffff {
                        return bad(end);
                    }
                }
                return bad("");
            }
            let digits = after.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
            match digits.and_then(|two| u32::from_str_radix(two, 16).ok()) {
                Some(code) => Ok((char::from_u32(code).unwrap_or('\u{fffd}'), &after[2..])),
                None => bad(after.char_indices().nth(2).map_or("", |(at, _)| &after[at..])),
            }
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c, after)),
        _ => bad(after),
    }
}

/// What stands between the brackets of `\d` and its like.
fn perl(c: char) -> Option<&'static str> {
    match c {
        'd' | 'D' => Some("0-9"),
        's' | 'S' => Some("\\t\\n\\x0C\\r "),
        'w' | 'W' => Some("0-9A-Za-z_"),
        _ => None,
    }
}

/// `\pL`, `\p{Greek}`, `\P{^Greek}`.
fn unicode(text: &str) -> Result<(String, &str), String> {
    let after = &text[2..];
    let wrong = |rest: &str| format!("invalid character class range: {}", raw(&text[..text.len() - rest.len()]));
    let Some(c) = after.chars().next() else { return Err(wrong("")) };
    let (name, rest) = match after.strip_prefix('{') {
        None => (&after[..c.len_utf8()], &after[c.len_utf8()..]),
        Some(inner) => match inner.split_once('}') {
            Some((name, rest)) => (name, rest),
            None => return Err(wrong("")),
        },
    };
    let (negative, name) = match name.strip_prefix('^') {
        Some(name) => (text.as_bytes()[1] == b'p', name),
        None => (text.as_bytes()[1] == b'P', name),
    };
    let known = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let written = format!("\\{}{{{name}}}", if negative { 'P' } else { 'p' });
    if !known || regex::Regex::new(&written).is_err() {
        return Err(wrong(rest));
    }
    Ok((written, rest))
}

type Counts<'p> = (&'p str, &'p str, Option<(u32, Option<u32>)>);

/// `{2}`, `{2,}`, `{2,3}`: the text, what follows, and the counts unless they are too large. None if it is plain text.
fn counts(text: &str) -> Option<Counts<'_>> {
    let (inner, after) = text[1..].split_once('}')?;
    let whole = &text[..text.len() - after.len()];
    let number = |text: &str| -> Option<Option<u32>> {
        let leading = text.len() > 1 && text.starts_with('0');
        if text.is_empty() || leading || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(text.parse().ok())
    };
    let parsed = match inner.split_once(',') {
        None => number(inner)?.map(|count| (count, Some(count))),
        Some((least, "")) => number(least)?.map(|least| (least, None)),
        Some((least, most)) => match (number(least)?, number(most)?) {
            (Some(least), Some(most)) => Some((least, Some(most))),
            _ => None,
        },
    };
    Some((whole, after, parsed))
}

fn literal(out: &mut String, c: char) {
    if regex_syntax_char(c) {
        out.push('\\');
    }
    out.push(c);
}

fn regex_syntax_char(c: char) -> bool {
    matches!(
        c,
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '#' | '&' | '-' | '~'
    )
}

fn class_char(out: &mut String, c: char) {
    literal(out, c);
}

/// A text as Go's errors quote an expression.
pub(crate) fn shown(pattern: &str) -> String {
    if pattern.contains('`') { quote(pattern) } else { raw(pattern) }
}
