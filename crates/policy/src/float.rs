//! Numbers as Go's `ParseFloat` reads them.

/// The number, or `None` for what is none and for what is out of range. Underscores may stand between digits.
pub(crate) fn parse(text: &str) -> Option<f64> {
    if text.contains('_') {
        return underscores_fit(text).then(|| parse(&text.replace('_', "")))?;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let n = match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => return (unsigned == text).then_some(f64::NAN),
        lower if lower.starts_with("0x") => hexadecimal(&lower[2..])?,
        lower => {
            let decimal = lower.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
            let n: f64 = if decimal { lower.parse().ok()? } else { return None };
            if unsigned.starts_with(['+', '-']) || n.is_infinite() {
                return None;
            }
            n
        }
    };
    Some(if negative { -n } else { n })
}

/// Whether every underscore stands between two digits, or between a base prefix and one.
fn underscores_fit(text: &str) -> bool {
    let lower = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let (digits, hex) = lower.strip_prefix("0x").map_or((lower.as_str(), false), |rest| (rest, true));
    let is_digit = |b: u8| b.is_ascii_digit() || (hex && matches!(b, b'a'..=b'f'));
    let bytes = digits.as_bytes();
    (0..bytes.len()).filter(|at| bytes[*at] == b'_').all(|at| {
        let before = if at == 0 { hex } else { is_digit(bytes[at - 1]) };
        before && bytes.get(at + 1).is_some_and(|b| is_digit(*b))
    })
}

/// `1.8p3`: the exponent is required.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut n = 0u128;
    let mut shift = 0i64;
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u128::from(digit.to_digit(16)?);
        if n >> 120 == 0 {
            n = n << 4 | digit;
        } else {
            shift += 4;
            // What is lost still says on which side of a half the rest lies.
            n |= u128::from(digit != 0);
        }
        if index >= whole.len() {
            shift -= 4;
        }
    }
    let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 });
    let exponent = i32::try_from((exponent + shift).clamp(-5000, 5000)).unwrap_or(0);
    // In two halves, so that neither factor leaves the range on its own.
    #[expect(clippy::cast_precision_loss, reason = "rounded to the nearest")]
    let n = n as f64 * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
    n.is_finite().then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_go() {
        let cases = [
            ("1e3", Some(1000.0)),
            ("0x1p4", Some(16.0)),
            ("0X1.8P1", Some(3.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("+7", Some(7.0)),
            ("-Inf", Some(f64::NEG_INFINITY)),
            ("0033", Some(33.0)),
            ("0x10", None),
            ("0xp1", None),
            ("1_000", Some(1000.0)),
            ("0x_1p4", Some(16.0)),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("1_e3", None),
            (" 1", None),
            ("1e400", None),
            ("0x1p99999", None),
            ("", None),
            ("+", None),
            (".", None),
            ("--1", None),
            ("+nan", None),
            ("1e", None),
        ];
        for (text, number) in cases {
            assert_eq!(parse(text), number, "{text}");
        }
        assert!(parse("NaN").is_some_and(f64::is_nan));
    }
}
