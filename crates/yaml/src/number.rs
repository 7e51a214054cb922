//! Numbers as Go reads and prints them (`strconv.ParseInt`, `ParseFloat`, `FormatFloat`).

pub(crate) enum Integer {
    Signed(i64),
    /// Too large for `i64`.
    Unsigned(u64),
}

/// `ParseInt(text, 0, 64)`, then `ParseUint`: an optional sign and a base prefix (`0x`, `0o`, `0b`, `0`).
pub(crate) fn integer(text: &str) -> Option<Integer> {
    let (sign, magnitude) = match text.as_bytes().first()? {
        b'-' => (Some(b'-'), &text[1..]),
        b'+' => (Some(b'+'), &text[1..]),
        _ => (None, text),
    };
    let (base, digits) = match magnitude.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &magnitude[2..]),
        [b'0', b'o' | b'O', ..] => (8, &magnitude[2..]),
        [b'0', b'b' | b'B', ..] => (2, &magnitude[2..]),
        [b'0', _, ..] => (8, &magnitude[1..]),
        _ => (10, magnitude),
    };
    // Rust's own parser takes a sign here, Go does not.
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    let n = u64::from_str_radix(digits, base).ok()?;
    match sign {
        Some(b'-') if n == 1 << 63 => Some(Integer::Signed(i64::MIN)),
        Some(b'-') => i64::try_from(n).ok().map(|n| Integer::Signed(-n)),
        // ParseUint takes no sign.
        Some(_) => i64::try_from(n).ok().map(Integer::Signed),
        None => Some(i64::try_from(n).map_or(Integer::Unsigned(n), Integer::Signed)),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
pub(crate) fn is_yaml_float(text: &str) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = text.as_bytes();
    if let [b'+' | b'-', tail @ ..] = rest {
        rest = tail;
    }
    let whole = digits(rest);
    rest = &rest[whole..];
    if let [b'.', tail @ ..] = rest {
        let fraction = digits(tail);
        if whole == 0 && fraction == 0 {
            return false;
        }
        rest = &tail[fraction..];
    } else if whole == 0 {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', tail @ ..] => {
            let tail = if let [b'+' | b'-', tail @ ..] = tail { tail } else { tail };
            !tail.is_empty() && digits(tail) == tail.len()
        }
        _ => false,
    }
}

/// `ParseFloat` of decimal text; `None` for what is none and for what is out of range. Underscores may stand between
/// digits.
pub(crate) fn float(text: &str) -> Option<f64> {
    if text.contains('_') {
        let bytes = text.as_bytes();
        let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        let separates = |at: usize| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
        let all_separate = (0..bytes.len()).all(|at| bytes[at] != b'_' || separates(at));
        return if all_separate { float(&text.replace('_', "")) } else { None };
    }
    if !is_yaml_float(text) {
        return None;
    }
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

/// `FormatFloat(n, 'g', -1, 64)`: the shortest digits that read back, with an exponent below 1e-4 and from 1e+06 up.
pub(crate) fn format(n: f64) -> String {
    shortest(&scientific(n))
}

/// The same for the nearest `f32`, which is how Go prints a float that is a map's key.
pub(crate) fn format_key(n: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "Go prints keys in single precision")]
    let n = n as f32;
    if n.is_infinite() {
        return if n > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() };
    }
    shortest(&format!("{n:e}"))
}

/// The shortest digits that read back, the even one of two equally near: JSON's printer chooses as Go does, the
/// standard library does not.
fn scientific(n: f64) -> String {
    let printed = serde_json::Number::from_f64(n).map_or_else(|| n.to_string(), |n| n.to_string());
    let (mantissa, exponent) = printed.split_once('e').unwrap_or((&printed, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return format!("{sign}0e0");
    }
    let leading = all.len() - digits.len();
    let point = i64::try_from(whole.len()).unwrap_or(0) - i64::try_from(leading).unwrap_or(0) - 1;
    let exponent = exponent.parse::<i64>().unwrap_or(0) + point;
    let digits = digits.trim_end_matches('0');
    format!("{sign}{}.{}e{exponent}", &digits[..1], &digits[1..])
}

/// Takes Rust's `-1.25e-7` to Go's `%g`.
fn shortest(scientific: &str) -> String {
    let (sign, unsigned) = scientific.strip_prefix('-').map_or(("", scientific), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..6).contains(&exponent) {
        let point = if digits.len() > 1 { "." } else { "" };
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{}{point}{}e{mark}{:02}", &digits[..1], &digits[1..], exponent.abs());
    }
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

/// How a float comes out of Go's printer: it writes JSON first, where whole numbers below 1e21 have no exponent, and
/// what then looks like an integer is printed as one.
pub(crate) fn format_json(n: f64) -> String {
    if n.fract() == 0.0 && n.abs() < 1e21 {
        let whole = n.to_string();
        if let Some(integer) = integer(&whole) {
            return match integer {
                Integer::Signed(n) => n.to_string(),
                Integer::Unsigned(n) => n.to_string(),
            };
        }
    }
    format(n)
}
