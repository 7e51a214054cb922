//! Strings, numbers, booleans and dates of TOML.

use jiff::tz::{Offset, TimeZone};
use sluice_gotemplate::{Value, quote};

pub(super) fn quoted_char(c: char) -> String {
    match c {
        '\n' => "'\\n'".into(),
        '\r' => "'\\r'".into(),
        c => format!("'{c}'"),
    }
}

/// `"text"` on one line.
pub(super) fn basic(rest: &mut &str) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = rest[1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                *rest = &rest[1 + at + 1..];
                return Ok(out);
            }
            '\n' => return Err("strings cannot contain newlines".into()),
            '\\' => escape(&mut out, &mut chars)?,
            c => out.push(checked(c)?),
        }
    }
    Err("unexpected EOF; expected '\"'".into())
}

/// `'text'` on one line.
pub(super) fn literal(rest: &mut &str) -> Result<String, String> {
    let body = &rest[1..];
    let Some(end) = body.find(['\'', '\n']) else { return Err("unexpected EOF; expected \"'\"".into()) };
    if body[end..].starts_with('\n') {
        return Err("strings cannot contain newlines".into());
    }
    *rest = &body[end + 1..];
    body[..end].chars().map(checked).collect()
}

/// Text between three quotes: `"""` knows escapes, `'''` does not.
pub(super) fn long(rest: &mut &str, mark: char) -> Result<String, String> {
    let body = &rest[3..];
    let start = if body.starts_with("\r\n") { 2 } else { usize::from(body.starts_with('\n')) };
    let body = &body[start..];
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        let run = body[at..].len() - body[at..].trim_start_matches(mark).len();
        if c == mark && run >= 3 {
            // Up to two quotes may stand before the closing three.
            let extra = (run - 3).min(2);
            out.extend(std::iter::repeat_n(mark, extra));
            *rest = &body[at + extra + 3..];
            return Ok(out);
        }
        if c != '\\' || mark == '\'' {
            out.push(checked(c)?);
            continue;
        }
        let after = &body[at + 1..];
        let line = after.trim_start_matches([' ', '\t', '\r']);
        if line.starts_with('\n') {
            let skipped = after.len() - after.trim_start_matches([' ', '\t', '\r', '\n']).len();
            for _ in 0..skipped {
                chars.next();
            }
        } else {
            escape(&mut out, &mut chars)?;
        }
    }
    Err(format!("unexpected EOF; expected {}", if mark == '"' { "'\"\"\"'" } else { "\"'''\"" }))
}

fn checked(c: char) -> Result<char, String> {
    match c {
        '\t' | '\n' | '\r' => Ok(c),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => {
            Err(format!("control characters are not allowed inside strings: '0x{:02x}'", c as u32))
        }
        c => Ok(c),
    }
}

fn escape(out: &mut String, chars: &mut std::str::CharIndices<'_>) -> Result<(), String> {
    let code = chars.next().map_or('\0', |(_, c)| c);
    let digits = match code {
        'b' => return push(out, '\x08'),
        't' => return push(out, '\t'),
        'n' => return push(out, '\n'),
        'f' => return push(out, '\x0c'),
        'r' => return push(out, '\r'),
        '"' | '\\' => return push(out, code),
        'u' => 4,
        'U' => 8,
        c => return Err(format!("invalid escape character {}", quoted_char(c))),
    };
    let hex: String = chars.take(digits).map(|(_, c)| c).collect();
    let number = (hex.chars().count() == digits).then(|| u32::from_str_radix(&hex, 16).ok()).flatten();
    match number.and_then(char::from_u32) {
        Some(c) => push(out, c),
        None => Err(format!(
            "expected {digits} hexadecimal digits of a character after '\\{code}', but got {}",
            quote(&hex)
        )),
    }
}

fn push(out: &mut String, c: char) -> Result<(), String> {
    out.push(c);
    Ok(())
}

