//! Go's quoting of strings and characters.

use std::fmt::Write;

/// `"text"` with Go's escapes (strconv.Quote).
#[must_use]
pub fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes(), false)
}

/// Quotes bytes that need not be UTF-8; `ascii` escapes all that is not ASCII.
pub(crate) fn quote_bytes(bytes: &[u8], ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape(&mut out, c, '"', ascii);
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

pub(crate) fn quote_char(c: char, ascii: bool) -> String {
    let mut out = String::from("'");
    escape(&mut out, c, '\'', ascii);
    out.push('\'');
    out
}

fn escape(out: &mut String, c: char, quote: char, ascii: bool) {
    match c {
        c if c == quote || c == '\\' => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        ' '..='~' => out.push(c),
        c if !ascii && is_print(c) => out.push(c),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        c if (c as u32) < 0x10000 => {
            let _ = write!(out, "\\u{:04x}", c as u32);
        }
        c => {
            let _ = write!(out, "\\U{:08x}", c as u32);
        }
    }
}

/// Go's unicode.IsPrint, near enough: letters, marks, numbers, punctuation, symbols and the ASCII space. The debug
/// escapes of Rust follow the same tables; spaces and combining marks are the differences.
pub(crate) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    if c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff9}'..='\u{fffb}')
    {
        return false;
    }
    c.escape_debug().len() == 1 || matches!(c, '\u{300}'..='\u{36f}')
}

/// `U+0041 'A'`, as `%#U` prints.
pub(crate) fn char_name(c: char) -> String {
    if is_print(c) { format!("U+{:04X} '{c}'", c as u32) } else { format!("U+{:04X}", c as u32) }
}

/// What a Go string literal in double quotes or backquotes means; None if it is malformed.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    if let Some(raw) = literal.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return Some(raw.replace('\r', "").into_bytes());
    }
    let body = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        if c == '\\' {
            rest = unescape(rest, '"', &mut out)?;
        } else {
            if c == '"' || c == '\n' {
                return None;
            }
            out.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(out)
}

/// The character of `'x'`, and None if it is malformed.
pub(crate) fn unquote_char(literal: &str) -> Option<i64> {
    let body = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let first = body.chars().next()?;
    if first != '\\' {
        return (first != '\'' && body.len() == first.len_utf8()).then_some(i64::from(u32::from(first)));
    }
    let mut out = Vec::new();
    let rest = unescape(body, '\'', &mut out)?;
    if !rest.is_empty() {
        return None;
    }
    match std::str::from_utf8(&out) {
        Ok(text) => text.chars().next().map(|c| i64::from(u32::from(c))),
        Err(_) => out.first().map(|b| i64::from(*b)),
    }
}

/// Reads one escape at the start of `text`; gives the rest.
fn unescape<'a>(text: &'a str, quote: char, out: &mut Vec<u8>) -> Option<&'a str> {
    let mut chars = text.char_indices();
    chars.next()?;
    let (at, c) = chars.next()?;
    let mut after = at + c.len_utf8();
    let simple = match c {
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(11),
        '\\' => Some(b'\\'),
        c if c == quote => Some(c as u8),
        _ => None,
    };
    if let Some(byte) = simple {
        out.push(byte);
        return Some(&text[after..]);
    }
    let (digits, radix, from) = match c {
        'x' => (2, 16, after),
        'u' => (4, 16, after),
        'U' => (8, 16, after),
        '0'..='7' => (3, 8, at),
        _ => return None,
    };
    let number = text.get(from..from + digits).filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let number = u32::from_str_radix(number, radix).ok()?;
    after = from + digits;
    if matches!(c, 'u' | 'U') {
        out.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.push(u8::try_from(number).ok()?);
    }
    Some(&text[after..])
}
