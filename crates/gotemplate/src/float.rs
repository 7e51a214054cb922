//! Floating point numbers as Go's strconv prints them.

/// Formats with verb `b`, `e`, `E`, `f`, `g`, `G`, `x` or `X`; without a precision, the shortest text that reads back.
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
        'b' => binary(value),
        'x' => hexadecimal(value, precision),
        'X' => hexadecimal(value, precision).to_uppercase(),
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

/// The bits behind the point of a `f64`.
const FRACTION_BITS: u32 = 52;

/// The mantissa, its leading one included, and the power of two that it is to be multiplied with.
fn mantissa(value: f64) -> (u64, i32) {
    let bits = value.abs().to_bits();
    let (exponent, fraction) = ((bits >> FRACTION_BITS) as i32, bits & ((1 << FRACTION_BITS) - 1));
    match exponent {
        0 => (fraction, -1074),
        _ => (fraction | 1 << FRACTION_BITS, exponent - 1075),
    }
}

fn sign(value: f64) -> &'static str {
    if value.is_sign_negative() { "-" } else { "" }
}

fn binary(value: f64) -> String {
    let (mantissa, power) = mantissa(value);
    format!("{}{mantissa}p{power:+}", sign(value))
}

/// One digit before the point, so many behind it, and a power of two.
fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut power) = mantissa(value);
    if mantissa == 0 {
        let zeros = "0".repeat(precision.unwrap_or(0));
        let point = if zeros.is_empty() { "" } else { "." };
        return format!("{}0x0{point}{zeros}p+00", sign(value));
    }
    // The leading one to bit 60, which leaves fifteen digits behind it.
    let shift = mantissa.leading_zeros() - 3;
    mantissa <<= shift;
    power += 60 - shift as i32;
    if let Some(digits) = precision.filter(|digits| *digits < 15) {
        let dropped = 60 - 4 * digits as u32;
        let (kept, rest, half) = (mantissa >> dropped, mantissa & ((1 << dropped) - 1), 1 << (dropped - 1));
        let up = rest > half || rest == half && kept & 1 == 1;
        mantissa = (kept + u64::from(up)) << dropped;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            power += 1;
        }
    }
    let digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let digits = match precision {
        Some(precision) => format!("{digits:0<precision$}")[..precision].to_owned(),
        None => digits.trim_end_matches('0').to_owned(),
    };
    let point = if digits.is_empty() { "" } else { "." };
    let power_sign = if power < 0 { '-' } else { '+' };
    format!("{}0x1{point}{digits}p{power_sign}{:02}", sign(value), power.abs())
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

#[cfg(test)]
mod tests {
    use super::format_float;

    #[test]
    fn powers_of_two_are_written_as_go_writes_them() {
        for (value, verb, precision, expected) in [
            (1.0, 'x', None, "0x1p+00"),
            (2.5, 'x', None, "0x1.4p+01"),
            (-0.1, 'x', None, "-0x1.999999999999ap-04"),
            (0.1, 'x', Some(3), "0x1.99ap-04"),
            (1.9999, 'x', Some(1), "0x1.0p+01"),
            (1e300, 'X', None, "0X1.7E43C8800759CP+996"),
            (0.0, 'x', Some(2), "0x0.00p+00"),
            (5e-324, 'x', None, "0x1p-1074"),
            (2.5, 'b', None, "5629499534213120p-51"),
            (-1.0, 'b', None, "-4503599627370496p-52"),
        ] {
            assert_eq!(format_float(value, verb, precision), expected, "{value} {verb} {precision:?}");
        }
    }
}