/// What stands without quotes.
pub(super) fn word(word: &str) -> Result<Value, String> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let negative = word.starts_with('-');
    match unsigned {
        "true" | "false" if unsigned == word => return Ok(Value::Bool(word == "true")),
        "inf" => return Ok(Value::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY })),
        "nan" => return Ok(Value::Float(f64::NAN)),
        _ => {}
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("expected value but found {} instead", quote(word)));
    }
    let bytes = word.as_bytes();
    if (bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-') || (bytes.len() >= 5 && bytes[2] == b':') {
        return date(word).ok_or_else(|| format!("Invalid TOML Datetime: {}.", quote(word)));
    }
    number(word, unsigned, negative)
}

fn number(word: &str, unsigned: &str, negative: bool) -> Result<Value, String> {
    let bad = |what: &str, why: &str| Err(format!("Invalid {what} {}: {why}", quote(word)));
    let (radix, digits) = match unsigned.get(..2) {
        Some("0x") if word == unsigned => (16, &unsigned[2..]),
        Some("0o") if word == unsigned => (8, &unsigned[2..]),
        Some("0b") if word == unsigned => (2, &unsigned[2..]),
        _ => (10, unsigned),
    };
    let float = radix == 10 && unsigned.contains(['.', 'e', 'E']);
    let what = if float { "float" } else { "integer" };
    let spaced = |(at, _): (usize, &str)| {
        let around = |c: Option<&u8>| c.is_some_and(u8::is_ascii_hexdigit);
        !around(at.checked_sub(1).and_then(|at| digits.as_bytes().get(at))) || !around(digits.as_bytes().get(at + 1))
    };
    if digits.match_indices('_').any(spaced) {
        return bad(what, "underscores must be surrounded by digits");
    }
    let plain = digits.replace('_', "");
    if radix == 10 && plain.len() > 1 && plain.starts_with('0') && plain.as_bytes()[1].is_ascii_digit() {
        return bad(what, "cannot have leading zeroes");
    }
    if float {
        let (mantissa, _) = plain.split_once(['e', 'E']).unwrap_or((&plain, ""));
        let dotted = mantissa.split_once('.').is_some_and(|(_, fraction)| fraction.is_empty());
        if dotted {
            return bad(what, "'.' must be followed by one or more digits");
        }
        return match plain.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(if negative { -number } else { number })),
            Ok(_) => Err(format!("{word} is out of range for float64")),
            Err(_) => Err(format!("Invalid float value: {}", quote(word))),
        };
    }
    if plain.is_empty() || !plain.chars().all(|c| c.is_digit(radix)) {
        return Err(format!("expected value but found {} instead", quote(word)));
    }
    let signed = if negative { format!("-{plain}") } else { plain };
    let number = i64::from_str_radix(&signed, radix);
    number.map(Value::Int64).map_err(|_| format!("{word} is out of range for int64"))
}

/// A date, a time or both. Without an offset the local zone is UTC, as for all dates.
fn date(word: &str) -> Option<Value> {
    let upper = word.replace([' ', 't'], "T");
    let (day, time) = match upper.split_once('T') {
        Some((day, time)) => (day.to_owned(), time.to_owned()),
        None if upper.as_bytes().get(2) == Some(&b':') => ("0000-01-01".to_owned(), upper.clone()),
        None => (upper.clone(), "00:00:00".to_owned()),
    };
    let time = time.replace('z', "Z");
    let (clock, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], &time[at..]),
        None => (time.as_str(), "Z"),
    };
    let zone = match offset {
        "Z" => TimeZone::UTC,
        _ => {
            let (hours, minutes) = offset[1..].split_once(':')?;
            let seconds =
                hours.parse::<i32>().ok()?.checked_mul(3600)? + minutes.parse::<u8>().map(i32::from).ok()? * 60;
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            Offset::from_seconds(sign * seconds).ok()?.to_time_zone()
        }
    };
    let day: jiff::civil::Date = day.parse().ok()?;
    let clock: jiff::civil::Time = clock.parse().ok()?;
    Some(Value::Time(Box::new(day.to_datetime(clock).to_zoned(zone).ok()?)))
}
