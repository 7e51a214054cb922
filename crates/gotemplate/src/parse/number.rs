//! Numeric constants: every type that can hold one.

use super::ast::Number;
use crate::lex::Token;
use crate::quote::{quote, unquote_char};

/// # Errors
/// Go's message, without the place.
pub(super) fn number(token: &Token<'_>, character: bool) -> Result<Number, String> {
    let text: &str = &token.text;
    let mut number = Number { text: token.span(), int: None, float: None, complex: None, character };
    if character {
        let value = unquote_char(text).ok_or_else(|| match text.len() {
            2 => "invalid syntax".to_owned(),
            _ => format!("malformed character constant: {text}"),
        })?;
        number.int = Some(value);
        number.float = Some(value as f64);
        return Ok(number);
    }
    if text.ends_with('i') && !text.starts_with("0x") {
        number.complex = complex(&text[..text.len() - 1]).map(Box::new);
        if number.complex.is_none() {
            return Err(format!("illegal number syntax: {}", quote(text)));
        }
        return Ok(number);
    }
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let mut uint = None;
    if let Some(magnitude) = parse_uint(digits) {
        if digits.len() == text.len() {
            uint = Some(magnitude);
        }
        number.int = match negative {
            true if magnitude <= 1 << 63 => Some((magnitude as i64).wrapping_neg()),
            false => i64::try_from(magnitude).ok(),
            true => None,
        };
    }
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = parse_float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote(text)));
        }
        number.float = Some(float);
        if float.fract() == 0.0 && float.abs() < 9.3e18 {
            number.int = Some(float as i64);
        }
    }
    if number.int.is_none() && uint.is_none() && number.float.is_none() {
        return Err(format!("illegal number syntax: {}", quote(text)));
    }
    Ok(number)
}

/// The parts of a complex number, without its `i`: `3.5+2`, or only the imaginary one.
fn complex(text: &str) -> Option<(f64, f64)> {
    let part = |text: &str| parse_float(text).or_else(|| parse_uint(text.trim_start_matches('+')).map(|n| n as f64));
    let middle = text
        .char_indices()
        .skip(1)
        .filter(|(at, c)| matches!(c, '+' | '-') && !text[..*at].ends_with(['e', 'E', 'p', 'P']));
    match middle.last() {
        Some((at, _)) => Some((part(&text[..at])?, part(&text[at..])?)),
        None => Some((0.0, part(text)?)),
    }
}

/// Go's ParseUint with base 0: prefixes, and underscores only between digits.
pub(crate) fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if !lower.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if digits.contains('_') && (digits.contains("__") || digits.ends_with('_')) {
        return None;
    }
    if digits.is_empty() || digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Go's ParseFloat for literals: decimal, and hexadecimal with a binary exponent; infinite results are errors.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        Some(hex) => {
            let (mantissa, exponent) = hex.split_once(['p', 'P'])?;
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let mut value = 0.0f64;
            for digit in whole.chars().chain(fraction.chars()).filter(|c| *c != '_') {
                value = value * 16.0 + f64::from(digit.to_digit(16)?);
            }
            let exponent: i32 = exponent.parse().ok()?;
            value * 2f64.powi(exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?)
        }
        None => {
            if body.contains("__") || !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                return None;
            }
            if body.contains('_') && !body.starts_with('0') && body.contains('_') {
                return None;
            }
            body.replace('_', "").parse().ok()?
        }
    };
    value.is_finite().then_some(if negative { -value } else { value })
}
