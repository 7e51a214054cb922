//! Floating point numbers as Go's strconv prints them.

/// Formats with verb `e`, `E`, `f`, `g` or `G`; without a precision, the shortest text that reads back.
#[must_use]
pub fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    match verb {
        'e' | 'E' => exponential(value, verb, precision),
        'g' | 'G' => general(value, verb, precision),
        _ => match precision {
            Some(precision) => format!("{value:.precision$}"),
            None => format!("{value}"),
        },
    }
}

fn exponential(value: f64, verb: char, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{verb}{sign}{digits:0>2}")
}

fn general(value: f64, verb: char, precision: Option<usize>) -> String {
    let shortest = precision.is_none();
    let precision = precision.map(|p| p.max(1));
    let text = match precision {
        Some(precision) => format!("{value:.*e}", precision - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let trimmed = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let significant = trimmed.bytes().filter(u8::is_ascii_digit).count();
    let mut threshold = precision.unwrap_or(6) as i32;
    if shortest {
        threshold = 6;
    } else if threshold > digits as i32 && digits as i32 > exponent {
        threshold = digits as i32;
    }
    if exponent < -4 || exponent >= threshold {
        return exponential(value, if verb == 'G' { 'E' } else { 'e' }, Some(significant.saturating_sub(1)));
    }
    let decimals = (significant as i32 - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// A float as encoding/json writes it. None for NaN and infinities.
#[must_use]
pub fn json_number(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format_float(value, 'e', None);
        // e-09 is written e-9.
        return Some(match text.find("e-0") {
            Some(at) => format!("{}e-{}", &text[..at], &text[at + 3..]),
            None => text,
        });
    }
    Some(format_float(value, 'f', None))
}
